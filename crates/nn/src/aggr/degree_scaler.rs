use candle_core::{D, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::{AggrKwargs, Aggregation, Aggrs};
use crate::{Error, Result};

const LAYER: &str = "DegreeScalerAggregation";

/// A factor that depends on d, the number of rows of a group, and on its mean over the training set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaler {
    /// 1.
    Identity,
    /// ln(d + 1) / δ, δ the mean of ln(d + 1).
    Amplification,
    /// δ / ln(d + 1), with a d of at least 1.
    Attenuation,
    /// d over the mean of d.
    Linear,
    /// The mean of d over d, with a d of at least 1.
    InverseLinear,
}

/// The arguments of [`DegreeScalerAggregation`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DegreeScalerAggregationConfig {
    /// The aggregations.
    pub aggr: Aggrs,
    /// The scalers.
    pub scaler: Vec<Scaler>,
    /// `deg[d]`: how many nodes of the training set have d in-edges.
    pub deg: Vec<u64>,
    /// Whether the means over the training set are learnt. Default false.
    #[serde(default)]
    pub train_norm: bool,
    /// The arguments of the aggregations. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<Vec<AggrKwargs>>,
}

/// Several aggregations, each multiplied with several factors of the size of the group, side by side (Corso, Cavalleri,
/// Beaini, Liò, Veličković, *Principal Neighbourhood Aggregation for Graph Nets*, NeurIPS 2020, eqs. 5 and 6).
///
/// Shapes: x `[E, F]`, result `[groups, S·A·F]` for A aggregations and S scalers, the aggregations of the first scaler
/// first. Parameters `avg_deg_lin`, `avg_deg_log` `[1]`, read also where they are not learnt, `aggr.aggrs.i.…` (where an
/// aggregation learns).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::SeededVarMap;
/// use candle_geometric_nn::aggr::{Aggr, DegreeScalerAggregation, DegreeScalerAggregationConfig, Scaler};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let config = DegreeScalerAggregationConfig {
///     aggr: Aggr::Max.into(),
///     scaler: vec![Scaler::Identity, Scaler::Linear],
///     deg: vec![1, 2], // one node without in-edges, two with one
///     train_norm: false,
///     aggr_kwargs: None,
/// };
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = DegreeScalerAggregation::new(&config, vb)?;
/// let x = Tensor::new(&[[1f32], [4.]], &Device::Cpu)?;
/// let y = pool.forward(&x, &EdgeIndex::from_batch(&[0, 0], 1)?)?;
/// assert_eq!(y.round()?.to_vec2::<f32>()?, [[4., 12.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DegreeScalerAggregation {
    aggregation: Aggregation,
    scalers: Vec<Scaler>,
    avg_deg_lin: Tensor,
    avg_deg_log: Tensor,
}

impl DegreeScalerAggregation {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If there is no scaler, no node of the training set has in-edges, an argument of the aggregation is not known, or
    /// `vb` has no such parameters.
    pub fn new(config: &DegreeScalerAggregationConfig, vb: VarBuilder) -> Result<Self> {
        if config.scaler.is_empty() {
            return Err(Error::argument(LAYER, "scaler", "at least one", "[]"));
        }
        if config.deg.iter().skip(1).all(|&count| count == 0) {
            let expected = "the number of nodes with 0, 1, 2, … in-edges, of which some have in-edges";
            return Err(Error::argument(LAYER, "deg", expected, format!("{:?}", config.deg)));
        }
        let nodes: f64 = config.deg.iter().map(|&count| count as f64).sum();
        let mean = |f: fn(f64) -> f64| {
            config.deg.iter().enumerate().map(|(d, &count)| f(d as f64) * count as f64).sum::<f64>() / nodes
        };
        let average = |name: &str, value: f64| -> Result<Tensor> {
            let average = vb.get_with_hints(1, name, Init::Const(value))?;
            Ok(if config.train_norm { average } else { average.detach() })
        };
        Ok(Self {
            aggregation: aggregation(config, vb.pp("aggr"))?,
            scalers: config.scaler.clone(),
            avg_deg_lin: average("avg_deg_lin", mean(|d| d))?,
            avg_deg_log: average("avg_deg_log", mean(f64::ln_1p))?,
        })
    }

    /// The channels of the result for rows of `channels` channels.
    pub fn out_channels(&self, channels: usize) -> usize {
        self.scalers.len() * self.aggregation.out_channels(channels)
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` has not one row per edge.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let out = self.aggregation.forward(x, edges)?;
        let degrees = edges.in_degrees();
        let column = |f: fn(f64) -> f64| -> Result<Tensor> {
            let values: Vec<f64> = degrees.iter().map(|&d| f(f64::from(d))).collect();
            let column = Tensor::from_vec(values, (degrees.len(), 1), &Device::Cpu)?;
            Ok(column.to_dtype(out.dtype())?.to_device(out.device())?)
        };
        let scaled = self.scalers.iter().map(|scaler| {
            let factor = match scaler {
                Scaler::Identity => return Ok(out.clone()),
                Scaler::Amplification => column(f64::ln_1p)?.broadcast_div(&self.avg_deg_log)?,
                Scaler::Attenuation => {
                    column(|d| d.max(1.0).ln_1p().recip())?.broadcast_mul(&self.avg_deg_log)?
                }
                Scaler::Linear => column(|d| d)?.broadcast_div(&self.avg_deg_lin)?,
                Scaler::InverseLinear => column(|d| d.max(1.0).recip())?.broadcast_mul(&self.avg_deg_lin)?,
            };
            Ok(out.broadcast_mul(&factor)?)
        });
        Ok(Tensor::cat(&scaled.collect::<Result<Vec<_>>>()?, D::Minus1)?)
    }
}

/// The aggregation of the names, whose arguments are a list here.
fn aggregation(config: &DegreeScalerAggregationConfig, vb: VarBuilder) -> Result<Aggregation> {
    let mut kwargs = AggrKwargs::default();
    match (&config.aggr, config.aggr_kwargs.as_deref()) {
        (_, None) => {}
        (Aggrs::Many(_), Some(all)) => {
            let all = all.iter().cloned().map(serde_json::Value::Object).collect();
            kwargs.insert("aggrs_kwargs".to_string(), serde_json::Value::Array(all));
        }
        (Aggrs::One(_), Some([one])) => kwargs = one.clone(),
        (Aggrs::One(_), Some(all)) => {
            let actual = format!("those of {}", all.len());
            return Err(Error::argument(LAYER, "aggr_kwargs", "the arguments of one aggregation", actual));
        }
    }
    Aggregation::resolve(&config.aggr, &kwargs, vb)
}
