use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::{Result, check, reference};

/// A function of each element that is the identity above 0.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    Relu,
    LeakyRelu { negative_slope: f64 },
    Elu { alpha: f64 },
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

fn apply(function: Function, x: &Tensor) -> Result<Tensor> {
    check::float("x", x)?;
    let kernel = |x: &Tensor| x.contiguous()?.apply_op1(Pointwise(function));
    match backend::of(x) {
        Backend::Cpu => Ok(kernel(x)?),
        Backend::Widened => backend::narrow(&kernel(&backend::wide(x)?)?, x),
        Backend::Reference => match function {
            Function::Relu => reference::relu(x),
            Function::LeakyRelu { negative_slope } => reference::leaky_relu(x, negative_slope),
            Function::Elu { alpha } => reference::elu(x, alpha),
        },
    }
}

struct Pointwise(Function);

impl Pointwise {
    fn backward<T: Real>(&self, x: &Tensor, grad: &Tensor) -> candle_core::Result<Tensor> {
        let (x_host, grad_host) = (Host::open(x), Host::open(grad));
        let dx = cpu::activation::backward::<T>(self.0, x_host.slice()?, grad_host.slice()?);
        Tensor::from_vec(dx, x.shape(), &Device::Cpu)
    }
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        match self.0 {
            Function::Relu => "relu",
            Function::LeakyRelu { .. } => "leaky_relu",
            Function::Elu { .. } => "elu",
        }
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = for_float!(x.dtype(), self.name(), T => {
            Ok(T::to_cpu_storage_owned(cpu::activation::forward::<T>(self.0, cpu::slice(x, layout)?)))
        })?;
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), self.name(), T => self.backward::<T>(x, &grad)).map(Some)
    }
}
