//! What `explain` says in words and numbers.

use std::io::Write;

use anyhow::Result;
use candle_geometric::explain::{HeadStatistics, Heads, Share, Statistics, Weights, kind_shares, rollout};
use serde::Serialize;

use super::super::screen::Screen;
use super::super::seen::Seen;
use super::whole::{WholeGraph, whole_graph};

/// How many kinds of edges are told of on the screen.
const KINDS: usize = 10;

/// What `--json` prints and `statistics.json` holds.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    model: &'a str,
    data: &'a str,
    layers: Vec<Layer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollout: Option<Rollout>,
    /// The weight of every node in the last look of the graph at its nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    readout: Option<&'a [f64]>,
    /// How many nodes have a weight in each look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen_by_readout: Vec<usize>,
}

#[derive(Serialize)]
struct Layer<'a> {
    layer: usize,
    /// The type of its edges, if it is one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// How much of the result this type makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    edges: usize,
    /// None if the attention is not one of nodes to their neighbours.
    heads: Option<Vec<HeadStatistics>>,
    /// Where it is over all edges of the graph at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole_graph: Option<Vec<WholeGraph>>,
    /// How attention is divided among kinds of edges, the largest share first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<Kind<'a>>,
}

#[derive(Serialize)]
struct Kind<'a> {
    kind: &'a str,
    #[serde(flatten)]
    share: Share,
}

/// Where what a node knows comes from, the largest share first.
#[derive(Serialize)]
pub(super) struct Rollout {
    pub(super) node: u32,
    /// The share that passes by each layer.
    residual: f64,
    pub(super) shares: Vec<(u32, f64)>,
}

impl<'a> Report<'a> {
    /// What there is to say; `node` is the one to look at.
    pub(super) fn of(seen: &'a Seen, statistics: &[Option<Statistics>], node: Option<u32>) -> Result<Self> {
        let layers = seen.layers.iter().zip(&seen.shares).zip(statistics).enumerate();
        let layers = layers.map(|(layer, ((weights, &share), statistics))| -> Result<_> {
            let kinds = if statistics.is_some() { kinds(seen, weights)? } else { Vec::new() };
            let (name, edges) = (weights.name(), weights.edges().num_edges());
            let heads = statistics.as_ref().map(Statistics::heads);
            let whole_graph = whole_graph(weights)?;
            Ok(Layer { layer, name, share, edges, heads, whole_graph, kinds })
        });
        // Through layers that come one after the other, not side by side.
        let in_a_row = statistics.iter().all(Option::is_some) && seen.shares.iter().all(Option::is_none);
        let rollout = match node {
            Some(node) if in_a_row => Some(of_node(seen, node)?),
            _ => None,
        };
        Ok(Self {
            model: &seen.model,
            data: &seen.data,
            layers: layers.collect::<Result<_>>()?,
            rollout,
            readout: seen.readout.last().map(Vec::as_slice),
            seen_by_readout: seen.readout.iter().map(|r| r.iter().filter(|&&w| w > 0.0).count()).collect(),
        })
    }

    /// Whether the attention of a layer is over all edges of the graph at once.
    pub(super) fn is_over_all_edges(&self, layer: usize) -> bool {
        self.layers.get(layer).is_some_and(|layer| layer.whole_graph.is_some())
    }

    pub(super) fn print(&self, screen: &mut Screen, seen: &Seen) -> Result<()> {
        let heading = format!("Attention of {} on {}", self.model, self.data);
        writeln!(screen, "{}\n", screen.title(&heading))?;
        let mut rows = Vec::new();
        for layer in &self.layers {
            let number = layer.name.map_or_else(|| layer.layer.to_string(), Into::into);
            if let Some(heads) = &layer.whole_graph {
                print_whole(screen, seen, &number, layer.edges, heads)?;
                continue;
            }
            let Some(heads) = &layer.heads else {
                let text = format!(
                    "layer {number}: {} edges; its weights are not those of nodes over their neighbours, so there is no entropy per node",
                    layer.edges
                );
                writeln!(screen, "{text}")?;
                continue;
            };
            for h in heads {
                let share = |s: Option<Share>| {
                    s.map_or_else(|| "-".into(), |s| format!("{:.3} / {:.3}", s.attention, s.uniform))
                };
                rows.push(vec![
                    number.clone(),
                    h.head.to_string(),
                    format!("{:.3} / {:.3}", h.entropy, h.max_entropy),
                    h.relative_entropy.map_or_else(|| "-".into(), |r| format!("{r:.3}")),
                    format!("{:.2} / {:.2}", h.effective_neighbors, h.in_degree),
                    share(h.self_attention),
                    share(h.same_label),
                ]);
            }
        }
        if !rows.is_empty() {
            let header = ["layer", "head", "entropy", "ratio", "neighbours", "to self", "to its label"];
            screen.table(&header, rows, &[0, 1, 2, 3, 4, 5, 6])?;
            let text = "means over nodes, each beside that of uniform attention; neighbours: effective number / in-degree;\n\
                to its label: of the attention to others, the share along edges between nodes of one label";
            writeln!(screen, "{}", screen.faint(text))?;
        }
        for layer in &self.layers {
            if let Some(share) = layer.share {
                let name = layer.name.unwrap_or_default();
                writeln!(screen, "{name}: {share:.3} of what the layer says of a node")?;
            }
            if layer.kinds.is_empty() {
                continue;
            }
            writeln!(
                screen,
                "{}",
                screen.title(&format!(
                    "\nlayer {}: the kinds of edges with most of its attention",
                    layer.layer
                ))
            )?;
            let rows =
                layer.kinds.iter().take(KINDS).map(|k| {
                    vec![k.kind.into(), format!("{:.3} / {:.3}", k.share.attention, k.share.uniform)]
                });
            screen.table(&["kind", "share / uniform"], rows.collect(), &[1])?;
        }
        if let Some(rollout) = &self.rollout {
            let title = format!(
                "\nrollout: where {} has its knowledge from, through all layers",
                seen.node(rollout.node)
            );
            writeln!(screen, "{}", screen.title(&title))?;
            let rows = rollout.shares.iter().take(10).map(|&(n, s)| vec![seen.node(n), format!("{s:.4}")]);
            screen.table(&["node", "share"], rows.collect(), &[1])?;
            if rollout.residual > 0.0 {
                let text = format!("with a share of {} that passes by each layer", rollout.residual);
                writeln!(screen, "{}", screen.faint(&text))?;
            }
        }
        if self.seen_by_readout.iter().any(|&n| n < self.readout.map_or(0, <[f64]>::len)) {
            let left: Vec<String> = self.seen_by_readout.iter().map(ToString::to_string).collect();
            let all = self.readout.map_or(0, <[f64]>::len);
            writeln!(screen, "of {all} nodes the graph looks at {}", left.join(", then at "))?;
        }
        if let Some(readout) = self.readout {
            writeln!(screen, "{}", screen.title("\nreadout: the nodes that the graph looks at most"))?;
            let mut ranked: Vec<(usize, f64)> =
                readout.iter().copied().enumerate().filter(|(_, w)| *w > 0.0).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
            let rows = ranked.iter().take(10).map(|(n, w)| vec![n.to_string(), format!("{w:.4}")]);
            screen.table(&["node", "weight"], rows.collect(), &[0, 1])?;
            if let (Some((_, most)), Some((_, least))) = (ranked.first(), ranked.last())
                && ranked.len() > 1
                && *most < 1.05 * least
            {
                let text = "all weights are within 5 % of each other: the readout is a mean, and says nothing of single nodes";
                writeln!(screen, "{}", screen.faint(text))?;
            }
        }
        Ok(())
    }
}

/// Attention over all edges of the graph.
fn print_whole(
    screen: &mut Screen,
    seen: &Seen,
    layer: &str,
    edges: usize,
    heads: &[WholeGraph],
) -> Result<()> {
    for h in heads {
        let WholeGraph { head, entropy, max_entropy, effective_edges, top } = h;
        writeln!(
            screen,
            "layer {layer}, head {head}, over all edges: entropy {entropy:.3} / {max_entropy:.3}, as over \
             {effective_edges:.1} of {edges} edges"
        )?;
        let top: Vec<String> = top
            .iter()
            .map(|&(from, to, a)| format!("{} → {} ({a:.3})", seen.node(from), seen.node(to)))
            .collect();
        writeln!(screen, "  most attended: {}", top.join(", "))?;
    }
    Ok(())
}

/// How the attention of a layer is divided among kinds of edges, the largest share first.
fn kinds<'a>(seen: &'a Seen, weights: &Weights) -> Result<Vec<Kind<'a>>> {
    let Some(kinds) = &seen.kinds else { return Ok(Vec::new()) };
    let shares = kind_shares(weights, &kinds.of_edge, kinds.names.len())?;
    let mut all: Vec<Kind<'_>> =
        kinds.names.iter().zip(shares).map(|(kind, share)| Kind { kind, share }).collect();
    all.sort_by(|a, b| b.share.attention.total_cmp(&a.share.attention));
    Ok(all)
}
/// The rollout at a node through all layers. Layers without self-loops add what the node had before in other ways: half of it,
/// as in the paper.
fn of_node(seen: &Seen, node: u32) -> Result<Rollout> {
    let loops = |w: &Weights| {
        let mut own: Vec<u32> = w.edges().iter().filter(|(a, b)| a == b).map(|(a, _)| a).collect();
        own.sort_unstable();
        own.dedup();
        own.len() == w.edges().num_src()
    };
    let residual = if seen.layers.iter().all(loops) { 0.0 } else { 0.5 };
    let all = rollout(&seen.layers, node, Heads::Mean, residual)?;
    let mut shares: Vec<(u32, f64)> = (0..).zip(all).filter(|(_, share)| *share > 0.0).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(Rollout { node, residual, shares })
}
