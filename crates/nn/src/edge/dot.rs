use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::softmax::{groups, sum_of_ends};
use crate::config;
use crate::conv::attention::{Attention, Output, check_numbers, destinations};
use crate::{Linear, Mode, Nodes, Result, dropout, init};

const LAYER: &str = "DotEdgeAttentionConv";

/// The arguments of [`DotEdgeAttentionConv`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DotEdgeAttentionConvConfig {
    /// I.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub out_channels: usize,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether heads are concatenated (H·C outputs) or averaged (C outputs). Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl DotEdgeAttentionConvConfig {
    /// The defaults.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, heads: 1, concat: true, dropout: 0.0, bias: true }
    }
}

/// Edge-level attention whose scores are weighted dot products of the features at both ends.
///
/// For every edge e from j to i and every head:
///
/// > s(e) = Σ_k x_i,k a_k x_j,k
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over **all** edges e' of the graph
/// >
/// > x'_i = Σ α(e) W \[x_i ‖ x_j\] over the in-edges of i, + b
///
/// As in [`EdgeAttentionConv`](super::EdgeAttentionConv), W = \[W_dst ‖ W_src\] and no message is made. A node without
/// in-edges gets the bias alone.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I]` and x_dst `[N_dst, I]`; result `[N_dst, H·C]`, or `[N_dst, C]` where heads are
/// averaged.
///
/// Parameters: `lin_dst.weight`, `lin_src.weight` `[H·C, I]`, `att` `[1, H, I]`, `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, edge::{DotEdgeAttentionConv, DotEdgeAttentionConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let config = DotEdgeAttentionConvConfig { heads: 2, ..DotEdgeAttentionConvConfig::new(5, 3) };
/// assert_eq!(DotEdgeAttentionConv::new(&config, vb)?.forward(&x, &edges)?.dims(), [4, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DotEdgeAttentionConv {
    config: DotEdgeAttentionConvConfig,
    lin_dst: Linear,
    lin_src: Linear,
    /// `[1, H, I]`.
    att: Tensor,
    output: Output,
}

impl DotEdgeAttentionConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &DotEdgeAttentionConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        let hc = c.heads * c.out_channels;
        let shape = [1, c.heads, c.in_channels];
        Ok(Self {
            lin_dst: Linear::glorot(c.in_channels, hc, false, vb.pp("lin_dst"))?,
            lin_src: Linear::glorot(c.in_channels, hc, false, vb.pp("lin_src"))?,
            att: vb.get_with_hints(&shape, "att", init::glorot_uniform(&shape))?,
            output: Output::new(LAYER, (c.heads, c.out_channels, c.concat), None, c.bias, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &DotEdgeAttentionConvConfig {
        &self.config
    }

    /// The new features of the destinations of one graph, in inference.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_batch(x, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout in training, and for the graphs of a batch, where `batch` says which
    /// graph each destination belongs to ([`EdgeIndex::from_batch`]).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_batch<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Tensor> {
        Ok(self.forward_with_attention(x, edges, batch, mode)?.0)
    }

    /// As [`forward_batch`](Self::forward_batch), with the weights α (before dropout), which sum to 1 over the edges of
    /// each graph, and the edges they belong to, which are the caller's.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let (x, i) = (x.into(), self.config.in_channels);
        x.check(LAYER, edges, i, i)?;
        let x_dst = destinations(LAYER, x)?;
        let groups = groups(LAYER, edges, batch)?;
        let score = |h: usize| -> Result<Tensor> {
            let weighted = x_dst.broadcast_mul(&self.att.narrow(1, h, 1)?.reshape((1, i))?)?;
            Ok(ops::sddmm(x.source(), &weighted, edges)?)
        };
        let scores = (0..self.config.heads).map(score).collect::<Result<Vec<_>>>()?;
        let alpha = ops::segment_softmax(&Tensor::stack(&scores, 1)?, &groups)?;
        let (src, dst) = (self.lin_src.forward(x.source())?, self.lin_dst.forward(x_dst)?);
        let out = sum_of_ends(&dropout(&alpha, self.config.dropout, mode)?, &src, &dst, edges)?;
        Ok((self.output.finish(out, None)?, Attention { edges: edges.clone(), alpha }))
    }
}
