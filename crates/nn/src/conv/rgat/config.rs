use serde::{Deserialize, Serialize};

use super::{AttentionMechanism, AttentionMode, Modulation};
use crate::config;

/// The arguments of [`RgatConv`](super::RgatConv), with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RgatConvConfig {
    /// I.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub out_channels: usize,
    /// R, the number of relations.
    pub num_relations: usize,
    /// The number of matrices of which those of the relations are sums; none if each has its own. Default none.
    #[serde(default)]
    pub num_bases: Option<usize>,
    /// The number of blocks along the diagonal of each matrix; none if matrices are full. Default none.
    #[serde(default)]
    pub num_blocks: Option<usize>,
    /// What is made of the weights. Default none.
    #[serde(default, rename = "mod")]
    pub modulation: Option<Modulation>,
    /// Over which edges weights sum to 1. Default all in-edges.
    #[serde(default)]
    pub attention_mechanism: AttentionMechanism,
    /// How edges are scored. Default by a sum.
    #[serde(default)]
    pub attention_mode: AttentionMode,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// D, the number of weights that each head has for an edge; more than 1 only where scores are products. Default 1.
    #[serde(default = "config::one")]
    pub dim: usize,
    /// Whether heads are concatenated or averaged. Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// The slope of the leaky ReLU. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training, without a `mod` only. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl RgatConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize, num_relations: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            num_relations,
            num_bases: None,
            num_blocks: None,
            modulation: None,
            attention_mechanism: AttentionMechanism::default(),
            attention_mode: AttentionMode::default(),
            heads: 1,
            dim: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            edge_dim: None,
            bias: true,
        }
    }

    /// The number of channels of a result: H·D·C, or D·C where heads are averaged.
    pub fn width(&self) -> usize {
        let heads = if self.concat { self.heads } else { 1 };
        heads.saturating_mul(self.dim).saturating_mul(self.out_channels)
    }
}
