use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::{Error, Result};

/// A graph with features, labels and a split: N nodes, E edges, F features, D edge features.
///
/// The parts are public; [`Graph::new`] and the `with_…` methods check that they fit together, and
/// [`Graph::validate`] does so again after a change by hand.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Node features `[N, F]`.
    pub x: Tensor,
    /// The edges, on N nodes.
    pub edge_index: EdgeIndex,
    /// Edge features `[E, D]` or weights `[E]`, in the order of `edge_index`.
    pub edge_attr: Option<Tensor>,
    /// Labels: one class per node, `[N]` of u32, or any number of labels, `[N, K]` of 0 and 1 in floating point.
    pub y: Option<Tensor>,
    /// Which of the N nodes are for training. No node is in a mask where the data has no split.
    pub train_mask: Vec<bool>,
    /// Which of the N nodes are for validation.
    pub val_mask: Vec<bool>,
    /// Which of the N nodes are for testing.
    pub test_mask: Vec<bool>,
}

impl Graph {
    /// A graph with features `x` `[N, F]`, without labels, edge features or split.
    ///
    /// # Errors
    /// If `x` is not a matrix of floating-point numbers with one row per node of `edge_index`.
    pub fn new(x: Tensor, edge_index: EdgeIndex) -> Result<Self> {
        let none = vec![false; edge_index.num_nodes()?];
        let graph = Self {
            x,
            edge_index,
            edge_attr: None,
            y: None,
            train_mask: none.clone(),
            val_mask: none.clone(),
            test_mask: none,
        };
        graph.validate()?;
        Ok(graph)
    }

    /// The same graph with edge features `[E, D]` or edge weights `[E]`.
    ///
    /// # Errors
    /// If there is not one row per edge.
    pub fn with_edge_attr(mut self, edge_attr: Tensor) -> Result<Self> {
        self.edge_attr = Some(edge_attr);
        self.validate().map(|()| self)
    }

    /// The same graph with labels: `[N]` of u32, or `[N, K]` of floating point.
    ///
    /// # Errors
    /// If shape or type are others.
    pub fn with_labels(mut self, y: Tensor) -> Result<Self> {
        self.y = Some(y);
        self.validate().map(|()| self)
    }

    /// The same graph with a split into training, validation and test nodes.
    ///
    /// # Errors
    /// If a mask does not have one entry per node.
    pub fn with_split(mut self, train: Vec<bool>, val: Vec<bool>, test: Vec<bool>) -> Result<Self> {
        (self.train_mask, self.val_mask, self.test_mask) = (train, val, test);
        self.validate().map(|()| self)
    }

    /// N, the number of nodes.
    pub fn num_nodes(&self) -> usize {
        self.edge_index.num_dst()
    }

    /// E, the number of edges: each direction of an undirected edge counts.
    pub fn num_edges(&self) -> usize {
        self.edge_index.num_edges()
    }

    /// F, the number of features of a node.
    pub fn num_features(&self) -> usize {
        self.x.dims().get(1).copied().unwrap_or(0)
    }

    /// Checks that all parts have the sizes and types that their descriptions say.
    ///
    /// # Errors
    /// The first part that does not fit, with what was expected and what came.
    pub fn validate(&self) -> Result<()> {
        let n = self.edge_index.num_nodes()?;
        let is = |t: &Tensor| format!("{:?} of {}", t.dims(), t.dtype().as_str());
        if self.x.rank() != 2 || self.x.dims().first() != Some(&n) || !self.x.dtype().is_float() {
            return Err(Error::invalid("x", format!("[{n}, num_features] of floats"), is(&self.x)));
        }
        if let Some(attr) = &self.edge_attr {
            let e = self.num_edges();
            if !matches!(attr.rank(), 1 | 2) || attr.dims().first() != Some(&e) || !attr.dtype().is_float() {
                let expected = format!("[{e}] or [{e}, edge_dim] of floats");
                return Err(Error::invalid("edge_attr", expected, is(attr)));
            }
        }
        if let Some(y) = &self.y {
            let fits = match y.rank() {
                1 => y.dtype() == DType::U32,
                2 => y.dtype().is_float(),
                _ => false,
            };
            if !fits || y.dims().first() != Some(&n) {
                let expected = format!("[{n}] of u32 or [{n}, num_labels] of floats");
                return Err(Error::invalid("y", expected, is(y)));
            }
        }
        let masks =
            [("train_mask", &self.train_mask), ("val_mask", &self.val_mask), ("test_mask", &self.test_mask)];
        for (argument, mask) in masks {
            if mask.len() != n {
                return Err(Error::invalid(argument, format!("{n} entries, one per node"), mask.len()));
            }
        }
        Ok(())
    }

    /// The same graph with its tensors on `device`. The structure stays; operations copy it when they need it there.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let moved = |t: &Option<Tensor>| t.as_ref().map(|t| t.to_device(device)).transpose();
        Ok(Self {
            x: self.x.to_device(device)?,
            edge_attr: moved(&self.edge_attr)?,
            y: moved(&self.y)?,
            ..self.clone()
        })
    }
}
