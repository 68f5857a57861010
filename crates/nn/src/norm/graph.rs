use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::groups::{Affine, Groups};
use crate::{Result, config, init};

const LAYER: &str = "GraphNorm";

/// The arguments of [`GraphNorm`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphNormConfig {
    /// F.
    pub in_channels: usize,
    /// ε. Default 10⁻⁵.
    #[serde(default = "config::eps")]
    pub eps: f64,
}

impl GraphNormConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self { in_channels, eps: config::eps() }
    }
}

/// Normalisation over the nodes of each graph with a learnt share of the mean (Cai et al., *GraphNorm: A Principled
/// Approach to Accelerating Graph Neural Network Training*, ICML 2021, eq. 4).
///
/// > x' = (x − α · mean) / √(mean of (x − α · mean)² + ε) · weight + bias, by channel and graph
///
/// Shapes: x `[N, F]`, result `[N, F]`. Parameters `weight`, `bias`, `mean_scale` (α), `[F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, norm::{GraphNorm, GraphNormConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let norm = GraphNorm::new(&GraphNormConfig::new(1), vb)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 1], 2)?; // two nodes, then one
/// let y = norm.forward(&Tensor::new(&[[1f32], [3.], [9.]], &Device::Cpu)?, Some(&batch))?;
/// assert_eq!((y * 100.)?.round()?.to_vec2::<f32>()?, [[-100.], [100.], [0.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GraphNorm {
    config: GraphNormConfig,
    affine: Affine,
    mean_scale: Tensor,
}

impl GraphNorm {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &GraphNormConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            affine: Affine::new(config.in_channels, &vb)?,
            mean_scale: vb.get_with_hints(config.in_channels, "mean_scale", init::ONES)?,
            config: config.clone(),
        })
    }

    /// The normalised features, the same in training and inference.
    ///
    /// # Errors
    /// If `x` is not `[N, F]`, or `batch` has not one entry per row.
    pub fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        let groups = Groups::of(LAYER, x, Some(self.config.in_channels), batch)?;
        if x.dim(0)? == 0 {
            return Ok(x.clone());
        }
        let centred = (x - groups.spread(&groups.mean(x)?.broadcast_mul(&self.mean_scale)?)?)?;
        let var = groups.mean(&centred.sqr()?)?;
        let out = (centred * groups.spread(&(var + self.config.eps)?.sqrt()?.recip()?)?)?;
        self.affine.forward(&out)
    }
}
