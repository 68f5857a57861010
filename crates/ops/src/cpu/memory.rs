//! Memory for results: not filled with zeros beforehand, in huge pages where it is large, and used again where it was
//! only passed between operations. The first touch of a page can cost more than all the arithmetic on it.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};

use super::Real;

/// Smaller memory is the allocator's business, in bytes.
const LARGE: usize = 4 << 20;

/// How many pieces of memory are kept for each type, and how many bytes.
const MOST_KEPT: usize = 8;
const MOST_BYTES: usize = 1 << 30;

/// Large memory that is free to be used again.
pub(crate) struct Pool<T>(Mutex<Vec<Vec<T>>>);

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory for `len` numbers that wastes little, if there is any.
    fn take(&self, len: usize) -> Option<Vec<T>> {
        if len * size_of::<T>() < LARGE {
            return None;
        }
        let mut kept = self.lock();
        let fits = |v: &Vec<T>| (len..=len + len / 4).contains(&v.capacity());
        let found = kept.iter().position(fits)?;
        Some(kept.swap_remove(found))
    }

    fn put(&self, mut memory: Vec<T>) {
        if memory.capacity() * size_of::<T>() < LARGE {
            return;
        }
        memory.clear();
        let mut kept = self.lock();
        kept.push(memory);
        let bytes = |kept: &[Vec<T>]| kept.iter().map(Vec::capacity).sum::<usize>() * size_of::<T>();
        while kept.len() > MOST_KEPT || bytes(&kept) > MOST_BYTES {
            kept.remove(0);
        }
    }
}

/// Numbers whose memory is used again afterwards.
pub(crate) struct Reused<T: Real>(pub(crate) Vec<T>);

impl<T: Real> Drop for Reused<T> {
    fn drop(&mut self) {
        T::pool().put(std::mem::take(&mut self.0));
    }
}

/// Gives back to the system what is kept to be used again: see [`crate::release_memory`].
pub(crate) fn release() {
    f32::pool().lock().clear();
    f64::pool().lock().clear();
}

/// A tensor on the CPU whose memory is used again afterwards: nobody else may hold the tensor for longer than this.
#[derive(Debug)]
pub(crate) struct Scratch {
    tensor: Tensor,
    /// Somebody holds the tensor for longer after all.
    kept: AtomicBool,
}

impl Scratch {
    pub(crate) fn new(tensor: Tensor) -> Self {
        Self { tensor, kept: AtomicBool::new(false) }
    }

    /// The tensor, to be read while this lives.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The tensor, for good.
    pub(crate) fn keep(&self) -> Tensor {
        self.kept.store(true, Ordering::Relaxed);
        self.tensor.clone()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        struct Take;
        impl InplaceOp1 for Take {
            fn name(&self) -> &'static str {
                "reclaim"
            }

            fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
                match storage {
                    CpuStorage::F32(numbers) => f32::pool().put(std::mem::take(numbers)),
                    CpuStorage::F64(numbers) => f64::pool().put(std::mem::take(numbers)),
                    _ => {}
                }
                Ok(())
            }
        }
        if !*self.kept.get_mut() {
            // A failure means that the memory is freed as usual.
            let _ = self.tensor.inplace_op1(&Take);
        }
    }
}

/// Memory for `n` numbers that does not hold any yet.
pub(super) struct Fresh<T> {
    numbers: Vec<T>,
    len: usize,
}

impl<T: Real> Fresh<T> {
    pub(super) fn new(len: usize) -> Self {
        match T::pool().take(len) {
            Some(numbers) => Self { numbers, len },
            None => Self::unpooled(len),
        }
    }
}

impl<T> Fresh<T> {
    /// Of a type for which no memory is kept.
    pub(super) fn unpooled(len: usize) -> Self {
        let mut numbers = Vec::with_capacity(len);
        advise_huge_pages(numbers.spare_capacity_mut());
        Self { numbers, len }
    }

    /// All of it, to be written.
    pub(super) fn parts(&mut self) -> &mut [MaybeUninit<T>] {
        &mut self.numbers.spare_capacity_mut()[..self.len]
    }

    /// The numbers.
    ///
    /// # Safety
    /// Every element has been written.
    pub(super) unsafe fn assume_init(mut self) -> Vec<T> {
        // SAFETY: the capacity is at least `len`, and the caller has written that many elements.
        unsafe { self.numbers.set_len(self.len) };
        self.numbers
    }
}

/// Fills `part` with `value` and gives it as the numbers that it now holds.
#[inline(always)]
pub(super) fn initialized<T: Copy>(part: &mut [MaybeUninit<T>], value: T) -> &mut [T] {
    part.fill(MaybeUninit::new(value));
    // SAFETY: every element has just been written, and MaybeUninit<T> has the layout of T.
    unsafe { &mut *(std::ptr::from_mut(part) as *mut [T]) }
}

/// Copies `values` into `part`, which is as long, and gives it as the numbers that it now holds.
#[inline(always)]
pub(super) fn copied<'a, T: Copy>(part: &'a mut [MaybeUninit<T>], values: &[T]) -> &'a mut [T] {
    // Without this check a part that is longer would not be written to its end.
    assert!(part.len() == values.len());
    part.iter_mut().zip(values).for_each(|(p, &v)| {
        p.write(v);
    });
    // SAFETY: every element has just been written, and MaybeUninit<T> has the layout of T.
    unsafe { &mut *(std::ptr::from_mut(part) as *mut [T]) }
}

/// Asks the system for huge pages: only advice, which changes nothing but the time of the first touch.
#[cfg(target_os = "linux")]
fn advise_huge_pages<T>(memory: &mut [T]) {
    const PAGE: usize = 4096;
    let (start, size) = (memory.as_mut_ptr() as usize, size_of_val(memory));
    if size < LARGE {
        return;
    }
    let first = start.next_multiple_of(PAGE);
    // SAFETY: the whole pages within a block of memory that we own, and the advice does not change what they hold.
    unsafe {
        libc::madvise(first as *mut libc::c_void, (start + size - first) / PAGE * PAGE, libc::MADV_HUGEPAGE)
    };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages<T>(_: &mut [T]) {}
