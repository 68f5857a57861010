use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::groups::{Affine, Groups};
use crate::{Result, config};

const LAYER: &str = "LayerNorm";

/// What [`LayerNorm`] normalises over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerNormMode {
    /// All channels of all nodes of a graph.
    #[default]
    Graph,
    /// The channels of each node.
    Node,
}

/// The arguments of [`LayerNorm`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNormConfig {
    /// F.
    pub in_channels: usize,
    /// ε. Default 10⁻⁵.
    #[serde(default = "config::eps")]
    pub eps: f64,
    /// Whether channels have a learnt factor and shift. Default true.
    #[serde(default = "config::yes")]
    pub affine: bool,
    /// What is normalised over. Default graph.
    #[serde(default)]
    pub mode: LayerNormMode,
}

impl LayerNormConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self { in_channels, eps: config::eps(), affine: true, mode: LayerNormMode::Graph }
    }

    /// `torch.nn.LayerNorm`: over the channels of each node.
    pub fn by_node(in_channels: usize) -> Self {
        Self { mode: LayerNormMode::Node, ..Self::new(in_channels) }
    }
}

/// Layer normalisation (Ba, Kiros, Hinton 2016, eq. 4), over each node or over each graph.
///
/// > x' = (x − mean) / √(var + ε) · weight + bias
///
/// except for graph mode without a batch, which as in PyTorch Geometric divides by √var + ε.
///
/// Shapes: x `[N, F]`, result `[N, F]`. Parameters `weight`, `bias`, `[F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{SeededVarMap, norm::{LayerNorm, LayerNormConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let norm = LayerNorm::new(&LayerNormConfig::new(2), vb)?;
/// let y = norm.forward(&Tensor::new(&[[1f32, 1.], [3., 3.]], &Device::Cpu)?, None)?;
/// assert_eq!((y * 100.)?.round()?.to_vec2::<f32>()?, [[-100., -100.], [100., 100.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LayerNorm {
    config: LayerNormConfig,
    affine: Option<Affine>,
}

impl LayerNorm {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &LayerNormConfig, vb: VarBuilder) -> Result<Self> {
        let affine = config.affine.then(|| Affine::new(config.in_channels, &vb)).transpose()?;
        Ok(Self { config: config.clone(), affine })
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
        let eps = self.config.eps;
        let out = match self.config.mode {
            LayerNormMode::Node => {
                let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
                let var = centred.sqr()?.mean_keepdim(D::Minus1)?;
                centred.broadcast_div(&(var + eps)?.sqrt()?)?
            }
            LayerNormMode::Graph => {
                // Every node has F channels, so the mean over nodes and channels is a mean of means.
                let mean = |x: &Tensor| -> Result<Tensor> {
                    let rows = groups.mean(x)?;
                    Ok(rows.mean_keepdim(D::Minus1)?.broadcast_as(rows.shape())?.contiguous()?)
                };
                let centred = (x - groups.spread(&mean(x)?)?)?;
                let var = mean(&centred.sqr()?)?;
                let std = match batch {
                    Some(_) => (var + eps)?.sqrt()?,
                    // The bound keeps the gradient of the root finite where all values are equal.
                    None => (var.maximum(1e-30)?.sqrt()? + eps)?,
                };
                (centred * groups.spread(&std.recip()?)?)?
            }
        };
        self.affine.as_ref().map_or(Ok(out.clone()), |affine| affine.forward(&out))
    }
}
