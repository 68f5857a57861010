use candle_core::Tensor;

use crate::{Error, Result, check, reference};

/// The affine map `x · weightᵀ + bias`, `[…, I] → […, O]`, with PyTorch's layout of the weight, `[O, I]`.
///
/// # Errors
/// If `weight` is not a matrix, the last dimension of `x` is not its I, `bias` is not `[O]`, or they differ in type
/// or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[3f32, 4.], [0., 1.], [1., 0.]], &Device::Cpu)?;
/// let bias = Tensor::new(&[0.5f32, 0., 0.], &Device::Cpu)?;
/// let y = candle_geometric_ops::linear(&x, &weight, Some(&bias))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[11.5, 2., 1.]]);
/// # Ok(()) }
/// ```
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check::float("x", x)?;
    let [outputs, inputs] = *weight.dims() else {
        return Err(Error::Shape {
            argument: "weight",
            expected: "[O, I]".into(),
            actual: weight.dims().to_vec(),
        });
    };
    check::like("weight", weight, x)?;
    let Some((&last, leading)) = x.dims().split_last().filter(|(last, _)| **last == inputs) else {
        return Err(Error::Shape {
            argument: "x",
            expected: format!("[…, {inputs}] (the weight is [{outputs}, {inputs}])"),
            actual: x.dims().to_vec(),
        });
    };
    if let Some(b) = bias {
        check::shape("bias", b, &[outputs], "O")?;
        check::like("bias", b, x)?;
    }
    if x.rank() == 2 {
        return reference::linear(x, weight, bias);
    }
    let rows: usize = leading.iter().product();
    let y = reference::linear(&x.reshape((rows, last))?, weight, bias)?;
    Ok(y.reshape([leading, &[outputs]].concat())?)
}

/// Adds one row to every row: `out[…, f] = x[…, f] + bias[f]`.
///
/// # Errors
/// If the last dimension of `x` is not the length of `bias`, or they differ in type or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu)?;
/// let bias = Tensor::new(&[10f32, 20.], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::bias_add(&x, &bias)?.to_vec2::<f32>()?, [[11., 22.], [13., 24.]]);
/// # Ok(()) }
/// ```
pub fn bias_add(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    check::float("x", x)?;
    let Some(&last) = x.dims().last() else {
        return Err(Error::Shape { argument: "x", expected: "[…, F]".into(), actual: vec![] });
    };
    check::shape("bias", bias, &[last], "F, the last dimension of x")?;
    check::like("bias", bias, x)?;
    reference::bias_add(x, bias)
}
