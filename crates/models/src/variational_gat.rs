use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::conv::{Attention, GatConv, GatConvConfig};
use candle_geometric_nn::{Activation, Mode, dropout};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::check_sizes;
use crate::vgae::{Gaussian, VariationalEncoder};
use crate::{Error, Result};

const NAME: &str = "VariationalGat";
const ELU: Activation = Activation::Elu { alpha: 1.0 };

/// The arguments of [`VariationalGat`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariationalGatConfig {
    /// I, the number of features of a node.
    pub in_channels: usize,
    /// The width of each head of the first layer. Default 2 C.
    #[serde(default)]
    pub hidden_channels: Option<usize>,
    /// C, the number of latent features of a node.
    pub out_channels: usize,
    /// H, the number of heads: concatenated in the first layer, averaged in the second. Default 1.
    #[serde(default = "crate::basic_gnn::one")]
    pub heads: usize,
    /// The probability with which inputs of both layers and attention weights are dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
}

impl VariationalGatConfig {
    /// The defaults.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, hidden_channels: None, out_channels, heads: 1, dropout: 0.0, edge_dim: None }
    }
}

/// The encoder of a [`Vgae`](crate::Vgae) with attention: that of PyTorch Geometric's example `autoencoder.py`, with
/// [`GatConv`]s for its graph convolutions and ELU for ReLU.
///
/// > h = ELU(GATConv₁(x)), heads concatenated
/// >
/// > μ = GATConv_μ(h), log σ = GATConv_σ(h), heads averaged
///
/// Shapes: x `[N, I]`, edge_attr `[E, D]`, μ and log σ `[N, C]`. Parameters: `conv1`, `conv_mu`, `conv_logstd`.
pub struct VariationalGat {
    conv1: GatConv,
    conv_mu: GatConv,
    conv_logstd: GatConv,
    dropout: f64,
}

impl VariationalGat {
    /// An encoder with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &VariationalGatConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let VariationalGatConfig { in_channels, out_channels, heads, dropout, edge_dim, .. } = *config;
        let hidden = config.hidden_channels.unwrap_or(out_channels.saturating_mul(2));
        let sizes = [
            ("in_channels", in_channels),
            ("hidden_channels", hidden),
            ("out_channels", out_channels),
            ("heads", heads),
            ("edge_dim", edge_dim.unwrap_or(1)),
        ];
        check_sizes(NAME, &sizes)?;
        if !(0.0..=1.0).contains(&dropout) {
            return Err(Error::config(
                NAME,
                format!("dropout is {dropout}, expected a probability in [0, 1]"),
            ));
        }
        let layer = |inputs, outputs, concat, name| {
            let base = GatConvConfig::new(inputs, outputs);
            GatConv::new(&GatConvConfig { heads, concat, dropout, edge_dim, ..base }, vb.pp(name))
        };
        Ok(Self {
            conv1: layer(in_channels, hidden, true, "conv1")?,
            conv_mu: layer(heads * hidden, out_channels, false, "conv_mu")?,
            conv_logstd: layer(heads * hidden, out_channels, false, "conv_logstd")?,
            dropout,
        })
    }
}

impl VariationalEncoder for VariationalGat {
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Gaussian> {
        let x = dropout(x, self.dropout, mode)?;
        let h = ELU.forward(&self.conv1.forward_edges(&x, edges, edge_attr, mode)?)?;
        let h = dropout(&h, self.dropout, mode)?;
        let mu = self.conv_mu.forward_edges(&h, edges, edge_attr, mode)?;
        Ok(Gaussian { mu, logstd: self.conv_logstd.forward_edges(&h, edges, edge_attr, mode)? })
    }

    /// Of the first layer, of that of μ and of that of log σ.
    fn attention(&self, x: &Tensor, edges: &EdgeIndex, edge_attr: Option<&Tensor>) -> Result<Vec<Attention>> {
        let of = |conv: &GatConv, x| conv.forward_with_attention(x, edges, edge_attr, Mode::Eval);
        let (h, first) = of(&self.conv1, x)?;
        let h = ELU.forward(&h)?;
        Ok(vec![first, of(&self.conv_mu, &h)?.1, of(&self.conv_logstd, &h)?.1])
    }
}
