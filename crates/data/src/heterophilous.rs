//! The heterophilous graphs of Platonov et al. (2023), *A critical look at the evaluation of GNNs under heterophily: are
//! we really making progress?*: roman-empire, amazon-ratings, minesweeper, tolokers, questions.
//!
//! A ZIP archive of numpy arrays: `node_features` `[N, F]`, `node_labels` `[N]`, `edges` `[E, 2]` with every undirected
//! edge once, and `train_masks`, `val_masks`, `test_masks` `[S, N]`, one row for each of the S splits (ten). As in PyG,
//! every edge counts in both directions. Where there are two classes, the metric of the paper is the area under the ROC
//! curve.

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};

use crate::numpy::Archive;
use crate::{Error, Graph, NodeDataset, Result, Split};

/// Assembles the data set, with all its splits, from the contents of the archive. The classes are named by their numbers.
///
/// # Errors
/// If the archive is damaged (every array has a checksum), lacks one of the arrays, or its parts do not fit together.
pub fn parse(name: &str, bytes: &[u8]) -> Result<NodeDataset> {
    let mut archive = Archive::open(bytes)?;
    let features = archive.array("node_features")?.float_matrix()?;
    let labels = archive.array("node_labels")?.indices()?;
    let n = features.rows;
    if labels.len() != n {
        return Err(Error::format("node_labels", format!("expected {n} labels, got {}", labels.len())));
    }
    let classes = labels.iter().max().map_or(0, |&last| last as usize + 1);
    if classes > n {
        return Err(Error::format("node_labels", format!("class {} in a graph of {n} nodes", classes - 1)));
    }
    let edges = archive.array("edges")?.index_matrix()?;
    if edges.columns != 2 {
        return Err(Error::format("edges", format!("expected two columns, got {}", edges.columns)));
    }
    let pairs = edges.values.as_chunks::<2>().0.iter().map(|&[source, destination]| (source, destination));
    let edges = EdgeIndex::from_pairs(pairs, n).map_err(|e| Error::format("edges", e.to_string()))?;

    let mut masks = |part: &str| archive.array(&format!("{part}_masks"))?.masks(n);
    let (train, val, test) = (masks("train")?, masks("val")?, masks("test")?);
    if train.len() != val.len() || train.len() != test.len() {
        let problem = format!(
            "{} splits for training, {} for validation, {} for testing",
            train.len(),
            val.len(),
            test.len()
        );
        return Err(Error::format("the npz archive", problem));
    }
    let splits = train.into_iter().zip(val).zip(test).map(|((train, val), test)| Split { train, val, test });

    let graph = Graph::new(features.into_tensor()?, transforms::to_undirected(&edges)?.edges)?
        .with_labels(Tensor::from_vec(labels, n, &Device::Cpu)?)?;
    NodeDataset::new(name, graph, (0..classes).map(|class| class.to_string()).collect())?
        .with_splits(splits.collect())
}
