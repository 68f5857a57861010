//! Protein-protein interactions in human tissues (Zitnik and Leskovec 2017), as DGL distributes them and PyG reads them: 20
//! graphs for training, 2 for validation, 2 for testing. A node is a protein, with 50 features and any number of 121 labels.
//!
//! Of each part there are `PART_graph.json` (networkx' node-link form, see [`graphsage`](crate::graphsage)), `PART_feats.npy`
//! `[N, F]` (standardised already), `PART_labels.npy` `[N, K]` and `PART_graph_id.npy` `[N]`, which says to which graph a node
//! belongs. As in PyG and DGL, self-loops are removed and edges between two graphs are left out.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::graphsage::NodeLink;
use crate::numpy::{Matrix, npy};
use crate::text::agree;
use crate::{Error, GraphDataset, GraphSplit, Level, Result};

/// The contents of the files of one part.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// `PART_graph.json`.
    pub graph: &'a [u8],
    /// `PART_feats.npy`.
    pub feats: &'a [u8],
    /// `PART_labels.npy`.
    pub labels: &'a [u8],
    /// `PART_graph_id.npy`.
    pub graph_id: &'a [u8],
}

/// Assembles the data set from its parts for training, validation and testing. The labels are named by their numbers.
///
/// # Errors
/// If a file is damaged, or the files do not fit together.
pub fn parse(name: &str, parts: [Part<'_>; 3]) -> Result<GraphDataset> {
    let mut split = GraphSplit::default();
    let (mut graphs, mut x, mut y) = (Vec::new(), Vec::new(), Vec::new());
    let mut widths = None;
    let numbers = [("train", &mut split.train), ("valid", &mut split.val), ("test", &mut split.test)];
    for (part, (part_name, numbers)) in parts.into_iter().zip(numbers) {
        let (own, feats, labels) = read(part_name, part)?;
        let (f, k) = *widths.get_or_insert((feats.columns, labels.columns));
        agree(&format!("{part_name}_feats.npy"), "columns, as the first part has", f, feats.columns)?;
        agree(&format!("{part_name}_labels.npy"), "columns, as the first part has", k, labels.columns)?;
        numbers.extend(graphs.len()..graphs.len() + own.len());
        graphs.extend(own);
        x.push(feats.into_tensor()?);
        y.push(labels.into_tensor()?);
    }
    let names = (0..widths.map_or(0, |(_, k)| k)).map(|label| label.to_string()).collect();
    let dataset = GraphDataset::new(name, graphs, Tensor::cat(&x, 0)?)?;
    dataset.with_labels(Tensor::cat(&y, 0)?, Level::Node, names)?.with_split(split)
}

fn read(part: &str, files: Part<'_>) -> Result<(Vec<EdgeIndex>, Matrix<f32>, Matrix<f32>)> {
    let [graph, feats, labels, graph_id] =
        ["graph.json", "feats.npy", "labels.npy", "graph_id.npy"].map(|file| format!("{part}_{file}"));
    let ids = npy::parse(&graph_id, files.graph_id.into())?.indices()?;
    let n = ids.len();
    if let Some(at) = ids.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(Error::format(
            graph_id,
            format!("the graph of node {} comes before that of node {at}", at + 1),
        ));
    }
    let x = npy::parse(&feats, files.feats.into())?.float_matrix()?;
    agree(&feats, "rows, as there are graph ids", n, x.rows)?;
    let y = npy::parse(&labels, files.labels.into())?.float_matrix()?;
    agree(&labels, "rows, as there are graph ids", n, y.rows)?;
    if let Some(label) = y.values.iter().find(|&&label| label != 0. && label != 1.) {
        return Err(Error::format(labels, format!("expected 0 or 1, got {label}")));
    }
    let structure = NodeLink::read(&graph, files.graph)?;
    agree(&graph, "nodes, as there are graph ids", n, structure.nodes.len())?;
    let edges = structure.edges(&graph)?;
    Ok((split(&edges, &ids)?, x, y))
}

/// The edges of every graph. They are sorted by source, and the ids of the graphs by node.
fn split(edges: &EdgeIndex, ids: &[u32]) -> Result<Vec<EdgeIndex>> {
    let (mut graphs, mut start, mut from) = (Vec::new(), 0, 0);
    for run in ids.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        let to = edges.source().partition_point(|&source| (source as usize) < end);
        let own = edges.iter().skip(from).take(to - from);
        let inside = own.filter(|&(_, destination)| (start..end).contains(&(destination as usize)));
        let pairs = inside.map(|(source, destination)| (source - start as u32, destination - start as u32));
        graphs.push(EdgeIndex::from_pairs(pairs, run.len())?);
        (start, from) = (end, to);
    }
    Ok(graphs)
}
