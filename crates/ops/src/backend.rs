//! Which implementation runs an operation: decided here, for all of them.

use candle_core::{DType, Device, Tensor};

use crate::Result;
use crate::cast::cast;
use crate::cuda;

/// What runs an operation on a tensor.
pub(crate) enum Backend {
    /// The kernels in [`crate::cpu`].
    Cpu,
    /// The same in f32, then back: half-precision numbers on the CPU, which are so accumulated in f32.
    Widened,
    /// The kernels in [`crate::cuda`], which sum half precision in f32 themselves.
    Cuda,
    /// The composition of stock operations in [`crate::reference`].
    Reference,
}

/// The backend for the device and the element type of `t`.
pub(crate) fn of(t: &Tensor) -> Backend {
    match (t.device(), t.dtype()) {
        (device, DType::F32 | DType::F64 | DType::F16 | DType::BF16) if cuda::runs_on(device) => {
            Backend::Cuda
        }
        (Device::Cpu, DType::F32 | DType::F64) => Backend::Cpu,
        (Device::Cpu, DType::F16 | DType::BF16) => Backend::Widened,
        _ => Backend::Reference,
    }
}

/// `t`, which is in half precision on the CPU, in f32.
pub(crate) fn wide(t: &Tensor) -> Result<Tensor> {
    Ok(cast(t, DType::F32)?)
}

/// The way back: `t`, which is in f32, in the half precision of `like`.
pub(crate) fn narrow(t: &Tensor, like: &Tensor) -> Result<Tensor> {
    Ok(cast(t, like.dtype())?)
}

/// An optional argument in f32.
pub(crate) fn wide_option(t: Option<&Tensor>) -> Result<Option<Tensor>> {
    t.map(wide).transpose()
}
