use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::nearest;
use crate::weights::{self, Parameter};
use crate::{Error, Gat, GatConfig, Gcn, GcnConfig, GraphModel, GraphSage, GraphSageConfig};
use crate::{PaperGat, PaperGatConfig, Result};

/// An architecture and its arguments: all it takes to build a model, apart from the weights.
///
/// In JSON or TOML it is `architecture`, a name, beside `config`, the arguments under PyTorch Geometric's names.
/// An unknown architecture or argument is an error.
///
/// ```
/// use candle_geometric_models::ModelConfig;
/// let text = r#"{"architecture": "PaperGAT", "config": {"in_channels": 1433, "out_channels": 7}}"#;
/// let config: ModelConfig = serde_json::from_str(text)?;
/// assert_eq!(config.parameters()?.iter().map(|p| p.shape.iter().product::<usize>()).sum::<usize>(), 92_373);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Tagged", into = "Tagged")]
#[non_exhaustive]
pub enum ModelConfig {
    /// `"GAT"`: PyTorch Geometric's `GAT`.
    Gat(GatConfig),
    /// `"PaperGAT"`: the two layers of Veličković et al. 2018.
    PaperGat(PaperGatConfig),
    /// `"GCN"`: PyTorch Geometric's `GCN`.
    Gcn(GcnConfig),
    /// `"GraphSAGE"`: PyTorch Geometric's `GraphSAGE`.
    GraphSage(GraphSageConfig),
}

/// How a [`ModelConfig`] is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tagged {
    architecture: String,
    config: Value,
}

impl ModelConfig {
    /// The names of the known architectures.
    pub const ARCHITECTURES: [&str; 4] = ["GAT", "PaperGAT", "GCN", "GraphSAGE"];

    /// From the name of an architecture and its arguments.
    ///
    /// # Errors
    /// If the architecture is unknown, or an argument is unknown, missing or of the wrong type.
    pub fn new(architecture: &str, config: Value) -> Result<Self> {
        let bad = |e: serde_json::Error| Error::config(architecture, e.to_string());
        match architecture {
            "GAT" => serde_json::from_value(config).map(Self::Gat).map_err(bad),
            "PaperGAT" => serde_json::from_value(config).map(Self::PaperGat).map_err(bad),
            "GCN" => serde_json::from_value(config).map(Self::Gcn).map_err(bad),
            "GraphSAGE" => serde_json::from_value(config).map(Self::GraphSage).map_err(bad),
            _ => Err(Error::UnknownArchitecture {
                name: architecture.to_string(),
                nearest: nearest(architecture, Self::ARCHITECTURES),
                known: Self::ARCHITECTURES.map(String::from).to_vec(),
            }),
        }
    }

    /// The name of the architecture.
    pub fn architecture(&self) -> &'static str {
        match self {
            Self::Gat(_) => "GAT",
            Self::PaperGat(_) => "PaperGAT",
            Self::Gcn(_) => "GCN",
            Self::GraphSage(_) => "GraphSAGE",
        }
    }

    /// The number of features that a node comes with.
    pub fn in_channels(&self) -> usize {
        match self {
            Self::Gat(c) => c.in_channels,
            Self::PaperGat(c) => c.in_channels,
            Self::Gcn(c) => c.in_channels,
            Self::GraphSage(c) => c.in_channels,
        }
    }

    /// The number of outputs for a node.
    pub fn out_channels(&self) -> usize {
        match self {
            Self::Gat(c) => c.out_channels.unwrap_or(c.hidden_channels),
            Self::PaperGat(c) => c.out_channels,
            Self::Gcn(c) => c.out_channels.unwrap_or(c.hidden_channels),
            Self::GraphSage(c) => c.out_channels.unwrap_or(c.hidden_channels),
        }
    }

    /// Builds the model. The names asked of `vb` are those of PyTorch Geometric's `state_dict`.
    ///
    /// # Errors
    /// If an argument has a value that is not supported, or `vb` cannot give a tensor.
    pub fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(match self {
            Self::Gat(c) => Box::new(Gat::new(c, vb)?),
            Self::PaperGat(c) => Box::new(PaperGat::new(c, vb)?),
            Self::Gcn(c) => Box::new(Gcn::new(c, vb)?),
            Self::GraphSage(c) => Box::new(GraphSage::new(c, vb)?),
        })
    }

    /// The names and shapes of the model's tensors, ordered by name.
    ///
    /// # Errors
    /// If an argument has a value that is not supported.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        weights::parameters(self)
    }
}

impl TryFrom<Tagged> for ModelConfig {
    type Error = Error;

    fn try_from(tagged: Tagged) -> Result<Self> {
        Self::new(&tagged.architecture, tagged.config)
    }
}

impl From<ModelConfig> for Tagged {
    fn from(config: ModelConfig) -> Self {
        let architecture = config.architecture().to_string();
        let config = match config {
            ModelConfig::Gat(c) => serde_json::to_value(c),
            ModelConfig::PaperGat(c) => serde_json::to_value(c),
            ModelConfig::Gcn(c) => serde_json::to_value(c),
            ModelConfig::GraphSage(c) => serde_json::to_value(c),
        };
        // Structs of numbers, strings and lists always have a JSON form.
        Tagged { architecture, config: config.unwrap_or_default() }
    }
}
