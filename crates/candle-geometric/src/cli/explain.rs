//! `candle-geometric explain`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use candle_geometric::explain::{
    Explorer, HeadStatistics, Heads, Molecule, Picture, Statistics, Weights, entropy_histogram, heads_csv,
    nodes_csv, rollout,
};
use clap::Args;
use serde::Serialize;

use super::Verdict;
use super::device::DeviceName;
use super::out::OutDir;
use super::screen::Screen;
use super::seen::Seen;

/// Look at the attention of a pretrained model: how spread out it is, where it goes, and pictures of it.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric explain gat-karate --out pictures
  candle-geometric explain gat-cora --data DIR --node 1358 --out pictures
  candle-geometric explain gat-cora --data DIR --layer 0 --head 3 --out pictures
  candle-geometric explain attentivefp-esol --data DIR --graph 12 --out pictures
  candle-geometric explain gat-karate --json

--out writes, where the model has what they show:
  statistics.csv, statistics.json  per layer and head, as means over nodes
  nodes.csv                        the same for every node
  entropy.svg, .png                how many nodes have which entropy, beside uniform attention
  attention.svg, .png              the graph, or the surroundings of a node, edges coloured by attention
  attention.html                   the same to explore: every layer and head, search, threshold; one file, no network
  rollout.svg, .png                with --node: where what the node knows comes from, through all layers
  molecule.svg, .png               with atoms weighted by the readout's attention")]
pub(crate) struct Explain {
    /// A model of the zoo (see `list`), a folder with a config.json, or owner/repo on the Hub
    model: String,
    /// The folder with the files of the data set, instead of the cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// A folder to write the pictures and the numbers into
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The node to look at: pictures show its surroundings
    #[arg(long, value_name = "N")]
    node: Option<u32>,
    /// The graph to look at, for data of many graphs, counted from 0 [default: 0]
    #[arg(long, value_name = "N")]
    graph: Option<usize>,
    /// The layer of the pictures, counted from 0 [default: the last]
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// The head of the pictures, counted from 0 [default: the mean of all]
    #[arg(long, value_name = "N")]
    head: Option<usize>,
    /// The most nodes to draw
    #[arg(long, value_name = "N", default_value_t = 80)]
    max_nodes: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints and `statistics.json` holds.
#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    data: &'a str,
    layers: Vec<Layer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<Rollout>,
    /// The weight of every node in the last look of the graph at its nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    readout: Option<&'a [f64]>,
}

#[derive(Serialize)]
struct Layer {
    layer: usize,
    edges: usize,
    /// None if the attention is not one of nodes to their neighbours.
    heads: Option<Vec<HeadStatistics>>,
}

/// Where what a node knows comes from, the largest share first.
#[derive(Serialize)]
struct Rollout {
    node: u32,
    /// The share that passes by each layer.
    residual: f64,
    shares: Vec<(u32, f64)>,
}

impl Explain {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let out = self.out.clone().map(OutDir::check).transpose()?;
        let seen = Seen::load(&self.model, self.data.as_deref(), self.graph, &self.device.open()?)?;
        self.check(&seen)?;
        let statistics = seen
            .layers
            .iter()
            .map(|weights| {
                let per_node = weights.is_per_node();
                per_node.then(|| Statistics::new(weights, seen.truth.as_deref())).transpose()
            })
            .collect::<candle_geometric::explain::Result<Vec<_>>>()?;
        let report = self.report(&seen, &statistics)?;
        let written = match &out {
            Some(out) => self.write(out, &seen, &statistics, &report)?,
            None => Vec::new(),
        };
        if self.json {
            screen.json(&report)?;
            return Ok(Verdict::Good);
        }
        print(screen, &report)?;
        match &out {
            Some(out) => writeln!(screen, "\nwrote {} to {}", written.join(", "), out.path().display())?,
            None => {
                writeln!(screen, "\n{}", screen.faint("--out DIR writes pictures and every node's numbers"))?
            }
        }
        Ok(Verdict::Good)
    }

    /// Checks the numbers that were given before anything is written.
    fn check(&self, seen: &Seen) -> Result<()> {
        let below = |name: &str, what: &str, given: Option<usize>, end: usize| match given {
            Some(n) if n >= end => {
                Err(anyhow!("{name}: expected a number below {end} ({what} are counted from 0), got {n}"))
            }
            _ => Ok(()),
        };
        below("--layer", "layers with attention", self.layer, seen.layers.len())?;
        if let Some(weights) = self.layer(seen) {
            below("--head", "heads", self.head, weights.heads())?;
            below("--node", "nodes", self.node.map(|n| n as usize), weights.edges().num_src())?;
        }
        Ok(())
    }

    fn layer<'a>(&self, seen: &'a Seen) -> Option<&'a Weights> {
        self.layer.map_or_else(|| seen.layers.last(), |layer| seen.layers.get(layer))
    }

    fn heads(&self) -> Heads {
        self.head.map_or(Heads::Mean, Heads::One)
    }

    fn report<'a>(&self, seen: &'a Seen, statistics: &[Option<Statistics>]) -> Result<Report<'a>> {
        let layer = |(layer, (weights, statistics)): (usize, (&Weights, &Option<Statistics>))| Layer {
            layer,
            edges: weights.edges().num_edges(),
            heads: statistics.as_ref().map(Statistics::heads),
        };
        let layers = seen.layers.iter().zip(statistics).enumerate().map(layer).collect();
        let rollout = match self.node {
            Some(node) if statistics.iter().all(Option::is_some) => Some(of_node(seen, node)?),
            _ => None,
        };
        let readout = seen.readout.last().map(Vec::as_slice);
        Ok(Report { model: &seen.model, data: &seen.data, layers, rollout, readout })
    }

    fn write(
        &self,
        out: &OutDir,
        seen: &Seen,
        statistics: &[Option<Statistics>],
        report: &Report<'_>,
    ) -> Result<Vec<&'static str>> {
        let mut written = vec!["statistics.json"];
        out.write_json("statistics.json", report)?;
        let title = format!("Attention of {} on {}", seen.model, seen.data);
        let per_node: Option<Vec<Statistics>> = statistics.iter().cloned().collect();
        if let Some(layers) = per_node.filter(|layers| !layers.is_empty()) {
            out.write("statistics.csv", heads_csv(&layers).as_bytes())?;
            out.write("nodes.csv", nodes_csv(&layers).as_bytes())?;
            let drawing = entropy_histogram(&layers, Heads::Mean, &seen.model)?;
            out.write("entropy.svg", drawing.to_svg().as_bytes())?;
            out.write("entropy.png", &drawing.to_png(2.0)?)?;
            written.extend(["statistics.csv", "nodes.csv", "entropy.svg and .png"]);
        }
        if let Some(weights) = self.layer(seen) {
            let picture = Picture {
                heads: self.heads(),
                title: title.clone(),
                predicted: seen.predicted.as_deref(),
                truth: seen.truth.as_deref(),
                class_names: &seen.class_names,
                centre: self.node,
                max_nodes: self.max_nodes,
                ..Picture::new(weights)
            };
            let drawing = picture.draw()?;
            out.write("attention.svg", drawing.to_svg().as_bytes())?;
            out.write("attention.png", &drawing.to_png(2.0)?)?;
            let page = Explorer {
                title: title.clone(),
                predicted: seen.predicted.as_deref(),
                truth: seen.truth.as_deref(),
                class_names: &seen.class_names,
                centre: None,
                ..Explorer::new(&seen.layers)
            };
            out.write("attention.html", page.to_html()?.as_bytes())?;
            written.extend(["attention.svg and .png", "attention.html"]);
            if let Some(rollout) = &report.rollout {
                let mut shades = vec![0.0; weights.edges().num_src()];
                for &(node, share) in &rollout.shares {
                    shades[node as usize] = share;
                }
                let title = format!("Where node {} of {} has its knowledge from", rollout.node, seen.data);
                let drawing =
                    Picture { title, shades: Some(&shades), heads: Heads::Mean, ..picture }.draw()?;
                out.write("rollout.svg", drawing.to_svg().as_bytes())?;
                out.write("rollout.png", &drawing.to_png(2.0)?)?;
                written.push("rollout.svg and .png");
            }
        }
        if let (Some(atoms), Some(weights)) = (&seen.molecule, seen.readout.last()) {
            let molecule = Molecule {
                title,
                subtitle: atoms.smiles.clone(),
                atoms: &atoms.numbers,
                bonds: &atoms.bonds,
                kinds: &atoms.kinds,
                weights,
            };
            let drawing = molecule.draw()?;
            out.write("molecule.svg", drawing.to_svg().as_bytes())?;
            out.write("molecule.png", &drawing.to_png(2.0)?)?;
            written.push("molecule.svg and .png");
        }
        Ok(written)
    }
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

fn print(screen: &mut Screen, report: &Report<'_>) -> Result<()> {
    let heading = format!("Attention of {} on {}", report.model, report.data);
    writeln!(screen, "{}\n", screen.title(&heading))?;
    let mut rows = Vec::new();
    for layer in &report.layers {
        let Some(heads) = &layer.heads else {
            let text = format!(
                "layer {}: {} edges; its weights are not those of nodes over their neighbours, so there is no entropy per node",
                layer.layer, layer.edges
            );
            writeln!(screen, "{text}")?;
            continue;
        };
        for h in heads {
            let share = |s: Option<candle_geometric::explain::Share>| {
                s.map_or_else(|| "-".into(), |s| format!("{:.3} / {:.3}", s.attention, s.uniform))
            };
            rows.push(vec![
                layer.layer.to_string(),
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
    if let Some(rollout) = &report.rollout {
        let title =
            format!("\nrollout: where node {} has its knowledge from, through all layers", rollout.node);
        writeln!(screen, "{}", screen.title(&title))?;
        let rows = rollout.shares.iter().take(10).map(|(n, s)| vec![n.to_string(), format!("{s:.4}")]);
        screen.table(&["node", "share"], rows.collect(), &[0, 1])?;
        if rollout.residual > 0.0 {
            let text = format!("with a share of {} that passes by each layer", rollout.residual);
            writeln!(screen, "{}", screen.faint(&text))?;
        }
    }
    if let Some(readout) = report.readout {
        writeln!(screen, "{}", screen.title("\nreadout: the nodes that the graph looks at most"))?;
        let mut ranked: Vec<(usize, f64)> = readout.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let rows = ranked.iter().take(10).map(|(n, w)| vec![n.to_string(), format!("{w:.4}")]);
        screen.table(&["node", "weight"], rows.collect(), &[0, 1])?;
    }
    Ok(())
}
