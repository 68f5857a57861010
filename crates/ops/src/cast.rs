//! Between half precision and f32 on the CPU, on all threads; Candle's own casts run on one.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};

use crate::cpu;

/// `t`, contiguous, in half precision from f32 or the other way.
pub(crate) fn cast(t: &Tensor, to: DType) -> Result<Tensor> {
    t.contiguous()?.apply_op1(Cast(to))
}

/// Its gradient is the cast the other way of the gradient.
struct Cast(DType);

impl CustomOp1 for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (from, to) = layout.contiguous_offsets().unwrap_or_default();
        let out = match (x, self.0) {
            (CpuStorage::F16(x), DType::F32) => CpuStorage::F32(cpu::cast::widen(&x[from..to])),
            (CpuStorage::BF16(x), DType::F32) => CpuStorage::F32(cpu::cast::widen(&x[from..to])),
            (CpuStorage::F32(x), DType::F16) => CpuStorage::F16(cpu::cast::narrow(&x[from..to])),
            (CpuStorage::F32(x), DType::BF16) => CpuStorage::BF16(cpu::cast::narrow(&x[from..to])),
            (_, other) => return Err(cpu::unsupported(other, self.name())),
        };
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        grad.contiguous()?.apply_op1_no_bwd(&Self(arg.dtype())).map(Some)
    }
}
