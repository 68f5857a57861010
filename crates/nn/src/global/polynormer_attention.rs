use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::kernel::sums;
use super::{check, check_heads};
use crate::norm::{LayerNorm, LayerNormConfig};
use crate::{Error, Linear, Mode, Result, config, dropout};

const LAYER: &str = "PolynormerAttention";

/// The arguments of [`PolynormerAttention`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynormerAttentionConfig {
    /// C.
    pub channels: usize,
    /// H, the number of heads.
    pub heads: usize,
    /// D, the channels of each head. Default 64.
    #[serde(default = "head_channels")]
    pub head_channels: usize,
    /// β. Default 0.9.
    #[serde(default = "config::beta")]
    pub beta: f64,
    /// Whether query, key and value have a bias. Default false.
    #[serde(default)]
    pub qkv_bias: bool,
    /// Whether queries are the keys. Default true.
    #[serde(default = "config::yes")]
    pub qk_shared: bool,
    /// The probability with which a number of the result is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

const fn head_channels() -> usize {
    64
}

impl PolynormerAttentionConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize, heads: usize) -> Self {
        Self {
            channels,
            heads,
            head_channels: head_channels(),
            beta: config::beta(),
            qkv_bias: false,
            qk_shared: true,
            dropout: 0.0,
        }
    }
}

/// Attention in linear time, multiplied by a map of the node (Deng, Yue, Zhang, *Polynormer: Polynomial-Expressive Graph
/// Transformer in Linear Time*, ICLR 2024, eq. 7 and section 3.3).
///
/// > a_i = Σ_j ⟨q_i, k_j⟩ v_j / (Σ_j ⟨q_i, k_j⟩ + 10⁻⁶), q = σ(W_q x), k = σ(W_k x), v = W_v x
/// >
/// > y_i = ReLU(W_o (LN(a_i) ⊙ (W_h x_i + b_h + β)) + b_o)
///
/// over the nodes j of the graph of i, for each head. Channel d of head h is column d·H + h, as in PyTorch Geometric.
///
/// Shapes: x `[N, C]`, result `[N, D·H]`. Parameters `h_lins` {weight `[D·H, C]`, bias}, `q` (where it is not shared),
/// `k`, `v` {weight `[D·H, C]`, bias}, `lns` {weight, bias}, `lin_out` {weight `[D·H, D·H]`, bias}.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{SeededVarMap, global::{PolynormerAttention, PolynormerAttentionConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let attention = PolynormerAttention::new(&PolynormerAttentionConfig::new(6, 2), vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(attention.forward(&x, None)?.dims(), [3, 128]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PolynormerAttention {
    config: PolynormerAttentionConfig,
    h_lins: Linear,
    /// None where it is the key.
    q: Option<Linear>,
    k: Linear,
    v: Linear,
    lns: LayerNorm,
    lin_out: Linear,
}

impl PolynormerAttention {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &PolynormerAttentionConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let inner = c.heads.saturating_mul(c.head_channels);
        check_heads(LAYER, "heads", inner, c.heads, c.dropout)?;
        if !c.beta.is_finite() {
            return Err(Error::argument(LAYER, "beta", "a finite number", c.beta.to_string()));
        }
        let lin = |name, bias| Linear::new(c.channels, inner, bias, vb.pp(name));
        Ok(Self {
            h_lins: lin("h_lins", true)?,
            q: (!c.qk_shared).then(|| lin("q", c.qkv_bias)).transpose()?,
            k: lin("k", c.qkv_bias)?,
            v: lin("v", c.qkv_bias)?,
            lns: LayerNorm::new(&LayerNormConfig::by_node(inner), vb.pp("lns"))?,
            lin_out: Linear::new(inner, inner, true, vb.pp("lin_out"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &PolynormerAttentionConfig {
        &self.config
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
        let k = ops::sigmoid(&self.head_major(&self.k.forward(x)?)?)?;
        let q = match &self.q {
            Some(q) => ops::sigmoid(&self.head_major(&q.forward(x)?)?)?,
            None => k.clone(),
        };
        let v = self.head_major(&self.v.forward(x)?)?;
        let (sum, norm) = sums((&q, &k, &v), self.config.heads, &batch)?;
        let attended = sum.broadcast_div(&(norm + 1e-6)?)?.transpose(1, 2)?.contiguous()?;
        let normed = self.lns.forward(&attended.reshape(v.shape())?, None)?;
        let h = (self.h_lins.forward(x)? + self.config.beta)?;
        let out = ops::relu(&self.lin_out.forward(&(normed * h)?)?)?;
        dropout(&out, self.config.dropout, mode)
    }

    /// `[N, D·H] → [N, H·D]`.
    fn head_major(&self, x: &Tensor) -> Result<Tensor> {
        let (n, columns) = x.dims2()?;
        let PolynormerAttentionConfig { heads, head_channels, .. } = self.config;
        let x = x.reshape((n, head_channels, heads))?.transpose(1, 2)?.contiguous()?;
        Ok(x.reshape((n, columns))?)
    }
}
