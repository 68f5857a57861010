//! Edge-level attention: the softmax goes over all edges of a graph, not over the in-edges of each node. A weight says how
//! much an edge matters to the graph, which is what a task about whole graphs asks for.

mod additive;
mod dot;
mod softmax;

pub use additive::{EdgeAttentionConv, EdgeAttentionConvConfig};
pub use dot::{DotEdgeAttentionConv, DotEdgeAttentionConvConfig};
