use std::sync::OnceLock;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Device, Layout, Shape, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::{Error, Result, check, reference};

/// The affine map `x · weightᵀ + bias`, `[…, I] → […, O]`, with PyTorch's layout of the weight, `[O, I]`.
///
/// Arguments that are not tracked cost no gradient. On the CPU the zeros of an untracked `x` with at most 5 % other
/// numbers, such as bags of words, are skipped: they give 0 even where the weight is infinite or NaN.
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
        return product(x, weight, bias);
    }
    let rows: usize = leading.iter().product();
    let y = product(&x.reshape((rows, last))?, weight, bias)?;
    Ok(y.reshape([leading, &[outputs]].concat())?)
}

fn product(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    match backend::of(x) {
        Backend::Cpu => {
            let op = Linear { sparse: OnceLock::new(), constant: !x.track_op() };
            let (x, weight) = (x.contiguous()?, weight.contiguous()?);
            Ok(match bias {
                None => x.apply_op2(&weight, op)?,
                Some(b) => x.apply_op3(&weight, &b.contiguous()?, op)?,
            })
        }
        Backend::Widened => {
            let bias = backend::wide_option(bias)?;
            let y = product(&backend::wide(x)?, &backend::wide(weight)?, bias.as_ref())?;
            Ok(y.to_dtype(x.dtype())?)
        }
        Backend::Reference => reference::linear(x, weight, bias),
    }
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
    match backend::of(x) {
        Backend::Cpu => Ok(x.contiguous()?.apply_op2(&bias.contiguous()?, BiasAdd)?),
        Backend::Widened => Ok(bias_add(&backend::wide(x)?, &backend::wide(bias)?)?.to_dtype(x.dtype())?),
        Backend::Reference => reference::bias_add(x, bias),
    }
}

/// The arguments are x, the weight and perhaps the bias. Unlike Candle's matmul it computes no gradient that nobody
/// asked for, and where x is a constant of mostly zeros it skips them.
struct Linear {
    /// Where x has non-zeros, if it is multiplied as a sparse matrix; from the forward to the backward pass.
    sparse: OnceLock<EdgeIndex>,
    constant: bool,
}

impl Linear {
    fn forward<T: Real>(
        &self,
        (x, x_layout): (&CpuStorage, &Layout),
        (weight, weight_layout): (&CpuStorage, &Layout),
        bias: Option<&[T]>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let ((rows, inputs), (outputs, _)) = (x_layout.shape().dims2()?, weight_layout.shape().dims2()?);
        let numbers = cpu::slice::<T>(x, x_layout)?;
        let pattern = if self.constant { cpu::sparse::pattern(numbers, inputs)? } else { None };
        let mut y = if let Some(pattern) = pattern {
            let values = cpu::sparse::values(numbers, &pattern);
            let transposed = cpu::dense::transpose(cpu::slice::<T>(weight, weight_layout)?, inputs);
            let y = cpu::segment::spmm(pattern.by_destination(), Some(&values), &transposed, outputs);
            let _ = self.sparse.set(pattern);
            y
        } else if rows * inputs * outputs == 0 {
            vec![T::zero(); rows * outputs]
        } else {
            let size = (1, rows, outputs, inputs);
            T::cpu_storage_data(x.matmul(weight, size, x_layout, &weight_layout.transpose(0, 1)?)?)?
        };
        if let Some(bias) = bias {
            cpu::dense::add_bias(&mut y, bias);
        }
        Ok((T::to_cpu_storage_owned(y), (rows, outputs).into()))
    }

    fn backward<T: Real>(
        &self,
        x: &Tensor,
        weight: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let dx = x.track_op().then(|| product_or_zeros(grad, &weight.detach()));
        let dw = weight.track_op().then(|| match self.sparse.get() {
            None => product_or_zeros(&grad.t()?, &x.detach()),
            Some(pattern) => {
                let (inputs, outputs) = (x.dim(1)?, grad.dim(1)?);
                let (x, g) = (Host::open(x), Host::open(grad));
                let values = cpu::sparse::values(x.slice::<T>()?, pattern);
                let transposed = cpu::segment::spmm(pattern.by_source(), Some(&values), g.slice()?, outputs);
                cpu::matrix(cpu::dense::transpose(&transposed, outputs), outputs, inputs)
            }
        });
        Ok((dx.transpose()?, dw.transpose()?))
    }
}

/// A matrix product; also of matrices without elements, which Candle refuses.
fn product_or_zeros(a: &Tensor, b: &Tensor) -> candle_core::Result<Tensor> {
    if a.elem_count() * b.elem_count() == 0 {
        return Tensor::zeros((a.dim(0)?, b.dim(1)?), a.dtype(), a.device());
    }
    a.matmul(b)
}

/// The gradient of a bias: the sum over the rows.
fn bias_gradient(bias: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
    if !bias.track_op() {
        return Ok(None);
    }
    for_float!(grad.dtype(), "bias", T => {
        let sums = cpu::dense::column_sums(Host::open(grad).slice::<T>()?, bias.elem_count());
        Tensor::from_vec(sums, bias.shape(), &Device::Cpu)
    })
    .map(Some)
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_float!(x.dtype(), "linear", T => self.forward::<T>((x, x_layout), (weight, weight_layout), None))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), "linear", T => self.backward::<T>(x, weight, &grad))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        for_float!(x.dtype(), "linear", T => {
            let bias = cpu::slice::<T>(bias, bias_layout)?;
            self.forward((x, x_layout), (weight, weight_layout), Some(bias))
        })
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (dx, dw) = for_float!(grad.dtype(), "linear", T => self.backward::<T>(x, weight, &grad))?;
        Ok((dx, dw, bias_gradient(bias, &grad)?))
    }
}

struct BiasAdd;

impl CustomOp2 for BiasAdd {
    fn name(&self) -> &'static str {
        "bias_add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = for_float!(x.dtype(), self.name(), T => {
            let mut out = cpu::slice::<T>(x, x_layout)?.to_vec();
            cpu::dense::add_bias(&mut out, cpu::slice(bias, bias_layout)?);
            Ok(T::to_cpu_storage_owned(out))
        })?;
        Ok((out, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        Ok((x.track_op().then(|| grad.clone()), bias_gradient(bias, &grad)?))
    }
}
