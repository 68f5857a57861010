use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::neighbours::{check_edge_weight, times_sums};
use crate::config::{self, Channels};
use crate::{Error, Linear, Mode, Nodes, Result};

const LAYER: &str = "LEConv";

/// The arguments of [`LeConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// Whether the maps of neighbours and of the node itself have a bias. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl LeConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self { in_channels: in_channels.into(), out_channels, bias: true }
    }
}

/// The layer that finds nodes unlike their neighbours (Ranjan, Sanyal, Talukdar, *ASAP: Adaptive Structure Aware Pooling for
/// Learning Hierarchical Graph Representations*, AAAI 2020, eq. 7).
///
/// > x'_i = W_3 x_i + b_3 + Σ w(e) (W_1 x_j + b_1 − W_2 x_i) over the edges e from j to i
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_weight `[E]` (1 where there is none); result
/// `[N_dst, O]`. Parameters `lin1` (weight `[O, I_src]`, bias), `lin2.weight` `[O, I_dst]`, `lin3` (weight `[O, I_dst]`, bias).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{LeConv, LeConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = LeConv::new(&LeConvConfig::new(5, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LeConv {
    config: LeConvConfig,
    lin1: Linear,
    lin2: Linear,
    lin3: Linear,
}

impl LeConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &LeConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst, out) = (c.in_channels.source(), c.in_channels.destination(), c.out_channels);
        Ok(Self {
            lin1: Linear::new(src, out, c.bias, vb.pp("lin1"))?,
            lin2: Linear::new(dst, out, false, vb.pp("lin2"))?,
            lin3: Linear::new(dst, out, c.bias, vb.pp("lin3"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &LeConvConfig {
        &self.config
    }

    /// The new features of the destinations, without edge weights.
    ///
    /// # Errors
    /// If a shape does not fit, or destinations have no features.
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

    /// As [`forward`](Self::forward), with edge weights `[E]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_edges<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        let x = x.into();
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        check_edge_weight(LAYER, edges, edge_weight)?;
        let (source, Some(own)) = (x.source(), x.destination()) else {
            return Err(Error::argument(LAYER, "x", "features of the destinations, too", "none"));
        };
        let of_neighbours = ops::spmm(edges, edge_weight, &self.lin1.forward(source)?)?;
        let weights = match edge_weight {
            Some(weight) => weight.unsqueeze(1)?,
            None => Tensor::ones((edges.num_edges(), 1), own.dtype(), own.device())?,
        };
        let of_itself = times_sums(&weights, &self.lin2.forward(own)?, edges)?;
        Ok(((of_neighbours - of_itself)? + self.lin3.forward(own)?)?)
    }
}
