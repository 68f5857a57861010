use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::mab::{Mab, MabConfig, Sets};
use super::pad::pad;
use super::pma::Pma;
use super::rows;
use crate::config;
use crate::{Error, Mode, Result};

const LAYER: &str = "SetTransformerAggregation";

/// The arguments of [`SetTransformerAggregation`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetTransformerAggregationConfig {
    /// C.
    pub channels: usize,
    /// k, the number of learnt queries. Default 1.
    #[serde(default = "config::one")]
    pub num_seed_points: usize,
    /// The number of attention blocks before the pooling. Default 1.
    #[serde(default = "config::one")]
    pub num_encoder_blocks: usize,
    /// The number of attention blocks after the pooling. Default 1.
    #[serde(default = "config::one")]
    pub num_decoder_blocks: usize,
    /// The number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether the seeds are concatenated (k·C outputs) or averaged (C outputs). Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// Whether the blocks normalise. Default false.
    #[serde(default)]
    pub layer_norm: bool,
    /// The probability with which a weight is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

impl SetTransformerAggregationConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            num_seed_points: 1,
            num_encoder_blocks: 1,
            num_decoder_blocks: 1,
            heads: 1,
            concat: true,
            layer_norm: false,
            dropout: 0.0,
        }
    }
}

/// The Set Transformer as a pooling (Lee et al., *Set Transformer: A Framework for Attention-based
/// Permutation-Invariant Neural Networks*, ICML 2019, eq. 6–8 and 11–14).
///
/// > MAB(X, Y) = H + ReLU(H W + b), H = X + MultiHead(X, Y, Y); SAB(X) = MAB(X, X)
/// >
/// > y = SABs(MAB(S, ReLU(SABs(X) W' + b')))
///
/// with k learnt seeds S. A group without rows gives what the seeds alone give, as in PyTorch Geometric, whose attention
/// to nothing is 0 (before PyTorch 2.5 it was NaN, which became 0 in the result).
///
/// Shapes: x `[E, C]`, result `[groups, k·C]`, or `[groups, C]` where seeds are averaged. The rows are padded to the
/// largest group. Parameters `encoders.i.mab.…`, `pma.lin`, `pma.seed` `[1, k, C]`, `pma.mab.…`, `decoders.i.mab.…`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::SeededVarMap;
/// use candle_geometric_nn::aggr::{SetTransformerAggregation, SetTransformerAggregationConfig};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let config = SetTransformerAggregationConfig { heads: 2, ..SetTransformerAggregationConfig::new(6) };
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = SetTransformerAggregation::new(&config, vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, &EdgeIndex::from_batch(&[0, 0, 2], 3)?)?.dims(), [3, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SetTransformerAggregation {
    config: SetTransformerAggregationConfig,
    encoders: Vec<Mab>,
    pma: Pma,
    decoders: Vec<Mab>,
}

impl SetTransformerAggregation {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `heads` does not divide `channels`, another number is out of range, or `vb` has no such parameters.
    pub fn new(config: &SetTransformerAggregationConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let mab = MabConfig { channels: c.channels, heads: c.heads, norm: c.layer_norm, dropout: c.dropout };
        mab.check(LAYER)?;
        if c.num_seed_points == 0 {
            return Err(Error::argument(LAYER, "num_seed_points", "at least 1", "0"));
        }
        let block = |name, i| Mab::new(&mab, vb.pp(name).pp(i).pp("mab"));
        let blocks = |name, n| (0..n).map(|i| block(name, i)).collect::<Result<Vec<_>>>();
        Ok(Self {
            encoders: blocks("encoders", c.num_encoder_blocks)?,
            pma: Pma::new(&mab, c.num_seed_points, vb.pp("pma"))?,
            decoders: blocks("decoders", c.num_decoder_blocks)?,
            config: c,
        })
    }

    /// One row per group, in inference.
    ///
    /// # Errors
    /// If `x` is not `[E, C]`.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_t(x, edges, Mode::Eval)
    }

    /// One row per group, with dropout in training.
    ///
    /// # Errors
    /// If `x` is not `[E, C]`.
    pub fn forward_t(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        let SetTransformerAggregationConfig { channels: c, num_seed_points: k, concat, .. } = self.config;
        let rows = rows(LAYER, x, Some(c), edges)?;
        let groups = rows.num_dst();
        let mut sets = pad(x, &rows)?;
        for encoder in &self.encoders {
            sets.x = encoder.forward(&sets.x, &sets, mode)?;
        }
        let mut out = self.pma.forward(&sets, mode)?;
        for decoder in &self.decoders {
            out = decoder.forward(&out, &Sets { x: out.clone(), mask: None }, mode)?;
        }
        Ok(if concat { out.reshape((groups, k * c))? } else { out.mean(1)? })
    }
}
