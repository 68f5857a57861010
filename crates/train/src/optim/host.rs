//! The step on the host: one pass over the numbers of all parameters together, in place.
//!
//! A Candle operation opens one tensor for writing at a time. So the numbers are taken out of all parameters first, and put
//! back when the pass is over; a parameter that another thread reads meanwhile is empty.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Storage, Tensor, Var};
use rayon::prelude::*;

use super::{Slot, Update};
use crate::real::Real;
use crate::{Error, Result};

/// Into how many numbers at most parameters are cut.
const CHUNK: usize = 1 << 13;
/// How many pieces a task has at least: fewer are updated sooner than another thread wakes up.
const AT_LEAST: usize = 8;

/// Whether the parameter can be updated here.
pub(super) fn takes(var: &Var) -> bool {
    matches!(var.device(), Device::Cpu)
        && matches!(var.dtype(), DType::F32 | DType::F64)
        && var.is_contiguous()
}

/// A parameter that is to be updated, its gradient, contiguous, and how.
pub(super) struct Work<'a> {
    pub(super) slot: &'a Slot,
    pub(super) grad: Tensor,
    pub(super) update: Update,
}

/// Updates the parameters of type `T` in `work`, on all threads; every number by itself, so that where the chunks end
/// changes no bit.
pub(super) fn run<T: Real>(work: &[Work<'_>]) -> Result<()> {
    let mut opened = Vec::with_capacity(work.len());
    for w in work {
        let parameter = Taken::<T>::new(w.slot.var.as_tensor())?;
        opened.push((parameter, Taken::<T>::new(&w.slot.state)?));
    }
    let grads: Vec<_> = work.iter().map(|w| w.grad.storage_and_layout()).collect();
    let mut chunks = Vec::new();
    for ((w, (parameter, state)), (grad, layout)) in work.iter().zip(&mut opened).zip(&grads) {
        let n = w.slot.var.elem_count();
        let grad = match &**grad {
            Storage::Cpu(storage) => T::cpu_storage_as_slice(storage).ok().and_then(|g| g.get(span(layout))),
            _ => None,
        };
        let Some(grad) = grad.filter(|_| parameter.numbers().len() == n) else {
            return Err(unlike(w));
        };
        let (first, second) = state.numbers().split_at_mut_checked(n).unwrap_or_default();
        let mut buffers = [first, second];
        let theta = parameter.numbers().chunks_mut(CHUNK);
        for (theta, grad) in theta.zip(grad.chunks(CHUNK)) {
            let buffers = buffers.each_mut().map(|rest| {
                let (chunk, left) =
                    std::mem::take(rest).split_at_mut_checked(theta.len()).unwrap_or_default();
                *rest = left;
                chunk
            });
            chunks.push((&w.update, theta, grad, buffers));
        }
    }
    let chunks = chunks.into_par_iter().with_min_len(AT_LEAST);
    chunks.for_each(|(update, theta, grad, buffers)| update.run(theta, grad, buffers));
    Ok(())
}

fn unlike(w: &Work<'_>) -> Error {
    let expected = format!("{:?} on the CPU for {}", w.slot.var.dtype(), w.slot.name);
    Error::invalid("grads", expected, format!("{:?} on {:?}", w.grad.dtype(), w.grad.device()))
}

/// The part of a storage that a contiguous layout covers.
fn span(layout: &Layout) -> Range<usize> {
    layout.start_offset()..layout.start_offset() + layout.shape().elem_count()
}

/// The storage of a tensor, taken out of it, and put back when this is dropped.
struct Taken<'a, T: Real> {
    tensor: &'a Tensor,
    storage: Vec<T>,
}

impl<'a, T: Real> Taken<'a, T> {
    fn new(tensor: &'a Tensor) -> Result<Self> {
        let mut taken = Self { tensor, storage: Vec::new() };
        taken.exchange()?;
        Ok(taken)
    }

    fn exchange(&mut self) -> candle_core::Result<()> {
        self.tensor.inplace_op1(&Exchange(RefCell::new(&mut self.storage)))
    }

    fn numbers(&mut self) -> &mut [T] {
        self.storage.get_mut(span(self.tensor.layout())).unwrap_or_default()
    }
}

impl<T: Real> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        // It went one way, so it goes the other.
        let _ = self.exchange();
    }
}

struct Exchange<'a, T>(RefCell<&'a mut Vec<T>>);

impl<T: Real> InplaceOp1 for Exchange<'_, T> {
    fn name(&self) -> &'static str {
        "optimizer"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        let numbers = T::open(storage)
            .ok_or_else(|| candle_core::Error::Msg("optimizer: a parameter of another type".into()))?;
        std::mem::swap(numbers, &mut **self.0.borrow_mut());
        Ok(())
    }
}
