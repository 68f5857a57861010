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
//! assert_eq!(looped.origin[1], Origin::Edge(2));
//! assert_eq!(looped.origin[3], Origin::SelfLoop(1));
//! // One number per edge; the loops get the mean over the in-edges of their node, 0 where there is none.
//! let weights = looped.attributes(&[1.0, 9.0, 5.0], 1, FillValue::Mean)?;
//! assert_eq!(weights, [1.0, 5.0, 0.0, 3.0, 0.0]);
//! # Ok(()) }
//! ```

mod coalesce;
mod fill;
mod self_loops;
mod subgraph;

use crate::{EdgeIndex, Result};

pub use coalesce::{Coalesced, coalesce, to_undirected};
pub use fill::{FillValue, Real};
pub use self_loops::{add_remaining_self_loops, add_self_loops, remove_self_loops, with_self_loops};
pub use subgraph::subgraph;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformed {
    /// The edges after the transform.
    pub edges: EdgeIndex,
    /// For every edge of [`edges`](Self::edges), in order, where it came from.
    pub origin: Vec<Origin>,
    /// The number of edges before the transform: how many rows of edge attributes the caller has.
    pub num_edges_before: usize,
}

/// A new structure on the same nodes as `edges`.
fn on_nodes_of(edges: &EdgeIndex, source: Vec<u32>, destination: Vec<u32>) -> Result<EdgeIndex> {
    if edges.is_bipartite() {
        EdgeIndex::bipartite(source, destination, edges.num_src(), edges.num_dst())
    } else {
        EdgeIndex::new(source, destination, edges.num_src())
    }
}
