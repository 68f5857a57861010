//! The structure of graphs, in pure Rust.
//!
//! Message passing asks one question again and again: *which edges end in this node?* An edge list answers it
//! slowly, a compressed sparse form answers it at once, and gradients ask it in the other direction. So
//! [`EdgeIndex`] takes the edges once, checks them once, and gives all three views: the caller's edge list, the
//! edges grouped by destination and the edges grouped by source, each with the permutation back to the caller's
//! order. It never changes afterwards, which is why kernels need not check a single bound.
//!
//! What changes a graph makes a new one: [`transforms`] (self-loops, undirected, subgraphs) say where each new edge
//! came from, and [`Batch`] puts several graphs side by side. [`sampling`] takes mini-batches of large graphs, [`generators`]
//! make graphs, [`negative_sampling`] draws pairs that are no edges. `from_petgraph` and `to_petgraph` convert (feature
//! `petgraph`).
//!
//! ```
//! use candle_geometric_graph::EdgeIndex;
//! # fn main() -> Result<(), candle_geometric_graph::GraphError> {
//! // 0 → 1, 2 → 1, 1 → 2
//! let edges = EdgeIndex::new(vec![0, 2, 1], vec![1, 1, 2], 3)?;
//! let in_edges = edges.by_destination();
//! assert_eq!(in_edges.neighbors(1), &[0, 2]); // the sources of the edges that end in node 1
//! assert_eq!(in_edges.edges(1), &[0, 1]); // and which edges those are
//! # Ok(()) }
//! ```

mod batch;
mod csr;
mod edge_index;
pub mod encodings;
mod error;
pub mod generators;
mod group;
mod hash;
mod hetero;
#[cfg(feature = "petgraph")]
mod interop;
mod negative_sampling;
mod relations;
pub mod rng;
pub mod sampling;
mod tasks;
pub mod transforms;
mod validate;

pub use batch::Batch;
pub use csr::Csr;
pub use edge_index::EdgeIndex;
pub use error::GraphError;
pub use hetero::{EdgeType, HeteroGraph};
#[cfg(feature = "petgraph")]
pub use interop::{from_petgraph, to_petgraph};
pub use negative_sampling::{Forbidden, batched_negative_sampling, negative_sampling};
pub use relations::Relations;
pub use tasks::{CutRow, Task};
pub use transforms::{FillValue, Origin, Transformed};

/// The result of an operation on graph structure.
pub type Result<T> = std::result::Result<T, GraphError>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
