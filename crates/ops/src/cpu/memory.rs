//! Fresh memory for results: not filled with zeros beforehand, and in huge pages where it is large. Where the system
//! hands out pages of 4 KB, the first touch of each can cost more than all the arithmetic.

use std::mem::MaybeUninit;

/// Memory for `n` numbers that does not hold any yet.
pub(super) struct Fresh<T> {
    numbers: Vec<T>,
    len: usize,
}

impl<T: Copy> Fresh<T> {
    pub(super) fn new(len: usize) -> Self {
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

/// Memory below this is left alone, in bytes.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

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
