use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;
use serde::{Deserialize, Serialize};

use super::groups::Groups;
use crate::{Result, config};

const LAYER: &str = "PairNorm";

/// The arguments of [`PairNorm`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairNormConfig {
    /// The scale s. Default 1.
    #[serde(default = "config::unit")]
    pub scale: f64,
    /// Whether each node is scaled by its own norm. Default false.
    #[serde(default)]
    pub scale_individually: bool,
    /// ε. Default 10⁻⁵.
    #[serde(default = "config::eps")]
    pub eps: f64,
}

impl Default for PairNormConfig {
    fn default() -> Self {
        Self { scale: config::unit(), scale_individually: false, eps: config::eps() }
    }
}

/// Normalisation that keeps the total distance of nodes from each other (Zhao and Akoglu, *PairNorm: Tackling
/// Oversmoothing in GNNs*, ICLR 2020, eq. 10 and 11).
///
/// > xᶜ = x − mean; x' = s · xᶜ / √(mean of ‖xᶜ‖² + ε), or s · xᶜ / (‖xᶜ‖ + ε) with `scale_individually`
///
/// with means over the nodes of each graph. Shapes: x `[N, F]`, result `[N, F]`. No parameters.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_nn::norm::{PairNorm, PairNormConfig};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let norm = PairNorm::new(&PairNormConfig::default());
/// let y = norm.forward(&Tensor::new(&[[1f32], [5.]], &Device::Cpu)?, None)?;
/// assert_eq!((y * 100.)?.round()?.to_vec2::<f32>()?, [[-100.], [100.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PairNorm {
    config: PairNormConfig,
}

impl PairNorm {
    /// A layer.
    pub fn new(config: &PairNormConfig) -> Self {
        Self { config: config.clone() }
    }

    /// The normalised features, the same in training and inference.
    ///
    /// # Errors
    /// If `x` is not a matrix, or `batch` has not one entry per row.
    pub fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        let groups = Groups::of(LAYER, x, None, batch)?;
        if x.dim(0)? == 0 {
            return Ok(x.clone());
        }
        let PairNormConfig { scale, scale_individually, eps } = self.config;
        let centred = (x - groups.spread(&groups.mean(x)?)?)?;
        let squares = centred.sqr()?.sum_keepdim(D::Minus1)?;
        let size = if scale_individually {
            // The bound keeps the gradient of the root finite in a row of zeros.
            (squares.maximum(1e-30)?.sqrt()? + eps)?
        } else {
            (groups.spread(&groups.mean(&squares)?)? + eps)?.sqrt()?
        };
        Ok((centred.broadcast_div(&size)? * scale)?)
    }
}
