use std::ops::Range;

use crate::{EdgeIndex, GraphError, Result};

/// Several graphs as one: their disjoint union, in which the nodes of each graph follow those of the one before.
///
/// Stack the node features of the graphs in the same order, run any layer on [`edges`](Self::edges), and pool over
/// [`readout`](Self::readout). Graphs without edges, or without nodes, are allowed.
///
/// ```
/// use candle_geometric_graph::{Batch, EdgeIndex};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let pair = EdgeIndex::new(vec![0, 1], vec![1, 0], 2)?;
/// let single = EdgeIndex::new(vec![], vec![], 1)?;
/// let batch = Batch::new(&[pair.clone(), single, pair.clone()])?;
/// assert_eq!(batch.edges().source(), &[0, 1, 3, 4]);
/// assert_eq!(batch.batch(), &[0, 0, 1, 2, 2]);
/// assert_eq!(batch.ptr(), &[0, 2, 3, 5]);
/// assert_eq!(batch.unbatch()?[2], pair);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    edges: EdgeIndex,
    readout: EdgeIndex,
    edge_ptr: Vec<u32>,
}

impl Batch {
    /// The disjoint union of `graphs`.
    ///
    /// # Errors
    /// If one of them is bipartite, or the sums of nodes or edges exceed 32 bits.
    pub fn new(graphs: &[EdgeIndex]) -> Result<Self> {
        // The sums come first: a total that fits makes every offset below fit too.
        let mut num_nodes = 0usize;
        for graph in graphs {
            num_nodes = num_nodes.saturating_add(graph.num_nodes()?);
        }
        let num_edges = graphs.iter().map(EdgeIndex::num_edges).fold(0, usize::saturating_add);
        crate::validate::check_size("num_nodes", num_nodes)?;
        crate::validate::check_size("num_edges", num_edges)?;

        let (mut source, mut destination) = (Vec::with_capacity(num_edges), Vec::with_capacity(num_edges));
        let mut batch = Vec::with_capacity(num_nodes);
        let mut edge_ptr = vec![0];
        for (number, graph) in (0u32..).zip(graphs) {
            let offset = batch.len() as u32;
            source.extend(graph.source().iter().map(|&i| i + offset));
            destination.extend(graph.destination().iter().map(|&i| i + offset));
            batch.resize(batch.len() + graph.num_src(), number);
            edge_ptr.push(source.len() as u32);
        }
        Ok(Self {
            edges: EdgeIndex::new(source, destination, num_nodes)?,
            readout: EdgeIndex::from_batch(&batch, graphs.len())?,
            edge_ptr,
        })
    }

    /// B, the number of graphs.
    pub fn num_graphs(&self) -> usize {
        self.readout.num_dst()
    }

    /// The edges of all graphs, in the order of the graphs.
    pub fn edges(&self) -> &EdgeIndex {
        &self.edges
    }

    /// The graph of every node: N entries, never decreasing.
    pub fn batch(&self) -> &[u32] {
        self.readout.destination()
    }

    /// Where the nodes of each graph begin, and at the end the number of nodes: B + 1 entries.
    pub fn ptr(&self) -> &[u32] {
        self.readout.by_destination().row_ptr()
    }

    /// Where the edges of each graph begin, and at the end the number of edges: B + 1 entries.
    pub fn edge_ptr(&self) -> &[u32] {
        &self.edge_ptr
    }

    /// The bipartite index from nodes to their graphs, for pooling: see [`EdgeIndex::from_batch`].
    pub fn readout(&self) -> &EdgeIndex {
        &self.readout
    }

    /// The nodes of a graph in the union, `None` if there is no such graph.
    pub fn node_range(&self, graph: usize) -> Option<Range<usize>> {
        range(self.ptr(), graph)
    }

    /// The edges of a graph in the union, `None` if there is no such graph.
    pub fn edge_range(&self, graph: usize) -> Option<Range<usize>> {
        range(&self.edge_ptr, graph)
    }

    /// One graph of the union on its own, with its nodes counted from 0.
    ///
    /// # Errors
    /// If there is no such graph.
    pub fn graph(&self, graph: usize) -> Result<EdgeIndex> {
        let (Some(nodes), Some(edges)) = (self.node_range(graph), self.edge_range(graph)) else {
            return Err(GraphError::Invalid {
                argument: "graph",
                expected: format!("an index below the number of graphs, {}", self.num_graphs()),
                actual: graph.to_string(),
            });
        };
        let local = |ids: &[u32]| ids[edges.clone()].iter().map(|&i| i - nodes.start as u32).collect();
        EdgeIndex::new(local(self.edges.source()), local(self.edges.destination()), nodes.len())
    }

    /// The graphs that the union was made of.
    ///
    /// # Errors
    /// None on a valid batch.
    pub fn unbatch(&self) -> Result<Vec<EdgeIndex>> {
        (0..self.num_graphs()).map(|i| self.graph(i)).collect()
    }
}

fn range(ptr: &[u32], i: usize) -> Option<Range<usize>> {
    Some(*ptr.get(i)? as usize..*ptr.get(i + 1)? as usize)
}
