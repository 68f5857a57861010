use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, FillValue};
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, Edges, HeadVectors, Output, check_numbers, check_slope};
use super::edge_mask::{check_edge_mask, looped_mask, masked_sum};
use crate::config::{self, Channels};
use crate::{Linear, Mode, Nodes, Result};

const LAYER: &str = "GatConv";

/// The arguments of [`GatConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatConvConfig {
    /// I: one number, or a pair for a bipartite graph, which then has weights for each side.
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
    /// Whether self-loops are removed and then added to every node. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// What the features of added self-loops are. Default the mean over the in-edges of the node.
    #[serde(default = "config::mean", with = "crate::fill_value")]
    pub fill_value: FillValue,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
    /// Whether a linear map of the destinations' features is added. Default false.
    #[serde(default)]
    pub residual: bool,
}

impl GatConvConfig {
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
            residual: false,
        }
    }
}

/// Graph attention (Veličković et al., *Graph Attention Networks*, ICLR 2018, eq. 1–6).
///
/// For every edge e from j to i and every head, with Wx split into heads:
///
/// > s(e) = LeakyReLU(⟨a_src, W x_j⟩ + ⟨a_dst, W x_i⟩ + ⟨a_edge, W_e f_e⟩)
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i
/// >
/// > x'_i = Σ α(e) W x_j \[+ W_res x_i\] + b
///
/// A node without in-edges gets the bias (and the residual) alone.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result
/// `[N_dst, H·C]`, or `[N_dst, C]` where heads are averaged.
///
/// Parameters, as in PyTorch Geometric ≥ 2.5: `lin.weight` `[H·C, I]` (or `lin_src.weight`, `lin_dst.weight`),
/// `att_src`, `att_dst` `[1, H, C]`, `lin_edge.weight` `[H·C, D]`, `att_edge` `[1, H, C]`, `res.weight`, `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GatConv, GatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let config = GatConvConfig { heads: 2, ..GatConvConfig::new(5, 3) };
/// let conv = GatConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [4, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GatConv {
    config: GatConvConfig,
    lin: Projection,
    att_src: HeadVectors,
    att_dst: HeadVectors,
    edge: Option<(Linear, HeadVectors)>,
    edges: Edges,
    output: Output,
}

#[derive(Debug, Clone)]
enum Projection {
    Shared(Linear),
    Separate { src: Linear, dst: Linear },
}

/// What the attention is computed from.
struct Terms {
    edges: EdgeIndex,
    values: Tensor,
    src: Tensor,
    dst: Option<Tensor>,
    edge: Option<Tensor>,
}

impl GatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &GatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        let hc = c.heads * c.out_channels;
        let lin = match c.in_channels {
            Channels::One(i) => Projection::Shared(Linear::glorot(i, hc, false, vb.pp("lin"))?),
            Channels::Pair(src, dst) => Projection::Separate {
                src: Linear::glorot(src, hc, false, vb.pp("lin_src"))?,
                dst: Linear::glorot(dst, hc, false, vb.pp("lin_dst"))?,
            },
        };
        let vectors = |name| HeadVectors::new(LAYER, (c.heads, c.out_channels), name, &vb);
        let edge_terms =
            |d| -> Result<_> { Ok((Linear::glorot(d, hc, false, vb.pp("lin_edge"))?, vectors("att_edge")?)) };
        let residual_from = c.residual.then(|| c.in_channels.destination());
        Ok(Self {
            lin,
            att_src: vectors("att_src")?,
            att_dst: vectors("att_dst")?,
            edge: c.edge_dim.map(edge_terms).transpose()?,
            edges: Edges {
                layer: LAYER,
                edge_dim: c.edge_dim,
                add_self_loops: c.add_self_loops,
                fill_value: c.fill_value,
            },
            output: Output::new(LAYER, (c.heads, c.out_channels, c.concat), residual_from, c.bias, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GatConvConfig {
        &self.config
    }

    /// The new features of the destinations, in inference, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, or the layer has an `edge_dim`.
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
        if let (Projection::Shared(lin), Nodes::One(features)) = (&self.lin, x) {
            return self.forward_shared(lin, features, edges, edge_attr, mode);
        }
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
        let terms = self.terms(x, edges, edge_attr)?;
        let alpha = self.alpha(&terms)?;
        let out = self.attend(x, &terms, mode)?;
        Ok((out, Attention { edges: terms.edges, alpha }))
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
        let terms = self.terms(x, edges, edge_attr)?;
        let out = masked_sum(&terms.edges, &self.alpha(&terms)?, &mask, &terms.values)?;
        self.output.finish(out, x.destination())
    }

    fn alpha(&self, terms: &Terms) -> Result<Tensor> {
        Ok(ops::additive_attention_weights(
            &terms.src,
            terms.dst.as_ref(),
            terms.edge.as_ref(),
            &terms.edges,
            self.config.negative_slope,
        )?)
    }

    /// The layer on one set of nodes: the features that a single map gives are values and scores at once.
    fn forward_shared(
        &self,
        lin: &Linear,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let channels = self.config.in_channels;
        Nodes::One(x).check(LAYER, edges, channels.source(), channels.destination())?;
        let (edges, edge_attr) = self.edges.prepare(edges, edge_attr)?;
        let edge_scores = self.edge_scores(edge_attr)?;
        let scoring = ops::Scoring {
            att_src: &self.att_src.vectors()?,
            att_dst: &self.att_dst.vectors()?,
            edge_scores: edge_scores.as_ref(),
            negative_slope: self.config.negative_slope,
        };
        let h = ops::project(x, lin.weight(), None)?;
        let dropout = mode.dropout(self.config.dropout);
        let out = ops::layer_attention(&h, scoring, self.output.early_bias(), &edges, dropout)?;
        self.output.finish_biased(out, Some(x))
    }

    /// ⟨a_edge, W_e f⟩ = ⟨W_eᵀ a_edge, f⟩: nothing of size E × H·C is made.
    fn edge_scores(&self, edge_attr: Option<Tensor>) -> Result<Option<Tensor>> {
        Ok(match (&self.edge, edge_attr) {
            (Some((lin, att)), Some(f)) => Some(att.scores_of(lin, &f)?),
            _ => None,
        })
    }

    fn terms(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>) -> Result<Terms> {
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let (edges, edge_attr) = self.edges.prepare(edges, edge_attr)?;
        let (values, dst) = match (&self.lin, x) {
            (Projection::Shared(lin), Nodes::One(x)) => {
                let values = lin.forward(x)?;
                (values.clone(), Some(values))
            }
            (Projection::Shared(lin), Nodes::Pair(src, dst)) => {
                (lin.forward(src)?, dst.map(|x| lin.forward(x)).transpose()?)
            }
            (Projection::Separate { src, dst }, x) => {
                (src.forward(x.source())?, x.destination().map(|x| dst.forward(x)).transpose()?)
            }
        };
        let edge = self.edge_scores(edge_attr)?;
        Ok(Terms {
            src: self.att_src.scores(&values)?,
            dst: dst.map(|x| self.att_dst.scores(&x)).transpose()?,
            edges,
            values,
            edge,
        })
    }

    fn attend(&self, x: Nodes, terms: &Terms, mode: Mode) -> Result<Tensor> {
        let out = ops::additive_attention(
            &terms.values,
            &terms.src,
            terms.dst.as_ref(),
            terms.edge.as_ref(),
            &terms.edges,
            self.config.negative_slope,
            mode.dropout(self.config.dropout),
        )?;
        self.output.finish(out, x.destination())
    }
}
