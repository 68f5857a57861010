use candle_core::Tensor;

use crate::{Error, Result};

/// Divides every row of `x` `[N, F]` by its sum; a row that sums to zero stays as it is.
///
/// This is the preprocessing of the GCN and GAT papers. (PyG's `NormalizeFeatures` differs from it on rows that sum to
/// less than 1, which it leaves alone.)
///
/// # Errors
/// If `x` is not a matrix of floating-point numbers.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, 3.], [0., 0.]], &Device::Cpu)?;
/// let x = candle_geometric_data::normalize_features(&x)?;
/// assert_eq!(x.to_vec2::<f32>()?, [[0.25, 0.75], [0., 0.]]);
/// # Ok(()) }
/// ```
pub fn normalize_features(x: &Tensor) -> Result<Tensor> {
    divide_rows(x, |x| Ok(x.sum_keepdim(1)?))
}

/// Divides every row of `x` `[N, F]` by its Euclidean norm; a row of zeros stays as it is.
///
/// It suits rows of TF-IDF weights, as Pubmed has: divided by their sum, rows of many words would be shorter than rows of
/// few. (It is scikit-learn's `normalize` with `norm="l2"`.)
///
/// # Errors
/// If `x` is not a matrix of floating-point numbers.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[3f32, -4.], [0., 0.]], &Device::Cpu)?;
/// let x = candle_geometric_data::normalize_features_l2(&x)?;
/// assert_eq!(x.to_vec2::<f32>()?, [[0.6, -0.8], [0., 0.]]);
/// # Ok(()) }
/// ```
pub fn normalize_features_l2(x: &Tensor) -> Result<Tensor> {
    divide_rows(x, |x| Ok(x.sqr()?.sum_keepdim(1)?.sqrt()?))
}

/// Divides every row of `x` by its entry in `divisors(x)` `[N, 1]`, where that is not zero.
fn divide_rows(x: &Tensor, divisors: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.rank() != 2 || !x.dtype().is_float() {
        let actual = format!("{:?} of {}", x.dims(), x.dtype().as_str());
        return Err(Error::invalid("x", "[num_nodes, num_features] of floats", actual));
    }
    if x.elem_count() == 0 {
        return Ok(x.clone());
    }
    let by = divisors(x)?;
    let by = by.eq(0f64)?.where_cond(&by.ones_like()?, &by)?;
    Ok(x.broadcast_div(&by)?)
}
