use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::edge_mask::check_edge_mask;
use super::neighbours::aggregate;
use crate::aggr::{AggrKwargs, Aggregation, Aggrs};
use crate::config;
use crate::{Error, Mlp, MlpConfig, Mode, Nodes, Result};

const LAYER: &str = "GinConv";

/// The arguments of [`GinConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GinConvConfig {
    /// The network h.
    pub nn: MlpConfig,
    /// ε, or where it starts. Default 0.
    #[serde(default)]
    pub eps: f64,
    /// Whether ε is learnt. Default false.
    #[serde(default)]
    pub train_eps: bool,
    /// How neighbours are aggregated. Default sum.
    #[serde(default = "config::sum")]
    pub aggr: Aggrs,
    /// Arguments of the aggregation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<AggrKwargs>,
}

impl GinConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(nn: MlpConfig) -> Self {
        Self { nn, eps: 0.0, train_eps: false, aggr: config::sum(), aggr_kwargs: None }
    }
}

/// The graph isomorphism network (Xu, Hu, Leskovec, Jegelka, *How Powerful are Graph Neural Networks?*, ICLR 2019,
/// eq. 4.1).
///
/// > x'_i = h((1 + ε) x_i + Σ x_j over the edges from j to i)
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I]` and x_dst `[N_dst, I]`; result `[N_dst, O]`, with the I and O of h. The
/// destinations' features may be absent: then their term is too. Parameters `eps` `[1]`, `nn.…`, `aggr_module.…` (where
/// an aggregation learns). An ε that is not learnt is read from `eps` as well, as PyTorch Geometric saves it.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GinConv, GinConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let config = GinConvConfig { train_eps: true, ..GinConvConfig::new("Linear(5,4),ReLU,Linear(4,2)".parse()?) };
/// let conv = GinConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GinConv {
    config: GinConvConfig,
    nn: Mlp,
    eps: Eps,
    aggregation: Aggregation,
}

impl GinConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument of the aggregation is not known, or `vb` has no such parameters.
    pub fn new(config: &GinConvConfig, vb: VarBuilder) -> Result<Self> {
        let kwargs = config.aggr_kwargs.clone().unwrap_or_default();
        Ok(Self {
            nn: Mlp::new(&config.nn, vb.pp("nn"))?,
            eps: Eps::new(LAYER, config.eps, config.train_eps, &vb)?,
            aggregation: Aggregation::resolve_one(LAYER, &config.aggr, &kwargs, vb.pp("aggr_module"))?,
            config: config.clone(),
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GinConvConfig {
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
        check_channels(LAYER, x, &self.config.nn, edges)?;
        let out = aggregate(&self.aggregation, x.source(), edges, edge_mask)?;
        self.nn.forward(&self.eps.add(out, x)?)
    }
}

/// That both sides have the channels of the network, or those of the sources where it takes any; returns their number.
pub(super) fn check_channels(
    layer: &'static str,
    x: Nodes,
    nn: &MlpConfig,
    edges: &EdgeIndex,
) -> Result<usize> {
    let of_source = x.source().dims().last().copied().unwrap_or(0);
    let channels = nn.in_channels().unwrap_or(of_source);
    x.check(layer, edges, channels, channels)?;
    Ok(channels)
}

/// ε `[1]`, the weight of a node's own features beside those of its neighbours.
#[derive(Debug, Clone)]
pub(super) struct Eps(Tensor);

impl Eps {
    pub(super) fn new(layer: &'static str, start: f64, learnt: bool, vb: &VarBuilder) -> Result<Self> {
        if !start.is_finite() {
            return Err(Error::argument(layer, "eps", "a finite number", start.to_string()));
        }
        let eps = vb.get_with_hints(1, "eps", Init::Const(start))?;
        // Detached it still follows what is loaded into the variable.
        Ok(Self(if learnt { eps } else { eps.detach() }))
    }

    /// `neighbours + (1 + ε) x`, with the x of the destinations, if they have any.
    pub(super) fn add(&self, neighbours: Tensor, x: Nodes) -> Result<Tensor> {
        match x.destination() {
            Some(x) => Ok((neighbours + x.broadcast_mul(&(&self.0 + 1.0)?)?)?),
            None => Ok(neighbours),
        }
    }
}
