use candle_core::Device;

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
}

impl NodeDataset {
    /// A data set of a labelled graph. The number of classes is the number of names.
    ///
    /// # Errors
    /// If the graph has no labels, or labels beyond the names.
    pub fn new(name: impl Into<String>, graph: Graph, class_names: Vec<String>) -> Result<Self> {
        let dataset = Self { name: name.into(), graph, num_classes: class_names.len(), class_names };
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
