//! Graph neural network models, pretrained weights, and importers of PyTorch Geometric and DGL checkpoints.
//!
//! A model is a [`ModelConfig`], which says what it is, and tensors, which say what it has learnt. There are three ways to get
//! one:
//! - [`from_pretrained`]: a model of the zoo by name, from a folder, or from the Hugging Face Hub;
//! - [`import::load_checkpoint`]: a file that PyTorch Geometric or DGL saved, as it is;
//! - [`ModelConfig::build`] with any `VarBuilder`: one to train.
//!
//! All give a [`GraphModel`]. Names and defaults are PyTorch Geometric's. A file is validated once, when it is read: whatever is
//! wrong with it is told in one error, and a model that was built can be trusted.

mod attention_graph_classifier;
mod attentive_fp;
mod basic_gnn;
mod config;
mod configuration;
mod encoder;
mod entry;
mod error;
mod gae;
mod gat;
mod gcn;
mod gmt;
mod gps;
mod graph_model;
mod graph_sage;
mod graph_transformer;
mod head;
mod hetero;
pub mod import;
mod inductive_gat;
mod inner_product;
mod mask_label;
mod metric_kind;
mod paper_gat;
mod protocol;
mod relational_gat;
mod sag_pool_net;
mod variational_gat;
mod vgae;
mod weights;
pub mod zoo;

pub use attention_graph_classifier::{AttentionGraphClassifier, AttentionGraphClassifierConfig, EdgeScore};
pub use attentive_fp::{AttentiveFp, AttentiveFpConfig};
pub use basic_gnn::Jk;
pub use config::ModelConfig;
pub use configuration::Configuration;
pub use entry::{
    Data, FeatureNorm, FurtherMetric, Metapaths, Metric, Preprocessing, Task, TaskKind, Weights, ZooEntry,
};
pub use error::Error;
pub use gae::{Gae, GaeConfig};
pub use gat::{Gat, GatConfig};
pub use gcn::{Gcn, GcnConfig};
pub use gmt::{Gmt, GmtConfig};
pub use gps::{Gps, GpsConfig, GpsPooling};
pub use graph_model::{GraphModel, Level};
pub use graph_sage::{GraphSage, GraphSageConfig};
pub use graph_transformer::{GraphTransformer, GraphTransformerConfig};
pub use hetero::{Han, HanConfig, HeteroModel, HeteroModelConfig, Hgt, HgtConfig, TypedAttention};
pub use inductive_gat::{InductiveGat, InductiveGatConfig, Skip};
pub use inner_product::recon_loss;
pub use mask_label::{LabelMasks, LabelMethod, MaskLabel, MaskLabelConfig};
pub use metric_kind::MetricKind;
pub use paper_gat::{PaperGat, PaperGatConfig};
pub use protocol::Protocol;
pub use relational_gat::{KnowledgeModelConfig, RelationalGat, RelationalGatConfig, TripleDecoderConfig};
pub use sag_pool_net::{SagPoolArchitecture, SagPoolNet, SagPoolNetConfig};
pub use variational_gat::{VariationalGat, VariationalGatConfig};
pub use vgae::{Gaussian, VariationalEncoder, Vgae, VgaeConfig};
pub use weights::{Parameter, Problem, Tensors};
pub use zoo::{Pretrained, TensorInfo, from_pretrained, from_pretrained_as};

/// The result of working with a model.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
