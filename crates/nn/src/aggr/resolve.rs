use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{PowerMeanAggregation, SoftmaxAggregation, StdAggregation, VarAggregation};
use crate::{Error, Result};

/// The name of an aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggr {
    /// The mean.
    #[default]
    Mean,
    /// The sum; `add` is another name.
    #[serde(alias = "add")]
    Sum,
    /// The largest, channel by channel.
    Max,
    /// The smallest, channel by channel.
    Min,
    /// The product.
    Mul,
    /// [`VarAggregation`].
    Var,
    /// [`StdAggregation`].
    Std,
    /// [`SoftmaxAggregation`].
    Softmax,
    /// [`PowerMeanAggregation`].
    PowerMean,
}

/// One aggregation or several, whose results stand side by side: in JSON `"mean"` or `["mean", "max"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", untagged)]
pub enum Aggrs {
    /// One.
    One(Aggr),
    /// Several.
    Many(Vec<Aggr>),
}

impl Default for Aggrs {
    fn default() -> Self {
        Self::One(Aggr::Mean)
    }
}

/// By hand, so that the error names what is wrong with a name.
impl TryFrom<Value> for Aggrs {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> serde_json::Result<Self> {
        match value {
            Value::Array(_) => serde_json::from_value(value).map(Self::Many),
            one => serde_json::from_value(one).map(Self::One),
        }
    }
}

impl From<Aggr> for Aggrs {
    fn from(aggr: Aggr) -> Self {
        Self::One(aggr)
    }
}

/// The arguments of an aggregation by name (`aggr_kwargs`); of several: `aggrs_kwargs`, a list of the arguments of each.
pub type AggrKwargs = Map<String, Value>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyKwargs {
    #[serde(default)]
    aggrs_kwargs: Option<Vec<AggrKwargs>>,
    #[serde(default)]
    mode: Option<Mode>,
}

/// What is made of several results.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Cat,
}

/// An aggregation chosen by name.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{Aggr, AggrKwargs, Aggregation, Aggrs}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let names = Aggrs::Many(vec![Aggr::Mean, Aggr::Max]);
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let both = Aggregation::resolve(&names, &AggrKwargs::default(), vb)?;
/// let x = Tensor::new(&[[1f32], [5.]], &Device::Cpu)?;
/// let y = both.forward(&x, &EdgeIndex::from_batch(&[0, 0], 1)?)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[3., 5.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Aggregation {
    /// Sum, mean, max, min or product.
    Reduce(Reduce),
    /// [`VarAggregation`].
    Var(VarAggregation),
    /// [`StdAggregation`].
    Std(StdAggregation),
    /// [`SoftmaxAggregation`].
    Softmax(SoftmaxAggregation),
    /// [`PowerMeanAggregation`].
    PowerMean(PowerMeanAggregation),
    /// Several, side by side (Corso et al., *Principal Neighbourhood Aggregation for Graph Nets*, NeurIPS 2020).
    Many(Vec<Aggregation>),
}

impl Aggregation {
    /// The aggregation of a name, or of several, and its arguments. The parameters of several are `aggrs.i.…`.
    ///
    /// # Errors
    /// If an argument is not known, there is no name in a list, or `vb` has no such parameters.
    pub fn resolve(names: &Aggrs, kwargs: &AggrKwargs, vb: VarBuilder) -> Result<Self> {
        let names = match names {
            Aggrs::One(name) => return Self::one(*name, kwargs, vb),
            Aggrs::Many(names) => names,
        };
        let ManyKwargs { aggrs_kwargs, mode: Some(Mode::Cat) | None } = config(kwargs)?;
        let aggrs_kwargs = aggrs_kwargs.unwrap_or_else(|| vec![AggrKwargs::default(); names.len()]);
        if names.is_empty() || aggrs_kwargs.len() != names.len() {
            let expected = "at least one name, and the arguments of each";
            let got = format!("{} and {}", names.len(), aggrs_kwargs.len());
            return Err(Error::argument("Aggregation", "aggr", expected, got));
        }
        let vb = vb.pp("aggrs");
        let each = names.iter().zip(&aggrs_kwargs).enumerate();
        each.map(|(i, (name, kwargs))| Self::one(*name, kwargs, vb.pp(i)))
            .collect::<Result<_>>()
            .map(Self::Many)
    }

    /// As [`resolve`](Self::resolve), for a layer whose result has the channels of one aggregation.
    pub(crate) fn resolve_one(
        layer: &'static str,
        names: &Aggrs,
        kwargs: &AggrKwargs,
        vb: VarBuilder,
    ) -> Result<Self> {
        match names {
            Aggrs::Many(many) if many.len() != 1 => {
                Err(Error::argument(layer, "aggr", "one aggregation", format!("{} of them", many.len())))
            }
            _ => Self::resolve(names, kwargs, vb),
        }
    }

    fn one(name: Aggr, kwargs: &AggrKwargs, vb: VarBuilder) -> Result<Self> {
        let reduce = |reduce| match kwargs.keys().next() {
            None => Ok(Self::Reduce(reduce)),
            Some(argument) => {
                let expected = format!("no arguments of {reduce:?}");
                Err(Error::argument("Aggregation", "aggr_kwargs", expected, argument))
            }
        };
        match name {
            Aggr::Mean => reduce(Reduce::Mean),
            Aggr::Sum => reduce(Reduce::Sum),
            Aggr::Max => reduce(Reduce::Max),
            Aggr::Min => reduce(Reduce::Min),
            Aggr::Mul => reduce(Reduce::Mul),
            Aggr::Var => Ok(Self::Var(config(kwargs)?)),
            Aggr::Std => Ok(Self::Std(config(kwargs)?)),
            Aggr::Softmax => Ok(Self::Softmax(SoftmaxAggregation::new(&config(kwargs)?, vb)?)),
            Aggr::PowerMean => Ok(Self::PowerMean(PowerMeanAggregation::new(&config(kwargs)?, vb)?)),
        }
    }

    /// The channels of the result for rows of `channels` channels.
    pub fn out_channels(&self, channels: usize) -> usize {
        match self {
            Self::Many(all) => all.len() * channels,
            _ => channels,
        }
    }

    /// One row per group: `[E, F] → [groups, F]`, or `[groups, k·F]` for k aggregations.
    ///
    /// # Errors
    /// If `x` has not one row per edge.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        match self {
            Self::Reduce(reduce) => Ok(ops::scatter(x, edges, *reduce)?),
            Self::Var(aggregation) => aggregation.forward(x, edges),
            Self::Std(aggregation) => aggregation.forward(x, edges),
            Self::Softmax(aggregation) => aggregation.forward(x, edges),
            Self::PowerMean(aggregation) => aggregation.forward(x, edges),
            Self::Many(all) => {
                let all = all.iter().map(|aggregation| aggregation.forward(x, edges));
                Ok(Tensor::cat(&all.collect::<Result<Vec<_>>>()?, D::Minus1)?)
            }
        }
    }
}

fn config<T: DeserializeOwned>(kwargs: &AggrKwargs) -> Result<T> {
    let value = Value::Object(kwargs.clone());
    let text = value.to_string();
    serde_json::from_value(value).map_err(|e| {
        Error::argument("Aggregation", "aggr_kwargs", "arguments of the aggregation", format!("{text}: {e}"))
    })
}
