use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use candle_geometric_graph::HeteroGraph;
use candle_geometric_nn::hetero::{HanConv, HanConvConfig, Metadata, NodeTensors, TypedChannels};
use candle_geometric_nn::{Linear, Mode};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{TypedAttention, check_types, classify};
use crate::basic_gnn::{check_sizes, one};
use crate::{Error, Result};

const MODEL: &str = "HAN";

/// The arguments of [`Han`], with the defaults of PyTorch Geometric's example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HanConfig {
    /// I, for all types of nodes or for each.
    pub in_channels: TypedChannels,
    /// K, the number of classes.
    pub out_channels: usize,
    /// The types of nodes and edges; a type of edges is a meta-path.
    pub metadata: Metadata,
    /// The type of nodes that is classified.
    pub target: String,
    /// C, the width of every layer, a multiple of `heads`. Default 128.
    #[serde(default = "width")]
    pub hidden_channels: usize,
    /// L, the number of layers. Default 1.
    #[serde(default = "one")]
    pub num_layers: usize,
    /// H, the number of heads. Default 8.
    #[serde(default = "heads")]
    pub heads: usize,
    /// The slope of the leaky ReLU. Default 0.2.
    #[serde(default = "slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training. Default 0.6.
    #[serde(default = "probability")]
    pub dropout: f64,
}

const fn width() -> usize {
    128
}

const fn heads() -> usize {
    8
}

const fn slope() -> f64 {
    0.2
}

const fn probability() -> f64 {
    0.6
}

impl HanConfig {
    /// The defaults.
    pub fn new(
        in_channels: impl Into<TypedChannels>,
        out_channels: usize,
        metadata: impl Into<Metadata>,
        target: impl Into<String>,
    ) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            metadata: metadata.into(),
            target: target.into(),
            hidden_channels: width(),
            num_layers: 1,
            heads: heads(),
            negative_slope: slope(),
            dropout: probability(),
        }
    }
}

/// The heterogeneous graph attention network (Wang et al., *Heterogeneous Graph Attention Network*, WWW 2019), as in
/// PyTorch Geometric's `examples/hetero/han_imdb.py`: [`HanConv`] L times, then a linear map of the target.
///
/// The graph has the meta-paths as types of edges: an edge `movie__by_actor__movie` joins two movies with an actor in common.
/// What a layer says of every type goes on to the next.
///
/// Shapes: x `[N_t, I_t]` for each type t, result: logits `[N_target, K]`. Parameters `han_conv.…`, or `han_convs.i.…` where
/// there are several layers; `lin` (weight `[K, C]`, bias).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, HeteroGraph};
/// use candle_geometric_models::{Han, HanConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let by_actor = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?;
/// let by_director = EdgeIndex::new(vec![0, 2], vec![2, 0], 3)?;
/// let graph = HeteroGraph::new(
///     [("movie", 3)],
///     [(("movie", "by_actor", "movie"), by_actor), (("movie", "by_director", "movie"), by_director)],
/// )?;
/// let config = HanConfig { hidden_channels: 16, ..HanConfig::new(5, 2, &graph, "movie") };
/// let model = Han::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let x = [("movie".to_string(), Tensor::ones((3, 5), DType::F32, &Device::Cpu)?)].into();
/// assert_eq!(model.forward(&x, &graph, Mode::Eval)?.dims(), [3, 2]);
/// let beta = model.semantic_attention(&x, &graph)?;
/// assert_eq!(beta[0]["movie"].dims(), [2]); // of both meta-paths
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Han {
    config: HanConfig,
    convs: Vec<HanConv>,
    lin: Linear,
}

impl Han {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, a layer after the first would lack the features of a type, or `vb` has no such
    /// parameters.
    pub fn new(config: &HanConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let c = config.clone();
        let sizes = [
            ("out_channels", c.out_channels),
            ("hidden_channels", c.hidden_channels),
            ("num_layers", c.num_layers),
            ("heads", c.heads),
        ];
        check_sizes(MODEL, &sizes)?;
        check_types(MODEL, &c.in_channels, &c.metadata, &c.target)?;
        let ends = |name: &String| c.metadata.edge_types.iter().any(|edges| edges.destination == *name);
        if let Some(name) = c.metadata.node_types.iter().find(|name| c.num_layers > 1 && !ends(name)) {
            let problem =
                format!("num_layers is {}, expected 1, because no edges end in `{name}`", c.num_layers);
            return Err(Error::config(MODEL, problem));
        }
        let conv = |k: usize| -> Result<_> {
            let in_channels = if k == 0 { c.in_channels.clone() } else { c.hidden_channels.into() };
            let config = HanConvConfig {
                heads: c.heads,
                negative_slope: c.negative_slope,
                dropout: c.dropout,
                ..HanConvConfig::new(in_channels, c.hidden_channels, c.metadata.clone())
            };
            let vb = if c.num_layers == 1 { vb.pp("han_conv") } else { vb.pp("han_convs").pp(k) };
            Ok(HanConv::new(&config, vb)?)
        };
        Ok(Self {
            convs: (0..c.num_layers).map(conv).collect::<Result<_>>()?,
            lin: Linear::new(c.hidden_channels, c.out_channels, true, vb.pp("lin"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &HanConfig {
        &self.config
    }

    /// The logits of the nodes of the target.
    ///
    /// # Errors
    /// If a shape does not fit, features of a type are missing, the graph has a type that is not in the metadata, or none of
    /// its types of edges ends in a type of nodes that is needed.
    pub fn forward(&self, x: &NodeTensors, graph: &HeteroGraph, mode: Mode<'_>) -> Result<Tensor> {
        Ok(self.run(x, graph, mode)?.0)
    }

    /// The weights β of the types of edges in every layer, in evaluation mode: see
    /// [`HanConv::forward_with_semantic_attention`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn semantic_attention(&self, x: &NodeTensors, graph: &HeteroGraph) -> Result<Vec<NodeTensors>> {
        Ok(self.run(x, graph, Mode::Eval)?.1)
    }

    /// The weights α of every type of edges with the weight β of the type, in every layer, in evaluation mode.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn attention(&self, x: &NodeTensors, graph: &HeteroGraph) -> Result<Vec<TypedAttention>> {
        let (mut x, mut seen) = (x.clone(), Vec::new());
        for (layer, conv) in self.convs.iter().enumerate() {
            let (next, mut alpha, beta) = conv.forward_with_attention(&x, graph, Mode::Eval)?;
            x = next;
            let mut shares = BTreeMap::new();
            for (name, beta) in &beta {
                shares.insert(name, beta.to_dtype(DType::F64)?.to_vec1::<f64>()?.into_iter());
            }
            for (edge_type, _) in graph.edges() {
                let share = shares.get_mut(&edge_type.destination).and_then(Iterator::next);
                if let (Some(attention), Some(share)) = (alpha.remove(edge_type), share) {
                    seen.push(TypedAttention { layer, edge_type: edge_type.clone(), attention, share });
                }
            }
        }
        Ok(seen)
    }

    fn run(
        &self,
        x: &NodeTensors,
        graph: &HeteroGraph,
        mode: Mode<'_>,
    ) -> Result<(Tensor, Vec<NodeTensors>)> {
        let (mut x, mut attention) = (x.clone(), Vec::with_capacity(self.convs.len()));
        for conv in &self.convs {
            let (next, beta) = conv.forward_with_semantic_attention(&x, graph, mode)?;
            x = next;
            attention.push(beta);
        }
        Ok((classify(MODEL, &self.lin, &x, &self.config.target)?, attention))
    }
}
