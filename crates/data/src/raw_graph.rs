use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::{Error, Graph, NodeDataset, Result, Split};

/// A graph of the user's own: edges, what its nodes are called outside, and what else the file had.
///
/// The readers of edge lists and tables make it ([`snap`](crate::snap), …), and [`graph_file`](crate::graph_file)
/// keeps it in a form that loads at once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawGraph {
    /// The E edges, in the order of the file.
    pub edge_index: EdgeIndex,
    /// What the N nodes are called.
    pub ids: NodeIds,
    /// Features of nodes, `[N, F]`.
    pub x: Option<Tensor>,
    /// Features of edges, `[E, D]`, or their weights, `[E]`.
    pub edge_attr: Option<Tensor>,
    /// Classes of nodes, `[N]` of u32, or numbers, `[N, K]`.
    pub y: Option<Tensor>,
    /// Which nodes are for training, validation and testing.
    pub split: Option<Split>,
}

/// What nodes are called outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeIds {
    /// Node `i` is called `i`.
    Positions,
    /// Numbers.
    Numbers(Vec<i64>),
    /// Texts.
    Names(Vec<String>),
}

impl RawGraph {
    /// A graph of nothing but edges.
    ///
    /// # Errors
    /// If there is not one name per node.
    pub fn new(edge_index: EdgeIndex, ids: NodeIds) -> Result<Self> {
        let n = edge_index.num_src().max(edge_index.num_dst());
        let named = match &ids {
            NodeIds::Positions => n,
            NodeIds::Numbers(numbers) => numbers.len(),
            NodeIds::Names(names) => names.len(),
        };
        if named != n {
            return Err(Error::invalid("ids", format!("{n}, one per node"), named));
        }
        Ok(Self { edge_index, ids, x: None, edge_attr: None, y: None, split: None })
    }

    /// N.
    pub fn num_nodes(&self) -> usize {
        self.edge_index.num_dst()
    }

    /// The same as a [`Graph`]. Nodes without features get one that is 1.
    ///
    /// # Errors
    /// If the edges are between two sets of nodes, or the parts do not fit together.
    pub fn into_graph(self) -> Result<Graph> {
        let x = match self.x {
            Some(x) => x,
            None => Tensor::ones((self.edge_index.num_nodes()?, 1), DType::F32, &Device::Cpu)?,
        };
        let mut graph = Graph::new(x, self.edge_index)?;
        if let Some(edge_attr) = self.edge_attr {
            graph = graph.with_edge_attr(edge_attr)?;
        }
        if let Some(y) = self.y {
            graph = graph.with_labels(y)?;
        }
        match self.split {
            Some(Split { train, val, test }) => graph.with_split(train, val, test),
            None => Ok(graph),
        }
    }

    /// The same as a [`NodeDataset`]. Classes are called by their numbers, up to the largest; of labels or numbers, `[N, K]`, there
    /// are K.
    ///
    /// # Errors
    /// If there are no labels, and as [`RawGraph::into_graph`].
    pub fn into_nodes(self, name: &str) -> Result<NodeDataset> {
        let classes = match &self.y {
            None => return Err(Error::invalid("y", "labels", "none")),
            Some(y) if y.rank() == 1 => y.to_vec1::<u32>()?.into_iter().max().map_or(0, |y| y as usize + 1),
            Some(y) => y.dim(1)?,
        };
        let names = (0..classes).map(|class| class.to_string()).collect();
        NodeDataset::new(name, self.into_graph()?, names)
    }
}

impl From<Graph> for RawGraph {
    fn from(graph: Graph) -> Self {
        let split = Split { train: graph.train_mask, val: graph.val_mask, test: graph.test_mask };
        let is_one = [&split.train, &split.val, &split.test].into_iter().flatten().any(|&member| member);
        Self {
            edge_index: graph.edge_index,
            ids: NodeIds::Positions,
            x: Some(graph.x),
            edge_attr: graph.edge_attr,
            y: graph.y,
            split: is_one.then_some(split),
        }
    }
}

impl NodeIds {
    /// What node `i` is called, if there is such a node.
    pub fn name(&self, i: usize) -> Option<String> {
        match self {
            Self::Positions => Some(i.to_string()),
            Self::Numbers(numbers) => numbers.get(i).map(i64::to_string),
            Self::Names(names) => names.get(i).cloned(),
        }
    }

    /// The way back: from names to nodes. Of nodes with one name, the first counts.
    pub fn positions(&self) -> HashMap<String, u32> {
        let mut positions = HashMap::new();
        let names: Vec<String> = match self {
            Self::Positions => Vec::new(),
            Self::Numbers(numbers) => numbers.iter().map(i64::to_string).collect(),
            Self::Names(names) => names.clone(),
        };
        for (name, i) in names.into_iter().zip(0..) {
            positions.entry(name).or_insert(i);
        }
        positions
    }
}
