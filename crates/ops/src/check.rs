//! Checks of arguments, made once in the public functions: kernels and references trust what they get.

use candle_core::Tensor;

use crate::{Error, Result};

/// The number of elements in a row: of everything after the first dimension.
pub(crate) fn width(dims: &[usize]) -> usize {
    dims.iter().skip(1).product()
}

/// That `t` holds floating-point numbers.
pub(crate) fn float(argument: &'static str, t: &Tensor) -> Result<()> {
    if t.dtype().is_float() {
        return Ok(());
    }
    Err(Error::DType { argument, expected: "f16, bf16, f32 or f64".into(), actual: t.dtype() })
}

/// That `t` has the element type and the device of `first`, the argument named before it.
pub(crate) fn like(argument: &'static str, t: &Tensor, first: &Tensor) -> Result<()> {
    if t.dtype() != first.dtype() {
        return Err(Error::DType {
            argument,
            expected: format!("{:?}, as that of the other arguments", first.dtype()),
            actual: t.dtype(),
        });
    }
    if !t.device().same_device(first.device()) {
        return Err(Error::Device {
            argument,
            expected: first.device().location(),
            actual: t.device().location(),
        });
    }
    Ok(())
}

/// That `t` has `rows` rows, where `what` is what a row stands for; any shape after that.
pub(crate) fn rows(argument: &'static str, t: &Tensor, rows: usize, what: &str) -> Result<()> {
    if t.dims().first() == Some(&rows) {
        return Ok(());
    }
    let expected = format!("[{rows}, …] (one row per {what})");
    Err(Error::Shape { argument, expected, actual: t.dims().to_vec() })
}

/// That `t` has exactly this shape, whose letters are for the message.
pub(crate) fn shape(argument: &'static str, t: &Tensor, dims: &[usize], letters: &str) -> Result<()> {
    if t.dims() == dims {
        return Ok(());
    }
    Err(Error::Shape { argument, expected: format!("{dims:?} ({letters})"), actual: t.dims().to_vec() })
}

/// That `t` is a matrix of `rows` rows; returns its number of columns.
pub(crate) fn matrix(argument: &'static str, t: &Tensor, rows: usize, letters: &str) -> Result<usize> {
    match *t.dims() {
        [r, columns] if r == rows => Ok(columns),
        _ => Err(Error::Shape {
            argument,
            expected: format!("[{rows}, _] ({letters})"),
            actual: t.dims().to_vec(),
        }),
    }
}

/// The number of channels per head, where `columns` hold `heads` of them.
pub(crate) fn channels(argument: &'static str, columns: usize, heads: usize) -> Result<usize> {
    if heads > 0 && columns > 0 && columns.is_multiple_of(heads) {
        return Ok(columns / heads);
    }
    Err(Error::Invalid {
        argument,
        expected: format!("H·C columns, a positive multiple of the {heads} heads"),
        actual: format!("{columns} columns"),
    })
}

/// That `slope` can be the negative slope of a leaky ReLU.
pub(crate) fn slope(negative_slope: f64) -> Result<()> {
    if negative_slope.is_finite() {
        return Ok(());
    }
    Err(Error::Invalid {
        argument: "negative_slope",
        expected: "a finite number".into(),
        actual: negative_slope.to_string(),
    })
}
