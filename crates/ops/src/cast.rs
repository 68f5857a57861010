//! Between half precision and f32 on the CPU, on all threads; Candle's own casts run on one.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};

use crate::cpu;
use crate::link::Gradient;
use crate::node::node;

/// `t`, contiguous, in half precision from f32 or the other way.
///
/// Its gradient is the cast the other way of the gradient.
pub(crate) fn cast(t: &Tensor, to: DType) -> Result<Tensor> {
    let t = t.contiguous()?;
    let (numbers, from) = (numbers(&t, to)?, t.dtype());
    node(&[&t], (Storage::Cpu(numbers), t.shape().clone()), move |grad| {
        Ok(vec![Some(Gradient::Shared(cast(&grad.tensor().detach(), from)?))])
    })
}

fn numbers(t: &Tensor, to: DType) -> Result<CpuStorage> {
    let (storage, layout) = t.storage_and_layout();
    let (start, end) = layout.contiguous_offsets().unwrap_or_default();
    Ok(match (&*storage, to) {
        (Storage::Cpu(CpuStorage::F16(x)), DType::F32) => CpuStorage::F32(cpu::cast::widen(&x[start..end])),
        (Storage::Cpu(CpuStorage::BF16(x)), DType::F32) => CpuStorage::F32(cpu::cast::widen(&x[start..end])),
        (Storage::Cpu(CpuStorage::F32(x)), DType::F16) => CpuStorage::F16(cpu::cast::narrow(&x[start..end])),
        (Storage::Cpu(CpuStorage::F32(x)), DType::BF16) => {
            CpuStorage::BF16(cpu::cast::narrow(&x[start..end]))
        }
        _ => return Err(cpu::unsupported(to, "cast")),
    })
}
