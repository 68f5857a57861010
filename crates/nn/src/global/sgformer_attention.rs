use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::kernel::sums;
use super::{check, check_heads};
use crate::{Linear, Result, config};

const LAYER: &str = "SgFormerAttention";
/// What queries and keys that are exactly 0 are taken for, so that all have a direction.
const EPSILON: f64 = 1e-6;

/// The arguments of [`SgFormerAttention`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgFormerAttentionConfig {
    /// C.
    pub channels: usize,
    /// H, the number of heads, which divides C. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// D, the channels of each head; none is C / H. Default 64.
    #[serde(default = "config::head_channels")]
    pub head_channels: Option<usize>,
    /// Whether query, key and value have a bias. Default false.
    #[serde(default)]
    pub qkv_bias: bool,
}

impl SgFormerAttentionConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize) -> Self {
        Self { channels, heads: 1, head_channels: config::head_channels(), qkv_bias: false }
    }
}

/// Attention in linear time, without a softmax (Wu et al., *SGFormer: Simplifying and Empowering Transformers for
/// Large-Graph Representations*, NeurIPS 2023, eq. 3 and 4).
///
/// > y_i = mean over heads of (Σ_j ⟨q̂_i, k̂_j⟩ v_j + n v_i) / (Σ_j ⟨q̂_i, k̂_j⟩ + n), x̂ = x / ‖x‖
///
/// over the n nodes j of the graph of i.
///
/// Shapes: x `[N, C]`, result `[N, D]`. Parameters `q`, `k`, `v` {weight `[H·D, C]`, bias}.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{SeededVarMap, global::{SgFormerAttention, SgFormerAttentionConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let attention = SgFormerAttention::new(&SgFormerAttentionConfig::new(6), vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(attention.forward(&x, None)?.dims(), [3, 64]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SgFormerAttention {
    config: SgFormerAttentionConfig,
    q: Linear,
    k: Linear,
    v: Linear,
}

impl SgFormerAttention {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &SgFormerAttentionConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_heads(LAYER, "heads", c.channels, c.heads, 0.0)?;
        let d = c.head_channels.unwrap_or(c.channels / c.heads);
        if d == 0 {
            return Err(crate::Error::argument(LAYER, "head_channels", "at least 1", "0"));
        }
        let lin = |name| Linear::new(c.channels, d.saturating_mul(c.heads), c.qkv_bias, vb.pp(name));
        Ok(Self { q: lin("q")?, k: lin("k")?, v: lin("v")?, config: c })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &SgFormerAttentionConfig {
        &self.config
    }

    /// The new features of the nodes.
    ///
    /// # Errors
    /// If `x` is not `[N, C]`, or `batch` has not one entry per row.
    pub fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        let batch = check(LAYER, x, self.config.channels, batch)?;
        let (n, heads) = (x.dim(0)?, self.config.heads);
        let v = self.v.forward(x)?;
        let (q, k) = (self.direction(&self.q.forward(x)?)?, self.direction(&self.k.forward(x)?)?);
        let (sum, norm) = sums((&q, &k, &v), heads, &batch)?;
        // n for each node.
        let sizes: Vec<f64> = batch.in_degrees().into_iter().map(f64::from).collect();
        let sizes = Tensor::from_vec(sizes, batch.num_dst(), x.device())?.to_dtype(x.dtype())?;
        let sizes = ops::gather_dst(&sizes, &batch)?.reshape((n, 1, 1))?;
        let own = v.reshape(sum.shape())?.broadcast_mul(&sizes)?;
        // The bound is for keys that all point away from the query.
        let norm = norm.broadcast_add(&sizes)?.maximum(1e-12)?;
        let out = (sum + own)?.broadcast_div(&norm)?;
        Ok(if heads == 1 { out.squeeze(1)? } else { out.mean(1)? })
    }

    /// x / ‖x‖ of each head: `[N, H·D] → [N, H·D]`.
    fn direction(&self, x: &Tensor) -> Result<Tensor> {
        let (n, columns) = x.dims2()?;
        let heads = self.config.heads;
        let tiny = (x.ones_like()? * EPSILON)?;
        let x = x.eq(0.0)?.where_cond(&tiny, x)?.reshape((n * heads, columns / heads))?;
        let norm = x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
        Ok(x.broadcast_div(&norm)?.reshape((n, columns))?)
    }
}
