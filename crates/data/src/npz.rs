//! Attributed graphs in the form of Shchur et al. (2018), *Pitfalls of graph neural network evaluation*: a ZIP archive
//! of numpy arrays.
//!
//! `adj_{data,indices,indptr,shape}` and `attr_{data,indices,indptr,shape}` are the parts of two compressed sparse row
//! matrices; `labels` are class numbers; `class_names` may be there. Everything else, such as the names of nodes in
//! object arrays, is left alone. As in PyG, self-loops are removed and every edge counts in both directions. There is
//! no split: the paper draws 100 random ones.

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};
use std::borrow::Cow;

use crate::numpy::{Archive, Dense, npy};
use crate::{Error, Graph, NodeDataset, Result};

/// Assembles the data set from the contents of the archive.
///
/// # Errors
/// If the archive is damaged (every array has a checksum), lacks one of the arrays, or its parts do not fit together.
pub fn parse(name: &str, bytes: &[u8]) -> Result<NodeDataset> {
    let mut archive = Archive::open(bytes)?;
    let adjacency = archive.csr("adj")?;
    let attributes = archive.csr("attr")?;
    let labels = archive.array("labels")?.indices()?;
    let n = adjacency.rows;
    if adjacency.columns != n || attributes.rows != n || labels.len() != n {
        let problem = format!(
            "{n} × {} adjacency, {} rows of attributes, {} labels",
            adjacency.columns,
            attributes.rows,
            labels.len()
        );
        return Err(Error::format("the npz archive", problem));
    }
    let classes = labels.iter().max().map_or(0, |&last| last as usize + 1);
    let names = match archive.bytes("class_names")? {
        // Names in an object array are a pickle inside the array: not worth reading.
        Some(bytes) => npy::parse("class_names", Cow::Owned(bytes)).and_then(|names| names.strings()).ok(),
        None => None,
    };
    let names = match names {
        Some(names) if names.len() >= classes => names,
        // Labels are dense from 0, so there are at most as many as nodes.
        _ if classes <= n => (0..classes).map(|class| class.to_string()).collect(),
        _ => return Err(Error::format("labels", format!("class {} in a graph of {n} nodes", classes - 1))),
    };

    let (mut source, mut destination) =
        (Vec::with_capacity(adjacency.stored()), Vec::with_capacity(adjacency.stored()));
    for (row, column, _) in adjacency.entries() {
        source.push(row as u32);
        destination.push(column);
    }
    let edges = transforms::remove_self_loops(&EdgeIndex::new(source, destination, n)?)?.edges;
    let mut x = Dense::zeros("attr", n, attributes.columns)?;
    x.add(&attributes, |row| row);
    let graph = Graph::new(x.into_tensor()?, transforms::to_undirected(&edges)?.edges)?
        .with_labels(Tensor::from_vec(labels, n, &Device::Cpu)?)?;
    NodeDataset::new(name, graph, names)
}
