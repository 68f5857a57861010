use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::rows;
use crate::config;
use crate::{Error, Result};

const LAYER: &str = "PowerMeanAggregation";

/// The arguments of [`PowerMeanAggregation`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerMeanAggregationConfig {
    /// The power p. Default 1.
    #[serde(default = "config::unit")]
    pub p: f64,
    /// Whether p is learnt. Default false.
    #[serde(default)]
    pub learn: bool,
    /// The number of learnt p: 1, or one for each channel of x. Default 1.
    #[serde(default = "config::one")]
    pub channels: usize,
    /// The smallest value that is raised to a power; what is below counts as this. Default 10⁻⁴.
    #[serde(default = "clamp_min")]
    pub clamp_min: Option<f64>,
    /// The largest value that is raised to a power; what is above counts as this. Default 100.
    #[serde(default = "clamp_max")]
    pub clamp_max: Option<f64>,
}

#[allow(clippy::unnecessary_wraps)] // serde wants the type of the field
fn clamp_min() -> Option<f64> {
    Some(1e-4)
}

#[allow(clippy::unnecessary_wraps)]
fn clamp_max() -> Option<f64> {
    Some(100.0)
}

impl Default for PowerMeanAggregationConfig {
    fn default() -> Self {
        Self { p: 1.0, learn: false, channels: 1, clamp_min: clamp_min(), clamp_max: clamp_max() }
    }
}

/// The power mean, between mean (p = 1) and max (p → ∞) (Li et al., *DeeperGCN: All You Need to Train Deeper GCNs*, 2020,
/// eq. 5).
///
/// > y = (mean of xᵖ)^(1/p) over the rows of the group, channel by channel
///
/// where x and the mean are first clamped, unless p is the number 1. Shapes: x `[E, F]`, result `[groups, F]`. Parameter,
/// where it is learnt: `p` `[channels]`. A group without rows gives `clamp_min`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{PowerMeanAggregation, PowerMeanAggregationConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = PowerMeanAggregation::new(&PowerMeanAggregationConfig { p: 2., ..Default::default() }, vb)?;
/// let x = Tensor::new(&[[1f32], [7.]], &Device::Cpu)?;
/// let y = pool.forward(&x, &EdgeIndex::from_batch(&[0, 0], 1)?)?;
/// assert_eq!(y.round()?.to_vec2::<f32>()?, [[5.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PowerMeanAggregation {
    config: PowerMeanAggregationConfig,
    p: Option<Tensor>,
}

impl PowerMeanAggregation {
    /// An aggregation with the parameter that `vb` gives.
    ///
    /// # Errors
    /// If p is 0, `channels` are wanted without a learnt p, or `vb` has no such parameter.
    pub fn new(config: &PowerMeanAggregationConfig, vb: VarBuilder) -> Result<Self> {
        if config.p == 0.0 || !config.p.is_finite() {
            return Err(Error::argument(LAYER, "p", "a number other than 0", config.p.to_string()));
        }
        if !config.learn && config.channels != 1 {
            let expected = "1, because learn = false";
            return Err(Error::argument(LAYER, "channels", expected, config.channels.to_string()));
        }
        let learnt = || vb.get_with_hints(config.channels, "p", Init::Const(config.p));
        Ok(Self { p: config.learn.then(learnt).transpose()?, config: config.clone() })
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` has not one row per edge, or not as many channels as there are p.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let channels = (self.config.channels != 1).then_some(self.config.channels);
        rows(LAYER, x, channels, edges)?;
        let mean = |x: &Tensor| ops::scatter(x, edges, Reduce::Mean);
        match &self.p {
            Some(p) => {
                let powers = self.clamp(x)?.broadcast_pow(p)?;
                Ok(self.clamp(&mean(&powers)?)?.broadcast_pow(&p.recip()?)?)
            }
            None if self.config.p == 1.0 => Ok(mean(x)?),
            None => {
                let powers = self.clamp(x)?.powf(self.config.p)?;
                Ok(self.clamp(&mean(&powers)?)?.powf(self.config.p.recip())?)
            }
        }
    }

    fn clamp(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.config.clamp_min.map_or(Ok(x.clone()), |min| x.maximum(min))?;
        Ok(self.config.clamp_max.map_or(Ok(x.clone()), |max| x.minimum(max))?)
    }
}
