use candle_nn::VarBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::weights::{self, Parameter};
use crate::{GraphModel, ModelConfig, Result};

/// All it takes to build a model of one family, apart from the weights: as it stands in `config.json`, `architecture`
/// beside `config`.
///
/// A family is what models are applied to: [`ModelConfig`] for graphs, [`HeteroModelConfig`](crate::HeteroModelConfig) for graphs
/// with types of nodes and edges, [`KnowledgeModelConfig`](crate::KnowledgeModelConfig) for knowledge graphs.
pub trait Configuration: Serialize + DeserializeOwned {
    /// What is built.
    type Model;

    /// The name of the architecture.
    fn architecture(&self) -> &'static str;

    /// The number of classes that the model tells apart.
    fn num_classes(&self) -> usize;

    /// Builds the model. The names asked of `vb` are those of the model's `state_dict`.
    ///
    /// # Errors
    /// If an argument has a value that is not supported, or `vb` cannot give a tensor.
    fn build_model(&self, vb: VarBuilder<'_>) -> Result<Self::Model>;

    /// The names and shapes of the model's tensors, ordered by name.
    ///
    /// # Errors
    /// If an argument has a value that is not supported.
    fn tensors(&self) -> Result<Vec<Parameter>> {
        weights::parameters(self)
    }
}

impl Configuration for ModelConfig {
    type Model = Box<dyn GraphModel>;

    fn architecture(&self) -> &'static str {
        self.architecture()
    }

    fn num_classes(&self) -> usize {
        self.out_channels()
    }

    fn build_model(&self, vb: VarBuilder<'_>) -> Result<Self::Model> {
        self.build(vb)
    }
}
