use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, FillValue};
use candle_geometric_ops::{self as ops, DynamicScoring, Extras, Linked};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, Edges, Output, check_numbers, check_slope, destinations};
use super::edge_mask::{check_edge_mask, looped_mask, masked_sum};
use crate::config::{self, Channels};
use crate::{Error, Linear, Mode, Nodes, Result, init};

const LAYER: &str = "Gatv2Conv";

/// The arguments of [`Gatv2Conv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gatv2ConvConfig {
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
    /// The slope of the leaky ReLU. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Whether self-loops are removed and then added to every node. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// What the features of added self-loops are. Default the mean over the in-edges of the node.
    #[serde(default = "config::mean", with = "crate::fill_value")]
    pub fill_value: FillValue,
    /// Whether the linear maps and the result have a bias. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
    /// Whether sources and destinations share one linear map, `lin_l`. Default false.
    #[serde(default)]
    pub share_weights: bool,
    /// Whether a linear map of the destinations' features is added. Default false.
    #[serde(default)]
    pub residual: bool,
}

impl Gatv2ConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            heads: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            add_self_loops: true,
            edge_dim: None,
            fill_value: FillValue::Mean,
            bias: true,
            share_weights: false,
            residual: false,
        }
    }
}

/// Graph attention whose ranking of neighbours depends on the node that asks (Brody, Alon, Yahav, *How Attentive are
/// Graph Attention Networks?*, ICLR 2022, eq. 7).
///
/// For every edge e from j to i and every head:
///
/// > s(e) = ⟨a, LeakyReLU(W_l x_j + W_r x_i + W_e f_e)⟩
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i
/// >
/// > x'_i = Σ α(e) W_l x_j \[+ W_res x_i\] + b
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result
/// `[N_dst, H·C]`, or `[N_dst, C]` where heads are averaged.
///
/// Parameters, as in PyTorch Geometric: `lin_l` (source), `lin_r` (destination) with weight `[H·C, I]` and bias
/// `[H·C]`, `att` `[1, H, C]`, `lin_edge.weight` `[H·C, D]`, `res.weight`, `bias`. With `share_weights` there is no
/// `lin_r`: PyTorch Geometric saves the same tensors a second time under that name.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{Gatv2Conv, Gatv2ConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// // Three authors write to two papers.
/// let edges = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
/// let authors = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let papers = Tensor::ones((2, 7), DType::F32, &Device::Cpu)?;
/// let config = Gatv2ConvConfig { add_self_loops: false, ..Gatv2ConvConfig::new((5, 7), 3) };
/// let conv = Gatv2Conv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward((&authors, &papers), &edges)?.dims(), [2, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Gatv2Conv {
    config: Gatv2ConvConfig,
    lin_l: Linear,
    lin_r: Option<Linear>,
    /// `[1, H, C]`.
    att: Tensor,
    lin_edge: Option<Linear>,
    edges: Edges,
    output: Output,
}

/// What the attention is computed from.
struct Terms {
    edges: EdgeIndex,
    src: Linked,
    dst: Linked,
    edge: Option<Tensor>,
    att: Tensor,
}

impl Gatv2Conv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &Gatv2ConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        let (src, dst) = (c.in_channels.source(), c.in_channels.destination());
        if c.share_weights && src != dst {
            let expected = "one number of channels, because the layer has share_weights = true";
            return Err(Error::argument(LAYER, "in_channels", expected, format!("[{src}, {dst}]")));
        }
        let hc = c.heads * c.out_channels;
        let att = [1, c.heads, c.out_channels];
        let edge_map = |d| Linear::glorot(d, hc, false, vb.pp("lin_edge"));
        let target_map = || Linear::glorot(dst, hc, c.bias, vb.pp("lin_r"));
        Ok(Self {
            lin_l: Linear::glorot(src, hc, c.bias, vb.pp("lin_l"))?,
            lin_r: (!c.share_weights).then(target_map).transpose()?,
            att: vb.get_with_hints(&att, "att", init::glorot_uniform(&att))?,
            lin_edge: c.edge_dim.map(edge_map).transpose()?,
            edges: Edges {
                layer: LAYER,
                edge_dim: c.edge_dim,
                add_self_loops: c.add_self_loops,
                fill_value: c.fill_value,
            },
            output: Output::new(
                LAYER,
                (c.heads, c.out_channels, c.concat),
                c.residual.then_some(dst),
                c.bias,
                &vb,
            )?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &Gatv2ConvConfig {
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
        let x = x.into();
        let terms = self.terms(x, edges, edge_attr)?;
        self.attend(x, &terms, mode)
    }

    /// As [`forward_edges`](Self::forward_edges), with the weights α (before dropout) and the edges they belong to.
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
        let x = x.into();
        let t = self.terms(x, edges, edge_attr)?;
        let alpha = ops::dynamic_attention_weights(&t.src, &t.dst, self.scoring(&t), &t.edges)?;
        let out = self.attend(x, &t, mode)?;
        Ok((out, Attention { edges: t.edges, alpha }))
    }

    /// The layer in inference, with the message of every edge multiplied by its entry of `edge_mask` `[E]` after
    /// the softmax:
    /// what explanations learn, or take the gradient by. Self-loops that the layer adds are not masked.
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
        let x = x.into();
        let mask = looped_mask(edges, edge_mask, self.config.add_self_loops)?;
        let t = self.terms(x, edges, edge_attr)?;
        let alpha = ops::dynamic_attention_weights(&t.src, &t.dst, self.scoring(&t), &t.edges)?;
        let out = masked_sum(&t.edges, &alpha, &mask, &t.src)?;
        self.output.finish(out, x.destination())
    }

    fn terms(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>) -> Result<Terms> {
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let (edges, edge_attr) = self.edges.prepare(edges, edge_attr)?;
        let (src, dst) = match (&self.lin_r, x) {
            (None, Nodes::One(x)) => {
                let h = self.lin_l.project(x)?;
                (h.clone(), h)
            }
            (Some(lin_r), Nodes::One(x)) => {
                let [src, dst] = ops::project_all(x, [self.lin_l.map(), lin_r.map()])?;
                (src, dst)
            }
            (lin_r, Nodes::Pair(x_src, _)) => {
                (self.lin_l.project(x_src)?, lin_r.as_ref().unwrap_or(&self.lin_l).project(x_dst)?)
            }
        };
        let edge = match (&self.lin_edge, edge_attr) {
            (Some(lin), Some(f)) => Some(lin.forward(&f)?),
            _ => None,
        };
        Ok(Terms { edges, src, dst, edge, att: self.att.squeeze(0)? })
    }

    fn scoring<'t>(&self, t: &'t Terms) -> DynamicScoring<'t> {
        DynamicScoring {
            att: &t.att,
            edge_terms: t.edge.as_ref(),
            negative_slope: self.config.negative_slope,
        }
    }

    fn attend(&self, x: Nodes, t: &Terms, mode: Mode) -> Result<Tensor> {
        let dropout = mode.dropout(self.config.dropout);
        let extras = Extras { dropout, bias: self.output.early_bias(), residual: None };
        let out = ops::dynamic_attention(&t.src, &t.dst, self.scoring(t), &t.edges, extras)?;
        self.output.finish_biased(out, x.destination())
    }
}
