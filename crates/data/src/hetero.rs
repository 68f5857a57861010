use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::{EdgeIndex, EdgeType, HeteroGraph};

use crate::{Error, Result};

/// One graph with types of nodes and edges, in which the nodes of one type are to be classified.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HeteroDataset {
    /// The name that [`Dataset::load`](crate::Dataset::load) knows.
    pub name: String,
    /// The structure.
    pub graph: HeteroGraph,
    /// The features of the nodes of each type, `[N, F]`. Types without features are not here.
    pub x: BTreeMap<String, Tensor>,
    /// The weights of the edges of each type, `[E]`, where they are not all 1.
    pub edge_weight: BTreeMap<EdgeType, Tensor>,
    /// The type of the N nodes to be classified.
    pub target: String,
    /// Labels of the target nodes: classes, `[N]` of u32, or any number of labels, `[N, K]` of 0 and 1 in floating point. They
    /// mean nothing for nodes that are in no mask.
    pub y: Tensor,
    /// The names of the classes.
    pub class_names: Vec<String>,
    /// Which target nodes are for training.
    pub train_mask: Vec<bool>,
    /// Which target nodes are for validation.
    pub val_mask: Vec<bool>,
    /// Which target nodes are for testing.
    pub test_mask: Vec<bool>,
}

impl HeteroDataset {
    /// A graph whose nodes of type `target` have the labels `y`, without features and masks: these are public, to be set, and
    /// [`validate`](Self::validate) checks them.
    ///
    /// # Errors
    /// If there are no such nodes, or not a label for each.
    pub fn new(
        name: impl Into<String>,
        graph: HeteroGraph,
        target: impl Into<String>,
        y: Tensor,
        class_names: Vec<String>,
    ) -> Result<Self> {
        let target = target.into();
        let nodes = graph.num_nodes(&target).unwrap_or(0);
        let [train_mask, val_mask, test_mask] = [(); 3].map(|()| vec![false; nodes]);
        let data = Self {
            name: name.into(),
            graph,
            x: BTreeMap::new(),
            edge_weight: BTreeMap::new(),
            target,
            y,
            class_names,
            train_mask,
            val_mask,
            test_mask,
        };
        data.validate()?;
        Ok(data)
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// The first part that does not fit.
    pub fn validate(&self) -> Result<()> {
        let count = |node_type: &str| {
            let known = self.graph.num_nodes(node_type);
            known.ok_or_else(|| {
                Error::invalid("target", "a type of nodes of the graph", format!("{node_type:?}"))
            })
        };
        for (node_type, x) in &self.x {
            let n = count(node_type)?;
            if x.rank() != 2 || x.dims().first() != Some(&n) || !x.dtype().is_float() {
                let expected = format!("[{n}, num_features] of floats for {node_type}");
                return Err(Error::invalid("x", expected, format!("{:?}", x.dims())));
            }
        }
        for (edge_type, weight) in &self.edge_weight {
            let e = self.graph.edges_of(edge_type).map(EdgeIndex::num_edges);
            if e.is_none_or(|e| weight.dims() != [e]) {
                let expected = format!("one weight per edge of {edge_type}");
                return Err(Error::invalid("edge_weight", expected, format!("{:?}", weight.dims())));
            }
        }
        let (n, k) = (count(&self.target)?, self.class_names.len());
        let one = self.y.dims() == [n] && self.y.dtype() == DType::U32;
        let several = self.y.dims() == [n, k] && self.y.dtype().is_float();
        if !one && !several {
            let expected = format!("[{n}] of u32 or [{n}, {k}] of floats");
            return Err(Error::invalid("y", expected, format!("{:?}", self.y.dims())));
        }
        for mask in [&self.train_mask, &self.val_mask, &self.test_mask] {
            if mask.len() != n {
                return Err(Error::invalid("mask", format!("{n} entries, one per target node"), mask.len()));
            }
        }
        Ok(())
    }

    /// The same data, where a fraction of the training nodes, drawn by `seed`, is for validation instead.
    ///
    /// # Errors
    /// If the fraction is not from 0 to 1.
    pub fn with_validation(mut self, fraction: f64, seed: u64) -> Result<Self> {
        if !(0. ..=1.).contains(&fraction) {
            return Err(Error::invalid("fraction", "a number from 0 to 1", fraction));
        }
        let marked = (0..).zip(&self.train_mask).filter_map(|(node, &is)| is.then_some(node));
        let mut nodes: Vec<usize> = marked.collect();
        Stream::named(seed, "with_validation").sequence().shuffle(&mut nodes);
        nodes.truncate((fraction * nodes.len() as f64).round() as usize);
        for node in nodes {
            for (mask, value) in [(&mut self.train_mask, false), (&mut self.val_mask, true)] {
                if let Some(place) = mask.get_mut(node) {
                    *place = value;
                }
            }
        }
        Ok(self)
    }

    /// The nodes of the type at the beginning of a metapath that it joins, as the neighbours of [HAN]: an edge from `j` to `i` for
    /// every pair that is joined by edges of these types, one after the other. Sorted, each once; a path back to where it began
    /// makes a self-loop.
    ///
    /// The path is walked from the destination `i`: the first type of edges starts at it, the last ends at `j`.
    ///
    /// [HAN]: https://arxiv.org/abs/1903.07293
    ///
    /// # Errors
    /// If a type of edges is not there, does not start where the one before ends, or the path does not end where it began.
    pub fn metapath(&self, path: &[EdgeType]) -> Result<EdgeIndex> {
        let invalid = |expected: String, actual: String| Err(Error::invalid("metapath", expected, actual));
        let (Some(first), Some(last)) = (path.first(), path.last()) else {
            return invalid("at least one type of edges".into(), "none".into());
        };
        if let Some((a, b)) = path.iter().zip(path.iter().skip(1)).find(|(a, b)| a.destination != b.source) {
            return invalid(format!("a type that starts at {} behind {a}", a.destination), b.to_string());
        }
        if first.source != last.destination {
            return invalid(format!("a path that ends at {}", first.source), last.to_string());
        }
        let mut steps = Vec::new();
        for edge_type in path {
            match self.graph.edges_of(edge_type) {
                Some(edges) => steps.push(edges.by_source()),
                None => return invalid("types of edges of the graph".into(), edge_type.to_string()),
            }
        }
        let n = self.graph.num_nodes(&first.source).unwrap_or(0);
        let (mut source, mut destination) = (Vec::new(), Vec::new());
        let (mut here, mut next) = (Vec::new(), Vec::new());
        for node in 0..n as u32 {
            here.clear();
            here.push(node);
            for step in &steps {
                next.clear();
                next.extend(here.iter().flat_map(|&node| step.neighbors(node as usize)));
                next.sort_unstable();
                next.dedup();
                std::mem::swap(&mut here, &mut next);
            }
            source.extend_from_slice(&here);
            destination.resize(source.len(), node);
        }
        Ok(EdgeIndex::new(source, destination, n)?)
    }

    /// The same data with its tensors on `device`.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let x = self.x.iter().map(|(name, x)| Ok((name.clone(), x.to_device(device)?)));
        let weights = self.edge_weight.iter().map(|(name, w)| Ok((name.clone(), w.to_device(device)?)));
        Ok(Self {
            x: x.collect::<Result<_>>()?,
            edge_weight: weights.collect::<Result<_>>()?,
            y: self.y.to_device(device)?,
            ..self.clone()
        })
    }
}
