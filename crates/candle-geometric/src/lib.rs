//! Graph neural networks with attention, in Rust, on [Candle](candle_core): layers with PyTorch Geometric's names,
//! arguments and numbers, whole models, pretrained weights, data sets, training, and pictures of the attention.
//!
//! This crate is the facade that apps depend on. Each part is a module, and a crate of its own:
//!
//! | module | what it is | feature |
//! |---|---|---|
//! | [`graph`] | the structure: [`EdgeIndex`](graph::EdgeIndex), batches, transforms; no tensors | |
//! | [`ops`] | message passing on tensors: gather, scatter, segment softmax, fused attention | |
//! | [`nn`] | layers: `GatConv`, `Gatv2Conv`, `TransformerConv`, `GcnConv`, `SageConv`, norms, aggregations | |
//! | [`models`] | whole models, `from_pretrained`, checkpoints of PyTorch Geometric and DGL | |
#![cfg_attr(feature = "data", doc = "| [`data`] | data sets in their original formats | `data` |")]
#![cfg_attr(
    feature = "train",
    doc = "| [`train`] | losses, metrics, optimisers, the loop, checkpoints | `train` |"
)]
#![cfg_attr(
    feature = "explain",
    doc = "| [`explain`] | entropy of attention, most attended neighbours, pictures | `explain` |"
)]
//!
//! All features are on by default, and `cli` builds the program `candle-geometric`. An app that only predicts wants
//! `default-features = false`, perhaps with `hub` for downloads. `cuda`, `cudnn`, `metal`, `mkl` and `accelerate` are
//! passed on to Candle.
//!
//! # A layer on a graph
//!
//! ```
//! use candle_geometric::nn::conv::{GatConv, GatConvConfig};
//! use candle_geometric::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 0 → 1 → 2, and 3 alone. Node features: [4, 2].
//! let edges = EdgeIndex::new(vec![0, 1], vec![1, 2], 4)?;
//! let x = Tensor::new(&[[1f32, 0.], [0., 1.], [1., 1.], [0., 0.]], &Device::Cpu)?;
//!
//! // Two heads of three channels, with random weights from a seed.
//! let weights = SeededVarMap::new(42);
//! let config = GatConvConfig { heads: 2, ..GatConvConfig::new(2, 3) };
//! let conv = GatConv::new(&config, weights.var_builder(DType::F32, &Device::Cpu))?;
//!
//! let (out, attention) = conv.forward_with_attention(&x, &edges, None, Mode::Eval)?;
//! assert_eq!(out.dims(), [4, 6]);
//! assert_eq!(attention.alpha.dims(), [6, 2]); // two edges and a self-loop on each node
//! # Ok(()) }
//! ```
//!
//! # A pretrained model
//!
//! ```no_run
//! use candle_geometric::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let zoo = from_pretrained("gat-cora", &Device::Cpu)?;
//! # let (x, edges) = (Tensor::zeros((1, 1433), DType::F32, &Device::Cpu)?, EdgeIndex::new(vec![], vec![], 1)?);
//! let logits = zoo.model.forward(&x, &edges)?; // [N, 7]
//! # Ok(()) }
//! ```

#[cfg(feature = "data")]
pub use candle_geometric_data as data;
#[cfg(feature = "explain")]
pub use candle_geometric_explain as explain;
pub use candle_geometric_graph as graph;
pub use candle_geometric_models as models;
pub use candle_geometric_nn as nn;
pub use candle_geometric_ops as ops;
#[cfg(feature = "train")]
pub use candle_geometric_train as train;

pub use candle_core::{self, DType, Device, Tensor};
pub use candle_nn::{self, VarBuilder};

/// What most apps need: `use candle_geometric::prelude::*`.
pub mod prelude {
    pub use crate::graph::EdgeIndex;
    pub use crate::models::{GraphModel, ModelConfig, Pretrained, from_pretrained};
    pub use crate::nn::{Mode, SeededVarMap};
    pub use candle_core::{DType, Device, Tensor};
    pub use candle_nn::VarBuilder;

    #[cfg(feature = "data")]
    pub use crate::data::{Graph, NodeDataset, Source};
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
