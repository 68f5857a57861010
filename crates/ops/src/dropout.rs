use candle_core::Tensor;
use candle_geometric_graph::rng::Stream;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::link::Gradient;
use crate::node::{self, node};
use crate::{Error, Result, check, reference};

/// Dropout with probability `p`, decided by a counter-based stream.
///
/// Element `i` is dropped if the i-th number of the stream is below `p`, else scaled by 1 / (1 − p). A mask so needs
/// no memory: the backward pass computes it again, and it is the same on any device and number of threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The probability of an element to become 0, in `[0, 1]`.
    pub p: f64,
    /// Where the random numbers come from. Take a new one for every use.
    pub stream: Stream,
}

impl Dropout {
    /// That `p` is a probability.
    pub(crate) fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.p) {
            return Ok(());
        }
        Err(Error::Invalid {
            argument: "dropout p",
            expected: "a probability in [0, 1]".into(),
            actual: self.p.to_string(),
        })
    }

    /// The dropout of an attention: checked, and `None` where nothing would be dropped.
    pub(crate) fn wanted(dropout: Option<Self>) -> Result<Option<Self>> {
        let Some(d) = dropout else { return Ok(None) };
        d.check()?;
        Ok((d.p > 0.0).then_some(d))
    }

    /// The factor of an element that is kept: 1 / (1 − p), or 0 where nothing is kept.
    pub(crate) fn scale(&self) -> f64 {
        if self.p < 1.0 { 1.0 / (1.0 - self.p) } else { 0.0 }
    }

    /// An element is kept if the upper 24 bits of its word are not below this: `p ≤ uniform(i)` in integers.
    pub(crate) fn threshold(&self) -> u32 {
        (self.p * 16_777_216.0).ceil() as u32
    }
}

/// Dropout: element `i` (in row-major order) becomes 0 with probability p and else `x[i] / (1 − p)`.
///
/// # Errors
/// If `x` does not hold floating-point numbers or p is outside `[0, 1]`.
///
/// ```
/// # use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::rng::Stream;
/// use candle_geometric_ops::{Dropout, dropout};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::ones(1000, DType::F32, &Device::Cpu)?;
/// let y = dropout(&x, Dropout { p: 0.5, stream: Stream::new(1, 0) })?;
/// assert!(y.to_vec1::<f32>()?.iter().all(|&v| v == 0. || v == 2.));
/// # Ok(()) }
/// ```
pub fn dropout(x: &Tensor, dropout: Dropout) -> Result<Tensor> {
    check::float("x", x)?;
    dropout.check()?;
    if dropout.p == 0.0 {
        return Ok(x.clone());
    }
    let kernel = |x: &Tensor| for_float!(x.dtype(), "dropout", T => masked::<T>(x, dropout));
    match backend::of(x) {
        Backend::Cpu => Ok(kernel(x)?),
        Backend::Widened => backend::narrow(&kernel(&backend::wide(x)?)?, x),
        Backend::Cuda => Ok(on_cuda(x, dropout)?),
        Backend::Reference => reference::dropout(x, dropout),
    }
}

/// Its gradient is the same function of the gradient.
fn masked<T: Real>(x: &Tensor, dropout: Dropout) -> candle_core::Result<Tensor> {
    let x = x.contiguous()?;
    let out = node::value(cpu::dropout::apply::<T>(&dropout, Host::open(&x).slice()?), x.shape());
    node(&[&x], out, move |grad| {
        let grad = grad.tensor();
        let dx = cpu::dropout::apply::<T>(&dropout, Host::open(grad).slice()?);
        Ok(vec![Some(Gradient::own(dx, grad.shape())?)])
    })
}

/// [`dropout`] on a GPU.
fn on_cuda(x: &Tensor, dropout: Dropout) -> candle_core::Result<Tensor> {
    let x = x.contiguous()?;
    let out = cuda::pointwise::dropout(&x, dropout)?;
    node(&[&x], out.into_value(), move |grad| {
        Ok(vec![Some(cuda::pointwise::dropout(grad.tensor(), dropout)?.into_gradient())])
    })
}
