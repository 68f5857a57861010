use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::neighbours::{self, check_edge_weight};
use crate::aggr::{AggrKwargs, Aggregation, Aggrs};
use crate::config::{self, Channels};
use crate::{Linear, Mode, Nodes, Result};

const LAYER: &str = "GraphConv";

/// The arguments of [`GraphConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// How neighbours are aggregated. Default sum.
    #[serde(default = "config::sum")]
    pub aggr: Aggrs,
    /// Arguments of the aggregation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<AggrKwargs>,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl GraphConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            aggr: config::sum(),
            aggr_kwargs: None,
            bias: true,
        }
    }
}

/// The layer of higher-order graph networks (Morris, Ritzert, Fey, Hamilton, Lenssen, Rattan, Grohe, *Weisfeiler and
/// Leman Go Neural*, AAAI 2019, eq. 3).
///
/// > x'_i = W_root x_i + W_rel Σ w(e) x_j + b over the edges e from j to i
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_weight `[E]` (1 where there is none);
/// result `[N_dst, O]`. The destinations' features may be absent: then their term is too. Parameters `lin_rel` (weight
/// `[O, I_src]`, bias), `lin_root.weight` `[O, I_dst]`, `aggr_module.…` (where an aggregation learns).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GraphConv, GraphConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = GraphConv::new(&GraphConvConfig::new(5, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GraphConv {
    config: GraphConvConfig,
    aggregation: Aggregation,
    lin_rel: Linear,
    lin_root: Linear,
}

impl GraphConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument of the aggregation is not known, there are several, or `vb` has no such parameters.
    pub fn new(config: &GraphConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst) = (c.in_channels.source(), c.in_channels.destination());
        let kwargs = c.aggr_kwargs.clone().unwrap_or_default();
        let aggregation = Aggregation::resolve_one(LAYER, &c.aggr, &kwargs, vb.pp("aggr_module"))?;
        Ok(Self {
            aggregation,
            lin_rel: Linear::new(src, c.out_channels, c.bias, vb.pp("lin_rel"))?,
            lin_root: Linear::new(dst, c.out_channels, false, vb.pp("lin_root"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GraphConvConfig {
        &self.config
    }

    /// The new features of the destinations, without edge weights.
    ///
    /// # Errors
    /// If a shape does not fit.
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
    /// If a shape does not fit.
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
        let root = x.destination().map(|x| (&self.lin_root, x));
        neighbours::combined(&self.aggregation, &self.lin_rel, root, x.source(), edges, edge_weight)
    }
}
