use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::mab::{Mab, Mask, Sets};
use super::rows;
use crate::config;
use crate::{Error, Linear, Mode, Result, init};

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
    lin: Linear,
    seed: Tensor,
    pma: Mab,
    decoders: Vec<Mab>,
}

impl SetTransformerAggregation {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `heads` does not divide `channels`, another number is out of range, or `vb` has no such parameters.
    pub fn new(config: &SetTransformerAggregationConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        if c.heads == 0 || c.channels == 0 || !c.channels.is_multiple_of(c.heads) {
            let expected = format!("a divisor of channels = {}", c.channels);
            return Err(Error::argument(LAYER, "heads", expected, c.heads.to_string()));
        }
        if c.num_seed_points == 0 {
            return Err(Error::argument(LAYER, "num_seed_points", "at least 1", "0"));
        }
        if !(0.0..=1.0).contains(&c.dropout) {
            let expected = "a probability in [0, 1]";
            return Err(Error::argument(LAYER, "dropout", expected, c.dropout.to_string()));
        }
        let mab = |vb: VarBuilder| Mab::new(c.channels, c.heads, c.layer_norm, c.dropout, vb.pp("mab"));
        let blocks = |name, n| (0..n).map(|i| mab(vb.pp(name).pp(i))).collect::<Result<Vec<_>>>();
        let (k, pma) = (c.num_seed_points, vb.pp("pma"));
        let xavier = init::glorot_uniform(&[k * c.channels, c.channels]);
        Ok(Self {
            encoders: blocks("encoders", c.num_encoder_blocks)?,
            lin: Linear::new(c.channels, c.channels, true, pma.pp("lin"))?,
            seed: pma.get_with_hints((1, k, c.channels), "seed", xavier)?,
            pma: mab(pma)?,
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
        sets.x = ops::relu(&self.lin.forward(&sets.x)?)?;
        let seeds = self.seed.broadcast_as((groups, k, c))?.contiguous()?;
        let mut out = self.pma.forward(&seeds, &sets, mode)?;
        for decoder in &self.decoders {
            out = decoder.forward(&out, &Sets { x: out.clone(), mask: None }, mode)?;
        }
        Ok(if concat { out.reshape((groups, k * c))? } else { out.mean(1)? })
    }
}

/// The sets of rows, padded to the largest of them.
fn pad(x: &Tensor, rows: &EdgeIndex) -> Result<Sets> {
    struct Slots(EdgeIndex);
    let sizes = rows.in_degrees();
    let (b, s) = (sizes.len(), sizes.iter().max().map_or(1, |n| (*n).max(1) as usize));
    let slots = rows.try_attachment(|| {
        let mut next: Vec<u32> = (0..b as u32).map(|i| i * s as u32).collect();
        let slot = |group: &u32| {
            let slot = &mut next[*group as usize];
            *slot += 1;
            *slot - 1
        };
        let slots: Vec<u32> = rows.destination().iter().map(slot).collect();
        EdgeIndex::bipartite(rows.source().to_vec(), slots, rows.num_src(), b * s).map(Slots)
    })?;
    let padded = ops::scatter(x, &slots.0, Reduce::Sum)?.reshape((b, s, x.dim(1)?))?;
    // Large enough to make a weight 0, and finite, so that a set without rows has no NaN.
    let masked = if x.dtype() == DType::F16 { -6e4 } else { -1e30 };
    let mask = sizes.iter().flat_map(|n| (0..s as u32).map(move |i| if i < *n { 0.0 } else { masked }));
    let filled = sizes.iter().map(|n| if *n > 0 { 1f64 } else { 0.0 });
    let tensor = |values: Vec<f64>, shape: &[usize]| -> Result<Tensor> {
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())?)
    };
    let elements = tensor(mask.collect(), &[b, 1, 1, s])?;
    let filled = tensor(filled.collect(), &[b, 1, 1, 1])?;
    Ok(Sets { x: padded, mask: Some(Mask { elements, filled }) })
}
