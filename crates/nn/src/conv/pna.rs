use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::check_edge_attr;
use super::neighbours::check_nodes;
use crate::aggr::{Aggr, Aggrs, DegreeScalerAggregation, DegreeScalerAggregationConfig, Scaler};
use crate::config;
use crate::{ActivationKwargs, ActivationLayer, Error, Linear, Mode, Result};

const LAYER: &str = "PnaConv";

/// The arguments of [`PnaConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PnaConvConfig {
    /// I.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// The aggregations.
    pub aggregators: Vec<Aggr>,
    /// What each of them is multiplied with.
    pub scalers: Vec<Scaler>,
    /// `deg[d]`: how many nodes of the training set have d in-edges.
    pub deg: Vec<u64>,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// T, the number of towers, each of which gives O/T of the results. Default 1.
    #[serde(default = "config::one")]
    pub towers: usize,
    /// The number of linear maps of a message. Default 1.
    #[serde(default = "config::one")]
    pub pre_layers: usize,
    /// The number of linear maps of what a tower aggregated. Default 1.
    #[serde(default = "config::one")]
    pub post_layers: usize,
    /// Whether each tower gets its own I/T of the features, instead of all. Default false.
    #[serde(default)]
    pub divide_input: bool,
    /// The activation between linear maps, see [`ActivationLayer`], or none. Default `relu`.
    #[serde(default = "relu")]
    pub act: Option<String>,
    /// Arguments of the activation. Default none.
    #[serde(default)]
    pub act_kwargs: Option<ActivationKwargs>,
    /// Whether the mean degrees are learnt. Default false.
    #[serde(default)]
    pub train_norm: bool,
}

#[allow(clippy::unnecessary_wraps)] // serde wants the type of the field
fn relu() -> Option<String> {
    Some("relu".into())
}

impl PnaConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        aggregators: Vec<Aggr>,
        scalers: Vec<Scaler>,
        deg: Vec<u64>,
    ) -> Self {
        Self {
            in_channels,
            out_channels,
            aggregators,
            scalers,
            deg,
            edge_dim: None,
            towers: 1,
            pre_layers: 1,
            post_layers: 1,
            divide_input: false,
            act: relu(),
            act_kwargs: None,
            train_norm: false,
        }
    }
}

/// Principal neighbourhood aggregation (Corso, Cavalleri, Beaini, Liò, Veličković, *Principal Neighbourhood Aggregation for
/// Graph Nets*, NeurIPS 2020, eqs. 7 and 8).
///
/// > x'_i = W ‖_t γ_t(\[x_i ‖ ⊕ h_t(\[x_i ‖ x_j ‖ W_e f_e + b_e\])\]) + b over the edges e from j to i
///
/// where ⊕ is the [`DegreeScalerAggregation`] and t goes through the towers.
///
/// Shapes: x `[N, I]`, edge_attr `[E, D]`, result `[N, O]`. Parameters, with F features per tower: `edge_encoder` (weight
/// `[F, D]`, bias), `pre_nns.t.k` (k = 0, 2, …; weight `[F, 2·F]` (`[F, 3·F]` with edge features), then `[F, F]`; bias),
/// `post_nns.t.k` (weight `[O/T, (A·S + 1)·F]`, then `[O/T, O/T]`; bias), `lin` (weight `[O, O]`, bias), `aggr_module.…`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{Aggr, Scaler}, conv::{PnaConv, PnaConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let (aggregators, scalers) = (vec![Aggr::Mean, Aggr::Std], vec![Scaler::Identity, Scaler::Amplification]);
/// let config = PnaConvConfig::new(5, 2, aggregators, scalers, vec![1, 2]);
/// let conv = PnaConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PnaConv {
    config: PnaConvConfig,
    aggregation: DegreeScalerAggregation,
    edge_encoder: Option<Linear>,
    towers: Vec<Tower>,
    lin: Linear,
}

#[derive(Debug, Clone)]
struct Tower {
    pre: Layers,
    post: Layers,
}

/// A linear map and, after it, more of them, each after an activation.
#[derive(Debug, Clone)]
struct Layers {
    first: Linear,
    rest: Vec<(Option<ActivationLayer>, Linear)>,
}

impl Layers {
    fn new((i, o): (usize, usize), count: usize, c: &PnaConvConfig, vb: &VarBuilder) -> Result<Self> {
        let kwargs = c.act_kwargs.clone().unwrap_or_default();
        let more = |k: usize| -> Result<_> {
            let act = |name: &String| ActivationLayer::resolve(name, &kwargs, vb.pp(2 * k - 1));
            Ok((c.act.as_ref().map(act).transpose()?, Linear::new(o, o, true, vb.pp(2 * k))?))
        };
        Ok(Self {
            first: Linear::new(i, o, true, vb.pp(0))?,
            rest: (1..count).map(more).collect::<Result<_>>()?,
        })
    }

    /// What comes after the first map.
    fn finish(&self, first: Tensor) -> Result<Tensor> {
        self.rest.iter().try_fold(first, |x, (act, lin)| match act {
            Some(act) => lin.forward(&act.forward(&x)?),
            None => lin.forward(&x),
        })
    }
}

impl PnaConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &PnaConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let at_least_one =
            [("towers", c.towers), ("pre_layers", c.pre_layers), ("post_layers", c.post_layers)];
        for (argument, value) in at_least_one {
            if value == 0 {
                return Err(Error::argument(LAYER, argument, "at least 1", "0"));
            }
        }
        let divided =
            [("in_channels", c.in_channels, c.divide_input), ("out_channels", c.out_channels, true)];
        for (argument, channels, _) in divided.into_iter().filter(|(.., divided)| *divided) {
            if !channels.is_multiple_of(c.towers) {
                let expected = format!("a multiple of the {} towers", c.towers);
                return Err(Error::argument(LAYER, argument, expected, channels.to_string()));
            }
        }
        let aggregation = DegreeScalerAggregation::new(
            &DegreeScalerAggregationConfig {
                aggr: Aggrs::Many(c.aggregators.clone()),
                scaler: c.scalers.clone(),
                deg: c.deg.clone(),
                train_norm: c.train_norm,
                aggr_kwargs: None,
            },
            vb.pp("aggr_module"),
        )?;
        let f = if c.divide_input { c.in_channels / c.towers } else { c.in_channels };
        let parts = if c.edge_dim.is_some() { 3 } else { 2 };
        let aggregated = aggregation.out_channels(f) + f;
        let tower = |t: usize| -> Result<Tower> {
            Ok(Tower {
                pre: Layers::new((parts * f, f), c.pre_layers, &c, &vb.pp("pre_nns").pp(t))?,
                post: Layers::new(
                    (aggregated, c.out_channels / c.towers),
                    c.post_layers,
                    &c,
                    &vb.pp("post_nns").pp(t),
                )?,
            })
        };
        let encoder = |d| Linear::new(d, f, true, vb.pp("edge_encoder"));
        Ok(Self {
            aggregation,
            edge_encoder: c.edge_dim.map(encoder).transpose()?,
            towers: (0..c.towers).map(tower).collect::<Result<_>>()?,
            lin: Linear::new(c.out_channels, c.out_channels, true, vb.pp("lin"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &PnaConvConfig {
        &self.config
    }

    /// The new features of the nodes, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, the graph is bipartite, or the layer has an `edge_dim`.
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

    /// As [`forward`](Self::forward), with edge features `[E, D]` (or `[E]` where D is 1).
    ///
    /// # Errors
    /// If a shape does not fit, the graph is bipartite, the layer has an `edge_dim` and there is no `edge_attr`, or the
    /// reverse.
    pub fn forward_edges(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        check_nodes(LAYER, x, self.config.in_channels, edges)?;
        let edge_attr = check_edge_attr(LAYER, self.config.edge_dim, edges, edge_attr)?;
        let f = x.dim(1)? / if self.config.divide_input { self.towers.len() } else { 1 };
        let each = self.towers.iter().enumerate().map(|(t, tower)| {
            let own = if self.config.divide_input { x.narrow(1, t * f, f)?.contiguous()? } else { x.clone() };
            let messages =
                tower.pre.finish(self.first_map(&tower.pre.first, &own, edges, edge_attr.as_ref())?)?;
            let aggregated = self.aggregation.forward(&messages, edges)?;
            tower.post.finish(tower.post.first.forward(&Tensor::cat(&[own, aggregated], 1)?)?)
        });
        self.lin.forward(&Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 1)?)
    }

    /// W \[x_i ‖ x_j ‖ f_e'\] + b `[E, F]`, part by part: of the nodes before they become edges, and with the encoder of
    /// the edges in one map with its part of W.
    fn first_map(
        &self,
        map: &Linear,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
    ) -> Result<Tensor> {
        let f = x.dim(1)?;
        let part = |k: usize| -> Result<Tensor> { Ok(map.weight().narrow(1, k * f, f)?.contiguous()?) };
        let of_destination = ops::linear(x, &part(0)?, map.bias())?;
        let of_source = ops::linear(x, &part(1)?, None)?;
        let of_edge = match (&self.edge_encoder, edge_attr) {
            (Some(encoder), Some(edge_attr)) => {
                let weight = part(2)?;
                let bias = encoder.bias().map(|b| weight.matmul(&b.unsqueeze(1)?)?.squeeze(1)).transpose()?;
                Some(ops::linear(edge_attr, &weight.matmul(encoder.weight())?, bias.as_ref())?)
            }
            _ => None,
        };
        Ok(ops::edge_sum(&of_source, Some(&of_destination), of_edge.as_ref(), edges)?)
    }
}
