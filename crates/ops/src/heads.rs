use candle_core::Tensor;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::link::Gradient;
use crate::node::{self, node};
use crate::{Result, check, reference};

/// The mean over the heads, plus a bias: `out[i, c] = Σ_h x[i, h, c] / H + bias[c]`, `[N, H·C] → [N, C]` (head-major),
/// `bias` `[C]`.
///
/// # Errors
/// If `x` is not a matrix whose columns H divides, `bias` is not `[C]`, or they differ in type or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[[1f32, 2., 3., 6.]], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::mean_heads(&x, 2, None)?.to_vec2::<f32>()?, [[2., 4.]]);
/// # Ok(()) }
/// ```
pub fn mean_heads(x: &Tensor, heads: usize, bias: Option<&Tensor>) -> Result<Tensor> {
    check::float("x", x)?;
    let rows = x.dims().first().copied().unwrap_or(0);
    let channels = check::channels("x", check::matrix("x", x, rows, "N, H·C")?, heads)?;
    if let Some(bias) = bias {
        check::shape("bias", bias, &[channels], "C")?;
        check::like("bias", bias, x)?;
    }
    match backend::of(x) {
        Backend::Cpu => {
            let (x, bias) = (x.contiguous()?, bias.map(Tensor::contiguous).transpose()?);
            Ok(for_float!(x.dtype(), "mean_heads", T => mean::<T>(x, heads, bias))?)
        }
        Backend::Widened => {
            let bias = backend::wide_option(bias)?;
            backend::narrow(&mean_heads(&backend::wide(x)?, heads, bias.as_ref())?, x)
        }
        Backend::Cuda => {
            let mean = reference::mean_heads(x, heads, None)?;
            bias.map_or(Ok(mean.clone()), |bias| crate::bias_add(&mean, bias))
        }
        Backend::Reference => reference::mean_heads(x, heads, bias),
    }
}

fn mean<T: Real>(x: Tensor, heads: usize, bias: Option<Tensor>) -> candle_core::Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let channels = columns / heads;
    let out = {
        let (x, bias) = (Host::open(&x), bias.as_ref().map(Host::open));
        let bias = bias.as_ref().map(Host::slice::<T>).transpose()?;
        cpu::heads::mean(x.slice()?, heads, channels, bias)
    };
    let args: Vec<Tensor> = [&x].into_iter().chain(&bias).cloned().collect();
    let value = node::value(out, (rows, channels));
    let tracked = x.track_op();
    node(&args.iter().collect::<Vec<_>>(), value, move |grad| {
        let g = Host::open(grad.tensor());
        let g = g.slice::<T>()?;
        let spread = || Gradient::own(cpu::heads::spread(g, heads, channels), (rows, columns));
        let mut all = vec![tracked.then(spread).transpose()?];
        if let Some(bias) = &bias {
            let sums = || Gradient::own(cpu::dense::column_sums(g, channels), channels);
            all.push(bias.track_op().then(sums).transpose()?);
        }
        Ok(all)
    })
}
