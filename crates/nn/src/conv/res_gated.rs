use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{check_edge_attr, destinations};
use super::neighbours::edge_rows;
use crate::config::{self, Channels};
use crate::{ActivationKwargs, ActivationLayer, Linear, Mode, Nodes, Result, init};

const LAYER: &str = "ResGatedGraphConv";

/// The arguments of [`ResGatedGraphConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResGatedGraphConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// The function of the gate, by the names of [`Activation`](crate::Activation). Default sigmoid.
    #[serde(default = "sigmoid")]
    pub act: String,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// Whether a linear map of the destinations' features is added. Default true.
    #[serde(default = "config::yes")]
    pub root_weight: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

fn sigmoid() -> String {
    "sigmoid".into()
}

impl ResGatedGraphConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            act: sigmoid(),
            edge_dim: None,
            root_weight: true,
            bias: true,
        }
    }
}

/// Edges with gates (Bresson and Laurent, *Residual Gated Graph ConvNets*, 2017, eqs. 11 and 12).
///
/// > x'_i = W_s x_i + Σ σ(W_k \[x_i ‖ f_e\] + W_q \[x_j ‖ f_e\] + b_k + b_q) ⊙ (W_v \[x_j ‖ f_e\] + b_v) + b over the
/// > edges e from j to i
///
/// where σ is `act`, a number for every channel, and f are the features of the edges, if there are any.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result `[N_dst, O]`.
///
/// Parameters, as in PyTorch Geometric: `lin_key` (weight `[O, I_dst + D]`, bias `[O]`), `lin_query` and `lin_value` (weight
/// `[O, I_src + D]`, bias `[O]`), `lin_skip.weight` `[O, I_dst]`, `bias` `[O]`; `act.weight` where `act` is prelu.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{ResGatedGraphConv, ResGatedGraphConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = ResGatedGraphConv::new(&ResGatedGraphConvConfig::new(5, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ResGatedGraphConv {
    config: ResGatedGraphConvConfig,
    act: ActivationLayer,
    key: Map,
    query: Map,
    value: Map,
    lin_skip: Option<Linear>,
    bias: Option<Tensor>,
}

/// A linear map of `[x ‖ f]` in its two parts: that of nodes is computed once per node, not once per edge.
#[derive(Debug, Clone)]
struct Map {
    of_node: Linear,
    of_edge: Option<Tensor>,
}

impl Map {
    fn new(channels: usize, edge_dim: Option<usize>, out_channels: usize, vb: VarBuilder) -> Result<Self> {
        let whole = Linear::new(channels + edge_dim.unwrap_or(0), out_channels, true, vb)?;
        let Some(d) = edge_dim else { return Ok(Self { of_node: whole, of_edge: None }) };
        let (weight, bias) = (whole.weight(), whole.bias().cloned());
        let of_node = Linear::from_tensors(weight.narrow(1, 0, channels)?.contiguous()?, bias);
        Ok(Self { of_node, of_edge: Some(weight.narrow(1, channels, d)?.contiguous()?) })
    }
}

impl ResGatedGraphConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `act` is not known, or `vb` has no such parameters.
    pub fn new(config: &ResGatedGraphConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst, o) = (c.in_channels.source(), c.in_channels.destination(), c.out_channels);
        let skip = || Linear::new(dst, o, false, vb.pp("lin_skip"));
        Ok(Self {
            act: ActivationLayer::resolve(&c.act, &ActivationKwargs::default(), vb.pp("act"))?,
            key: Map::new(dst, c.edge_dim, o, vb.pp("lin_key"))?,
            query: Map::new(src, c.edge_dim, o, vb.pp("lin_query"))?,
            value: Map::new(src, c.edge_dim, o, vb.pp("lin_value"))?,
            lin_skip: c.root_weight.then(skip).transpose()?,
            bias: c.bias.then(|| vb.get_with_hints(o, "bias", init::ZEROS)).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &ResGatedGraphConvConfig {
        &self.config
    }

    /// The new features of the destinations, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, the destinations have no features, or the layer has an `edge_dim`.
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

    /// As [`forward_t`](Self::forward_t), with edge features `[E, D]` (or `[E]` where D is 1).
    ///
    /// # Errors
    /// If a shape does not fit, the destinations have no features, the layer has an `edge_dim` and there is no
    /// `edge_attr`, or the reverse.
    pub fn forward_edges<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        let x = x.into();
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let (x_src, x_dst) = (x.source(), destinations(LAYER, x)?);
        let edge_attr = check_edge_attr(LAYER, self.config.edge_dim, edges, edge_attr)?;

        let key = self.key.of_node.forward(x_dst)?;
        let (query, value) = (self.query.of_node.forward(x_src)?, self.value.of_node.forward(x_src)?);
        let of_edge = match (edge_attr, &self.key.of_edge, &self.query.of_edge, &self.value.of_edge) {
            (Some(f), Some(k), Some(q), Some(v)) => {
                Some((ops::linear(&f, &(k + q)?, None)?, ops::linear(&f, v, None)?))
            }
            _ => None,
        };
        let gate = ops::edge_sum(&query, Some(&key), of_edge.as_ref().map(|(gate, _)| gate), edges)?;
        let gate = self.act.forward(&gate)?;
        // Every channel is a head of its own.
        let mut out = ops::spmm(edges, Some(&gate), &value)?;
        if let Some((_, value)) = &of_edge {
            out = (out + ops::spmm(&edge_rows(edges)?, Some(&gate), value)?)?;
        }
        if let Some(lin) = &self.lin_skip {
            out = (out + lin.forward(x_dst)?)?;
        }
        match &self.bias {
            Some(bias) => Ok(ops::bias_add(&out, bias)?),
            None => Ok(out),
        }
    }
}
