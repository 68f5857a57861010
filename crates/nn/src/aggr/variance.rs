use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Below it a variance counts as 0, as in PyTorch Geometric.
const SMALLEST: f64 = 1e-5;

/// The (biased) variance of the rows of each group, channel by channel.
///
/// > y = mean(x²) − mean(x)²
///
/// Shapes: x `[E, F]`, result `[groups, F]`. No parameters; as a configuration it is `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VarAggregation {
    /// Whether no gradient goes through mean(x²). Default false.
    #[serde(default)]
    pub semi_grad: bool,
}

impl VarAggregation {
    /// One row per group.
    ///
    /// # Errors
    /// If `x` has not one row per edge.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let mean = ops::scatter(x, edges, Reduce::Mean)?;
        let squares = if self.semi_grad { x.detach().sqr()? } else { x.sqr()? };
        Ok((ops::scatter(&squares, edges, Reduce::Mean)? - mean.sqr()?)?)
    }
}

/// The (biased) standard deviation of the rows of each group, channel by channel: the root of [`VarAggregation`], or 0
/// without a gradient where the variance is not above 10⁻⁵.
///
/// Shapes: x `[E, F]`, result `[groups, F]`. No parameters; as a configuration it is `{}`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::aggr::StdAggregation;
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let batch = EdgeIndex::from_batch(&[0, 0, 1], 2)?;
/// let x = Tensor::new(&[[1f32], [5.], [7.]], &Device::Cpu)?;
/// let y = StdAggregation::default().forward(&x, &batch)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[2.], [0.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdAggregation {
    /// Whether no gradient goes through mean(x²). Default false.
    #[serde(default)]
    pub semi_grad: bool,
}

impl StdAggregation {
    /// One row per group.
    ///
    /// # Errors
    /// If `x` has not one row per edge.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let var = VarAggregation { semi_grad: self.semi_grad }.forward(x, edges)?;
        let above = var.detach().gt(SMALLEST)?.to_dtype(var.dtype())?;
        // The bound keeps the gradient of the root finite.
        Ok((var.maximum(SMALLEST)?.sqrt()? * above)?)
    }
}
