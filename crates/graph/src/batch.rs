use std::ops::Range;

use crate::group::both;
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

        let side = |ids: fn(&EdgeIndex) -> &[u32]| {
            let (mut all, mut offset) = (Vec::with_capacity(num_edges), 0);
            for graph in graphs {
                all.extend(ids(graph).iter().map(|&i| i + offset));
                offset += graph.num_src() as u32;
            }
            all
        };
        let (source, destination) =
            both(num_edges, || side(EdgeIndex::source), || side(EdgeIndex::destination));
        let mut batch = Vec::with_capacity(num_nodes);
        let mut edge_ptr = vec![0];
        let mut edges_before = 0;
        for (number, graph) in (0u32..).zip(graphs) {
            batch.resize(batch.len() + graph.num_src(), number);
            edges_before += graph.num_edges() as u32;
            edge_ptr.push(edges_before);
        }
        Ok(Self {
            edges: EdgeIndex::trusted(source, destination, num_nodes, num_nodes, false),
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
