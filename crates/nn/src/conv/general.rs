use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::attention::{HeadVectors, check_edge_features, check_numbers, destinations};
use super::neighbours::{sum_of_maps, times_sums};
use super::weights;
use crate::aggr::{Aggr, AggrKwargs, Aggregation};
use crate::config::{self, Channels};
use crate::nodes::unit_rows;
use crate::{Error, Linear, Mode, Nodes, Result};

const LAYER: &str = "GeneralConv";

/// The slope of the leaky ReLU on the scores.
const SLOPE: f64 = 0.2;

/// How the scores of [`GeneralConv`] are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneralAttention {
    /// The product of the message with a learnt vector.
    #[default]
    Additive,
    /// The product of the message with the message in the other direction, over √C.
    DotProduct,
}

/// The arguments of [`GeneralConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneralConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// C.
    pub out_channels: usize,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub in_edge_channels: Option<usize>,
    /// How messages are aggregated. Default the sum.
    #[serde(default = "sum")]
    pub aggr: Aggr,
    /// Whether the destinations' features are added by a linear map where they could be added as they are, too.
    /// Default false.
    #[serde(default)]
    pub skip_linear: bool,
    /// Whether a message is made of its source alone, or of its destination as well. Default true.
    #[serde(default = "config::yes")]
    pub directed_msg: bool,
    /// H, the number of heads, which are averaged. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether messages are weighted by attention. Default false.
    #[serde(default)]
    pub attention: bool,
    /// How scores are made. Default additive.
    #[serde(default)]
    pub attention_type: GeneralAttention,
    /// Whether the result of each node is divided by its Euclidean norm. Default false.
    #[serde(default)]
    pub l2_normalize: bool,
    /// Whether the linear maps have a bias. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

fn sum() -> Aggr {
    Aggr::Sum
}

impl GeneralConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            in_edge_channels: None,
            aggr: sum(),
            skip_linear: false,
            directed_msg: true,
            heads: 1,
            attention: false,
            attention_type: GeneralAttention::Additive,
            l2_normalize: false,
            bias: true,
        }
    }
}

/// The layer of a space of designs (You, Ying, Leskovec, *Design Space for Graph Neural Networks*, NeurIPS 2020).
///
/// For the edge e from j to i, with features f_e if there are any, in every head:
///
/// > m(e) = W_m x_j + b_m \[+ W_i x_i + b_i, unless `directed_msg`\] \[+ W_e f_e + b_e\]
/// >
/// > s(e) = LeakyReLU ⟨a, m(e)⟩, or with dot_product LeakyReLU(⟨m(e), m'(e)⟩ / √C), where m' has i and j exchanged
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i; 1 without `attention`
/// >
/// > x'_i = mean over the heads of aggr α(e) m(e), + W_s x_i + b_s
///
/// where W_s is the identity if I is C and there is no `skip_linear`, and with `l2_normalize` the result is x'_i / ‖x'_i‖.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result `[N_dst, C]`.
///
/// Parameters, as in PyTorch Geometric: `lin_msg` and, unless `directed_msg`, `lin_msg_i` with weight `[H·C, I_src]` and bias
/// `[H·C]`, `lin_self` (weight `[C, I_dst]`, bias), `lin_edge` (weight `[H·C, D]`, bias), `att_msg` `[1, H, C]`; with dot_product
/// the constant √C is stored as `scaler`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GeneralConv, GeneralConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let config = GeneralConvConfig { attention: true, heads: 2, ..GeneralConvConfig::new(5, 2) };
/// let conv = GeneralConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GeneralConv {
    config: GeneralConvConfig,
    aggregation: Aggregation,
    lin_msg: Linear,
    lin_msg_i: Option<Linear>,
    lin_self: Option<Linear>,
    lin_edge: Option<Linear>,
    scoring: Option<Scoring>,
}

#[derive(Debug, Clone)]
enum Scoring {
    Additive(HeadVectors),
    /// √C.
    DotProduct(Tensor),
}

impl GeneralConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &GeneralConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, 0.0)?;
        let (src, dst, o) = (c.in_channels.source(), c.in_channels.destination(), c.out_channels);
        let hc = c.heads * o;
        let dot = c.attention && c.attention_type == GeneralAttention::DotProduct;
        if src != dst && (dot || !c.directed_msg) {
            // The maps of messages are applied to the destinations as well.
            let expected = "one number of channels, because of directed_msg = false or the dot_product";
            return Err(Error::argument(LAYER, "in_channels", expected, format!("[{src}, {dst}]")));
        }
        let linear = |i, o, name| Linear::new(i, o, c.bias, vb.pp(name));
        let has_self = c.skip_linear || c.in_channels != Channels::One(o);
        let scoring = || -> Result<_> {
            Ok(match c.attention_type {
                GeneralAttention::Additive => {
                    Scoring::Additive(HeadVectors::new(LAYER, (c.heads, o), "att_msg", &vb)?)
                }
                GeneralAttention::DotProduct => {
                    let root = Init::Const((o as f64).sqrt());
                    Scoring::DotProduct(vb.get_with_hints((), "scaler", root)?.detach())
                }
            })
        };
        Ok(Self {
            aggregation: Aggregation::resolve(&c.aggr.into(), &AggrKwargs::default(), vb.pp("aggr_module"))?,
            lin_msg: linear(src, hc, "lin_msg")?,
            lin_msg_i: (!c.directed_msg).then(|| linear(src, hc, "lin_msg_i")).transpose()?,
            lin_self: has_self.then(|| linear(dst, o, "lin_self")).transpose()?,
            lin_edge: c.in_edge_channels.map(|d| linear(d, hc, "lin_edge")).transpose()?,
            scoring: c.attention.then(scoring).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GeneralConvConfig {
        &self.config
    }

    /// The new features of the destinations, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, the destinations have no features, or the layer has `in_edge_channels`.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_edges(x, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, edges, None, mode)
    }

    /// As [`forward_t`](Self::forward_t), with edge features `[E, D]` (or `[E]` where D is 1).
    ///
    /// # Errors
    /// If a shape does not fit, the destinations have no features, the layer has `in_edge_channels` and there is no
    /// `edge_attr`, or the reverse.
    pub fn forward_edges<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        let (x, c) = (x.into(), &self.config);
        x.check(LAYER, edges, c.in_channels.source(), c.in_channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let edge_attr = check_edge_features(LAYER, "in_edge_channels", c.in_edge_channels, edges, edge_attr)?;
        let dot = matches!(self.scoring, Some(Scoring::DotProduct(_)));
        let out = match self.aggregation {
            Aggregation::Reduce(Reduce::Sum | Reduce::Mean)
                if !dot || c.directed_msg && edge_attr.is_none() =>
            {
                self.weighted_sum(x, x_dst, edge_attr.as_ref(), edges)?
            }
            _ => self.by_messages(x, x_dst, edge_attr.as_ref(), edges)?,
        };
        let out = ops::mean_heads(&out, c.heads, None)?;
        let out = match &self.lin_self {
            Some(lin) => (out + lin.forward(x_dst)?)?,
            None => (out + x_dst)?,
        };
        if c.l2_normalize { unit_rows(&out) } else { Ok(out) }
    }

    /// The sum or the mean of the messages, `[N_dst, H·C]`, term by term: nothing of size E·H·C is made.
    fn weighted_sum(
        &self,
        x: Nodes,
        x_dst: &Tensor,
        edge_attr: Option<&Tensor>,
        edges: &EdgeIndex,
    ) -> Result<Tensor> {
        let h = self.lin_msg.forward(x.source())?;
        let own = self.lin_msg_i.as_ref().map(|lin| lin.forward(x_dst)).transpose()?;
        let edge = self.lin_edge.as_ref().zip(edge_attr);
        let scores = match &self.scoring {
            None => None,
            Some(Scoring::Additive(att)) => {
                let of_own = own.as_ref().map(|own| att.scores(own)).transpose()?;
                let of_edge = edge.map(|(lin, f)| att.scores_of(lin, f)).transpose()?;
                Some(ops::edge_sum(&att.scores(&h)?, of_own.as_ref(), of_edge.as_ref(), edges)?)
            }
            Some(Scoring::DotProduct(scaler)) => {
                let of_destinations = match x {
                    Nodes::One(_) => h.clone(),
                    Nodes::Pair(..) => self.lin_msg.forward(x_dst)?,
                };
                let products = ops::sddmm_heads(&h, &of_destinations, self.config.heads, edges)?;
                Some(products.broadcast_div(scaler)?)
            }
        };
        let alpha = scores.map(|scores| attention(&scores, edges)).transpose()?;
        let weights = match (alpha, &self.aggregation) {
            (alpha, Aggregation::Reduce(Reduce::Sum)) => alpha,
            (None, _) => Some(weights::mean(edges, &h)?.unsqueeze(1)?),
            (Some(alpha), _) => Some(alpha.broadcast_mul(&weights::mean(edges, &h)?.unsqueeze(1)?)?),
        };
        let mut out = ops::spmm(edges, weights.as_ref(), &h)?;
        if (own.is_none() && edge.is_none()) || edges.num_edges() == 0 {
            return Ok(out);
        }
        let ones = || Tensor::ones((edges.num_edges(), 1), h.dtype(), h.device());
        let weights = weights.map_or_else(ones, Ok)?;
        if let Some(own) = own {
            out = (out + times_sums(&weights, &own, edges)?)?;
        }
        if let Some((lin, f)) = edge {
            out = (out + sum_of_maps(&weights, f, lin.weight(), edges)?)?;
            if let Some(bias) = lin.bias() {
                let bias = bias.unsqueeze(0)?.broadcast_as(out.shape())?.contiguous()?;
                out = (out + times_sums(&weights, &bias, edges)?)?;
            }
        }
        Ok(out)
    }

    /// The aggregation of the messages in general.
    fn by_messages(
        &self,
        x: Nodes,
        x_dst: &Tensor,
        edge_attr: Option<&Tensor>,
        edges: &EdgeIndex,
    ) -> Result<Tensor> {
        let edge = self.lin_edge.as_ref().zip(edge_attr).map(|(lin, f)| lin.forward(f)).transpose()?;
        let own = |x: &Tensor| self.lin_msg_i.as_ref().map(|lin| lin.forward(x)).transpose();
        let h = self.lin_msg.forward(x.source())?;
        let mut m = ops::edge_sum(&h, own(x_dst)?.as_ref(), edge.as_ref(), edges)?;
        let by_head = (edges.num_edges(), self.config.heads, self.config.out_channels);
        let scores = match &self.scoring {
            None => None,
            Some(Scoring::Additive(att)) => Some(att.scores(&m)?),
            Some(Scoring::DotProduct(scaler)) => {
                // The message with both ends exchanged.
                let (reversed, h) = (edges.reversed(), self.lin_msg.forward(x_dst)?);
                let back = ops::edge_sum(&h, own(x.source())?.as_ref(), edge.as_ref(), &reversed)?;
                Some((&m * back)?.reshape(by_head)?.sum(2)?.broadcast_div(scaler)?)
            }
        };
        if let Some(scores) = scores {
            let alpha = attention(&scores, edges)?.unsqueeze(2)?;
            m = m.reshape(by_head)?.broadcast_mul(&alpha)?.reshape(m.shape())?;
        }
        self.aggregation.forward(&m, edges)
    }
}

fn attention(scores: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    Ok(ops::segment_softmax(&ops::leaky_relu(scores, SLOPE)?, edges)?)
}
