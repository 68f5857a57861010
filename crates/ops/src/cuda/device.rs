//! Candle's CUDA devices run the kernels.

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{
    CudaStream, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig, PushKernelArg, SyncOnDrop,
};
use candle_core::{CudaDevice, CudaStorage, DType, Error, Result, Shape, Storage};
use half::{bf16, f16};

use super::machine::{Arguments, Machine, Memory, Module, THREADS};

/// Room for the structure of any kernel.
const LARGEST: usize = 320;

/// The structure that a kernel takes; the driver reads as many bytes of it as the kernel has.
#[repr(C, align(16))]
struct Blob([u8; LARGEST]);

// SAFETY: plain bytes.
unsafe impl DeviceRepr for Blob {}

impl Module {
    /// Its name, which no module of Candle has, and its code.
    fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::AttentionAdditive => {
                ("candle-geometric-attention-additive", include_str!("ptx/attention_additive.ptx"))
            }
            Self::AttentionPairwise => {
                ("candle-geometric-attention-pairwise", include_str!("ptx/attention_pairwise.ptx"))
            }
            Self::Columns => ("candle-geometric-columns", include_str!("ptx/columns.ptx")),
            Self::Edges => ("candle-geometric-edges", include_str!("ptx/edges.ptx")),
            Self::Group => ("candle-geometric-group", include_str!("ptx/group.ptx")),
            Self::Pointwise => ("candle-geometric-pointwise", include_str!("ptx/pointwise.ptx")),
            Self::Sum => ("candle-geometric-sum", include_str!("ptx/sum.ptx")),
        }
    }
}

impl Machine for CudaDevice {
    fn alloc(&self, dtype: DType, n: usize) -> Result<Storage> {
        // SAFETY: kernels write all of it before anybody reads it.
        Ok(Storage::Cuda(unsafe { self.alloc_uninit(&Shape::from(n), dtype)? }))
    }

    fn launch(
        &self,
        module: Module,
        kernel: &str,
        grid: (u32, u32),
        mut arguments: Arguments<'_>,
    ) -> Result<()> {
        if grid.0 == 0 {
            return Ok(());
        }
        let stream = self.cuda_stream();
        let mut addresses = vec![];
        // Until the launch is in the stream: dropping them notes when the memory is free for others.
        let mut read = vec![];
        let mut in_use: Vec<SyncOnDrop<'_>> = vec![];
        for (offset, memory) in &mut arguments.memory {
            match memory {
                Memory::Read(t) => read.push((*offset, t.storage_and_layout())),
                Memory::Write(Storage::Cuda(s)) => {
                    let (address, guard) = address_mut(s, &stream)?;
                    addresses.push((*offset, address));
                    in_use.push(guard);
                }
                Memory::Write(_) => return Err(misplaced()),
            }
        }
        for (offset, (storage, layout)) in &read {
            let Storage::Cuda(s) = &**storage else { return Err(misplaced()) };
            let Some((start, _)) = layout.contiguous_offsets() else {
                return Err(Error::RequiresContiguous { op: "candle-geometric" });
            };
            let (address, guard) = address(s, &stream)?;
            addresses.push((*offset, address + (start * s.dtype().size_in_bytes()) as u64));
            in_use.push(guard);
        }
        for (offset, address) in addresses {
            arguments.bytes[offset..offset + 8].copy_from_slice(&address.to_ne_bytes());
        }
        let mut blob = Blob([0; LARGEST]);
        let room = blob.0.get_mut(..arguments.bytes.len());
        let room =
            room.ok_or_else(|| Error::Msg(format!("{kernel}: more than {LARGEST} bytes of arguments")))?;
        room.copy_from_slice(&arguments.bytes);
        let (name, code) = module.code();
        let function = self.get_or_load_custom_func(kernel, name, code)?;
        let config =
            LaunchConfig { grid_dim: (grid.0, grid.1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
        let mut builder = function.builder();
        builder.arg(&blob);
        // SAFETY: the structure is what the kernel takes, as the tests on the emulator check for all of them; the
        // kernels stay within their memory for a graph that was checked and layouts made for these tensors.
        unsafe { builder.launch(config) }.w()?;
        Ok(())
    }
}

fn misplaced() -> Error {
    Error::Msg("a kernel was given a tensor on another device".into())
}

/// Calls `$f` for the slice of the type of a storage.
macro_rules! by_type {
    ($storage:expr, $as_slice:ident, $slice:ident => $body:expr) => {
        match $storage.dtype() {
            DType::F32 => {
                let $slice = $storage.$as_slice::<f32>()?;
                Ok($body)
            }
            DType::F64 => {
                let $slice = $storage.$as_slice::<f64>()?;
                Ok($body)
            }
            DType::F16 => {
                let $slice = $storage.$as_slice::<f16>()?;
                Ok($body)
            }
            DType::BF16 => {
                let $slice = $storage.$as_slice::<bf16>()?;
                Ok($body)
            }
            DType::U32 => {
                let $slice = $storage.$as_slice::<u32>()?;
                Ok($body)
            }
            other => Err(Error::UnsupportedDTypeForOp(other, "candle-geometric")),
        }
    };
}

fn address<'a>(s: &'a CudaStorage, stream: &'a CudaStream) -> Result<(u64, SyncOnDrop<'a>)> {
    by_type!(s, as_cuda_slice, slice => slice.device_ptr(stream))
}

fn address_mut<'a>(s: &'a mut CudaStorage, stream: &'a CudaStream) -> Result<(u64, SyncOnDrop<'a>)> {
    by_type!(s, as_cuda_slice_mut, slice => slice.device_ptr_mut(stream))
}
