use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    BatchNorm, BatchNormConfig, GraphNorm, GraphNormConfig, InstanceNorm, InstanceNormConfig, LayerNorm,
    LayerNormConfig, PairNorm, PairNormConfig,
};
use crate::{Error, Mode, Result};

/// The arguments of a norm by name, except its channels (`norm_kwargs`).
pub type NormKwargs = Map<String, Value>;

/// A norm chosen by name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Norm {
    /// [`BatchNorm`].
    Batch(BatchNorm),
    /// [`LayerNorm`].
    Layer(LayerNorm),
    /// [`GraphNorm`].
    Graph(GraphNorm),
    /// [`PairNorm`].
    Pair(PairNorm),
    /// [`InstanceNorm`].
    Instance(InstanceNorm),
}

impl Norm {
    /// The norm of a name and its arguments, as PyTorch Geometric's `normalization_resolver(norm, channels,
    /// **norm_kwargs)`: `batch_norm`, `BatchNorm` and `batch` are one.
    ///
    /// As there, a [`PairNorm`] takes the channels for its `scale`, unless the arguments name one.
    ///
    /// # Errors
    /// If the name or an argument is not known, or `vb` has no such parameters.
    ///
    /// ```
    /// use candle_core::{DType, Device};
    /// use candle_geometric_nn::{SeededVarMap, norm::{Norm, NormKwargs}};
    /// # fn main() -> Result<(), candle_geometric_nn::Error> {
    /// let map = SeededVarMap::new(0);
    /// let vb = map.var_builder(DType::F32, &Device::Cpu);
    /// Norm::resolve("GraphNorm", 8, &NormKwargs::default(), vb.pp("norms.0"))?;
    /// assert!(map.get("norms.0.mean_scale").is_some());
    /// assert!(Norm::resolve("message_norm", 8, &NormKwargs::default(), vb).is_err());
    /// # Ok(()) }
    /// ```
    pub fn resolve(name: &str, channels: usize, kwargs: &NormKwargs, vb: VarBuilder) -> Result<Self> {
        let normal: String =
            name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
        let kind = normal.strip_suffix("norm").unwrap_or(&normal);
        let channels = |argument| with(kwargs, argument, channels);
        Ok(match kind {
            "batch" => Self::Batch(BatchNorm::new(&config::<BatchNormConfig>(channels("in_channels"))?, vb)?),
            "layer" => Self::Layer(LayerNorm::new(&config::<LayerNormConfig>(channels("in_channels"))?, vb)?),
            "graph" => Self::Graph(GraphNorm::new(&config::<GraphNormConfig>(channels("in_channels"))?, vb)?),
            "pair" => Self::Pair(PairNorm::new(&config::<PairNormConfig>(channels("scale"))?)),
            "instance" => {
                let config = config::<InstanceNormConfig>(channels("in_channels"))?;
                Self::Instance(InstanceNorm::new(&config, vb)?)
            }
            _ => {
                let expected = "batch_norm, layer_norm, graph_norm, pair_norm or instance_norm";
                return Err(Error::argument("Norm", "norm", expected, format!("{name:?}")));
            }
        })
    }

    /// The normalised features.
    ///
    /// # Errors
    /// If `x` is not `[N, F]`, or `batch` has not one entry per row.
    pub fn forward_t(&self, x: &Tensor, batch: Option<&EdgeIndex>, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Batch(norm) => norm.forward_t(x, mode),
            Self::Layer(norm) => norm.forward(x, batch),
            Self::Graph(norm) => norm.forward(x, batch),
            Self::Pair(norm) => norm.forward(x, batch),
            Self::Instance(norm) => norm.forward_t(x, batch, mode),
        }
    }
}

fn with(kwargs: &NormKwargs, argument: &str, value: usize) -> NormKwargs {
    let mut kwargs = kwargs.clone();
    kwargs.entry(argument).or_insert(value.into());
    kwargs
}

fn config<T: DeserializeOwned>(kwargs: NormKwargs) -> Result<T> {
    let text = Value::Object(kwargs.clone()).to_string();
    serde_json::from_value(Value::Object(kwargs))
        .map_err(|e| Error::argument("Norm", "norm_kwargs", "arguments of the norm", format!("{text}: {e}")))
}
