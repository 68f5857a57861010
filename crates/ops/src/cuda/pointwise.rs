//! What is computed for every number on its own: the host's side of `pointwise.cu`.

use candle_core::{DType, Error, Result, Tensor};

use super::layout::write_dropout;
use super::machine::{self, Arguments, Fresh, Module, THREADS};
use crate::Dropout;
use crate::activation::Function;

/// Runs a kernel over the numbers of `x`, after `write` has written the fields of its structure. All tensors are contiguous.
fn launch<'a>(
    kernel: &str,
    x: &'a Tensor,
    other: Option<&'a Tensor>,
    write: impl FnOnce(&mut Arguments<'a>),
) -> Result<()> {
    let (count, dtype) = (x.elem_count(), x.dtype());
    let widest = match dtype {
        DType::F32 => 4,
        DType::F16 | DType::BF16 => 8,
        _ => 1,
    };
    let in_vectors = |t: &Tensor| {
        let offset = t.layout().start_offset() * dtype.size_in_bytes();
        t.elem_count().is_multiple_of(widest) && offset.is_multiple_of(16)
    };
    let vector = if in_vectors(x) && other.is_none_or(in_vectors) { widest } else { 1 };
    let blocks = count.div_ceil(vector * THREADS as usize);
    let blocks = i32::try_from(blocks).map_err(|_| Error::Msg(format!("{count} numbers are too many")))?;
    let mut a = Arguments::default();
    write(&mut a);
    let entry = format!("{kernel}_{}x{vector}", dtype.as_str());
    machine::on(x.device())?.launch(Module::Pointwise, &entry, (blocks.unsigned_abs(), 1), a.finish())
}

/// `x[i] + bias[i mod D]`.
pub(crate) fn bias(x: &Tensor, bias: &Tensor) -> Result<Fresh> {
    let mut out = Fresh::new(machine::on(x.device())?.as_ref(), x.dtype(), x.shape())?;
    launch("pointwise_bias", x, Some(bias), |a| {
        a.read(x).read(bias).write(&mut out).u64(x.elem_count() as u64).u64(bias.elem_count() as u64);
    })?;
    Ok(out)
}

/// `factor(i) x[i]`.
pub(crate) fn dropout(x: &Tensor, dropout: Dropout) -> Result<Fresh> {
    let mut out = Fresh::new(machine::on(x.device())?.as_ref(), x.dtype(), x.shape())?;
    launch("pointwise_dropout", x, None, |a| {
        a.read(x).write(&mut out).u64(x.elem_count() as u64);
        write_dropout(Some(dropout), a);
    })?;
    Ok(out)
}

/// `f(x)`, or with a gradient `f′(x) grad`.
pub(crate) fn activation<'a>(function: Function, x: &'a Tensor, grad: Option<&'a Tensor>) -> Result<Fresh> {
    let (number, parameter) = match function {
        Function::Relu => (0, 0.0),
        Function::LeakyRelu { negative_slope } => (1, negative_slope),
        Function::Elu { alpha } => (2, alpha),
        Function::Sigmoid => (3, 0.0),
    };
    let mut out = Fresh::new(machine::on(x.device())?.as_ref(), x.dtype(), x.shape())?;
    launch("pointwise_activation", x, grad, |a| {
        a.read(x).read_option(grad).write(&mut out).u64(x.elem_count() as u64);
        a.f64(parameter).u32(number).u32(0);
    })?;
    Ok(out)
}
