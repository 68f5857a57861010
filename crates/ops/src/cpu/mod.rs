//! Kernels for the CPU: plain functions on slices, in f32 and f64.
//!
//! Work is cut into pieces whose bounds depend on the graph and the shapes alone, a piece is always summed by one task
//! and in one order, and partial sums are joined in the order of the pieces: the number of threads cannot change a
//! bit. Indices come from an [`EdgeIndex`](candle_geometric_graph::EdgeIndex), which has checked them.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod attention_backward;
mod blocks;
pub(crate) mod cast;
pub(crate) mod dense;
pub(crate) mod dropout;
mod exp;
pub(crate) mod extreme;
pub(crate) mod head_scores;
pub(crate) mod heads;
mod map;
pub(crate) mod matmul;
pub(crate) mod memory;
pub(crate) mod pairwise;
pub(crate) mod product;
mod rows;
pub(crate) mod sddmm;
pub(crate) mod segment;
mod simd;
pub(crate) mod softmax;
pub(crate) mod sparse;
mod tasks;

use candle_core::{CpuStorage, DType, Error, Layout, Result, Storage, StorageRef, Tensor, WithDType};

/// The element types of the kernels.
pub(crate) trait Real: WithDType + std::ops::Neg<Output = Self> {
    /// e^x for x ≤ 0; 0 where that is not a normal number; NaN stays.
    fn exp(self) -> Self;

    /// The memory that is kept for numbers of this type.
    fn pool() -> &'static memory::Pool<Self>;

    /// e^x − 1 for x ≤ 0, with all digits near 0 too; NaN stays.
    fn exp_m1(self) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn exp(self) -> Self {
        exp::nonpositive(self)
    }

    fn pool() -> &'static memory::Pool<Self> {
        static POOL: memory::Pool<f32> = memory::Pool::new();
        &POOL
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        exp::nonpositive_m1(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn pool() -> &'static memory::Pool<Self> {
        static POOL: memory::Pool<f64> = memory::Pool::new();
        &POOL
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        f64::exp_m1(self)
    }
}

/// Runs an expression with `$t` bound to the Rust type of a dtype.
macro_rules! for_float {
    ($dtype:expr, $name:expr, $t:ident => $body:expr) => {
        match {
            #[allow(unused_imports)]
            use candle_core::backend::BackendStorage as _;
            $dtype
        } {
            candle_core::DType::F32 => {
                #[allow(unused_imports)]
                use candle_core::WithDType as _;
                type $t = f32;
                $body
            }
            candle_core::DType::F64 => {
                #[allow(unused_imports)]
                use candle_core::WithDType as _;
                type $t = f64;
                $body
            }
            other => Err(crate::cpu::unsupported(other, $name)),
        }
    };
}
pub(crate) use for_float;

/// Runs an expression with `$h` bound to a number of heads (or columns), which for `T` = f32 is a constant where it is a common one,
/// so that loops over heads become straight code. Each constant is compiled for each set of instructions: keep what is
/// inside small.
macro_rules! by_heads {
    ($heads:expr, $h:ident => $body:expr) => {
        match $heads {
            1 if const { size_of::<T>() == 4 } => {
                let $h = 1usize;
                $body
            }
            4 if const { size_of::<T>() == 4 } => {
                let $h = 4usize;
                $body
            }
            8 if const { size_of::<T>() == 4 } => {
                let $h = 8usize;
                $body
            }
            $h => $body,
        }
    };
}
pub(crate) use by_heads;

pub(crate) fn unsupported(dtype: DType, op: &'static str) -> Error {
    Error::UnsupportedDTypeForOp(dtype, op)
}

/// The numbers of a contiguous storage.
pub(crate) fn slice<'a, T: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        return Err(Error::RequiresContiguous { op: "candle-geometric" });
    };
    T::cpu_storage_as_slice(storage)?
        .get(start..end)
        .ok_or_else(|| Error::Msg(format!("a storage ends before its layout, at {end}")))
}

/// A tensor on the CPU, open for reading.
pub(crate) struct Host<'a> {
    storage: StorageRef<'a>,
    layout: &'a Layout,
}

impl<'a> Host<'a> {
    pub(crate) fn open(t: &'a Tensor) -> Self {
        #[cfg(test)]
        assert!(!crate::cuda::runs_on(t.device()), "a kernel for the CPU reads what is on a GPU");
        let (storage, layout) = t.storage_and_layout();
        Self { storage, layout }
    }

    pub(crate) fn slice<T: Real>(&self) -> Result<&[T]> {
        match &*self.storage {
            Storage::Cpu(s) => slice(s, self.layout),
            _ => Err(Error::Msg("a kernel for the CPU was given a tensor on another device".into())),
        }
    }
}
