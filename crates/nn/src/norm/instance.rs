use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::groups::{Affine, Groups, Running, repeat};
use crate::{Mode, Result, config};

const LAYER: &str = "InstanceNorm";

/// The arguments of [`InstanceNorm`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceNormConfig {
    /// F.
    pub in_channels: usize,
    /// ε. Default 10⁻⁵.
    #[serde(default = "config::eps")]
    pub eps: f64,
    /// The weight of a new batch in the running statistics. Default 0.1.
    #[serde(default = "config::momentum")]
    pub momentum: f64,
    /// Whether channels have a learnt factor and shift. Default false.
    #[serde(default)]
    pub affine: bool,
    /// Whether inference uses statistics of the training instead of each graph's own. Default false.
    #[serde(default)]
    pub track_running_stats: bool,
}

impl InstanceNormConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self {
            in_channels,
            eps: config::eps(),
            momentum: config::momentum(),
            affine: false,
            track_running_stats: false,
        }
    }
}

/// Normalisation over the nodes of each graph (Ulyanov, Vedaldi, Lempitsky, *Instance Normalization: The Missing
/// Ingredient for Fast Stylization*, 2016, eq. 3).
///
/// > x' = (x − mean) / √(var + ε) · weight + bias, by channel and graph
///
/// Shapes: x `[N, F]`, result `[N, F]`. Parameters, where there are any: `weight`, `bias`, `running_mean`,
/// `running_var`, `[F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{Mode, SeededVarMap, norm::{InstanceNorm, InstanceNormConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let norm = InstanceNorm::new(&InstanceNormConfig::new(1), vb)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 1], 2)?; // two nodes, then one
/// let y = norm.forward_t(&Tensor::new(&[[1f32], [3.], [9.]], &Device::Cpu)?, Some(&batch), Mode::Eval)?;
/// assert_eq!((y * 100.)?.round()?.to_vec2::<f32>()?, [[-100.], [100.], [0.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct InstanceNorm {
    config: InstanceNormConfig,
    affine: Option<Affine>,
    running: Option<Running>,
}

impl InstanceNorm {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &InstanceNormConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        Ok(Self {
            affine: c.affine.then(|| Affine::new(c.in_channels, &vb)).transpose()?,
            running: c
                .track_running_stats
                .then(|| Running::new(c.in_channels, c.momentum, &vb))
                .transpose()?,
            config: c,
        })
    }

    /// The normalised features; training also updates the running statistics, if there are any.
    ///
    /// # Errors
    /// If `x` is not `[N, F]`, or `batch` has not one entry per row.
    pub fn forward_t(&self, x: &Tensor, batch: Option<&EdgeIndex>, mode: Mode) -> Result<Tensor> {
        let groups = Groups::of(LAYER, x, Some(self.config.in_channels), batch)?;
        let n = x.dim(0)?;
        if n == 0 {
            return Ok(x.clone());
        }
        let eps = self.config.eps;
        let out = match &self.running {
            Some(running) if !mode.is_train() => {
                let (mean, var) = running.get()?;
                ((x - repeat(&mean, n)?)? * repeat(&(var + eps)?.sqrt()?.recip()?, n)?)?
            }
            running => {
                let mean = groups.mean(x)?;
                let centred = (x - groups.spread(&mean)?)?;
                let var = groups.mean(&centred.sqr()?)?;
                if let Some(running) = running {
                    let unbiased = var.broadcast_mul(&unbiasing(&groups, &var)?)?;
                    running.update(&mean.mean_keepdim(0)?, &unbiased.mean_keepdim(0)?)?;
                }
                (centred * groups.spread(&(var + eps)?.sqrt()?.recip()?)?)?
            }
        };
        self.affine.as_ref().map_or(Ok(out.clone()), |affine| affine.forward(&out))
    }
}

/// n / max(n − 1, 1) for the number n of nodes of each graph, `[B, 1]`.
fn unbiasing(groups: &Groups, like: &Tensor) -> Result<Tensor> {
    let sizes = match groups {
        Groups::One { rows } => vec![*rows as u32],
        Groups::Many(batch) => batch.in_degrees(),
    };
    let factors: Vec<f64> =
        sizes.iter().map(|n| f64::from(*n) / f64::from(n.saturating_sub(1).max(1))).collect();
    Ok(Tensor::from_vec(factors, (sizes.len(), 1), like.device())?.to_dtype(like.dtype())?)
}
