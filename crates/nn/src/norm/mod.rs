//! Normalisation of node features, by node, by channel, by graph or over a batch.
//!
//! Where a norm looks at graphs, `batch` says which rows belong to which graph, as
//! [`EdgeIndex::from_batch`](candle_geometric_graph::EdgeIndex::from_batch) gives it; without it all rows are one
//! graph.

mod batch;
mod graph;
mod groups;
mod instance;
mod layer;
mod pair;
mod resolve;

pub use batch::{BatchNorm, BatchNormConfig};
pub use graph::{GraphNorm, GraphNormConfig};
pub use instance::{InstanceNorm, InstanceNormConfig};
pub use layer::{LayerNorm, LayerNormConfig, LayerNormMode};
pub use pair::{PairNorm, PairNormConfig};
pub use resolve::{Norm, NormKwargs};
