use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::{Batch, EdgeIndex};

use crate::{Error, Result};

/// Many graphs, to be classified (or measured) as a whole, or node by node.
///
/// The tensors of all graphs stand in one, graph after graph: a batch is cut out of it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_core::{Device, Tensor};
/// use candle_geometric_data::{GraphDataset, Level};
/// use candle_geometric_graph::EdgeIndex;
/// let graphs = vec![EdgeIndex::new(vec![0, 1], vec![1, 0], 2)?, EdgeIndex::new(vec![], vec![], 1)?];
/// let x = Tensor::new(&[[1f32], [2.], [3.]], &Device::Cpu)?;
/// let y = Tensor::new(&[0u32, 1], &Device::Cpu)?;
/// let pairs = GraphDataset::new("pairs", graphs, x)?.with_labels(y, Level::Graph, vec!["a".into(), "b".into()])?;
/// let batch = pairs.batch(&[1, 0])?; // in the order asked for
/// assert_eq!(batch.x.to_vec2::<f32>()?, [[3.], [1.], [2.]]);
/// assert_eq!(batch.structure.edges().source(), &[1, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GraphDataset {
    /// The name that [`Dataset::load`](crate::Dataset::load) knows.
    pub name: String,
    /// The structure of each of the B graphs.
    pub graphs: Vec<EdgeIndex>,
    /// The features of the nodes of all graphs, `[N, F]`.
    pub x: Tensor,
    /// The features of the edges of all graphs, `[E, D]`.
    pub edge_attr: Option<Tensor>,
    /// Labels: a class each, `[B]` of u32, or numbers, `[B, T]` of floats; of nodes, `[N]` or `[N, T]`.
    pub y: Option<Tensor>,
    /// Which entries of a `y` of floats are known, as 1 and 0 of its type and shape. `None` where all are.
    pub y_mask: Option<Tensor>,
    /// What the labels are of.
    pub level: Level,
    /// The names of the classes, or of the T columns of `y`.
    pub class_names: Vec<String>,
    /// The published split, or one of the paper.
    pub split: Option<GraphSplit>,
    node_ptr: Vec<usize>,
    edge_ptr: Vec<usize>,
}

/// What labels are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of graphs.
    Graph,
    /// Of nodes.
    Node,
}

/// A split of graphs: the numbers of those for training, validation and testing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphSplit {
    /// The graphs for training.
    pub train: Vec<usize>,
    /// The graphs for validation.
    pub val: Vec<usize>,
    /// The graphs for testing.
    pub test: Vec<usize>,
}

/// Some graphs of a [`GraphDataset`] side by side.
#[derive(Debug, Clone)]
pub struct GraphBatch {
    /// Their structure as one graph, and where each begins.
    pub structure: Batch,
    /// The features of their nodes, `[N, F]`.
    pub x: Tensor,
    /// The features of their edges, `[E, D]`.
    pub edge_attr: Option<Tensor>,
    /// Their labels, as [`GraphDataset::y`].
    pub y: Option<Tensor>,
    /// Which labels are known, as [`GraphDataset::y_mask`].
    pub y_mask: Option<Tensor>,
}

impl GraphDataset {
    /// Graphs whose nodes, one after the other, have the features `x` `[N, F]`.
    ///
    /// # Errors
    /// If `x` does not have a row of floats for each node, or a graph is bipartite.
    pub fn new(name: impl Into<String>, graphs: Vec<EdgeIndex>, x: Tensor) -> Result<Self> {
        let (mut node_ptr, mut edge_ptr) = (vec![0], vec![0]);
        let (mut nodes, mut edges) = (0, 0);
        for graph in &graphs {
            nodes += graph.num_nodes()?;
            edges += graph.num_edges();
            node_ptr.push(nodes);
            edge_ptr.push(edges);
        }
        check("x", &x, 2, nodes, "node")?;
        Ok(Self {
            name: name.into(),
            graphs,
            x,
            edge_attr: None,
            y: None,
            y_mask: None,
            level: Level::Graph,
            class_names: Vec::new(),
            split: None,
            node_ptr,
            edge_ptr,
        })
    }

    /// The same graphs with features of edges, `[E, D]`.
    ///
    /// # Errors
    /// If there is not a row of floats for each edge.
    pub fn with_edge_attr(mut self, edge_attr: Tensor) -> Result<Self> {
        check("edge_attr", &edge_attr, 2, self.num_edges(), "edge")?;
        self.edge_attr = Some(edge_attr);
        Ok(self)
    }

    /// The same graphs with labels: classes of u32 below the number of names, or floats with a column per name.
    ///
    /// # Errors
    /// If there is not a label for each graph (or node), or they do not fit the names.
    pub fn with_labels(mut self, y: Tensor, level: Level, class_names: Vec<String>) -> Result<Self> {
        let (rows, of) = match level {
            Level::Graph => (self.len(), "graph"),
            Level::Node => (self.num_nodes(), "node"),
        };
        if y.dtype() == DType::U32 && y.dims() == [rows] {
            if let Some(class) =
                y.to_vec1::<u32>()?.iter().find(|&&class| class as usize >= class_names.len())
            {
                return Err(Error::invalid("y", format!("classes below {}", class_names.len()), class));
            }
        } else {
            check("y", &y, 2, rows, of)?;
            if y.dims().last() != Some(&class_names.len()) {
                return Err(Error::invalid(
                    "y",
                    format!("{} columns", class_names.len()),
                    format!("{:?}", y.dims()),
                ));
            }
        }
        (self.y, self.level, self.class_names) = (Some(y), level, class_names);
        Ok(self)
    }

    /// The same graphs, whose labels are known where `mask` is 1 and not where it is 0.
    ///
    /// # Errors
    /// If there are no labels of floats, or `mask` is of another shape or type than they.
    pub fn with_label_mask(mut self, mask: Tensor) -> Result<Self> {
        match &self.y {
            Some(y) if y.dtype() == mask.dtype() && y.dims() == mask.dims() && y.rank() == 2 => {}
            y => {
                let expected = y.as_ref().map_or("labels".into(), |y| format!("{:?}, as y is", y.dims()));
                return Err(Error::invalid("y_mask", expected, format!("{:?}", mask.dims())));
            }
        }
        self.y_mask = Some(mask);
        Ok(self)
    }

    /// The same graphs with a split.
    ///
    /// # Errors
    /// If it names a graph that is not there.
    pub fn with_split(mut self, split: GraphSplit) -> Result<Self> {
        let GraphSplit { train, val, test } = &split;
        if let Some(graph) = [train, val, test].into_iter().flatten().find(|&&graph| graph >= self.len()) {
            return Err(Error::invalid("split", format!("graphs below {}", self.len()), graph));
        }
        self.split = Some(split);
        Ok(self)
    }

    /// B, the number of graphs.
    pub fn len(&self) -> usize {
        self.graphs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.graphs.is_empty()
    }

    /// N, the number of nodes of all graphs.
    pub fn num_nodes(&self) -> usize {
        self.node_ptr.last().copied().unwrap_or(0)
    }

    /// E, the number of edges of all graphs; both directions of an undirected edge count.
    pub fn num_edges(&self) -> usize {
        self.edge_ptr.last().copied().unwrap_or(0)
    }

    /// F, the number of features of a node.
    pub fn num_features(&self) -> usize {
        self.x.dims().get(1).copied().unwrap_or(0)
    }

    /// K, the number of classes, or of columns of `y`.
    pub fn num_classes(&self) -> usize {
        self.class_names.len()
    }

    /// Where the nodes of each graph begin in `x`, and at the end N: B + 1 entries.
    pub fn node_ptr(&self) -> &[usize] {
        &self.node_ptr
    }

    /// Where the edges of each graph begin in `edge_attr`, and at the end E: B + 1 entries.
    pub fn edge_ptr(&self) -> &[usize] {
        &self.edge_ptr
    }

    /// The class of every graph (or node), on the host.
    ///
    /// # Errors
    /// If the labels are not classes.
    pub fn labels(&self) -> Result<Vec<u32>> {
        match &self.y {
            Some(y) if y.rank() == 1 => Ok(y.to_vec1()?),
            _ => Err(Error::invalid("y", "one class each", "several numbers each, or none")),
        }
    }

    /// The graphs of these numbers side by side, in this order. One may come several times.
    ///
    /// # Errors
    /// If one is not there, or the sums of nodes or edges exceed 32 bits.
    pub fn batch(&self, graphs: &[usize]) -> Result<GraphBatch> {
        if let Some(graph) = graphs.iter().find(|&&graph| graph >= self.len()) {
            return Err(Error::invalid("graphs", format!("graphs below {}", self.len()), graph));
        }
        let chosen: Vec<EdgeIndex> =
            graphs.iter().filter_map(|&graph| self.graphs.get(graph).cloned()).collect();
        let units: Vec<usize> = (0..=self.len()).collect();
        let of_labels = match self.level {
            Level::Graph => &units,
            Level::Node => &self.node_ptr,
        };
        let cut = |tensor: &Option<Tensor>, ptr: &[usize]| {
            tensor.as_ref().map(|t| rows(t, ptr, graphs)).transpose()
        };
        Ok(GraphBatch {
            structure: Batch::new(&chosen)?,
            x: rows(&self.x, &self.node_ptr, graphs)?,
            edge_attr: cut(&self.edge_attr, &self.edge_ptr)?,
            y: cut(&self.y, of_labels)?,
            y_mask: cut(&self.y_mask, of_labels)?,
        })
    }

    /// The same data with its tensors on `device`.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let moved = |t: &Option<Tensor>| t.as_ref().map(|t| t.to_device(device)).transpose();
        Ok(Self {
            x: self.x.to_device(device)?,
            edge_attr: moved(&self.edge_attr)?,
            y: moved(&self.y)?,
            y_mask: moved(&self.y_mask)?,
            ..self.clone()
        })
    }
}

/// Rows `ptr[g]..ptr[g + 1]` of every `g` in `graphs`. Graphs that follow each other are cut out at once.
fn rows(tensor: &Tensor, ptr: &[usize], graphs: &[usize]) -> Result<Tensor> {
    let mut parts = Vec::new();
    for run in graphs.chunk_by(|a, b| a + 1 == *b) {
        let bounds = run.first().and_then(|&g| ptr.get(g)).zip(run.last().and_then(|&g| ptr.get(g + 1)));
        let (start, end) = bounds.map_or((0, 0), |(&start, &end)| (start, end));
        if end > start {
            parts.push(tensor.narrow(0, start, end - start)?);
        }
    }
    match parts.as_slice() {
        [] => Ok(tensor.narrow(0, 0, 0)?),
        [part] => Ok(part.clone()),
        parts => Ok(Tensor::cat(parts, 0)?),
    }
}

fn check(argument: &'static str, tensor: &Tensor, rank: usize, rows: usize, of: &str) -> Result<()> {
    if tensor.rank() == rank && tensor.dims().first() == Some(&rows) && tensor.dtype().is_float() {
        return Ok(());
    }
    let expected = format!("a matrix of floats with {rows} rows, one per {of}");
    Err(Error::invalid(argument, expected, format!("{:?} of {}", tensor.dims(), tensor.dtype().as_str())))
}
