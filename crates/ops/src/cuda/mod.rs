//! Kernels for NVIDIA's GPUs, and the host's side of them.
//!
//! `kernels/` holds the sources, one `.cu` for a family of operations, and `ptx/` what the compiler made of them
//! (`build.sh`). What runs a kernel is a [`Machine`](machine::Machine): a device of Candle, or in tests the emulator,
//! which executes the same sources on the processor. All else here knows no difference.
//!
//! There are no atomic operations, so the bits are the same on every run: each row of a compressed form is summed by one
//! team of lanes in one order, and a row longer than [`graph::LONGEST`] is cut into parts at places that depend on the
//! graph alone, whose sums a second kernel merges in their order.

pub(crate) mod additive;
mod attended;
pub(crate) mod columns;
#[cfg(feature = "cuda")]
mod device;
pub(crate) mod edges;
#[cfg(test)]
pub(crate) mod emulator;
pub(crate) mod graph;
mod group;
mod layout;
pub(crate) mod machine;
pub(crate) mod pairwise;
pub(crate) mod pointwise;
#[cfg(test)]
mod ptx;
pub(crate) mod sum;
#[cfg(test)]
mod tests;

use candle_core::Device;

/// Called where Candle's own operations by index run: on a GPU these give one thread a whole column, and their gradients add
/// one row after the other. The tests fail where a kernel should have run instead.
pub(crate) fn stock_index_operation() {
    #[cfg(test)]
    assert!(!emulator::is_on(), "an operation by index of Candle's, on a GPU");
}

/// Whether these kernels run on a device.
pub(crate) fn runs_on(device: &Device) -> bool {
    #[cfg(test)]
    if device.is_cpu() && emulator::is_on() {
        return true;
    }
    cfg!(feature = "cuda") && device.is_cuda()
}
