//! Scores of edges, from features of their ends: the last step of link prediction, and of the completion of knowledge
//! graphs.

mod bilinear;
mod complex;
mod conv_e;
mod dist_mult;
mod dot;
mod embeddings;
mod mlp;
mod rotate;
mod triples;

pub use bilinear::{BilinearDecoder, BilinearDecoderConfig};
pub use complex::{ComplEx, ComplExConfig};
pub use conv_e::{ConvE, ConvEConfig};
pub use dist_mult::{DistMult, DistMultConfig};
pub use dot::DotDecoder;
pub use mlp::{MlpDecoder, MlpDecoderConfig};
pub use rotate::{RotatE, RotatEConfig};
pub use triples::Triples;
