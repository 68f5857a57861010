mod config;
mod mode;
mod modulation;

use candle_core::Tensor;
use candle_geometric_graph::Relations;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
pub use config::RgatConvConfig;
pub use mode::{AttentionMechanism, AttentionMode};
use modulation::Cardinality;
pub use modulation::Modulation;

use super::attention::{Attention, check_edge_attr, check_numbers, check_slope};
use super::neighbours::check_nodes;
use super::relation_weights::{RelationWeights, check_relations};
use crate::{Error, Linear, Mode, Result, dropout, init};

const LAYER: &str = "RgatConv";

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
        let (o, hc, hd) = (c.out_channels, c.heads * c.out_channels, c.heads * c.dim);
        let glorot = |name: &str| vb.get_with_hints((hc, hd), name, init::glorot_uniform(&[hc, hd]));
        let names = if c.num_bases.is_some() { ["basis", "att"] } else { ["weight", ""] };
        let edge_terms =
            |d| -> Result<_> { Ok((Linear::glorot(d, hc, false, vb.pp("lin_edge"))?, glorot("e")?)) };
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
            bias: c.bias.then(|| vb.get_with_hints(c.width(), "bias", init::ZEROS)).transpose()?,
            cardinality: Cardinality::new(o, &vb)?,
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
        let alpha = self.config.attention_mechanism.weights(&scores, relations)?;
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
        self.config.attention_mode.scores(query, key, edge, self.config.negative_slope)
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
        let at_once = c.attention_mechanism == AttentionMechanism::AcrossRelation
            && !c.modulation.is_some_and(Modulation::weighs)
            && mode.dropout(c.dropout).is_none();
        let out = if at_once {
            ops::attend(scores, &values, pairs)?
        } else {
            let alpha = match alpha {
                Some(alpha) => alpha.clone(),
                None => c.attention_mechanism.weights(scores, relations)?,
            };
            let alpha = match c.modulation {
                Some(modulation) => modulation.weights(alpha, relations.edges())?,
                None => dropout(&alpha, c.dropout, mode)?,
            };
            ops::spmm(pairs, Some(&alpha), &values)?
        };
        let out = match c.modulation {
            Some(modulation) => self.cardinality.modulate(modulation, out, &values, relations)?,
            None => out,
        };
        match (c.concat, &self.bias) {
            (false, bias) => Ok(ops::mean_heads(&out, c.heads, bias.as_ref())?),
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
