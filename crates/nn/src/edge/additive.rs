use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::softmax::{groups, sum_of_ends};
use crate::config::{self, Channels};
use crate::conv::attention::{
    Attention, HeadVectors, Output, check_edge_attr, check_numbers, check_slope, destinations,
};
use crate::{Linear, Mode, Nodes, Result, dropout};

const LAYER: &str = "EdgeAttentionConv";

/// The arguments of [`EdgeAttentionConv`], named as those of [`GatConvConfig`](crate::conv::GatConvConfig).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeAttentionConvConfig {
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
    /// The slope of the leaky ReLU on the scores. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl EdgeAttentionConvConfig {
    /// The defaults.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            heads: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            edge_dim: None,
            bias: true,
        }
    }
}

/// Edge-level attention with additive scores.
///
/// For every edge e from j to i and every head:
///
/// > z(e) = W \[x_i ‖ x_j\]
/// >
/// > s(e) = LeakyReLU(⟨a, z(e)⟩ + ⟨a_edge, W_e f_e⟩)
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over **all** edges e' of the graph
/// >
/// > x'_i = Σ α(e) z(e) over the in-edges of i, + b
///
/// Neither \[x_i ‖ x_j\] nor z is made: with W = \[W_dst ‖ W_src\], z(e) = W_dst x_i + W_src x_j. The weights of a graph's
/// edges sum to 1, so results are small where a graph has many edges: normalise, or pool by sums. A node without in-edges
/// gets the bias alone.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result `[N_dst, H·C]`, or
/// `[N_dst, C]` where heads are averaged.
///
/// Parameters: `lin_dst.weight` `[H·C, I_dst]`, `lin_src.weight` `[H·C, I_src]`, `att` `[1, H, C]`, `lin_edge.weight`
/// `[H·C, D]`, `att_edge` `[1, H, C]`, `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{Mode, SeededVarMap, edge::{EdgeAttentionConv, EdgeAttentionConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// // Two graphs: nodes 0, 1 and nodes 2, 3.
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 3], 4)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 1, 1], 2)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = EdgeAttentionConv::new(&EdgeAttentionConvConfig::new(5, 3), vb)?;
/// let (out, attention) = conv.forward_with_attention(&x, &edges, None, Some(&batch), Mode::Eval)?;
/// assert_eq!(out.dims(), [4, 3]);
/// assert_eq!(attention.alpha.to_vec2::<f32>()?, [[0.5], [0.5], [1.0]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EdgeAttentionConv {
    config: EdgeAttentionConvConfig,
    lin_dst: Linear,
    lin_src: Linear,
    att: HeadVectors,
    edge: Option<(Linear, HeadVectors)>,
    output: Output,
}

impl EdgeAttentionConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &EdgeAttentionConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        let hc = c.heads * c.out_channels;
        let vectors = |name| HeadVectors::new(LAYER, (c.heads, c.out_channels), name, &vb);
        let edge_terms =
            |d| -> Result<_> { Ok((Linear::glorot(d, hc, false, vb.pp("lin_edge"))?, vectors("att_edge")?)) };
        Ok(Self {
            lin_dst: Linear::glorot(c.in_channels.destination(), hc, false, vb.pp("lin_dst"))?,
            lin_src: Linear::glorot(c.in_channels.source(), hc, false, vb.pp("lin_src"))?,
            att: vectors("att")?,
            edge: c.edge_dim.map(edge_terms).transpose()?,
            output: Output::new(LAYER, (c.heads, c.out_channels, c.concat), None, c.bias, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &EdgeAttentionConvConfig {
        &self.config
    }

    /// The new features of the destinations of one graph, in inference, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, the destinations have no features, or the layer has an `edge_dim`.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_batch(x, edges, None, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with edge features, with dropout in training, and for the graphs of a batch, where
    /// `batch` says which graph each destination belongs to ([`EdgeIndex::from_batch`]).
    ///
    /// # Errors
    /// If a shape does not fit, the layer has an `edge_dim` and there is no `edge_attr`, or the reverse.
    pub fn forward_batch<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Tensor> {
        Ok(self.forward_with_attention(x, edges, edge_attr, batch, mode)?.0)
    }

    /// As [`forward_batch`](Self::forward_batch), with the weights α (before dropout), which sum to 1 over the edges of
    /// each graph, and the edges they belong to, which are the caller's.
    ///
    /// # Errors
    /// As [`forward_batch`](Self::forward_batch).
    pub fn forward_with_attention<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let (x, channels) = (x.into(), self.config.in_channels);
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let edge_attr = check_edge_attr(LAYER, self.config.edge_dim, edges, edge_attr)?;
        let groups = groups(LAYER, edges, batch)?;
        let (src, dst) = (self.lin_src.forward(x.source())?, self.lin_dst.forward(x_dst)?);
        // ⟨a, W_dst x_i + W_src x_j⟩, from a number for each end.
        let of_edges = match (&self.edge, edge_attr) {
            (Some((lin, att)), Some(f)) => Some(att.scores_of(lin, &f)?),
            _ => None,
        };
        let (of_source, of_destination) = (self.att.scores(&src)?, self.att.scores(&dst)?);
        let scores = ops::edge_sum(&of_source, Some(&of_destination), of_edges.as_ref(), edges)?;
        let scores = ops::leaky_relu(&scores, self.config.negative_slope)?;
        let alpha = ops::segment_softmax(&scores, &groups)?;
        let out = sum_of_ends(&dropout(&alpha, self.config.dropout, mode)?, &src, &dst, edges)?;
        Ok((self.output.finish(out, None)?, Attention { edges: edges.clone(), alpha }))
    }
}
