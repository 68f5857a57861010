use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::conv::{Attention, GatConv, GatConvConfig};
use candle_geometric_nn::{Activation, Mode, dropout};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::check_sizes;
use crate::config::Architecture;
use crate::{GraphModel, Result};

/// The arguments of [`PaperGat`]; the defaults are the paper's for Cora.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperGatConfig {
    /// The number of features of a node.
    pub in_channels: usize,
    /// The number of classes.
    pub out_channels: usize,
    /// The width of each head of the first layer. Default 8.
    #[serde(default = "eight")]
    pub hidden_channels: usize,
    /// The number of heads of the first layer, which are concatenated. Default 8.
    #[serde(default = "eight")]
    pub heads: usize,
    /// The number of heads of the second layer, which are averaged: 1 for Cora and Citeseer, 8 for Pubmed. Default 1.
    #[serde(default = "crate::basic_gnn::one")]
    pub out_heads: usize,
    /// The probability with which inputs of both layers are dropped in training. Default 0.6.
    #[serde(default = "dropout_probability")]
    pub dropout: f64,
    /// The probability with which attention weights are dropped in training. Default that of the inputs, as in the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_dropout: Option<f64>,
}

fn eight() -> usize {
    8
}

fn dropout_probability() -> f64 {
    0.6
}

impl PaperGatConfig {
    /// The paper's model for Cora, with other numbers of features and classes.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            hidden_channels: eight(),
            heads: eight(),
            out_heads: 1,
            dropout: dropout_probability(),
            attention_dropout: None,
        }
    }
}

/// The transductive model of Veličković et al., *Graph Attention Networks* (ICLR 2018, section 3.3).
///
/// > h = ELU(GATConv₁(dropout(x))), heads concatenated
/// >
/// > y = GATConv₂(dropout(h)), heads averaged
///
/// Shapes: x `[N, in_channels]`, result: logits `[N, out_channels]`. It takes no edge features. Parameters: `conv1`, `conv2`, as in
/// PyTorch Geometric's `examples/gat.py`.
pub struct PaperGat {
    conv1: GatConv,
    conv2: GatConv,
    dropout: f64,
}

impl PaperGat {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &PaperGatConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let PaperGatConfig { in_channels, out_channels, hidden_channels, heads, out_heads, dropout, .. } =
            *config;
        let on_attention = config.attention_dropout.unwrap_or(dropout);
        let sizes = [
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("hidden_channels", hidden_channels),
            ("heads", heads),
            ("out_heads", out_heads),
        ];
        check_sizes("PaperGAT", &sizes)?;
        let conv1 = GatConvConfig {
            heads,
            dropout: on_attention,
            ..GatConvConfig::new(in_channels, hidden_channels)
        };
        let conv2 = GatConvConfig {
            heads: out_heads,
            concat: false,
            dropout: on_attention,
            ..GatConvConfig::new(heads * hidden_channels, out_channels)
        };
        let conv1 = GatConv::new(&conv1, vb.pp("conv1"))?;
        Ok(Self { conv1, conv2: GatConv::new(&conv2, vb.pp("conv2"))?, dropout })
    }
}

impl GraphModel for PaperGat {
    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let x = dropout(x, self.dropout, mode)?;
        let x = ELU.forward(&self.conv1.forward_edges(&x, edges, edge_attr, mode)?)?;
        let x = dropout(&x, self.dropout, mode)?;
        Ok(self.conv2.forward_edges(&x, edges, edge_attr, mode)?)
    }

    fn forward_masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        let x = ELU.forward(&self.conv1.forward_masked(x, edges, edge_attr, edge_mask)?)?;
        Ok(self.conv2.forward_masked(&x, edges, edge_attr, edge_mask)?)
    }

    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        let (x, first) = self.conv1.forward_with_attention(x, edges, edge_attr, Mode::Eval)?;
        let (_, second) =
            self.conv2.forward_with_attention(&ELU.forward(&x)?, edges, edge_attr, Mode::Eval)?;
        Ok(vec![first, second])
    }
}

const ELU: Activation = Activation::Elu { alpha: 1.0 };

impl Architecture for PaperGatConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(PaperGat::new(self, vb)?))
    }
}
