use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::kernel::sums;
use super::{check, check_heads};
use crate::{Activation, Error, Linear, Mode, Result, config, dropout};

const LAYER: &str = "PerformerAttention";
/// What is added to every feature, so that no sum of them is 0.
const EPSILON: f64 = 0.001;

/// The arguments of [`PerformerAttention`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerformerAttentionConfig {
    /// C.
    pub channels: usize,
    /// H, the number of heads, which divides C.
    pub heads: usize,
    /// D, the channels of each head, at least 2; none is C / H. Default 64.
    #[serde(default = "config::head_channels")]
    pub head_channels: Option<usize>,
    /// φ, an activation that is not negative. Default relu.
    #[serde(default = "config::relu")]
    pub kernel: String,
    /// Whether query, key and value have a bias. Default false.
    #[serde(default)]
    pub qkv_bias: bool,
    /// Whether the result has a bias. Default true.
    #[serde(default = "config::yes")]
    pub attn_out_bias: bool,
    /// The probability with which a number of the result is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

impl PerformerAttentionConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize, heads: usize) -> Self {
        Self {
            channels,
            heads,
            head_channels: config::head_channels(),
            kernel: config::relu(),
            qkv_bias: false,
            attn_out_bias: true,
            dropout: 0.0,
        }
    }
}

/// Attention in linear time by random features (Choromanski et al., *Rethinking Attention with Performers*, ICLR 2021,
/// eq. 4 and section 2.2, with the generalised kernel of section 4.1).
///
/// > y_i = W_o \[‖_h Σ_j ⟨q'_i, k'_j⟩ v_j / Σ_j ⟨q'_i, k'_j⟩\] + b_o, x' = φ(P x) + 0.001
///
/// over the nodes j of the graph of i, with a random matrix P of ⌊D ln D⌋ rows, orthonormal in blocks of D.
///
/// Shapes: x `[N, C]`, result `[N, C]`. Parameters `q`, `k`, `v` {weight `[H·D, C]`, bias}, `attn_out` {weight
/// `[C, H·D]`, bias} and the constant `fast_attn.projection_matrix` `[⌊D ln D⌋, D]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{SeededVarMap, global::{PerformerAttention, PerformerAttentionConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let attention = PerformerAttention::new(&PerformerAttentionConfig::new(6, 2), vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(attention.forward(&x, None)?.dims(), [3, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PerformerAttention {
    config: PerformerAttentionConfig,
    kernel: Activation,
    /// P, in the very tensor that `vb` gave.
    projection: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    attn_out: Linear,
}

impl PerformerAttention {
    /// A layer with the parameters that `vb` gives. Where it has no projection matrix yet, one is drawn.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &PerformerAttentionConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_heads(LAYER, "heads", c.channels, c.heads, c.dropout)?;
        let d = c.head_channels.unwrap_or(c.channels / c.heads);
        let inner = d.saturating_mul(c.heads);
        let rows = (d as f64 * (d as f64).ln()) as usize;
        if rows == 0 {
            return Err(Error::argument(LAYER, "head_channels", "at least 2", d.to_string()));
        }
        let fast = vb.pp("fast_attn");
        let drawn = !fast.contains_tensor("projection_matrix");
        let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
        let projection = fast.get_with_hints((rows, d), "projection_matrix", normal)?.detach();
        let lin = |name| Linear::new(c.channels, inner, c.qkv_bias, vb.pp(name));
        let layer = Self {
            kernel: c.kernel.parse()?,
            q: lin("q")?,
            k: lin("k")?,
            v: lin("v")?,
            attn_out: Linear::new(inner, c.channels, c.attn_out_bias, vb.pp("attn_out"))?,
            projection,
            config: c,
        };
        if drawn {
            let normal = layer.projection.to_dtype(DType::F64)?.to_vec2()?;
            layer.set_projection(normal)?;
        }
        Ok(layer)
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &PerformerAttentionConfig {
        &self.config
    }

    /// Draws another projection matrix, as the paper does from time to time in training.
    ///
    /// # Errors
    /// Those of Candle.
    pub fn redraw_projection_matrix(&self, stream: Stream) -> Result<()> {
        let (rows, d) = self.projection.dims2()?;
        let normal = |r: usize| (0..d).map(|c| stream.normal((r * d + c) as u64)).collect();
        self.set_projection((0..rows).map(normal).collect())
    }

    /// Makes rows orthonormal in blocks of D, by the method of Gram and Schmidt, and takes them as P.
    fn set_projection(&self, mut rows: Vec<Vec<f64>>) -> Result<()> {
        let (count, d) = self.projection.dims2()?;
        for block in rows.chunks_mut(d) {
            for r in 0..block.len() {
                let (before, row) = block.split_at_mut(r);
                let row = &mut row[0];
                // Twice, for the digits that the first subtraction leaves.
                for earlier in before.iter().chain(before.iter()) {
                    let along: f64 = row.iter().zip(earlier).map(|(a, b)| a * b).sum();
                    row.iter_mut().zip(earlier).for_each(|(a, b)| *a -= along * b);
                }
                let norm = row.iter().map(|a| a * a).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
                row.iter_mut().for_each(|a| *a /= norm);
            }
        }
        let rows = Tensor::from_vec(rows.concat(), (count, d), self.projection.device())?;
        Ok(self.projection.slice_set(&rows.to_dtype(self.projection.dtype())?, 0, 0)?)
    }

    /// The new features of the nodes, in inference.
    ///
    /// # Errors
    /// If `x` is not `[N, C]`, or `batch` has not one entry per row.
    pub fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        self.forward_t(x, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout of the result in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, batch: Option<&EdgeIndex>, mode: Mode) -> Result<Tensor> {
        let batch = check(LAYER, x, self.config.channels, batch)?;
        let (q, k) = (self.features(&self.q.forward(x)?)?, self.features(&self.k.forward(x)?)?);
        let v = self.v.forward(x)?;
        let (sum, norm) = sums((&q, &k, &v), self.config.heads, &batch)?;
        let out = sum.broadcast_div(&norm)?.reshape(v.shape())?;
        dropout(&self.attn_out.forward(&out)?, self.config.dropout, mode)
    }

    /// φ(P x) + ε of each head: `[N, H·D] → [N, H·M]`.
    fn features(&self, x: &Tensor) -> Result<Tensor> {
        let (n, (rows, d)) = (x.dim(0)?, self.projection.dims2()?);
        let heads = self.config.heads;
        let projected = ops::linear(&x.reshape((n * heads, d))?, &self.projection, None)?;
        Ok((self.kernel.forward(&projected)? + EPSILON)?.reshape((n, heads * rows))?)
    }
}
