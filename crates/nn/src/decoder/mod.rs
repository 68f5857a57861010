//! Scores of edges, from features of their ends: the last step of link prediction, and of the completion of knowledge
//! graphs.

mod bilinear;
mod complex;
mod conv_e;
mod dist_mult;
mod dot;
mod embeddings;
mod loss;
mod mlp;
mod queries;
mod rotate;
mod trans_e;
mod triples;

pub use bilinear::{BilinearDecoder, BilinearDecoderConfig};
pub use complex::{ComplEx, ComplExConfig};
pub use conv_e::{ConvE, ConvEConfig};
pub use dist_mult::{DistMult, DistMultConfig};
pub use dot::DotDecoder;
pub use loss::{logistic_loss, one_vs_all_loss};
pub use mlp::{MlpDecoder, MlpDecoderConfig};
pub use queries::Queries;
pub use rotate::{RotatE, RotatEConfig};
pub use trans_e::{TransE, TransEConfig};
pub use triples::Triples;
