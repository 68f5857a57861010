//! Transforms: each returns a new [`EdgeIndex`] and says where every new edge came from, so that edge attributes
//! and attention weights can follow.
//!
//! The functions have the names and the semantics of `torch_geometric.utils`.
//!
//! ```
//! use candle_geometric_graph::{EdgeIndex, FillValue, Origin, transforms};
//! # fn main() -> Result<(), candle_geometric_graph::GraphError> {
//! let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 1], 3)?;
//! let looped = transforms::with_self_loops(&edges)?;
//! assert_eq!(looped.edges.source(), &[0, 2, 0, 1, 2]);
//! assert_eq!(looped.edges.destination(), &[1, 1, 0, 1, 2]);
//! assert_eq!(looped.origin()[1], Origin::Edge(2));
//! assert_eq!(looped.origin()[3], Origin::SelfLoop(1));
//! // One number per edge; the loops get the mean over the in-edges of their node, 0 where there is none.
//! let weights = looped.attributes(&[1.0, 9.0, 5.0], 1, FillValue::Mean)?;
//! assert_eq!(weights, [1.0, 5.0, 0.0, 3.0, 0.0]);
//! # Ok(()) }
//! ```

mod coalesce;
mod components;
mod degree;
mod dropout;
mod fill;
mod hetero_link_split;
mod k_hop;
mod link_split;
mod neighbors;
mod node_split;
mod norm;
mod self_loops;
mod subgraph;

use std::sync::OnceLock;

use crate::EdgeIndex;

pub use coalesce::{Coalesced, coalesce, to_undirected};
pub use components::{Connection, connected_components, largest_connected_components};
pub use degree::one_hot_degree;
pub use dropout::dropout_edge;
pub use fill::{FillValue, Real};
pub use hetero_link_split::{HeteroLinkSplit, HeteroLinkSubset, hetero_random_link_split};
pub use k_hop::{ego_graphs, k_hop_subgraph};
pub use link_split::{LinkSplit, LinkSplitConfig, LinkSubset, random_link_split};
pub use neighbors::{Points, knn, knn_graph, radius, radius_graph};
pub use node_split::{Amount, NodeSplit, NodeSplitConfig, SplitKind, random_node_split};
pub use norm::{gcn_norm, row_norm};
pub use self_loops::{add_remaining_self_loops, add_self_loops, remove_self_loops, with_self_loops};
pub(crate) use subgraph::check_nodes;
pub use subgraph::{Induced, subgraph};

/// Where an edge of a transformed graph came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Edge number `.0` of the graph before, as it stood.
    Edge(u32),
    /// A new self-loop on node `.0`.
    SelfLoop(u32),
    /// Edge number `.0` of the graph before, turned around.
    Reversed(u32),
}

/// The edges after a transform, and where each came from.
#[derive(Debug, Clone)]
pub struct Transformed {
    /// The edges after the transform.
    pub edges: EdgeIndex,
    /// The number of edges before the transform: how many rows of edge attributes the caller has.
    pub num_edges_before: usize,
    /// For `origin` where that is made on first use: the edges that went, ascending. All others stay, self-loops follow.
    removed: Vec<u32>,
    origin: OnceLock<Vec<Origin>>,
}

impl Transformed {
    pub(crate) fn with_origin(edges: EdgeIndex, origin: Vec<Origin>, num_edges_before: usize) -> Self {
        Self { edges, num_edges_before, removed: Vec::new(), origin: origin.into() }
    }

    /// All edges but the `removed` (ascending), and then self-loops on the nodes 0, 1, 2, ….
    fn without(edges: EdgeIndex, removed: Vec<u32>, num_edges_before: usize) -> Self {
        Self { edges, num_edges_before, removed, origin: OnceLock::new() }
    }

    /// For every edge of [`edges`](Self::edges), in order, where it came from.
    ///
    /// Where only self-loops were added or removed, this is made on first use: layers without edge features never ask.
    pub fn origin(&self) -> &[Origin] {
        self.origin.get_or_init(|| {
            let mut origin = Vec::with_capacity(self.edges.num_edges());
            let mut next = 0;
            for &e in &self.removed {
                origin.extend((next..e).map(Origin::Edge));
                next = e + 1;
            }
            origin.extend((next..self.num_edges_before as u32).map(Origin::Edge));
            let loops = self.edges.num_edges().saturating_sub(origin.len());
            origin.extend((0..loops as u32).map(Origin::SelfLoop));
            origin
        })
    }
}

impl PartialEq for Transformed {
    fn eq(&self, other: &Self) -> bool {
        self.num_edges_before == other.num_edges_before
            && self.edges == other.edges
            && self.origin() == other.origin()
    }
}

impl Eq for Transformed {}
