use candle_core::Tensor;
use candle_geometric_data::{normalize_features, normalize_features_l2};
use candle_geometric_models::FeatureNorm;

use crate::Result;

/// The features `x` `[N, F]` of a data set as a model takes them: every row divided by what `norm` says.
///
/// # Errors
/// If they are to be divided and are not a matrix of floating-point numbers.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_core::{Device, Tensor};
/// use candle_geometric_models::FeatureNorm;
/// use candle_geometric_train::preprocess;
/// let x = Tensor::new(&[[3f32, 4.]], &Device::Cpu)?;
/// assert_eq!(preprocess(&x, FeatureNorm::L2)?.to_vec2::<f32>()?, [[0.6, 0.8]]);
/// # Ok(()) }
/// ```
pub fn preprocess(x: &Tensor, norm: FeatureNorm) -> Result<Tensor> {
    Ok(match norm {
        FeatureNorm::None => x.clone(),
        FeatureNorm::Sum => normalize_features(x)?,
        FeatureNorm::L2 => normalize_features_l2(x)?,
    })
}
