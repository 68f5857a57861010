//! Attention over a graph: softmax over the in-edges of every destination, then a weighted sum.

mod additive;
mod attend;
mod dot_product;
mod dynamic;
mod extras;
mod fused;
mod layer;
mod pairwise;

pub use additive::{additive_attention, additive_attention_weights};
pub use attend::attend;
pub use dot_product::{dot_product_attention, dot_product_attention_weights};
pub use dynamic::{DynamicScoring, dynamic_attention, dynamic_attention_weights};
pub use extras::Extras;
pub use layer::{Scoring, layer_attention};
