//! `candle-geometric explain`.

mod report;
mod whole;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use candle_geometric::explain::{
    Explorer, Heads, Molecule, Picture, Statistics, Weights, entropy_histogram, heads_csv, nodes_csv,
};
use candle_geometric::graph::EdgeIndex;
use clap::Args;
use report::Report;
use whole::edges_csv;

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
  readout.svg, .png                the graph with nodes weighted by how the graph looks at them, or how long pooling keeps them
  molecule.svg, .png               the same for a molecule, as the chemist draws it")]
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
    /// The most nodes to draw [default: 80, or 30 where nodes have names]
    #[arg(long, value_name = "N")]
    max_nodes: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        let report = Report::of(&seen, &statistics, self.node)?;
        let written = match &out {
            Some(out) => self.write(out, &seen, &statistics, &report)?,
            None => Vec::new(),
        };
        if self.json {
            screen.json(&report)?;
            return Ok(Verdict::Good);
        }
        report.print(screen, &seen)?;
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

    /// Names stand below nodes that leave them room.
    fn max_nodes(&self, seen: &Seen) -> usize {
        self.max_nodes.unwrap_or(if seen.node_names.is_empty() { 80 } else { 30 })
    }

    fn heads(&self) -> Heads {
        self.head.map_or(Heads::Mean, Heads::One)
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
        let of_edges: Vec<_> =
            seen.layers.iter().enumerate().filter(|(layer, _)| report.is_over_all_edges(*layer)).collect();
        if !of_edges.is_empty() {
            out.write("edges.csv", edges_csv(of_edges)?.as_bytes())?;
            written.push("edges.csv");
        }
        if let Some(weights) = self.layer(seen) {
            let picture = Picture {
                heads: self.heads(),
                title: title.clone(),
                predicted: seen.predicted.as_deref(),
                truth: seen.truth.as_deref(),
                class_names: &seen.class_names,
                node_names: &seen.node_names,
                centre: self.node,
                max_nodes: self.max_nodes(seen),
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
                node_names: &seen.node_names,
                centre: self.node,
                ..Explorer::new(&seen.layers)
            };
            out.write("attention.html", page.to_html()?.as_bytes())?;
            written.extend(["attention.svg and .png", "attention.html"]);
            if let Some(rollout) = &report.rollout {
                let mut shades = vec![0.0; weights.edges().num_src()];
                for &(node, share) in &rollout.shares {
                    shades[node as usize] = share;
                }
                let title =
                    format!("Where {} of {} has its knowledge from", seen.node(rollout.node), seen.data);
                let drawing =
                    Picture { title, shades: Some(&shades), heads: Heads::Mean, ..picture }.draw()?;
                out.write("rollout.svg", drawing.to_svg().as_bytes())?;
                out.write("rollout.png", &drawing.to_png(2.0)?)?;
                written.push("rollout.svg and .png");
            }
        }
        if let (None, Some(graph), Some(shades)) = (&seen.molecule, &seen.graph, seen.mean_readout()) {
            let weights = uniform(graph)?;
            let title = format!("What {} looks at in {}", seen.model, seen.data);
            let drawing = Picture {
                title,
                shades: Some(&shades),
                max_nodes: self.max_nodes(seen),
                ..Picture::new(&weights)
            }
            .draw()?;
            out.write("readout.svg", drawing.to_svg().as_bytes())?;
            out.write("readout.png", &drawing.to_png(2.0)?)?;
            written.push("readout.svg and .png");
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

/// Edges that nothing attends along: one weight for all, to draw them.
fn uniform(edges: &EdgeIndex) -> Result<Weights> {
    Ok(Weights::new(edges.clone(), vec![1.0; edges.num_edges()], 1)?)
}
