use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, Relations};
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::attention::{Attention, check_edge_attr, check_numbers, check_slope};
use super::neighbours::check_nodes;
use super::relation_weights::{RelationWeights, check_relations};
use crate::config;
use crate::{Error, Linear, Mode, Result, dropout, init};

const LAYER: &str = "RgatConv";

/// Over which in-edges of a node the weights of an [`RgatConv`] sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionMechanism {
    /// Those of one relation: every relation counts as much as any other.
    WithinRelation,
    /// All of them.
    #[default]
    AcrossRelation,
}

/// How an [`RgatConv`] scores an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionMode {
    /// LeakyReLU of the sum of query, key and edge.
    #[default]
    AdditiveSelfAttention,
    /// The product of query, key and edge.
    MultiplicativeSelfAttention,
}

/// What an [`RgatConv`] makes of its weights so that they also tell how many neighbours there are (Zhang and Xie,
/// *Improving Attention Mechanism in Graph Neural Networks via Cardinality Preservation*, IJCAI 2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modulation {
    /// Σ α v + w ⊙ Σ v.
    Additive,
    /// ψ(d) ⊙ Σ α v, with ψ(d) = ReLU(d l₁ + b₁) l₂ + b₂ of the in-degree d.
    Scaled,
    /// Σ (α + 1) v, over the edges whose α is above 0.
    FAdditive,
    /// d Σ α v.
    FScaled,
}

/// The arguments of [`RgatConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RgatConvConfig {
    /// I.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub out_channels: usize,
    /// R, the number of relations.
    pub num_relations: usize,
    /// The number of matrices of which those of the relations are sums; none if each has its own. Default none.
    #[serde(default)]
    pub num_bases: Option<usize>,
    /// The number of blocks along the diagonal of each matrix; none if matrices are full. Default none.
    #[serde(default)]
    pub num_blocks: Option<usize>,
    /// What is made of the weights. Default none.
    #[serde(default, rename = "mod")]
    pub modulation: Option<Modulation>,
    /// Over which edges weights sum to 1. Default all in-edges.
    #[serde(default)]
    pub attention_mechanism: AttentionMechanism,
    /// How edges are scored. Default by a sum.
    #[serde(default)]
    pub attention_mode: AttentionMode,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// D, the number of weights that each head has for an edge; more than 1 only where scores are products. Default 1.
    #[serde(default = "config::one")]
    pub dim: usize,
    /// Whether heads are concatenated or averaged. Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// The slope of the leaky ReLU. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training, without a `mod` only. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl RgatConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize, num_relations: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            num_relations,
            num_bases: None,
            num_blocks: None,
            modulation: None,
            attention_mechanism: AttentionMechanism::default(),
            attention_mode: AttentionMode::default(),
            heads: 1,
            dim: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            edge_dim: None,
            bias: true,
        }
    }
}

/// Relational graph attention (Busbridge, Sherburn, Cavallo, Hammerla, *Relational Graph Attention Networks*, 2019, eqs. 1 to
/// 8).
///
/// For every edge e from j to i of relation r, with g = x W_r, q = g Q, k = g K and, with edge features, t = (W_e f_e) E:
///
/// > s(e) = LeakyReLU(q_i + k_j + t), or q_i k_j t
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i, or those of relation r
/// >
/// > x'_i = Σ α(e) g_j + b
///
/// and with a `mod` as [`Modulation`] says. In PyTorch Geometric the l₂ of `mod = "scaled"` starts from whatever stands in
/// memory; here it starts from 1/C, as its source means it to.
///
/// Shapes: x `[N, I]`, edge_attr `[E, edge_dim]`, result `[N, H·D·C]`, or `[N, D·C]` where heads are averaged; α `[E, H·D]`.
/// Parameters `weight` `[R, I, H·C]`, or `basis` `[B, I, H·C]` and `att` `[R, B]` for B bases, or `weight` `[R, B, I/B, H·C/B]`
/// for B blocks; `q`, `k` `[H·C, H·D]`, `bias`, `lin_edge.weight` `[H·C, edge_dim]`, `e` `[H·C, H·D]`; `w` `[C]`, `l1`, `b1`, `b2`
/// `[1, C]`, `l2` `[C, C]`, which PyTorch Geometric saves without a `mod` too.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, Relations};
/// use candle_geometric_nn::{Mode, SeededVarMap, conv::{RgatConv, RgatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 0], 3)?;
/// let relations = Relations::new(&edges, &[0, 1, 1], 2)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = RgatConv::new(&RgatConvConfig { heads: 2, ..RgatConvConfig::new(5, 4, 2) }, vb)?;
/// let (out, attention) = conv.forward_with_attention(&x, &relations, None, Mode::Eval)?;
/// assert_eq!(out.dims(), [3, 8]);
/// assert_eq!(attention.alpha.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RgatConv {
    config: RgatConvConfig,
    weights: RelationWeights,
    /// `[H·C, H·D]`.
    q: Tensor,
    k: Tensor,
    edge: Option<(Linear, Tensor)>,
    bias: Option<Tensor>,
    cardinality: Cardinality,
}

/// The parameters of the `mod`s.
#[derive(Debug, Clone)]
struct Cardinality {
    w: Tensor,
    l1: Tensor,
    b1: Tensor,
    l2: Tensor,
    b2: Tensor,
}

impl RgatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or does not go with another, or `vb` has no such parameters.
    pub fn new(config: &RgatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        if c.dim == 0 || c.dim > 1 && c.attention_mode == AttentionMode::AdditiveSelfAttention {
            let expected = "1, or more with attention_mode = \"multiplicative-self-attention\"";
            return Err(Error::argument(LAYER, "dim", expected, c.dim.to_string()));
        }
        if c.dropout > 0.0 && c.modulation.is_some() {
            return Err(Error::argument(
                LAYER,
                "dropout",
                "0, because the layer has a mod",
                c.dropout.to_string(),
            ));
        }
        let (h, o, hc, hd) = (c.heads, c.out_channels, c.heads * c.out_channels, c.heads * c.dim);
        let glorot = |name: &str| vb.get_with_hints((hc, hd), name, init::glorot_uniform(&[hc, hd]));
        let names = if c.num_bases.is_some() { ["basis", "att"] } else { ["weight", ""] };
        let edge_terms =
            |d| -> Result<_> { Ok((Linear::glorot(d, hc, false, vb.pp("lin_edge"))?, glorot("e")?)) };
        let outputs = if c.concat { h * c.dim * o } else { c.dim * o };
        Ok(Self {
            weights: RelationWeights::new(
                LAYER,
                [c.num_relations, c.in_channels, hc],
                (c.num_bases, c.num_blocks),
                names,
                &vb,
            )?,
            q: glorot("q")?,
            k: glorot("k")?,
            edge: c.edge_dim.map(edge_terms).transpose()?,
            bias: c.bias.then(|| vb.get_with_hints(outputs, "bias", init::ZEROS)).transpose()?,
            cardinality: Cardinality {
                w: vb.get_with_hints(o, "w", init::ONES)?,
                l1: vb.get_with_hints((1, o), "l1", init::ONES)?,
                b1: vb.get_with_hints((1, o), "b1", init::ZEROS)?,
                l2: vb.get_with_hints((o, o), "l2", Init::Const(1.0 / o as f64))?,
                b2: vb.get_with_hints((1, o), "b2", init::ZEROS)?,
            },
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &RgatConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, the graph is bipartite, `relations` has another number of relations, or the layer has an
    /// `edge_dim`.
    pub fn forward(&self, x: &Tensor, relations: &Relations) -> Result<Tensor> {
        self.forward_edges(x, relations, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, relations: &Relations, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, relations, None, mode)
    }

    /// As [`forward_t`](Self::forward_t), with edge features `[E, D]` (or `[E]` where D is 1).
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if the layer has an `edge_dim` and there is no `edge_attr`, or the reverse.
    pub fn forward_edges(
        &self,
        x: &Tensor,
        relations: &Relations,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let values = self.values(x, relations)?;
        let scores = self.scores(&values, relations, edge_attr)?;
        self.combine(&values, &scores, None, relations, mode)
    }

    /// As [`forward_edges`](Self::forward_edges), with the weights α (before dropout and `mod`) and the edges they belong
    /// to, which are the caller's.
    ///
    /// # Errors
    /// As [`forward_edges`](Self::forward_edges).
    pub fn forward_with_attention(
        &self,
        x: &Tensor,
        relations: &Relations,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let values = self.values(x, relations)?;
        let scores = self.scores(&values, relations, edge_attr)?;
        let alpha = self.alpha(&scores, relations)?;
        let out = self.combine(&values, &scores, Some(&alpha), relations, mode)?;
        Ok((out, Attention { edges: relations.edges().clone(), alpha }))
    }

    /// g `[N·R, H·C]`.
    fn values(&self, x: &Tensor, relations: &Relations) -> Result<Tensor> {
        check_relations(LAYER, relations, self.config.num_relations)?;
        check_nodes(LAYER, x, self.config.in_channels, relations.edges())?;
        self.weights.by_pair(x)
    }

    /// s `[E, H·D]`.
    fn scores(&self, values: &Tensor, relations: &Relations, edge_attr: Option<&Tensor>) -> Result<Tensor> {
        let edge_attr = check_edge_attr(LAYER, self.config.edge_dim, relations.edges(), edge_attr)?;
        let pairs = relations.between_pairs()?;
        let query = ops::gather_dst(&ops::linear(values, &self.q.t()?, None)?, pairs)?;
        let key = ops::gather_src(&ops::linear(values, &self.k.t()?, None)?, pairs)?;
        let edge = match (&self.edge, edge_attr) {
            // (W_e f) E = (Eᵀ W_e) f: nothing of size E × H·C is made.
            (Some((lin, e)), Some(f)) => Some(ops::linear(&f, &e.t()?.matmul(lin.weight())?, None)?),
            _ => None,
        };
        let additive = self.config.attention_mode == AttentionMode::AdditiveSelfAttention;
        let of_ends = if additive { (query + key)? } else { (query * key)? };
        let scores = match edge {
            None => of_ends,
            Some(edge) if additive => (of_ends + edge)?,
            Some(edge) => (of_ends * edge)?,
        };
        Ok(if additive { ops::leaky_relu(&scores, self.config.negative_slope)? } else { scores })
    }

    /// α `[E, H·D]`.
    fn alpha(&self, scores: &Tensor, relations: &Relations) -> Result<Tensor> {
        Ok(match self.config.attention_mechanism {
            AttentionMechanism::AcrossRelation => ops::segment_softmax(scores, relations.edges())?,
            AttentionMechanism::WithinRelation => ops::segment_softmax(scores, relations.to_pairs()?)?,
        })
    }

    /// From values and scores to the result.
    fn combine(
        &self,
        values: &Tensor,
        scores: &Tensor,
        alpha: Option<&Tensor>,
        relations: &Relations,
        mode: Mode,
    ) -> Result<Tensor> {
        let c = &self.config;
        let (pairs, values) = (relations.from_pairs()?, self.for_each_weight(values)?);
        let (n, heads, columns) = (relations.edges().num_dst(), c.heads, c.heads * c.dim * c.out_channels);
        let weighs = matches!(c.modulation, Some(Modulation::FAdditive | Modulation::FScaled));
        let at_once = c.attention_mechanism == AttentionMechanism::AcrossRelation;
        let out = if at_once && !weighs && mode.dropout(c.dropout).is_none() {
            ops::attend(scores, &values, pairs)?
        } else {
            let alpha = match alpha {
                Some(alpha) => alpha.clone(),
                None => self.alpha(scores, relations)?,
            };
            let alpha = match c.modulation {
                Some(Modulation::FAdditive) => (&alpha + alpha.gt(0.0)?.to_dtype(alpha.dtype())?)?,
                Some(Modulation::FScaled) => {
                    let degree = degrees(relations.edges(), &alpha)?;
                    alpha.broadcast_mul(&ops::gather_dst(&degree, relations.edges())?)?
                }
                _ => dropout(&alpha, c.dropout, mode)?,
            };
            ops::spmm(pairs, Some(&alpha), &values)?
        };
        let out = match c.modulation {
            Some(Modulation::Additive) => {
                let sum = ops::spmm(pairs, None, &values)?.reshape((n, heads * c.dim, c.out_channels))?;
                (out + sum.broadcast_mul(&self.cardinality.w)?.reshape((n, columns))?)?
            }
            Some(Modulation::Scaled) => {
                let p = &self.cardinality;
                let degree = degrees(relations.edges(), &out)?;
                let hidden = ops::relu(&degree.matmul(&p.l1)?.broadcast_add(&p.b1)?)?;
                let factor = hidden.matmul(&p.l2)?.broadcast_add(&p.b2)?.unsqueeze(1)?;
                let by_head = out.reshape((n, heads * c.dim, c.out_channels))?;
                by_head.broadcast_mul(&factor)?.reshape((n, columns))?
            }
            _ => out,
        };
        match (c.concat, &self.bias) {
            (false, bias) => Ok(ops::mean_heads(&out, heads, bias.as_ref())?),
            (true, Some(bias)) => Ok(ops::bias_add(&out, bias)?),
            (true, None) => Ok(out),
        }
    }

    /// The channels of every head D times, once for each of its weights: `[N·R, H·C] → [N·R, H·D·C]`.
    fn for_each_weight(&self, values: &Tensor) -> Result<Tensor> {
        let (h, d, o) = (self.config.heads, self.config.dim, self.config.out_channels);
        if d == 1 {
            return Ok(values.clone());
        }
        let rows = values.dim(0)?;
        let repeated = values.reshape((rows, h, 1, o))?.broadcast_as((rows, h, d, o))?;
        Ok(repeated.contiguous()?.reshape((rows, h * d * o))?)
    }
}

/// The in-degrees `[N, 1]`.
fn degrees(edges: &EdgeIndex, like: &Tensor) -> Result<Tensor> {
    let ones = Tensor::ones((edges.num_edges(), 1), like.dtype(), like.device())?;
    Ok(ops::scatter(&ones, edges, Reduce::Sum)?)
}
