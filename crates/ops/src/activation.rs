use candle_core::Tensor;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::link::Gradient;
use crate::node::{self, node};
use crate::{Result, check, reference};

/// A function of each element.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    Relu,
    LeakyRelu { negative_slope: f64 },
    Elu { alpha: f64 },
    Sigmoid,
}

/// max(x, 0) of each element. Its derivative at 0 is 0, as in PyTorch.
///
/// # Errors
/// If `x` does not hold floating-point numbers.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    apply(Function::Relu, x)
}

/// x where x > 0, `negative_slope` · x elsewhere. Its derivative at 0 is `negative_slope`, as in PyTorch.
///
/// # Errors
/// If `x` does not hold floating-point numbers or `negative_slope` is not finite.
pub fn leaky_relu(x: &Tensor, negative_slope: f64) -> Result<Tensor> {
    check::slope(negative_slope)?;
    apply(Function::LeakyRelu { negative_slope }, x)
}

/// The exponential linear unit (Clevert et al. 2016): x where x > 0, α (eˣ − 1) elsewhere, accurate near 0 too.
///
/// # Errors
/// If `x` does not hold floating-point numbers.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[2f32, 0., -1e-6, -100.], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::elu(&x, 1.0)?.to_vec1::<f32>()?, [2., 0., -9.999995e-7, -1.]);
/// # Ok(()) }
/// ```
pub fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    apply(Function::Elu { alpha }, x)
}

/// 1 / (1 + e⁻ˣ) of each element.
///
/// # Errors
/// If `x` does not hold floating-point numbers.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[0f32, -1e4, 1e4], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::sigmoid(&x)?.to_vec1::<f32>()?, [0.5, 0., 1.]);
/// # Ok(()) }
/// ```
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    apply(Function::Sigmoid, x)
}

fn apply(function: Function, x: &Tensor) -> Result<Tensor> {
    check::float("x", x)?;
    let kernel = |x: &Tensor| for_float!(x.dtype(), "activation", T => pointwise::<T>(function, x));
    match backend::of(x) {
        Backend::Cpu => Ok(kernel(x)?),
        Backend::Widened => backend::narrow(&kernel(&backend::wide(x)?)?, x),
        Backend::Cuda => Ok(on_cuda(function, x)?),
        Backend::Reference => match function {
            Function::Relu => reference::relu(x),
            Function::LeakyRelu { negative_slope } => reference::leaky_relu(x, negative_slope),
            Function::Elu { alpha } => reference::elu(x, alpha),
            Function::Sigmoid => reference::sigmoid(x),
        },
    }
}

fn pointwise<T: Real>(function: Function, x: &Tensor) -> candle_core::Result<Tensor> {
    let x = x.contiguous()?;
    let out = node::value(cpu::activation::forward::<T>(function, Host::open(&x).slice()?), x.shape());
    let args = [&x.clone()];
    node(&args, out, move |grad| {
        let (numbers, g) = (Host::open(&x), Host::open(grad.tensor()));
        let dx = cpu::activation::backward::<T>(function, numbers.slice()?, g.slice()?);
        Ok(vec![Some(Gradient::own(dx, x.shape())?)])
    })
}

fn on_cuda(function: Function, x: &Tensor) -> candle_core::Result<Tensor> {
    let x = x.contiguous()?;
    let out = cuda::pointwise::activation(function, &x, None)?;
    node(&[&x.clone()], out.into_value(), move |grad| {
        Ok(vec![Some(cuda::pointwise::activation(function, &x, Some(grad.tensor()))?.into_gradient())])
    })
}
