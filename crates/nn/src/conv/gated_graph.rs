use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::neighbours::{aggregate, check_edge_weight};
use crate::aggr::{AggrKwargs, Aggregation, Aggrs};
use crate::config;
use crate::{Error, GruCell, Mode, Result, init};

const LAYER: &str = "GatedGraphConv";

/// The arguments of [`GatedGraphConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatedGraphConvConfig {
    /// O.
    pub out_channels: usize,
    /// L, the number of steps.
    pub num_layers: usize,
    /// How neighbours are aggregated. Default sum.
    #[serde(default = "config::sum")]
    pub aggr: Aggrs,
    /// Arguments of the aggregation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<AggrKwargs>,
    /// Whether the gates have biases. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl GatedGraphConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(out_channels: usize, num_layers: usize) -> Self {
        Self { out_channels, num_layers, aggr: config::sum(), aggr_kwargs: None, bias: true }
    }
}

/// The gated graph network (Li, Tarlow, Brockschmidt, Zemel, *Gated Graph Sequence Neural Networks*, ICLR 2016, eqs. 1
/// to 6).
///
/// > h⁰_i = \[x_i ‖ 0\], m_i = Σ w(e) h_j Θ_l over the edges e from j to i, hˡ⁺¹_i = GRU(m_i, hˡ_i)
///
/// Shapes: x `[N, I]` with any I of at most O, edge_weight `[E]` (1 where there is none), result `[N, O]`. Parameters
/// `weight` `[L, O, O]` (Θ), `rnn.…` (see [`GruCell`]), `aggr_module.…` (where an aggregation learns).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GatedGraphConv, GatedGraphConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = GatedGraphConv::new(&GatedGraphConvConfig::new(8, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GatedGraphConv {
    config: GatedGraphConvConfig,
    weight: Tensor,
    rnn: GruCell,
    aggregation: Aggregation,
}

impl GatedGraphConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument of the aggregation is not known, or `vb` has no such parameters.
    pub fn new(config: &GatedGraphConvConfig, vb: VarBuilder) -> Result<Self> {
        let (c, o) = (config.clone(), config.out_channels);
        let kwargs = c.aggr_kwargs.clone().unwrap_or_default();
        Ok(Self {
            weight: vb.get_with_hints((c.num_layers, o, o), "weight", init::fan_in_uniform(o))?,
            rnn: GruCell::new(o, o, c.bias, vb.pp("rnn"))?,
            aggregation: Aggregation::resolve_one(LAYER, &c.aggr, &kwargs, vb.pp("aggr_module"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GatedGraphConvConfig {
        &self.config
    }

    /// The new features of the nodes, without edge weights.
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

    /// As [`forward`](Self::forward), with edge weights `[E]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_edges(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        let (n, o) = (edges.num_nodes()?, self.config.out_channels);
        let columns = match *x.dims() {
            [rows, columns] if rows == n && columns <= o => columns,
            _ => {
                let expected = format!("[{n}, at most {o}] ([nodes, at most out_channels])");
                return Err(Error::argument(LAYER, "x", expected, format!("{:?}", x.dims())));
            }
        };
        check_edge_weight(LAYER, edges, edge_weight)?;
        let mut h = x.clone();
        if columns < o {
            h = Tensor::cat(&[x, &Tensor::zeros((n, o - columns), x.dtype(), x.device())?], 1)?;
        }
        for step in 0..self.config.num_layers {
            let m = ops::linear(&h, &self.weight.get(step)?.t()?, None)?;
            h = self.rnn.forward(&aggregate(&self.aggregation, &m, edges, edge_weight)?, &h)?;
        }
        Ok(h)
    }
}
