use candle_core::{Device, Shape, Tensor};

use crate::{Dropout, Result};

/// [`crate::linear`] for a matrix `x`.
///
/// # Errors
/// If Candle fails.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let y = if x.elem_count() == 0 || weight.elem_count() == 0 {
        Tensor::zeros((x.dim(0)?, weight.dim(0)?), x.dtype(), x.device())?
    } else {
        x.matmul(&weight.t()?)?
    };
    match bias {
        Some(b) => bias_add(&y, b),
        None => Ok(y),
    }
}

/// [`crate::mean_heads`].
///
/// # Errors
/// If Candle fails.
pub fn mean_heads(x: &Tensor, heads: usize, bias: Option<&Tensor>) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let mean = x.reshape((rows, heads, columns / heads))?.mean(1)?;
    match bias {
        Some(b) => bias_add(&mean, b),
        None => Ok(mean),
    }
}

/// [`crate::bias_add`].
///
/// # Errors
/// If Candle fails.
pub fn bias_add(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_add(bias)?)
}

/// [`crate::dropout`].
///
/// # Errors
/// If Candle fails.
pub fn dropout(x: &Tensor, dropout: Dropout) -> Result<Tensor> {
    let keep = kept(dropout, x.shape(), x.device())?;
    Ok(keep.where_cond(&(x * dropout.scale())?, &x.zeros_like()?)?)
}

/// 1 where an element is kept, else 0, as u8.
fn kept(dropout: Dropout, shape: &Shape, device: &Device) -> Result<Tensor> {
    let keep = |i| u8::from(dropout.stream.word(i) >> 8 >= dropout.threshold());
    let keep: Vec<u8> = (0..shape.elem_count() as u64).map(keep).collect();
    Ok(Tensor::from_vec(keep, shape, device)?)
}
