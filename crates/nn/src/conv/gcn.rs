use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::edge_mask::{check_edge_mask, looped_mask};
use super::gcn_norm::gcn_norm;
use super::neighbours::{check_edge_weight, check_nodes};
use super::self_loops::remaining_self_loops;
use crate::config;
use crate::{Error, Linear, Mode, Result, init};

const LAYER: &str = "GcnConv";

/// The arguments of [`GcnConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GcnConvConfig {
    /// I.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// Whether added self-loops weigh 2 instead of 1. As in PyTorch Geometric this needs edge weights: without them
    /// every edge weighs 1, added loops too. Default false.
    #[serde(default)]
    pub improved: bool,
    /// Taken and without effect: the normalisation of a graph without edge weights is always kept with the graph, so
    /// a layer cannot use the one of another graph. Default false.
    #[serde(default)]
    pub cached: bool,
    /// Whether every node gets a self-loop that has none. Default the value of `normalize`.
    #[serde(default)]
    pub add_self_loops: Option<bool>,
    /// Whether edges are weighted by the degrees of their ends. Default true.
    #[serde(default = "config::yes")]
    pub normalize: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl GcnConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            improved: false,
            cached: false,
            add_self_loops: None,
            normalize: true,
            bias: true,
        }
    }
}

/// Graph convolution (Kipf and Welling, *Semi-Supervised Classification with Graph Convolutional Networks*, ICLR
/// 2017, eq. 2).
///
/// > x'_i = Σ w(e) / √(d_j d_i) · W x_j + b over the edges e from j to i, d_i = Σ w(e) over the in-edges of i
///
/// where every node has one self-loop. With `normalize = false`: x'_i = Σ w(e) W x_j + b.
///
/// Shapes: x `[N, I]`, edge_weight `[E]` (1 where there is none), result `[N, O]`. Parameters `lin.weight` `[O, I]`,
/// `bias` `[O]`. Gradients flow to `edge_weight` also through the degrees.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GcnConv, GcnConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = GcnConv::new(&GcnConvConfig::new(5, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GcnConv {
    config: GcnConvConfig,
    lin: Linear,
    bias: Option<Tensor>,
}

impl GcnConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If self-loops are wanted without normalisation, or `vb` has no such parameters.
    pub fn new(config: &GcnConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        if c.add_self_loops == Some(true) && !c.normalize {
            let expected = "false or none, because the layer has normalize = false";
            return Err(Error::argument(LAYER, "add_self_loops", expected, "true"));
        }
        Ok(Self {
            lin: Linear::glorot(c.in_channels, c.out_channels, false, vb.pp("lin"))?,
            bias: c.bias.then(|| vb.get_with_hints(c.out_channels, "bias", init::ZEROS)).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GcnConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_edges(x, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, edges, None, mode)
    }

    /// As [`forward`](Self::forward), with edge weights `[E]`. A node whose weights add up to 0 contributes nothing;
    /// one whose weights add up to less has no degree, and the result is NaN, as in PyTorch Geometric.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward_edges(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        let (edges, weights) = self.weights(x, edges, edge_weight)?;
        let h = self.lin.project(x)?;
        Ok(ops::spmm_plus(&edges, weights.as_ref(), h, self.bias.as_ref(), None)?)
    }

    /// The layer in inference, with the message of every edge multiplied by its entry of `edge_mask` `[E]` after normalisation:
    /// what explanations learn, or take the gradient by. Self-loops that the layer adds
    /// are not masked.
    ///
    /// # Errors
    /// As [`forward_edges`](Self::forward_edges), and if `edge_mask` is not `[E]`.
    pub fn forward_masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        check_edge_mask(LAYER, edges, edge_mask)?;
        let loops = self.loops().is_some();
        let mask = match edge_weight {
            // Here a loop of the caller's stays.
            Some(_) if loops => remaining_self_loops(edges, edge_mask, 1.0)?.1,
            _ => looped_mask(edges, edge_mask, loops)?,
        };
        let (edges, weights) = self.weights(x, edges, edge_weight)?;
        let weights = weights.map_or(Ok(mask.clone()), |w| w * &mask)?;
        Ok(ops::spmm_plus(&edges, Some(&weights), self.lin.project(x)?, self.bias.as_ref(), None)?)
    }

    /// The edges that the layer works on and their weights, where they are not all 1.
    fn weights(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
    ) -> Result<(EdgeIndex, Option<Tensor>)> {
        check_nodes(LAYER, x, self.config.in_channels, edges)?;
        check_edge_weight(LAYER, edges, edge_weight)?;
        if !self.config.normalize {
            return Ok((edges.clone(), edge_weight.cloned()));
        }
        let (edges, weights) = gcn_norm(edges, edge_weight, x, self.loops())?;
        Ok((edges, Some(weights)))
    }

    /// What added self-loops weigh, where the layer adds them.
    fn loops(&self) -> Option<f64> {
        let fill = if self.config.improved { 2.0 } else { 1.0 };
        let add = self.config.normalize && self.config.add_self_loops.unwrap_or(true);
        add.then_some(fill)
    }
}
