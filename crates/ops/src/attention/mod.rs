//! Attention over a graph: softmax over the in-edges of every destination, then a weighted sum.

mod additive;
mod attend;
mod dynamic;
mod dynamic_scores;
mod fused;
mod layer;

pub use additive::{additive_attention, additive_attention_weights};
pub use attend::attend;
pub use dynamic::{dynamic_attention, dynamic_attention_weights};
pub use layer::{Scoring, layer_attention};
