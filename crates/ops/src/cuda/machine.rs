//! What runs kernels: memory, and launches with typed arguments.

use candle_core::backend::BackendDevice;
use candle_core::cpu_backend::CpuDevice;
use candle_core::op::BackpropOp;
use candle_core::{DType, Device, Error, Result, Shape, Storage, Tensor};

use crate::link::Gradient;

/// Threads of a block: `THREADS` of the kernels.
pub(super) const THREADS: u32 = 128;

/// A file of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Module {
    AttentionAdditive,
    AttentionPairwise,
    Columns,
    Edges,
    Group,
    Pointwise,
    Sum,
}

/// A device, or what stands for one.
pub(super) trait Machine {
    /// Memory for `n` numbers, which holds nothing yet.
    fn alloc(&self, dtype: DType, n: usize) -> Result<Storage>;

    /// Runs a kernel over a grid of blocks of [`THREADS`] threads.
    fn launch(&self, module: Module, kernel: &str, grid: (u32, u32), arguments: Arguments<'_>) -> Result<()>;
}

/// The machine of a device.
pub(super) fn on(device: &Device) -> Result<Box<dyn Machine>> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => Ok(Box::new(device.clone())),
        #[cfg(test)]
        Device::Cpu => Ok(Box::new(super::emulator::Emulator)),
        other => Err(Error::Msg(format!("no kernels for {:?}", other.location()))),
    }
}

/// Copies totals of a graph's structure to the host, which waits for them. Nothing else here does so: the tests count.
pub(super) fn read_back(t: &Tensor) -> Result<Vec<u32>> {
    #[cfg(test)]
    super::emulator::note_copy();
    t.to_vec1()
}

/// A result on its way: written by kernels, then a tensor.
pub(crate) struct Fresh {
    pub(super) storage: Storage,
    shape: Shape,
}

impl Fresh {
    pub(super) fn new(machine: &dyn Machine, dtype: DType, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        // Not all allocators know what to do with nothing.
        Ok(Self { storage: machine.alloc(dtype, shape.elem_count().max(1))?, shape })
    }

    /// Zeros.
    pub(super) fn zeros(dtype: DType, shape: impl Into<Shape>, device: &Device) -> Result<Self> {
        let shape = shape.into();
        let storage = match device {
            Device::Cuda(device) => Storage::Cuda(device.zeros_impl(&shape, dtype)?),
            _ => Storage::Cpu(CpuDevice.zeros_impl(&shape, dtype)?),
        };
        Ok(Self { storage, shape })
    }

    /// The same numbers in another shape.
    pub(crate) fn reshaped(self, shape: impl Into<Shape>) -> Self {
        Self { shape: shape.into(), ..self }
    }

    pub(super) fn wanted(
        wanted: bool,
        machine: &dyn Machine,
        dtype: DType,
        shape: impl Into<Shape>,
    ) -> Result<Option<Self>> {
        wanted.then(|| Self::new(machine, dtype, shape)).transpose()
    }

    /// What [`node`](crate::node::node) takes.
    pub(crate) fn into_value(self) -> crate::node::Value {
        (self.storage, self.shape)
    }

    pub(crate) fn into_gradient(self) -> Gradient {
        Gradient::Shared(self.into_tensor())
    }

    pub(crate) fn into_tensor(self) -> Tensor {
        Tensor::from_storage(self.storage, self.shape, BackpropOp::none(), false)
    }
}

/// The type that numbers of a type are summed in.
pub(super) fn sum_type(dtype: DType) -> DType {
    if dtype == DType::F64 { DType::F64 } else { DType::F32 }
}

/// The fields of the structure that a kernel takes, in their order.
#[derive(Default)]
pub(super) struct Arguments<'a> {
    pub(super) bytes: Vec<u8>,
    /// Where an address belongs, and what is there.
    pub(super) memory: Vec<(usize, Memory<'a>)>,
}

/// What a kernel is given the address of.
#[cfg_attr(
    not(any(feature = "cuda", test)),
    expect(dead_code, reason = "read by machines, and there is none")
)]
pub(super) enum Memory<'a> {
    Read(&'a Tensor),
    Write(&'a mut Storage),
}

impl<'a> Arguments<'a> {
    fn field<const N: usize>(&mut self, bytes: [u8; N]) -> &mut Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(N), 0);
        self.bytes.extend(bytes);
        self
    }

    fn address(&mut self, of: Memory<'a>) -> &mut Self {
        self.u64(0);
        self.memory.push((self.bytes.len() - 8, of));
        self
    }

    pub(super) fn read(&mut self, t: &'a Tensor) -> &mut Self {
        self.address(Memory::Read(t))
    }

    pub(super) fn write(&mut self, to: &'a mut Fresh) -> &mut Self {
        self.address(Memory::Write(&mut to.storage))
    }

    /// An address, or a null pointer.
    pub(super) fn read_option(&mut self, t: Option<&'a Tensor>) -> &mut Self {
        match t {
            Some(t) => self.read(t),
            None => self.u64(0),
        }
    }

    /// An address, or a null pointer.
    pub(super) fn write_option(&mut self, to: Option<&'a mut Fresh>) -> &mut Self {
        match to {
            Some(to) => self.write(to),
            None => self.u64(0),
        }
    }

    pub(super) fn u32(&mut self, v: u32) -> &mut Self {
        self.field(v.to_ne_bytes())
    }

    pub(super) fn u64(&mut self, v: u64) -> &mut Self {
        self.field(v.to_ne_bytes())
    }

    pub(super) fn f64(&mut self, v: f64) -> &mut Self {
        self.field(v.to_ne_bytes())
    }

    /// The whole structure: its size is a multiple of 8, as it holds addresses.
    pub(super) fn finish(mut self) -> Self {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self
    }
}
