//! Graph neural network layers for Candle, with PyTorch Geometric's names and defaults.
//!
//! A layer is made of a configuration (serde, PyTorch Geometric's argument names, unknown ones rejected) and a
//! Candle `VarBuilder` whose names are those of PyTorch Geometric's `state_dict`: a trained layer loads as it is.
//! Edges come as an [`EdgeIndex`](candle_geometric_graph::EdgeIndex), which was checked when it was made.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use candle_geometric_graph::EdgeIndex;
//! use candle_geometric_nn::conv::{GatConv, GatConvConfig};
//! use candle_geometric_nn::{Mode, SeededVarMap};
//! # fn main() -> Result<(), candle_geometric_nn::Error> {
//! let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 3)?;
//! let x = Tensor::ones((3, 4), DType::F32, &Device::Cpu)?;
//! let parameters = SeededVarMap::new(42);
//! let vb = parameters.var_builder(DType::F32, &Device::Cpu);
//! let config = GatConvConfig { heads: 2, ..GatConvConfig::new(4, 8) };
//! let conv = GatConv::new(&config, vb.pp("conv1"))?;
//! let (out, attention) = conv.forward_with_attention(&x, &edges, None, Mode::Eval)?;
//! assert_eq!(out.dims(), [3, 16]);
//! assert_eq!(attention.alpha.dims(), [6, 2]); // three edges and three self-loops
//! # Ok(()) }
//! ```

mod activation;
mod activation_layer;
pub mod aggr;
mod batch;
mod config;
pub mod conv;
pub mod decoder;
pub mod dense;
mod drop_edge;
pub mod edge;
mod error;
pub mod fill_value;
pub mod global;
mod gru_cell;
pub mod hetero;
pub mod init;
mod jumping_knowledge;
mod linear;
mod mlp;
mod mode;
mod multihead;
mod nodes;
pub mod norm;
mod padded;
pub mod pool;
mod var_map;

pub use activation::{Activation, ActivationKwargs};
pub use activation_layer::ActivationLayer;
pub use batch::graphs;
pub use config::Channels;
pub use conv::Attention;
pub use drop_edge::DropEdge;
pub use error::{Error, WeightsError};
pub use gru_cell::GruCell;
pub use jumping_knowledge::{JumpingKnowledge, JumpingKnowledgeConfig, JumpingKnowledgeMode};
pub use linear::Linear;
pub use mlp::{Mlp, MlpConfig};
pub use mode::{Mode, dropout};
pub use nodes::Nodes;
pub use var_map::SeededVarMap;

/// The result of making or applying a layer.
pub type Result<T> = std::result::Result<T, Error>;

/// The example of the readme, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
