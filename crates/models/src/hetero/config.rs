use candle_core::Tensor;
use candle_geometric_graph::{EdgeType, HeteroGraph};
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::Attention;
use candle_geometric_nn::hetero::NodeTensors;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{Han, HanConfig, Hgt, HgtConfig};
use crate::{Configuration, Result};

/// An architecture for graphs with types of nodes and edges, and its arguments.
///
/// ```
/// use candle_geometric_models::{Configuration, HeteroModelConfig};
/// let text = r#"{"architecture": "HGT", "config": {"in_channels": 5, "out_channels": 3, "target": "paper",
///     "metadata": [["paper"], [["paper", "cites", "paper"]]]}}"#;
/// let config: HeteroModelConfig = serde_json::from_str(text)?;
/// assert_eq!((config.architecture(), config.num_classes()), ("HGT", 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", content = "config", deny_unknown_fields)]
#[non_exhaustive]
pub enum HeteroModelConfig {
    /// `"HAN"`: attention along meta-paths, then over them.
    #[serde(rename = "HAN")]
    Han(HanConfig),
    /// `"HGT"`: a transformer with parameters for every type.
    #[serde(rename = "HGT")]
    Hgt(HgtConfig),
}

/// A model that computes an output for every node of one type, the target, of a graph with types of nodes and edges.
pub trait HeteroModel: Send + Sync {
    /// The outputs of the nodes of the target, `[N_target, classes]`: logits.
    ///
    /// # Errors
    /// If a shape does not fit, features of a type are missing, or the graph has a type that the model does not know.
    fn forward(&self, x: &NodeTensors, graph: &HeteroGraph, mode: Mode<'_>) -> Result<Tensor>;

    /// The attention of every layer over every type of edges, in evaluation mode, first layer first; none for a model whose
    /// attention is not one for each type.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn attention(&self, _x: &NodeTensors, _graph: &HeteroGraph) -> Result<Vec<TypedAttention>> {
        Ok(vec![])
    }
}

/// The weights that a layer gave to the edges of one type.
#[derive(Debug, Clone)]
pub struct TypedAttention {
    /// The layer, counted from 0.
    pub layer: usize,
    /// The type of the edges.
    pub edge_type: EdgeType,
    /// α over the edges of this type.
    pub attention: Attention,
    /// β, how much of the result this type makes among those that end in the same type of nodes: they sum to 1.
    pub share: f64,
}

impl HeteroModel for Han {
    fn forward(&self, x: &NodeTensors, graph: &HeteroGraph, mode: Mode<'_>) -> Result<Tensor> {
        self.forward(x, graph, mode)
    }

    fn attention(&self, x: &NodeTensors, graph: &HeteroGraph) -> Result<Vec<TypedAttention>> {
        self.attention(x, graph)
    }
}

impl HeteroModel for Hgt {
    fn forward(&self, x: &NodeTensors, graph: &HeteroGraph, mode: Mode<'_>) -> Result<Tensor> {
        self.forward(x, graph, mode)
    }
}

impl HeteroModelConfig {
    /// The names of the known architectures.
    pub const ARCHITECTURES: &[&str] = &["HAN", "HGT"];
}

impl Configuration for HeteroModelConfig {
    type Model = Box<dyn HeteroModel>;

    fn architecture(&self) -> &'static str {
        match self {
            Self::Han(_) => "HAN",
            Self::Hgt(_) => "HGT",
        }
    }

    fn num_classes(&self) -> usize {
        match self {
            Self::Han(config) => config.out_channels,
            Self::Hgt(config) => config.out_channels,
        }
    }

    fn build_model(&self, vb: VarBuilder<'_>) -> Result<Self::Model> {
        Ok(match self {
            Self::Han(config) => Box::new(Han::new(config, vb)?),
            Self::Hgt(config) => Box::new(Hgt::new(config, vb)?),
        })
    }
}
