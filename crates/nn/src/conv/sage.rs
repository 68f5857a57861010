use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::edge_mask::check_edge_mask;
use super::neighbours;
use crate::aggr::{AggrKwargs, Aggregation, Aggrs};
use crate::config::{self, Channels};
use crate::nodes::unit_rows;
use crate::{Linear, Mode, Nodes, Result};

const LAYER: &str = "SageConv";

/// The arguments of [`SageConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SageConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// How neighbours are aggregated. Default mean.
    #[serde(default)]
    pub aggr: Aggrs,
    /// Arguments of the aggregation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<AggrKwargs>,
    /// Whether the result of each node is divided by its Euclidean norm. Default false.
    #[serde(default)]
    pub normalize: bool,
    /// Whether the features of the node itself are added, by a linear map of their own. Default true.
    #[serde(default = "config::yes")]
    pub root_weight: bool,
    /// Whether a linear map and ReLU come before the reduction. Default false.
    #[serde(default)]
    pub project: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl SageConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            aggr: Aggrs::default(),
            aggr_kwargs: None,
            normalize: false,
            root_weight: true,
            project: false,
            bias: true,
        }
    }
}

/// GraphSAGE (Hamilton, Ying, Leskovec, *Inductive Representation Learning on Large Graphs*, NeurIPS 2017, algorithm
/// 1 and eq. 3).
///
/// > x'_i = W_l · aggr { x_j : j → i } + b + W_r x_i
///
/// where with `project` x_j is first ReLU(W x_j + b'), and with `normalize` the result is x'_i / max(‖x'_i‖, 10⁻¹²).
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; result `[N_dst, O]`. The destinations'
/// features may be absent: then their term is too. Parameters `lin_l` (weight `[O, I_src]`, or `[O, k·I_src]` with k
/// aggregations; bias), `lin_r.weight` `[O, I_dst]`, `lin` (with `project`), `aggr_module.…` (where an aggregation learns).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{SageConv, SageConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = SageConv::new(&SageConvConfig::new(5, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SageConv {
    config: SageConvConfig,
    aggregation: Aggregation,
    lin: Option<Linear>,
    lin_l: Linear,
    lin_r: Option<Linear>,
}

impl SageConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument of the aggregation is not known, or `vb` has no such parameters.
    pub fn new(config: &SageConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst) = (c.in_channels.source(), c.in_channels.destination());
        let kwargs = c.aggr_kwargs.clone().unwrap_or_default();
        let aggregation = Aggregation::resolve(&c.aggr, &kwargs, vb.pp("aggr_module"))?;
        let aggregated = aggregation.out_channels(src);
        Ok(Self {
            aggregation,
            lin: c.project.then(|| Linear::new(src, src, true, vb.pp("lin"))).transpose()?,
            lin_l: Linear::new(aggregated, c.out_channels, c.bias, vb.pp("lin_l"))?,
            lin_r: c
                .root_weight
                .then(|| Linear::new(dst, c.out_channels, false, vb.pp("lin_r")))
                .transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &SageConvConfig {
        &self.config
    }

    /// The new features of the destinations.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        self.aggregated(x.into(), edges, None)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex, _mode: Mode) -> Result<Tensor> {
        self.forward(x, edges)
    }

    /// The layer in inference, with the message of every edge multiplied by its entry of `edge_mask` `[E]`:
    /// what explanations learn, or take the gradient by. A mean divides by the number of edges
    /// all the same.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if `edge_mask` is not `[E]`.
    pub fn forward_masked<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        check_edge_mask(LAYER, edges, edge_mask)?;
        self.aggregated(x.into(), edges, Some(edge_mask))
    }

    fn aggregated(&self, x: Nodes, edges: &EdgeIndex, edge_mask: Option<&Tensor>) -> Result<Tensor> {
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let source = match &self.lin {
            Some(lin) => ops::relu(&lin.forward(x.source())?)?,
            None => x.source().clone(),
        };
        let root = self.lin_r.as_ref().zip(x.destination());
        let out = neighbours::combined(&self.aggregation, &self.lin_l, root, &source, edges, edge_mask)?;
        if !self.config.normalize {
            return Ok(out);
        }
        unit_rows(&out)
    }
}
