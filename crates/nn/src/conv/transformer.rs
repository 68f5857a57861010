use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Extras, Linked};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, check_edge_attr, check_numbers, destinations};
use super::edge_mask::{check_edge_mask, masked_sum};
use super::neighbours::edge_rows;
use crate::config::{self, Channels};
use crate::{Linear, Mode, Nodes, Result};

const LAYER: &str = "TransformerConv";

/// The arguments of [`TransformerConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// C, the channels of each head.
    pub out_channels: usize,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether heads are concatenated (H·C outputs) or averaged (C outputs). Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// Whether a gate mixes what the neighbours say with the node's own features, instead of a sum. Without effect
    /// where `root_weight` is false. Default false.
    #[serde(default)]
    pub beta: bool,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// Whether the linear maps of nodes have a bias. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
    /// Whether a linear map of the destinations' features is added. Default true.
    #[serde(default = "config::yes")]
    pub root_weight: bool,
}

impl TransformerConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            heads: 1,
            concat: true,
            beta: false,
            dropout: 0.0,
            edge_dim: None,
            bias: true,
            root_weight: true,
        }
    }
}

/// The graph transformer: attention by dot products (Shi, Huang, Feng, Zhong, Wang, Sun, *Masked Label Prediction:
/// Unified Message Passing Model for Semi-Supervised Classification*, IJCAI 2021, eqs. 3 to 5).
///
/// For every edge e from j to i and every head, with q = W_q x + b_q, k = W_k x + b_k, v = W_v x + b_v:
///
/// > s(e) = ⟨q_i, k_j + W_e f_e⟩ / √C
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i
/// >
/// > m_i = Σ α(e) (v_j + W_e f_e)
/// >
/// > x'_i = m_i + r_i, with r_i = W_s x_i + b_s where the layer has a `root_weight`, else 0
///
/// and with `beta` instead x'_i = β_i r_i + (1 − β_i) m_i, where β_i = sigmoid ⟨w, \[m_i ‖ r_i ‖ m_i − r_i\]⟩. Self-loops
/// are not added. A node without in-edges has m_i = 0.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result
/// `[N_dst, H·C]`, or `[N_dst, C]` where heads are averaged (m is).
///
/// Parameters, as in PyTorch Geometric: `lin_key`, `lin_value` (source) and `lin_query` (destination) with weight
/// `[H·C, I]` and bias `[H·C]`, `lin_edge.weight` `[H·C, D]`, `lin_skip` with weight `[O, I_dst]` and bias `[O]` for O
/// outputs, `lin_beta.weight` `[1, 3·O]` with `beta`. There is a `lin_skip` without `root_weight` too, as there is in
/// PyTorch Geometric's `state_dict`; it is then not used.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{Mode, SeededVarMap, conv::{TransformerConv, TransformerConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let bonds = Tensor::new(&[1f32, 2., 1.], &Device::Cpu)?;
/// let config = TransformerConvConfig { heads: 2, beta: true, edge_dim: Some(1), ..TransformerConvConfig::new(5, 4) };
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = TransformerConv::new(&config, vb)?;
/// let (out, attention) = conv.forward_with_attention(&x, &edges, Some(&bonds), Mode::Eval)?;
/// assert_eq!(out.dims(), [3, 8]);
/// assert_eq!(attention.alpha.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TransformerConv {
    config: TransformerConvConfig,
    lin_key: Linear,
    lin_query: Linear,
    lin_value: Linear,
    lin_skip: Linear,
    lin_edge: Option<Linear>,
    lin_beta: Option<Linear>,
}

/// What the attention is computed from, and what comes after it.
struct Terms {
    query: Linked,
    key: Linked,
    value: Linked,
    edge: Option<Tensor>,
    /// r, `[N_dst, O]`.
    skip: Option<Linked>,
}

impl TransformerConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &TransformerConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        let (src, dst) = (c.in_channels.source(), c.in_channels.destination());
        let hc = c.heads * c.out_channels;
        let outputs = if c.concat { hc } else { c.out_channels };
        let edge_map = |d| Linear::new(d, hc, false, vb.pp("lin_edge"));
        let gate = || Linear::new(outputs.saturating_mul(3), 1, false, vb.pp("lin_beta"));
        Ok(Self {
            lin_key: Linear::new(src, hc, c.bias, vb.pp("lin_key"))?,
            lin_query: Linear::new(dst, hc, c.bias, vb.pp("lin_query"))?,
            lin_value: Linear::new(src, hc, c.bias, vb.pp("lin_value"))?,
            lin_skip: Linear::new(dst, outputs, c.bias, vb.pp("lin_skip"))?,
            lin_edge: c.edge_dim.map(edge_map).transpose()?,
            lin_beta: (c.beta && c.root_weight).then(gate).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &TransformerConvConfig {
        &self.config
    }

    /// The new features of the destinations, in inference, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, the destinations have no features, or the layer has an `edge_dim`.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_edges(x, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, edges, None, mode)
    }

    /// As [`forward_t`](Self::forward_t), with edge features `[E, D]` (or `[E]` where D is 1).
    ///
    /// # Errors
    /// If a shape does not fit, the layer has an `edge_dim` and there is no `edge_attr`, or the reverse.
    pub fn forward_edges<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        self.attend(&self.terms(x.into(), edges, edge_attr)?, edges, mode)
    }

    /// As [`forward_edges`](Self::forward_edges), with the weights α (before dropout) and the edges they belong to,
    /// which are the caller's.
    ///
    /// # Errors
    /// As [`forward_edges`](Self::forward_edges).
    pub fn forward_with_attention<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let t = self.terms(x.into(), edges, edge_attr)?;
        let alpha = self.alpha(&t, edges)?;
        let out = self.attend(&t, edges, mode)?;
        Ok((out, Attention { edges: edges.clone(), alpha }))
    }

    /// The layer in inference, with the message of every edge multiplied by its entry of `edge_mask` `[E]` after
    /// the softmax: what explanations learn, or take the gradient by.
    ///
    /// # Errors
    /// As [`forward_edges`](Self::forward_edges), and if `edge_mask` is not `[E]`.
    pub fn forward_masked<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        check_edge_mask(LAYER, edges, edge_mask)?;
        let t = self.terms(x.into(), edges, edge_attr)?;
        let alpha = self.alpha(&t, edges)?;
        let mut out = masked_sum(edges, &alpha, edge_mask, &t.value)?;
        if let Some(edge) = &t.edge {
            out = (out + masked_sum(&edge_rows(edges)?, &alpha, edge_mask, edge)?)?;
        }
        self.finish(out, t.skip.as_ref())
    }

    fn alpha(&self, t: &Terms, edges: &EdgeIndex) -> Result<Tensor> {
        let heads = self.config.heads;
        Ok(ops::dot_product_attention_weights(&t.query, &t.key, t.edge.as_ref(), heads, edges)?)
    }

    fn terms(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>) -> Result<Terms> {
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let edge_attr = check_edge_attr(LAYER, self.config.edge_dim, edges, edge_attr)?;
        let edge = match (&self.lin_edge, edge_attr) {
            (Some(lin), Some(f)) => Some(lin.forward(&f)?),
            _ => None,
        };
        self.project(x, x_dst, edge)
    }

    /// The linear maps of the nodes.
    fn project(&self, x: Nodes, x_dst: &Tensor, edge: Option<Tensor>) -> Result<Terms> {
        let (query, key) = (self.lin_query.map(), self.lin_key.map());
        let (value, skip) = (self.lin_value.map(), self.lin_skip.map());
        let (query, key, value, skip) = match (x, self.config.root_weight) {
            (Nodes::One(x), true) => {
                let [query, key, value, skip] = ops::project_all(x, [query, key, value, skip])?;
                (query, key, value, Some(skip))
            }
            (Nodes::One(x), false) => {
                let [query, key, value] = ops::project_all(x, [query, key, value])?;
                (query, key, value, None)
            }
            (Nodes::Pair(x_src, _), with_skip) => {
                let [key, value] = ops::project_all(x_src, [key, value])?;
                let skip = with_skip.then(|| self.lin_skip.project(x_dst)).transpose()?;
                (self.lin_query.project(x_dst)?, key, value, skip)
            }
        };
        Ok(Terms { query, key, value, edge, skip })
    }

    fn attend(&self, t: &Terms, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        let (heads, dropout) = (self.config.heads, mode.dropout(self.config.dropout));
        let at_once = self.config.concat && self.lin_beta.is_none();
        let extras = Extras { dropout, bias: None, residual: t.skip.as_ref().filter(|_| at_once) };
        let (query, key, value) = (&t.query, &t.key, &t.value);
        let out = ops::dot_product_attention(query, key, value, t.edge.as_ref(), heads, edges, extras)?;
        self.finish(out, t.skip.as_ref().filter(|_| !at_once))
    }

    /// The heads averaged, if they are, and `skip` added or mixed in.
    fn finish(&self, mut out: Tensor, skip: Option<&Linked>) -> Result<Tensor> {
        if !self.config.concat {
            out = ops::mean_heads(&out, self.config.heads, None)?;
        }
        match (skip, &self.lin_beta) {
            (Some(skip), None) => Ok((out + skip.tensor()?)?),
            (Some(skip), Some(lin_beta)) => gated(&out, &skip.tensor()?, lin_beta.weight()),
            _ => Ok(out),
        }
    }
}

/// `β r + (1 − β) m`, with `β = sigmoid ⟨w, [m ‖ r ‖ m − r]⟩` and `weight` w `[1, 3·O]`.
fn gated(m: &Tensor, r: &Tensor, weight: &Tensor) -> Result<Tensor> {
    // ⟨w₁, m⟩ + ⟨w₂, r⟩ + ⟨w₃, m − r⟩, without the three side by side in memory.
    let part = |k: usize| weight.narrow(1, k * m.dim(1)?, m.dim(1)?);
    let (of_m, of_r) = ((part(0)? + part(2)?)?, (part(1)? - part(2)?)?);
    let beta = ops::sigmoid(&(ops::linear(m, &of_m, None)? + ops::linear(r, &of_r, None)?)?)?;
    Ok((m + (r - m)?.broadcast_mul(&beta)?)?)
}
