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

const LAYER: &str = "GraphMultisetTransformer";

/// The arguments of [`GraphMultisetTransformer`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphMultisetTransformerConfig {
    /// C.
    pub channels: usize,
    /// The number of representative elements that a group becomes first.
    pub k: usize,
    /// The number of attention blocks among them. Default 1.
    #[serde(default = "config::one")]
    pub num_encoder_blocks: usize,
    /// The number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether the blocks normalise. Default false.
    #[serde(default)]
    pub layer_norm: bool,
    /// The probability with which a weight is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

impl GraphMultisetTransformerConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize, k: usize) -> Self {
        Self { channels, k, num_encoder_blocks: 1, heads: 1, layer_norm: false, dropout: 0.0 }
    }
}

/// Pooling in two steps of attention (Baek, Kang, Hwang, *Accurate Learning of Graph Representations with Graph
/// Multiset Pooling*, ICLR 2021, eq. 4 to 7).
///
/// > y = PMA₁(SABs(PMA_k(X))), PMA_k(X) = MAB(S, ReLU(X W + b)), SAB(X) = MAB(X, X)
///
/// with k learnt seeds S, and MAB as in [`SetTransformerAggregation`](super::SetTransformerAggregation). As in PyTorch
/// Geometric the first pooling does not see the edges. A group without rows gives what the seeds alone give.
///
/// Shapes: x `[E, C]`, result `[groups, C]`. The rows are padded to the largest group. Parameters `pma1.…`,
/// `encoders.i.mab.…`, `pma2.…`, each pma with `lin`, `seed` `[1, k, C]` and `mab.…`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::SeededVarMap;
/// use candle_geometric_nn::aggr::{GraphMultisetTransformer, GraphMultisetTransformerConfig};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let config = GraphMultisetTransformerConfig { heads: 2, ..GraphMultisetTransformerConfig::new(6, 4) };
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = GraphMultisetTransformer::new(&config, vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, &EdgeIndex::from_batch(&[0, 0, 1], 2)?)?.dims(), [2, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GraphMultisetTransformer {
    channels: usize,
    pma1: Pma,
    encoders: Vec<Mab>,
    pma2: Pma,
}

impl GraphMultisetTransformer {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `heads` does not divide `channels`, another number is out of range, or `vb` has no such parameters.
    pub fn new(config: &GraphMultisetTransformerConfig, vb: VarBuilder) -> Result<Self> {
        let c = config;
        let mab = MabConfig { channels: c.channels, heads: c.heads, norm: c.layer_norm, dropout: c.dropout };
        mab.check(LAYER)?;
        if c.k == 0 {
            return Err(Error::argument(LAYER, "k", "at least 1", "0"));
        }
        let block = |i| Mab::new(&mab, vb.pp("encoders").pp(i).pp("mab"));
        Ok(Self {
            channels: c.channels,
            pma1: Pma::new(&mab, c.k, vb.pp("pma1"))?,
            encoders: (0..c.num_encoder_blocks).map(block).collect::<Result<_>>()?,
            pma2: Pma::new(&mab, 1, vb.pp("pma2"))?,
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
        let rows = rows(LAYER, x, Some(self.channels), edges)?;
        let mut sets = Sets { x: self.pma1.forward(&pad(x, &rows)?, mode)?, mask: None };
        for encoder in &self.encoders {
            sets.x = encoder.forward(&sets.x, &sets, mode)?;
        }
        Ok(self.pma2.forward(&sets, mode)?.squeeze(1)?)
    }
}
