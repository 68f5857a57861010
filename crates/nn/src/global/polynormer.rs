use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::{VarBuilder, ops::log_softmax};
use serde::{Deserialize, Serialize};

use super::{PolynormerAttention, PolynormerAttentionConfig, check, check_heads};
use crate::conv::{GatConv, GatConvConfig, GcnConv, GcnConvConfig};
use crate::norm::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig};
use crate::{Error, Linear, Mode, Result, config, dropout};

const LAYER: &str = "Polynormer";

/// The arguments of [`Polynormer`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolynormerConfig {
    /// I.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub hidden_channels: usize,
    /// O.
    pub out_channels: usize,
    /// The number of local layers, at least 1. Default 7.
    #[serde(default = "seven")]
    pub local_layers: usize,
    /// The number of global attentions. Default 2.
    #[serde(default = "two")]
    pub global_layers: usize,
    /// The probability with which an input is dropped in training. Default 0.15.
    #[serde(default = "in_dropout")]
    pub in_dropout: f64,
    /// The probability with which a number is dropped after each local layer in training. Default 0.5.
    #[serde(default = "config::half")]
    pub dropout: f64,
    /// The probability with which a number is dropped after each global attention in training. Default 0.5.
    #[serde(default = "config::half")]
    pub global_dropout: f64,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// β. Default 0.9.
    #[serde(default = "config::beta")]
    pub beta: f64,
    /// Whether queries of the global attentions are their keys. Default false.
    #[serde(default)]
    pub qk_shared: bool,
    /// Whether local layers normalise what comes in. Default false.
    #[serde(default)]
    pub pre_ln: bool,
    /// Whether local layers normalise what the convolution gives. Default true.
    #[serde(default = "config::yes")]
    pub post_bn: bool,
    /// Whether the convolution is a [`GatConv`] instead of a [`GcnConv`]. Default false.
    #[serde(default)]
    pub local_attn: bool,
}

const fn seven() -> usize {
    7
}

const fn two() -> usize {
    2
}

const fn in_dropout() -> f64 {
    0.15
}

impl PolynormerConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, hidden_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            hidden_channels,
            out_channels,
            local_layers: seven(),
            global_layers: two(),
            in_dropout: in_dropout(),
            dropout: 0.5,
            global_dropout: 0.5,
            heads: 1,
            beta: config::beta(),
            qk_shared: false,
            pre_ln: false,
            post_bn: true,
            local_attn: false,
        }
    }
}

/// A model whose output is a polynomial of the features (Deng, Yue, Zhang, *Polynormer: Polynomial-Expressive Graph
/// Transformer in Linear Time*, ICLR 2024, section 3).
///
/// Local layers, whose results are summed up to s:
///
/// > z = ReLU(BN(Conv(x) + W x + b)), x' = (1 − β) LN(ReLU(W_h x + b_h) ⊙ z) + β z
/// >
/// > y = log softmax(W_l s + b_l), or with global attention log softmax(W_g Attention(… LN(s)) + b_g)
///
/// The paper trains the local layers first, alone: whether the global attention takes part is
/// [`set_global`](Self::set_global), at first false (`_global` in PyTorch Geometric). As there, its attentions take C
/// channels where H·C come, so it needs one head.
///
/// Shapes: x `[N, I]`, result `[N, O]`. Parameters `h_lins.i`, `local_convs.i`, `lins.i`, `lns.i`, `pre_lns.i`,
/// `post_bns.i` (with running statistics), `lin_in` (which PyTorch Geometric has and does not use), `ln`,
/// `global_attn.i.…`, `pred_local`, `pred_global`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, global::{Polynormer, PolynormerConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let mut model = Polynormer::new(&PolynormerConfig::new(6, 8, 3), vb)?;
/// model.set_global(true)?;
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward(&x, &edges, None)?.dims(), [3, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Polynormer {
    config: PolynormerConfig,
    global: bool,
    local: Vec<Local>,
    ln: LayerNorm,
    global_attn: Vec<PolynormerAttention>,
    pred_local: Linear,
    pred_global: Linear,
}

#[derive(Debug, Clone)]
struct Local {
    pre_ln: Option<LayerNorm>,
    h_lin: Linear,
    conv: Conv,
    lin: Linear,
    post_bn: Option<BatchNorm>,
    ln: LayerNorm,
}

#[derive(Debug, Clone)]
enum Conv {
    Gat(Box<GatConv>),
    Gcn(GcnConv),
}

impl Polynormer {
    /// A model with the parameters that `vb` gives, without global attention at first.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &PolynormerConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let inner = c.heads.saturating_mul(c.hidden_channels);
        for (argument, p) in
            [("in_dropout", c.in_dropout), ("dropout", c.dropout), ("global_dropout", c.global_dropout)]
        {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::argument(LAYER, argument, "a probability in [0, 1]", p.to_string()));
            }
        }
        check_heads(LAYER, "heads", inner, c.heads, 0.0)?;
        if c.local_layers == 0 {
            return Err(Error::argument(LAYER, "local_layers", "at least 1", "0"));
        }
        // PyTorch Geometric saves it: without it a file would not fit.
        let _ = Linear::new(c.in_channels, inner, true, vb.pp("lin_in"))?;
        let attention = PolynormerAttentionConfig {
            head_channels: c.hidden_channels,
            beta: c.beta,
            qk_shared: c.qk_shared,
            dropout: c.global_dropout,
            ..PolynormerAttentionConfig::new(c.hidden_channels, c.heads)
        };
        let attention = |k| PolynormerAttention::new(&attention, vb.pp("global_attn").pp(k));
        Ok(Self {
            global: false,
            local: (0..c.local_layers).map(|k| Local::new(&c, k, &vb)).collect::<Result<_>>()?,
            ln: LayerNorm::new(&LayerNormConfig::by_node(inner), vb.pp("ln"))?,
            global_attn: (0..c.global_layers).map(attention).collect::<Result<_>>()?,
            pred_local: Linear::new(inner, c.out_channels, true, vb.pp("pred_local"))?,
            pred_global: Linear::new(inner, c.out_channels, true, vb.pp("pred_global"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &PolynormerConfig {
        &self.config
    }

    /// Whether the global attention takes part.
    ///
    /// # Errors
    /// If it should and the model has more than one head.
    pub fn set_global(&mut self, global: bool) -> Result<()> {
        if global && self.config.heads != 1 && !self.global_attn.is_empty() {
            let expected = "1, because the global attentions take hidden_channels";
            return Err(Error::argument(LAYER, "heads", expected, self.config.heads.to_string()));
        }
        self.global = global;
        Ok(())
    }

    /// The logarithms of the probabilities of each node's classes, in inference.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        self.forward_t(x, edges, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout and the statistics of the batch in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Tensor> {
        let batch = check(LAYER, x, self.config.in_channels, batch)?;
        let mut x = dropout(x, self.config.in_dropout, mode)?;
        let mut sum: Option<Tensor> = None;
        for layer in &self.local {
            x = layer.forward(&x, edges, &self.config, mode)?;
            sum = Some(match sum {
                Some(sum) => (sum + &x)?,
                None => x.clone(),
            });
        }
        let sum = sum.unwrap_or(x);
        let out = if self.global {
            let mut x = self.ln.forward(&sum, None)?;
            for attention in &self.global_attn {
                x = attention.forward_t(&x, Some(&batch), mode)?;
            }
            self.pred_global.forward(&x)?
        } else {
            self.pred_local.forward(&sum)?
        };
        Ok(log_softmax(&out, D::Minus1)?)
    }
}

impl Local {
    fn new(c: &PolynormerConfig, k: usize, vb: &VarBuilder) -> Result<Self> {
        let inner = c.heads * c.hidden_channels;
        let inputs = if k == 0 { c.in_channels } else { inner };
        let at = |name: &str| vb.pp(name).pp(k);
        let layer_norm = |channels, name| LayerNorm::new(&LayerNormConfig::by_node(channels), at(name));
        let batch_norm = || BatchNorm::bare(&BatchNormConfig::new(inner), at("post_bns"));
        let conv = at("local_convs");
        let conv = if c.local_attn {
            let config = GatConvConfig {
                heads: c.heads,
                add_self_loops: false,
                bias: false,
                ..GatConvConfig::new(inputs, c.hidden_channels)
            };
            Conv::Gat(Box::new(GatConv::new(&config, conv)?))
        } else {
            Conv::Gcn(GcnConv::new(&GcnConvConfig::new(inputs, inner), conv)?)
        };
        Ok(Self {
            pre_ln: c.pre_ln.then(|| layer_norm(inputs, "pre_lns")).transpose()?,
            h_lin: Linear::new(inputs, inner, true, at("h_lins"))?,
            conv,
            lin: Linear::new(inputs, inner, true, at("lins"))?,
            post_bn: c.post_bn.then(batch_norm).transpose()?,
            ln: layer_norm(inner, "lns")?,
        })
    }

    fn forward(&self, x: &Tensor, edges: &EdgeIndex, c: &PolynormerConfig, mode: Mode) -> Result<Tensor> {
        let x = &self.pre_ln.as_ref().map_or_else(|| Ok(x.clone()), |ln| ln.forward(x, None))?;
        let h = ops::relu(&self.h_lin.forward(x)?)?;
        let convolved = match &self.conv {
            Conv::Gat(conv) => conv.forward_t(x, edges, mode)?,
            Conv::Gcn(conv) => conv.forward_t(x, edges, mode)?,
        };
        let mut z = (convolved + self.lin.forward(x)?)?;
        if let Some(bn) = &self.post_bn {
            z = bn.forward_t(&z, mode)?;
        }
        let z = dropout(&ops::relu(&z)?, c.dropout, mode)?;
        let product = self.ln.forward(&(h * &z)?, None)?;
        Ok(((product * (1.0 - c.beta))? + (z * c.beta)?)?)
    }
}
