//! Layers whose graphs are dense adjacency matrices `[B, N, N]`.

mod gat;

pub use gat::{DenseGatConv, DenseGatConvConfig};
