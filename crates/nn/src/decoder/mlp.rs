use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::config::{self, Channels};
use crate::conv::attention::destinations;
use crate::{Error, Linear, Mode, Nodes, Result, dropout};

const LAYER: &str = "MlpDecoder";

/// The arguments of [`MlpDecoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpDecoderConfig {
    /// C: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// K, the width of the hidden layer.
    pub hidden_channels: usize,
    /// O, the numbers for each edge: one score, or the logits of classes. Default 1.
    #[serde(default = "config::one")]
    pub out_channels: usize,
    /// The probability with which a hidden number is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

/// A network of two layers on the ends of an edge.
///
/// > s(e) = W₂ ReLU(W₁ \[z_j ‖ z_i\] + b₁) + b₂ for every edge e from j to i
///
/// The first map is one of nodes, W₁ \[z_j ‖ z_i\] = W_src z_j + W_dst z_i: nothing of size E × 2·C is made.
///
/// Shapes: z `[N, C]`, or z_src `[N_src, C_src]` and z_dst `[N_dst, C_dst]`; result `[E, O]`. Parameters `lin1` (weight
/// `[K, C_src + C_dst]`, bias), `lin2` (weight `[O, K]`, bias).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{Mode, SeededVarMap, decoder::{MlpDecoder, MlpDecoderConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let z = Tensor::ones((3, 4), DType::F32, &Device::Cpu)?;
/// let candidates = EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?;
/// let config =
///     MlpDecoderConfig { in_channels: 4.into(), hidden_channels: 8, out_channels: 1, dropout: 0.0 };
/// let decoder = MlpDecoder::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(decoder.forward(&z, &candidates, Mode::Eval)?.dims(), [2, 1]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MlpDecoder {
    config: MlpDecoderConfig,
    lin1: Linear,
    lin2: Linear,
}

impl MlpDecoder {
    /// A decoder with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &MlpDecoderConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        for (argument, n) in [("hidden_channels", c.hidden_channels), ("out_channels", c.out_channels)] {
            if n == 0 {
                return Err(Error::argument(LAYER, argument, "at least 1", "0"));
            }
        }
        if !(0.0..=1.0).contains(&c.dropout) {
            return Err(Error::argument(LAYER, "dropout", "a probability in [0, 1]", c.dropout.to_string()));
        }
        let both = c.in_channels.source().saturating_add(c.in_channels.destination());
        Ok(Self {
            lin1: Linear::new(both, c.hidden_channels, true, vb.pp("lin1"))?,
            lin2: Linear::new(c.hidden_channels, c.out_channels, true, vb.pp("lin2"))?,
            config: c,
        })
    }

    /// O numbers for every edge.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, z: impl Into<Nodes<'a>>, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        let (z, src, dst) =
            (z.into(), self.config.in_channels.source(), self.config.in_channels.destination());
        z.check(LAYER, edges, src, dst)?;
        let z_dst = destinations(LAYER, z)?;
        let weight = self.lin1.weight();
        let from_source = ops::linear(z.source(), &weight.narrow(1, 0, src)?, None)?;
        let from_destination = ops::linear(z_dst, &weight.narrow(1, src, dst)?, self.lin1.bias())?;
        let hidden = (ops::gather_src(&from_source, edges)? + ops::gather_dst(&from_destination, edges)?)?;
        let hidden = dropout(&ops::relu(&hidden)?, self.config.dropout, mode)?;
        self.lin2.forward(&hidden)
    }
}
