use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::rows;
use crate::config;
use crate::{Error, Result};

const LAYER: &str = "SoftmaxAggregation";

/// The arguments of [`SoftmaxAggregation`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxAggregationConfig {
    /// The inverse temperature t. Default 1.
    #[serde(default = "config::unit")]
    pub t: f64,
    /// Whether t is learnt. Default false.
    #[serde(default)]
    pub learn: bool,
    /// Whether no gradient goes through the weights. Default false.
    #[serde(default)]
    pub semi_grad: bool,
    /// The number of learnt t: 1, or one for each channel of x. Default 1.
    #[serde(default = "config::one")]
    pub channels: usize,
}

impl Default for SoftmaxAggregationConfig {
    fn default() -> Self {
        Self { t: 1.0, learn: false, semi_grad: false, channels: 1 }
    }
}

/// A mean weighted by a softmax of the values themselves, between mean (t = 0) and max (t → ∞) (Li et al.,
/// *DeeperGCN: All You Need to Train Deeper GCNs*, 2020, eq. 4).
///
/// > y = Σ softmax(t · x) ⊙ x over the rows of the group, channel by channel
///
/// Shapes: x `[E, F]`, result `[groups, F]`. Parameter, where it is learnt: `t` `[channels]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{SoftmaxAggregation, SoftmaxAggregationConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = SoftmaxAggregation::new(&SoftmaxAggregationConfig { t: 50., ..Default::default() }, vb)?;
/// let x = Tensor::new(&[[1f32], [2.]], &Device::Cpu)?;
/// let y = pool.forward(&x, &EdgeIndex::from_batch(&[0, 0], 1)?)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[2.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SoftmaxAggregation {
    config: SoftmaxAggregationConfig,
    t: Option<Tensor>,
}

impl SoftmaxAggregation {
    /// An aggregation with the parameter that `vb` gives.
    ///
    /// # Errors
    /// If `semi_grad` is wanted with a learnt t or `channels` without, or `vb` has no such parameter.
    pub fn new(config: &SoftmaxAggregationConfig, vb: VarBuilder) -> Result<Self> {
        if config.learn && config.semi_grad {
            return Err(Error::argument(LAYER, "semi_grad", "false, because learn = true", "true"));
        }
        if !config.learn && config.channels != 1 {
            let expected = "1, because learn = false";
            return Err(Error::argument(LAYER, "channels", expected, config.channels.to_string()));
        }
        let learnt = || vb.get_with_hints(config.channels, "t", Init::Const(config.t));
        Ok(Self { t: config.learn.then(learnt).transpose()?, config: config.clone() })
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` has not one row per edge, or not as many channels as there are t.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let channels = (self.config.channels != 1).then_some(self.config.channels);
        let rows = rows(LAYER, x, channels, edges)?;
        let scores = match &self.t {
            Some(t) => x.broadcast_mul(t)?,
            None => (x * self.config.t)?,
        };
        let scores = if self.config.semi_grad { scores.detach() } else { scores };
        // Every channel is a head of its own.
        Ok(ops::attend(&scores, x, &rows)?)
    }
}
