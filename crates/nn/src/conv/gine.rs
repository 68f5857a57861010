use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::check_edge_attr;
use super::gin::{Eps, check_channels};
use crate::aggr::{AggrKwargs, Aggregation, Aggrs};
use crate::config;
use crate::{Error, Linear, Mlp, MlpConfig, Mode, Nodes, Result};

const LAYER: &str = "GineConv";

/// The arguments of [`GineConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GineConvConfig {
    /// The network h.
    pub nn: MlpConfig,
    /// ε, or where it starts. Default 0.
    #[serde(default)]
    pub eps: f64,
    /// Whether ε is learnt. Default false.
    #[serde(default)]
    pub train_eps: bool,
    /// D, the number of edge features, which a linear map then brings to I; without it edges have I features. Default
    /// none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// How messages are aggregated. Default sum.
    #[serde(default = "config::sum")]
    pub aggr: Aggrs,
    /// Arguments of the aggregation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<AggrKwargs>,
}

impl GineConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(nn: MlpConfig) -> Self {
        Self { nn, eps: 0.0, train_eps: false, edge_dim: None, aggr: config::sum(), aggr_kwargs: None }
    }
}

/// The graph isomorphism network with edge features (Hu, Liu, Gomes, Zitnik, Liang, Pande, Leskovec, *Strategies for
/// Pre-training Graph Neural Networks*, ICLR 2020).
///
/// > x'_i = h((1 + ε) x_i + Σ ReLU(x_j + W f_e + b) over the edges e from j to i)
///
/// where f_e stands as it is if there is no `edge_dim`.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I]` and x_dst `[N_dst, I]`; edge_attr `[E, D]`, or `[E, I]` without `edge_dim`;
/// result `[N_dst, O]`, with the I and O of h. Parameters `eps` `[1]`, `nn.…`, `lin` (weight `[I, D]`, bias), `aggr_module.…`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GineConv, GineConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let bonds = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;
/// let config = GineConvConfig { edge_dim: Some(3), ..GineConvConfig::new("Linear(5,2)".parse()?) };
/// let conv = GineConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &edges, &bonds)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GineConv {
    config: GineConvConfig,
    nn: Mlp,
    lin: Option<Linear>,
    eps: Eps,
    aggregation: Aggregation,
}

impl GineConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If there is an `edge_dim` and a network that takes any number of channels, an argument of the aggregation is not
    /// known, or `vb` has no such parameters.
    pub fn new(config: &GineConvConfig, vb: VarBuilder) -> Result<Self> {
        let kwargs = config.aggr_kwargs.clone().unwrap_or_default();
        let lin = match (config.edge_dim, config.nn.in_channels()) {
            (None, _) => None,
            (Some(d), Some(channels)) => Some(Linear::new(d, channels, true, vb.pp("lin"))?),
            (Some(_), None) => {
                let expected = "a network with a linear map, because the layer has an edge_dim";
                return Err(Error::argument(LAYER, "nn", expected, config.nn.to_string()));
            }
        };
        Ok(Self {
            nn: Mlp::new(&config.nn, vb.pp("nn"))?,
            lin,
            eps: Eps::new(LAYER, config.eps, config.train_eps, &vb)?,
            aggregation: Aggregation::resolve_one(LAYER, &config.aggr, &kwargs, vb.pp("aggr_module"))?,
            config: config.clone(),
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GineConvConfig {
        &self.config
    }

    /// The new features of the destinations.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
    ) -> Result<Tensor> {
        let x = x.into();
        let channels = check_channels(LAYER, x, &self.config.nn, edges)?;
        let terms = match &self.lin {
            Some(lin) => {
                let checked = check_edge_attr(LAYER, self.config.edge_dim, edges, Some(edge_attr))?;
                lin.forward(&checked.unwrap_or_else(|| edge_attr.clone()))?
            }
            None if edge_attr.dims() == [edges.num_edges(), channels] => edge_attr.clone(),
            None => {
                let e = edges.num_edges();
                let expected = format!("[{e}, {channels}] (as x has, because the layer has no edge_dim)");
                return Err(Error::argument(LAYER, "edge_attr", expected, format!("{:?}", edge_attr.dims())));
            }
        };
        let messages = ops::relu(&ops::edge_sum(x.source(), None, Some(&terms), edges)?)?;
        self.nn.forward(&self.eps.add(self.aggregation.forward(&messages, edges)?, x)?)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        _mode: Mode,
    ) -> Result<Tensor> {
        self.forward(x, edges, edge_attr)
    }
}
