use std::path::Path;

use serde::Serialize;

use crate::drawing::write_atomically;
use crate::error::check_length;
use crate::palette::{self, Rgb};
use crate::{Error, Result, Weights, ego};

/// The page around the data.
const PAGE: &str = include_str!("../assets/explorer.html");
/// <https://github.com/vasturiano/force-graph>, version 1.52.0, under the MIT licence (`assets/force-graph.LICENSE`).
const FORCE_GRAPH: &str = include_str!("../assets/force-graph.min.js");

/// A web page to explore the attention of all layers and heads: one file that needs no network and no server.
///
/// The graph can be moved and zoomed; layer, head and the least weight to show are chosen beside it; a click on a node, or a
/// search for its number or name, lists whom it attends to, the most attended first. What is chosen stands in the address
/// (`page.html#layer=1&head=0&node=33`). Of a graph with more than `max_edges` edges the surroundings of one node are shown.
///
/// ```
/// use candle_geometric_explain::{Explorer, Weights};
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2, 1], vec![1, 0, 1, 2], 3)?;
/// let layer = Weights::new(edges, vec![0.3, 1.0, 0.7, 1.0], 1)?;
/// let html = Explorer { title: "A path".into(), ..Explorer::new(&[layer]) }.to_html()?;
/// assert!(html.starts_with("<!doctype html>"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Explorer<'a> {
    /// The attention of every layer, the first one first, over the same nodes.
    pub layers: &'a [Weights],
    /// The title (default: "Attention").
    pub title: String,
    /// The predicted class of every node.
    pub predicted: Option<&'a [u32]>,
    /// The true class of every node.
    pub truth: Option<&'a [u32]>,
    /// The names of the classes; a class without one is called by its number.
    pub class_names: &'a [String],
    /// The name of every node (default, and if empty: its index).
    pub node_names: &'a [String],
    /// The node around which a larger graph is cut (default: one with many neighbours within two hops that fit).
    pub centre: Option<u32>,
    /// The most edges to show, of all that any layer attends over (default 20 000).
    pub max_edges: usize,
}

#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    subtitle: String,
    nodes: Vec<Node>,
    classes: &'a [String],
    layers: Vec<Layer>,
    ramp: &'a [Rgb],
    colours: &'a [Rgb],
}

#[derive(Serialize)]
struct Node {
    id: u32,
    name: String,
    predicted: Option<u32>,
    truth: Option<u32>,
}

#[derive(Serialize)]
struct Layer {
    name: Option<String>,
    source: Vec<u32>,
    destination: Vec<u32>,
    /// Head by head.
    alpha: Vec<Vec<f64>>,
}

impl<'a> Explorer<'a> {
    /// A page of `layers` with the defaults.
    pub fn new(layers: &'a [Weights]) -> Self {
        Self {
            layers,
            title: "Attention".into(),
            predicted: None,
            truth: None,
            class_names: &[],
            node_names: &[],
            centre: None,
            max_edges: 20_000,
        }
    }

    /// Writes the page to a file, whole or not at all.
    ///
    /// # Errors
    /// As [`Explorer::to_html`], and if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path.as_ref(), self.to_html()?.as_bytes())
    }

    /// The page.
    ///
    /// # Errors
    /// If there is no layer, one is bipartite or over other nodes than the first, a list has not one entry per node, or there
    /// is no such centre.
    pub fn to_html(&self) -> Result<String> {
        let invalid =
            |argument, expected: String, actual: String| Error::Invalid { argument, expected, actual };
        let Some(last) = self.layers.last() else {
            return Err(invalid("layers", "at least one layer with attention".into(), "none".into()));
        };
        let total = last.edges().num_nodes()?;
        for layer in self.layers {
            check_length("layers", layer.edges().num_nodes()?, total)?;
        }
        for (argument, classes) in [("predicted", self.predicted), ("truth", self.truth)] {
            check_length(argument, classes.map_or(total, <[u32]>::len), total)?;
        }
        if !self.node_names.is_empty() {
            check_length("node_names", self.node_names.len(), total)?;
        }
        if let Some(centre) = self.centre.filter(|&c| c as usize >= total) {
            return Err(invalid("centre", format!("a node below {total}"), centre.to_string()));
        }
        let (nodes, centre) = self.nodes(last, total);
        let drawn = match centre {
            Some(centre) => format!("{} of {total} nodes, around {}", nodes.len(), self.name(centre)),
            None => format!("{total} nodes"),
        };
        let class = |classes: Option<&[u32]>, i: u32| classes.and_then(|c| c.get(i as usize).copied());
        let layers: Vec<Layer> = self.layers.iter().map(|layer| of_layer(layer, &nodes)).collect();
        let edges = layers.iter().map(|l| l.source.len()).max().unwrap_or(0);
        let data = Data {
            title: &self.title,
            subtitle: format!("{drawn}, {edges} edges with self-loops"),
            nodes: nodes
                .iter()
                .map(|&i| Node {
                    id: i,
                    name: self.name(i),
                    predicted: class(self.predicted, i),
                    truth: class(self.truth, i),
                })
                .collect(),
            classes: self.class_names,
            layers,
            ramp: &palette::RAMP,
            colours: &palette::CLASSES,
        };
        // Inside of a script no `<` may begin an end tag or a comment.
        let json = serde_json::to_string(&data).map_err(|e| Error::Html(e.to_string()))?;
        let json = json.replace('<', "\\u003c");
        // In one pass: neither may be looked for in the other.
        let (before, rest) = PAGE.split_once("/*FORCE_GRAPH*/").unwrap_or((PAGE, ""));
        let (between, after) = rest.split_once("/*DATA*/").unwrap_or((rest, ""));
        Ok([before, FORCE_GRAPH, between, &json, after].concat())
    }

    fn name(&self, node: u32) -> String {
        self.node_names.get(node as usize).cloned().unwrap_or_else(|| node.to_string())
    }

    /// The nodes to show, ascending, and the one that they are around if they are not all.
    fn nodes(&self, weights: &Weights, total: usize) -> (Vec<u32>, Option<u32>) {
        let most = self.layers.iter().map(|layer| layer.edges().num_edges()).max().unwrap_or(0);
        if most <= self.max_edges {
            return ((0..total as u32).collect(), None);
        }
        let (edges, alpha) = (weights.edges(), weights.mean());
        // As many nodes as their share of the edges promises, and fewer as long as it was too much.
        let share = self.max_edges as f64 / most.max(1) as f64;
        let mut max_nodes = (total as f64 * share.min(1.0)).ceil() as usize;
        loop {
            let centre = self.centre.unwrap_or_else(|| ego::default_centre(edges, max_nodes));
            let nodes = ego::around(edges, &alpha, centre, max_nodes);
            let fits = |layer: &Weights| ego::induced(layer.edges(), &nodes).0.len() <= self.max_edges;
            if max_nodes <= 1 || self.layers.iter().all(fits) {
                return (nodes, Some(centre));
            }
            max_nodes = max_nodes * 3 / 4;
        }
    }
}

/// The edges among `nodes`, and their weights to four digits.
fn of_layer(layer: &Weights, nodes: &[u32]) -> Layer {
    let (pairs, ids) = ego::induced(layer.edges(), nodes);
    let round = |a: f64| if a == 0.0 { 0.0 } else { format!("{a:.3e}").parse().unwrap_or(a) };
    let head = |h: usize| {
        let alpha = layer.head(h);
        ids.iter().map(|&e| round(alpha[e])).collect()
    };
    let (source, destination) = pairs.into_iter().unzip();
    Layer {
        name: layer.name().map(Into::into),
        source,
        destination,
        alpha: (0..layer.heads()).map(head).collect(),
    }
}
