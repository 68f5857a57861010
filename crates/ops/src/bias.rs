use candle_core::Tensor;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::link::Gradient;
use crate::node::{self, node};
use crate::{Error, Result, check, reference};

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
    match backend::of(x) {
        Backend::Cpu => Ok(for_float!(x.dtype(), "bias_add", T => with_bias::<T>(x, bias))?),
        Backend::Widened => backend::narrow(&bias_add(&backend::wide(x)?, &backend::wide(bias)?)?, x),
        Backend::Cuda => Ok(on_cuda(x, bias)?),
        Backend::Reference => reference::bias_add(x, bias),
    }
}

fn with_bias<T: Real>(x: &Tensor, bias: &Tensor) -> candle_core::Result<Tensor> {
    let (x, bias) = (x.contiguous()?, bias.contiguous()?);
    let out = cpu::dense::with_bias::<T>(Host::open(&x).slice()?, Host::open(&bias).slice()?);
    let value = node::value(out, x.shape());
    let (of_x, of_bias, width) = (x.track_op(), bias.track_op(), bias.elem_count());
    node(&[&x, &bias], value, move |grad| {
        let g = Host::open(grad.tensor());
        let g = g.slice::<T>()?;
        let sums = || Gradient::own(cpu::dense::column_sums(g, width), width);
        Ok(vec![of_x.then(|| grad.clone()), of_bias.then(sums).transpose()?])
    })
}

/// [`bias_add`] on a GPU.
fn on_cuda(x: &Tensor, bias: &Tensor) -> candle_core::Result<Tensor> {
    let (x, bias) = (x.contiguous()?, bias.contiguous()?);
    let out = cuda::pointwise::bias(&x, &bias)?;
    let (of_x, of_bias, width, dtype) = (x.track_op(), bias.track_op(), bias.elem_count(), bias.dtype());
    let rows = x.elem_count() / width.max(1);
    node(&[&x, &bias], out.into_value(), move |grad| {
        let sums = || -> candle_core::Result<_> {
            let sums = cuda::sum::columns(&grad.tensor().reshape((rows, width))?)?;
            Ok(Gradient::Shared(sums.to_dtype(dtype)?))
        };
        Ok(vec![of_x.then(|| grad.clone()), of_bias.then(sums).transpose()?])
    })
}
