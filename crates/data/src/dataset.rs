use candle_core::{Device, Tensor};

use crate::{Error, Graph, Result};

/// One graph whose nodes are to be classified.
#[derive(Debug, Clone)]
pub struct NodeDataset {
    /// The name that [`load`](crate::load) knows.
    pub name: String,
    /// The graph, with labels.
    pub graph: Graph,
    /// K, the number of classes (or of labels, where a node may have several).
    pub num_classes: usize,
    /// The name of every class.
    pub class_names: Vec<String>,
    /// The text of every node, where nodes are texts; else none.
    pub texts: Vec<String>,
    /// The published splits, where there are several; the masks of the graph are one of them, at first the first.
    pub splits: Vec<Split>,
}

/// A split of the nodes of one graph: three masks with an entry per node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Which nodes are for training.
    pub train: Vec<bool>,
    /// Which nodes are for validation.
    pub val: Vec<bool>,
    /// Which nodes are for testing.
    pub test: Vec<bool>,
}

impl NodeDataset {
    /// A data set of a labelled graph. The number of classes is the number of names.
    ///
    /// # Errors
    /// If the graph has no labels, or labels beyond the names.
    pub fn new(name: impl Into<String>, graph: Graph, class_names: Vec<String>) -> Result<Self> {
        let dataset = Self {
            name: name.into(),
            graph,
            num_classes: class_names.len(),
            class_names,
            texts: Vec::new(),
            splits: Vec::new(),
        };
        let k = dataset.num_classes;
        match dataset.graph.y.as_ref().map(|y| y.dims().to_vec()).as_deref() {
            Some([_]) => match dataset.labels()?.iter().max() {
                Some(&largest) if largest as usize >= k => {
                    Err(Error::invalid("y", format!("classes below {k}, one per class name"), largest))
                }
                _ => Ok(dataset),
            },
            Some([_, labels]) if *labels == k => Ok(dataset),
            Some(shape) => {
                Err(Error::invalid("y", format!("a column per class name, {k}"), format!("{shape:?}")))
            }
            None => Err(Error::invalid("y", "labels", "none")),
        }
    }

    /// The same data with a text per node.
    ///
    /// # Errors
    /// If there is not one text per node.
    pub fn with_texts(mut self, texts: Vec<String>) -> Result<Self> {
        let n = self.graph.num_nodes();
        if texts.len() != n {
            return Err(Error::invalid("texts", format!("{n}, one per node"), texts.len()));
        }
        self.texts = texts;
        Ok(self)
    }

    /// The same data with other features `[N, F]`, such as those that a text encoder makes of the texts.
    ///
    /// # Errors
    /// If `x` is not a matrix of floating-point numbers with one row per node.
    pub fn with_features(mut self, x: Tensor) -> Result<Self> {
        self.graph.x = x;
        self.graph.validate().map(|()| self)
    }

    /// The same data with several splits, of which the first is chosen.
    ///
    /// # Errors
    /// If a mask does not have one entry per node.
    pub fn with_splits(mut self, splits: Vec<Split>) -> Result<Self> {
        let n = self.graph.num_nodes();
        for mask in splits.iter().flat_map(|split| [&split.train, &split.val, &split.test]) {
            if mask.len() != n {
                return Err(Error::invalid("splits", format!("masks of {n} nodes"), mask.len()));
            }
        }
        self.splits = splits;
        if self.splits.is_empty() { Ok(self) } else { self.split(0) }
    }

    /// The same data with the masks of split `i` of [`splits`](Self::splits).
    ///
    /// # Errors
    /// If there is no such split.
    pub fn split(mut self, i: usize) -> Result<Self> {
        let Some(Split { train, val, test }) = self.splits.get(i).cloned() else {
            return Err(Error::invalid("split", format!("one of {}", self.splits.len()), i));
        };
        self.graph = self.graph.with_split(train, val, test)?;
        Ok(self)
    }

    /// The class of every node, on the host.
    ///
    /// # Errors
    /// If nodes have any number of labels instead of one class.
    pub fn labels(&self) -> Result<Vec<u32>> {
        match &self.graph.y {
            Some(y) if y.rank() == 1 => Ok(y.to_vec1()?),
            _ => Err(Error::invalid("y", "one class per node", "several labels per node, or none")),
        }
    }

    /// The same data with its tensors on `device`.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        Ok(Self { graph: self.graph.to_device(device)?, ..self.clone() })
    }
}
