use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::nearest;
use crate::weights::{self, Parameter};
use crate::{
    AttentionGraphClassifierConfig, AttentiveFpConfig, Error, GaeConfig, GatConfig, GcnConfig, GmtConfig,
    GpsConfig, GraphModel, GraphSageConfig, GraphTransformerConfig, InductiveGatConfig, PaperGatConfig,
    Result, SagPoolNetConfig, VgaeConfig,
};

/// What the configuration of every architecture says of its model.
pub(crate) trait Architecture {
    /// The number of features of a node.
    fn in_channels(&self) -> usize;
    /// The width of the output.
    fn out_channels(&self) -> usize;
    /// The model, with the parameters that `vb` gives.
    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>>;
}

/// Declares [`ModelConfig`]: a line for each architecture, with its configuration and its name.
macro_rules! architectures {
    ($($(#[$doc:meta])* $variant:ident($config:ty) = $name:literal,)*) => {
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
            $(#[doc = concat!("`\"", $name, "\"`: ")] $(#[$doc])* $variant($config),)*
        }

        impl ModelConfig {
            /// The names of the known architectures.
            pub const ARCHITECTURES: &[&str] = &[$($name),*];

            /// From the name of an architecture and its arguments.
            ///
            /// # Errors
            /// If the architecture is unknown, or an argument is unknown, missing or of the wrong type.
            pub fn new(architecture: &str, config: Value) -> Result<Self> {
                let bad = |e: serde_json::Error| Error::config(architecture, e.to_string());
                match architecture {
                    $($name => serde_json::from_value(config).map(Self::$variant).map_err(bad),)*
                    _ => Err(Error::UnknownArchitecture {
                        name: architecture.to_string(),
                        nearest: nearest(architecture, Self::ARCHITECTURES.iter().copied()),
                        known: Self::ARCHITECTURES.iter().map(ToString::to_string).collect(),
                    }),
                }
            }

            /// The name of the architecture.
            pub fn architecture(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            fn arguments(&self) -> &dyn Architecture {
                match self {
                    $(Self::$variant(config) => config,)*
                }
            }

            fn to_value(&self) -> serde_json::Result<Value> {
                match self {
                    $(Self::$variant(config) => serde_json::to_value(config),)*
                }
            }
        }
    };
}

architectures! {
    /// PyTorch Geometric's `GAT`.
    Gat(GatConfig) = "GAT",
    /// the two layers of Veličković et al. 2018.
    PaperGat(PaperGatConfig) = "PaperGAT",
    /// the three layers of Veličković et al. 2018 for graphs not seen in training.
    InductiveGat(InductiveGatConfig) = "InductiveGAT",
    /// PyTorch Geometric's `GCN`.
    Gcn(GcnConfig) = "GCN",
    /// PyTorch Geometric's `GraphSAGE`.
    GraphSage(GraphSageConfig) = "GraphSAGE",
    /// UniMP, Shi et al. 2021.
    GraphTransformer(GraphTransformerConfig) = "GraphTransformer",
    /// PyTorch Geometric's `GAE`, whose outputs are latent features.
    Gae(GaeConfig) = "GAE",
    /// PyTorch Geometric's `VGAE` with attention, whose outputs are latent features.
    Vgae(VgaeConfig) = "VGAE",
    /// PyTorch Geometric's `AttentiveFP`, a model of graphs.
    AttentiveFp(AttentiveFpConfig) = "AttentiveFP",
    /// edge-level attention, a model of graphs.
    AttentionGraphClassifier(AttentionGraphClassifierConfig) = "AttentionGraphClassifier",
    /// self-attention graph pooling, a model of graphs.
    SagPoolNet(SagPoolNetConfig) = "SAGPoolNet",
    /// the graph multiset transformer, a model of graphs.
    Gmt(GmtConfig) = "GMT",
    /// the general, powerful, scalable graph transformer, of graphs or of nodes.
    Gps(GpsConfig) = "GPS",
}

impl ModelConfig {
    /// The number of features that a node comes with.
    pub fn in_channels(&self) -> usize {
        self.arguments().in_channels()
    }

    /// The number of outputs for a node, or for a graph.
    pub fn out_channels(&self) -> usize {
        self.arguments().out_channels()
    }

    /// Builds the model. The names asked of `vb` are those of PyTorch Geometric's `state_dict`.
    ///
    /// # Errors
    /// If an argument has a value that is not supported, or `vb` cannot give a tensor.
    pub fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        self.arguments().build(vb)
    }

    /// The names and shapes of the model's tensors, ordered by name.
    ///
    /// # Errors
    /// If an argument has a value that is not supported.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        weights::parameters(self)
    }
}

/// How a [`ModelConfig`] is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tagged {
    architecture: String,
    config: Value,
}

impl TryFrom<Tagged> for ModelConfig {
    type Error = Error;

    fn try_from(tagged: Tagged) -> Result<Self> {
        Self::new(&tagged.architecture, tagged.config)
    }
}

impl From<ModelConfig> for Tagged {
    fn from(config: ModelConfig) -> Self {
        // Structs of numbers, strings and lists always have a JSON form.
        let arguments = config.to_value().unwrap_or_default();
        Tagged { architecture: config.architecture().to_string(), config: arguments }
    }
}
