//! Positional encodings: where in the graph a node is, from the structure alone.
//!
//! One row per node, in row order, to be concatenated to the features or given to a layer. Both are deterministic: the
//! same bits on any number of threads. What a node gets depends on nothing outside of its connected component, except
//! which eigenvectors there is room for: encode the graphs of a batch one by one.

mod eigen;
mod laplacian;
mod random_walk;

pub use laplacian::laplacian_eigenvector_pe;
pub use random_walk::random_walk_pe;
