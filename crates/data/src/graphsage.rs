//! The JSON files of Hamilton et al. (2017), *Inductive representation learning on large graphs* (GraphSAGE).
//!
//! `NAME-G.json` is networkx' node-link form: `nodes` with an `id` and the flags `val` and `test` (all others are for
//! training), `links` with `source` and `target`, which are positions in `nodes`, or ids where they are texts.
//! `NAME-class_map.json` gives every id its class, or a list of zeros and ones where a node may have several labels.
//! `NAME-feats.npy` has the features, if there are any, in the row that `NAME-id_map.json` gives the id, or else in the order of
//! `nodes`. Where the graph is not `directed`, every link counts in both directions; self-loops and duplicates are removed.
//! Features are as they are in the file (GraphSAGE's own loader standardises them by the training nodes).

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::numpy::npy;
use crate::text::without_mark;
use crate::{Error, Graph, NodeDataset, Result};

/// The contents of the files of a data set. Those that it does not have are `None`.
#[derive(Debug, Clone, Copy)]
pub struct GraphSage<'a> {
    /// `NAME-G.json`.
    pub graph: &'a [u8],
    /// `NAME-class_map.json`.
    pub class_map: &'a [u8],
    /// `NAME-id_map.json`.
    pub id_map: Option<&'a [u8]>,
    /// `NAME-feats.npy`.
    pub feats: Option<&'a [u8]>,
}

/// Assembles the data set. Without a file of features, nodes have none (`x` is `[N, 0]`).
///
/// # Errors
/// If a file is not what it should be, a link names a node that is not there, or a node has no class or no features.
pub fn parse(name: &str, files: GraphSage<'_>) -> Result<NodeDataset> {
    let graph = NodeLink::read("G.json", files.graph)?;
    let n = graph.nodes.len();
    let x = match files.feats {
        Some(bytes) => features(&graph, bytes, files.id_map)?,
        None => Tensor::zeros((n, 0), DType::F32, &Device::Cpu)?,
    };
    let (y, classes) = labels(&graph, files.class_map)?;
    let flags = |flag: fn(&Node) -> bool| graph.nodes.iter().map(flag).collect::<Vec<_>>();
    let graph = Graph::new(x, graph.edges("G.json")?)?.with_labels(y)?.with_split(
        flags(|node| !node.val && !node.test),
        flags(|node| node.val),
        flags(|node| node.test),
    )?;
    NodeDataset::new(name, graph, (0..classes).map(|class| class.to_string()).collect())
}

/// networkx' node-link form of a graph. What else is in the file is left alone.
#[derive(Deserialize)]
pub(crate) struct NodeLink {
    #[serde(default)]
    directed: bool,
    pub(crate) nodes: Vec<Node>,
    links: Vec<Link>,
}

#[derive(Deserialize)]
pub(crate) struct Node {
    id: Id,
    #[serde(default)]
    val: bool,
    #[serde(default)]
    test: bool,
}

#[derive(Deserialize)]
struct Link {
    source: Id,
    target: Id,
}

#[derive(Deserialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

impl Id {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl NodeLink {
    pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Self> {
        json(file, bytes)
    }

    /// The links as edges between positions in `nodes`, in both directions unless the graph is directed, sorted, without
    /// self-loops and duplicates.
    pub(crate) fn edges(&self, file: &str) -> Result<EdgeIndex> {
        let n = self.nodes.len();
        let ids: HashMap<&Id, u32> = self.nodes.iter().map(|node| &node.id).zip(0..).collect();
        let position = |link: usize, id: &Id| {
            let position = match id {
                Id::Number(number) => u32::try_from(*number).ok().filter(|&p| (p as usize) < n),
                Id::Text(_) => ids.get(id).copied(),
            };
            let problem = || format!("link {link} ends in node {:?}, but there are {n} nodes", id.text());
            position.ok_or_else(|| Error::format(file, problem()))
        };
        let mut pairs = Vec::with_capacity(self.links.len());
        for (number, link) in self.links.iter().enumerate() {
            pairs.push((position(number, &link.source)?, position(number, &link.target)?));
        }
        let edges = transforms::remove_self_loops(&EdgeIndex::from_pairs(pairs, n)?)?.edges;
        let merged =
            if self.directed { transforms::coalesce(&edges) } else { transforms::to_undirected(&edges) };
        Ok(merged?.edges)
    }
}

fn json<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(without_mark(bytes)).map_err(|e| Error::line(file, e.line(), e.to_string()))
}

fn features(graph: &NodeLink, feats: &[u8], id_map: Option<&[u8]>) -> Result<Tensor> {
    const FILE: &str = "feats.npy";
    let matrix = npy::parse(FILE, feats.into())?.float_matrix()?;
    let (rows, n) = (matrix.rows, graph.nodes.len());
    let x = matrix.into_tensor()?;
    let Some(id_map) = id_map else {
        crate::text::agree(FILE, "rows, as there are nodes", n, rows)?;
        return Ok(x);
    };
    let map: HashMap<String, u32> = json("id_map.json", id_map)?;
    let row = |node: &Node| {
        let id = node.id.text();
        let row = map.get(&id).copied().filter(|&row| (row as usize) < rows);
        row.ok_or_else(|| Error::format("id_map.json", format!("no row of {rows} for node {id:?}")))
    };
    let chosen = graph.nodes.iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(x.index_select(&Tensor::from_vec(chosen, n, &Device::Cpu)?, 0)?)
}

/// A class, or a zero or one for every label.
#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    Class(u32),
    Several(Vec<f32>),
}

/// The labels in the order of the nodes, and how many classes (or labels) there are.
fn labels(graph: &NodeLink, bytes: &[u8]) -> Result<(Tensor, usize)> {
    const FILE: &str = "class_map.json";
    let map: HashMap<String, Labels> = json(FILE, bytes)?;
    let n = graph.nodes.len();
    let (mut classes, mut several, mut width) = (Vec::new(), Vec::new(), None);
    for node in &graph.nodes {
        let id = node.id.text();
        let bad = |problem: String| Error::format(FILE, format!("node {id:?}: {problem}"));
        match map.get(&id) {
            Some(&Labels::Class(class)) if (class as usize) < n => classes.push(class),
            Some(Labels::Class(class)) => return Err(bad(format!("class {class} in a graph of {n} nodes"))),
            Some(Labels::Several(labels)) => {
                if *width.get_or_insert(labels.len()) != labels.len() {
                    return Err(bad(format!(
                        "{} labels, but the first node has {}",
                        labels.len(),
                        width.unwrap_or(0)
                    )));
                }
                if let Some(label) = labels.iter().find(|&&label| label != 0. && label != 1.) {
                    return Err(bad(format!("expected labels of 0 and 1, got {label}")));
                }
                several.extend_from_slice(labels);
            }
            None => return Err(bad("it has no class".into())),
        }
    }
    match width {
        None => {
            let count = classes.iter().max().map_or(0, |&last| last as usize + 1);
            Ok((Tensor::from_vec(classes, n, &Device::Cpu)?, count))
        }
        Some(width) if classes.is_empty() => {
            Ok((Tensor::from_vec(several, (n, width), &Device::Cpu)?, width))
        }
        Some(_) => Err(Error::format(FILE, "some nodes have a class, others a list of labels")),
    }
}
