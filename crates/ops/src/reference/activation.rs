use candle_core::Tensor;

use crate::Result;

/// [`crate::relu`].
///
/// # Errors
/// If Candle fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    Ok(x.le(0f64)?.where_cond(&x.zeros_like()?, x)?)
}

/// [`crate::leaky_relu`].
///
/// # Errors
/// If Candle fails.
pub fn leaky_relu(x: &Tensor, negative_slope: f64) -> Result<Tensor> {
    Ok(x.gt(0f64)?.where_cond(x, &(x * negative_slope)?)?)
}

/// [`crate::elu`].
///
/// # Errors
/// If Candle fails.
pub fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    Ok(x.elu(alpha)?)
}

/// [`crate::sigmoid`].
///
/// # Errors
/// If Candle fails.
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    // (1 + tanh(x/2)) / 2, which never overflows.
    Ok(((x * 0.5)?.tanh()? * 0.5)?.affine(1.0, 0.5)?)
}
