//! Cora, Citeseer and Pubmed as Yang, Cohen and Salakhutdinov (2016) published them: pickles of scipy and numpy
//! objects, written by Python 2.
//!
//! The features of the nodes are the rows of `allx`, then those of `tx`; row k of `tx` belongs to the node that line k
//! of `test.index` names. Labels likewise, one-hot, in `ally` and `ty`. What is done with them is what PyG does:
//!
//! - duplicate edges and self-loops are removed (Pubmed has 3: hence 88648 edges, not 88651);
//! - nodes between the test nodes that have neither features nor label get a row of zeros and class 0, and are in no
//!   mask. Of Citeseer's 1015 nodes behind `allx`, 15 isolated ones are such: the test mask has the 1000 that
//!   `test.index` names, as in PyG and in the loader of Kipf and Welling (2017), because of the others nobody knows
//!   the class;
//! - the split is: the first nodes, as many as `y` has rows (20 per class), for training, the next 500 for
//!   validation, the nodes of `test.index` for testing.

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};

use crate::numpy::{Csr, Dense, pickled};
use crate::text::{Line, lines};
use crate::{Error, Graph, NodeDataset, Result};

/// The contents of the seven files that are needed. (The eighth, `x`, repeats the first rows of `allx`.)
#[derive(Debug, Clone, Copy)]
pub struct Planetoid<'a> {
    /// Features of all but the test nodes.
    pub allx: &'a [u8],
    /// Features of the test nodes.
    pub tx: &'a [u8],
    /// Labels of all but the test nodes.
    pub ally: &'a [u8],
    /// Labels of the test nodes.
    pub ty: &'a [u8],
    /// Labels of the training nodes.
    pub y: &'a [u8],
    /// The neighbours of every node.
    pub graph: &'a [u8],
    /// The numbers of the test nodes, as text.
    pub test_index: &'a [u8],
}

/// The nodes for validation follow those for training.
const VALIDATION_NODES: usize = 500;

/// Assembles the data set. The classes are named by their numbers.
///
/// # Errors
/// If a file is damaged, or the files do not fit together.
pub fn parse(name: &str, files: Planetoid<'_>) -> Result<NodeDataset> {
    let (allx, tx) = (matrix("allx", files.allx)?, matrix("tx", files.tx)?);
    let ((ally, classes), (ty, ty_classes)) = (labels("ally", files.ally)?, labels("ty", files.ty)?);
    let (y, y_classes) = labels("y", files.y)?;
    let test = indices(files.test_index)?;

    let agree = |file: &str, what: &str, expected: usize, actual: usize| {
        let problem = || format!("expected {expected} {what}, got {actual}");
        if expected == actual { Ok(()) } else { Err(Error::format(file, problem())) }
    };
    agree("tx", "columns, as allx has", allx.columns, tx.columns)?;
    agree("ally", "rows, as allx has", allx.rows, ally.len())?;
    agree("ty", "columns, as ally has", classes, ty_classes)?;
    agree("y", "columns, as ally has", classes, y_classes)?;
    agree("ty", "rows, as tx has", tx.rows, ty.len())?;
    agree("test.index", "lines, as tx has rows", tx.rows, test.len())?;
    if y.len() > ally.len() {
        return Err(Error::format("y", format!("{} rows, but ally has only {}", y.len(), ally.len())));
    }

    let nodes = test.iter().max().map_or(allx.rows, |&last| last + 1);
    let mut x = Dense::zeros("test.index", nodes, allx.columns)?;
    let mut test_mask = vec![false; nodes];
    for &node in &test {
        if node < allx.rows || std::mem::replace(&mut test_mask[node], true) {
            let problem = format!("node {node} occurs twice, or is among the {} of allx", allx.rows);
            return Err(Error::format("test.index", problem));
        }
    }
    x.add(&allx, |row| row);
    x.add(&tx, |row| test[row]);
    let training = y.len();
    let mut y = ally;
    y.resize(nodes, 0);
    test.iter().zip(ty).for_each(|(&node, class)| y[node] = class);

    let validation = training..(training + VALIDATION_NODES).min(allx.rows);
    let train_mask = (0..nodes).map(|node| node < training).collect();
    let val_mask = (0..nodes).map(|node| validation.contains(&node)).collect();
    let graph = Graph::new(x.into_tensor()?, edges(files.graph, nodes)?)?
        .with_labels(Tensor::from_vec(y, nodes, &Device::Cpu)?)?
        .with_split(train_mask, val_mask, test_mask)?;
    NodeDataset::new(name, graph, (0..classes).map(|class| class.to_string()).collect())
}

fn matrix(name: &str, bytes: &[u8]) -> Result<Csr> {
    pickled::csr(name, pickled::read(name, bytes)?.root())
}

/// The class of every row, and the number of classes.
fn labels(name: &str, bytes: &[u8]) -> Result<(Vec<u32>, usize)> {
    pickled::array(name, pickled::read(name, bytes)?.root())?.argmax_rows()
}

/// One number per line.
fn indices(bytes: &[u8]) -> Result<Vec<usize>> {
    let number = |line: Result<Line<'_>>| {
        let line = line?;
        let node: usize = line.number("a node", line.text)?;
        if node < u32::MAX as usize - 1 {
            Ok(node)
        } else {
            Err(line.error(format!("expected a node, got {node}")))
        }
    };
    lines("test.index", bytes).map(number).collect()
}

/// `{node: [neighbours]}`.
fn edges(bytes: &[u8], nodes: usize) -> Result<EdgeIndex> {
    let bad = |problem: String| Error::format("graph", problem);
    let pickle = pickled::read("graph", bytes)?;
    let root = pickle.root();
    let dictionary = root.as_call().is_none_or(|call| call.global == ("collections", "defaultdict"));
    let entries = root.entries().filter(|_| dictionary);
    let entries =
        entries.ok_or_else(|| bad(format!("expected a dictionary of lists, got: {}", root.kind())))?;
    let (mut source, mut destination) = (Vec::new(), Vec::new());
    for (node, neighbours) in entries {
        let from = node.as_i64().ok_or_else(|| bad(format!("expected a node, got a {}", node.kind())))?;
        let neighbours = neighbours
            .items()
            .ok_or_else(|| bad(format!("expected a list for node {from}, got a {}", neighbours.kind())))?;
        for neighbour in neighbours {
            let to = neighbour.as_i64().ok_or_else(|| {
                bad(format!("expected a neighbour of node {from}, got a {}", neighbour.kind()))
            })?;
            source.push(from);
            destination.push(to);
        }
    }
    let raw = EdgeIndex::from_i64(&source, &destination, nodes).map_err(|e| bad(e.to_string()))?;
    Ok(transforms::coalesce(&transforms::remove_self_loops(&raw)?.edges)?.edges)
}
