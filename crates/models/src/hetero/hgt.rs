use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_geometric_graph::HeteroGraph;
use candle_geometric_nn::hetero::{
    HgtConv, HgtConvConfig, Metadata, NodeTensors, TypedChannels, check_nodes,
};
use candle_geometric_nn::{Activation, Linear, Mode};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{check_types, classify};
use crate::Result;
use crate::basic_gnn::{check_sizes, one};

const MODEL: &str = "HGT";

/// The arguments of [`Hgt`], with the defaults of PyTorch Geometric's example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HgtConfig {
    /// I, for all types of nodes or for each.
    pub in_channels: TypedChannels,
    /// K, the number of classes.
    pub out_channels: usize,
    /// The types of nodes and edges.
    pub metadata: Metadata,
    /// The type of nodes that is classified.
    pub target: String,
    /// C, the width of every layer, a multiple of `num_heads`. Default 64.
    #[serde(default = "width")]
    pub hidden_channels: usize,
    /// H. Default 2.
    #[serde(default = "heads")]
    pub num_heads: usize,
    /// L, the number of layers. Default 1.
    #[serde(default = "one")]
    pub num_layers: usize,
}

const fn width() -> usize {
    64
}

const fn heads() -> usize {
    2
}

impl HgtConfig {
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
            num_heads: heads(),
            num_layers: 1,
        }
    }
}

/// The heterogeneous graph transformer (Hu, Dong, Wang, Sun, *Heterogeneous Graph Transformer*, WWW 2020), as in PyTorch
/// Geometric's `examples/hetero/hgt_dblp.py`: ReLU(W_t x + b_t) for every type t of nodes, [`HgtConv`] L times, then a linear
/// map of the target.
///
/// A type that no edges end in keeps its features from layer to layer; in the example a second layer fails there.
///
/// Shapes: x `[N_t, I_t]` for each type t, result: logits `[N_target, K]`. Parameters `lin_dict.t` (weight `[C, I_t]`, bias),
/// `convs.i.…`, `lin` (weight `[K, C]`, bias).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, HeteroGraph};
/// use candle_geometric_models::{Hgt, HgtConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let writes = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
/// let graph = HeteroGraph::new([("author", 3), ("paper", 2)], [(("author", "writes", "paper"), writes)])?;
/// let config = HgtConfig { num_layers: 2, ..HgtConfig::new([("author", 5), ("paper", 7)], 4, &graph, "paper") };
/// let model = Hgt::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let features = |n, c| Tensor::ones((n, c), DType::F32, &Device::Cpu);
/// let x = [("author".to_string(), features(3, 5)?), ("paper".to_string(), features(2, 7)?)].into();
/// assert_eq!(model.forward(&x, &graph, Mode::Eval)?.dims(), [2, 4]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Hgt {
    config: HgtConfig,
    /// With the channels that each takes.
    lin_dict: BTreeMap<String, (usize, Linear)>,
    convs: Vec<HgtConv>,
    lin: Linear,
}

impl Hgt {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &HgtConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let (c, h) = (config.clone(), config.hidden_channels);
        let sizes = [
            ("out_channels", c.out_channels),
            ("hidden_channels", h),
            ("num_heads", c.num_heads),
            ("num_layers", c.num_layers),
        ];
        check_sizes(MODEL, &sizes)?;
        let channels = check_types(MODEL, &c.in_channels, &c.metadata, &c.target)?;
        let project = |(name, inputs): (String, usize)| -> Result<_> {
            let lin = Linear::new(inputs, h, true, vb.pp("lin_dict").pp(&name))?;
            Ok((name, (inputs, lin)))
        };
        let conv = HgtConvConfig { heads: c.num_heads, ..HgtConvConfig::new(h, h, c.metadata.clone()) };
        let convs = (0..c.num_layers).map(|k| HgtConv::new(&conv, vb.pp("convs").pp(k)));
        Ok(Self {
            lin_dict: channels.into_iter().map(project).collect::<Result<_>>()?,
            convs: convs.collect::<Result<_, _>>()?,
            lin: Linear::new(h, c.out_channels, true, vb.pp("lin"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &HgtConfig {
        &self.config
    }

    /// The logits of the nodes of the target.
    ///
    /// # Errors
    /// If a shape does not fit, features of a type are missing, or the graph has a type that is not in the metadata, or lacks
    /// the target.
    pub fn forward(&self, x: &NodeTensors, graph: &HeteroGraph, mode: Mode<'_>) -> Result<Tensor> {
        let mut h = NodeTensors::new();
        let channels = |name: &str| self.lin_dict.get(name).map(|(inputs, _)| *inputs);
        for (name, x) in check_nodes(MODEL, x, graph, channels)? {
            if let Some((_, lin)) = self.lin_dict.get(name) {
                h.insert(name.to_string(), Activation::Relu.forward(&lin.forward(x)?)?);
            }
        }
        for conv in &self.convs {
            let next = conv.forward_t(&h, graph, mode)?;
            h.extend(next);
        }
        classify(MODEL, &self.lin, &h, &self.config.target)
    }
}
