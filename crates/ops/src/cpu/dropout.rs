//! Dropout from a counter-based stream: no mask in memory.

use std::mem::MaybeUninit;

use super::Real;
use super::memory::Fresh;
use super::rows::{even, fill};
use super::simd::{self, Kernel};
use crate::Dropout;

/// How many blocks of the stream, of four words each, are computed at once.
const LANES: usize = 8;
/// How many elements these decide on.
const GROUP: usize = 4 * LANES;

/// `x[i] / (1 − p)` where element i is kept, else 0. The gradient is the same function of the gradient.
pub(crate) fn apply<T: Real>(dropout: &Dropout, x: &[T]) -> Vec<T> {
    let mut chunks = even(x.len().div_ceil(GROUP), 2 * GROUP);
    chunks.iter_mut().for_each(|c| *c = c.start * GROUP..(c.end * GROUP).min(x.len()));
    let mut out = Fresh::new(x.len());
    fill(out.parts(), 1, &chunks, |range, out| {
        simd::run(Masked { dropout, first: range.start / GROUP, x: &x[range], out });
    });
    // SAFETY: the chunks cover all elements, and the kernel writes those of each.
    unsafe { out.assume_init() }
}

/// Some elements, the first of them in a group of this number.
struct Masked<'a, T> {
    dropout: &'a Dropout,
    first: usize,
    x: &'a [T],
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Masked<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { dropout, first, x, out } = self;
        let (scale, threshold) = (T::from_f64(dropout.scale()), dropout.threshold());
        let (stream, zero) = (dropout.stream, T::zero());
        for (group, (out, x)) in (first..).zip(out.chunks_mut(GROUP).zip(x.chunks(GROUP))) {
            // As in sparse features, whose zeros stay whatever is decided.
            if x.iter().fold(true, |all, &v| all & (v == zero)) {
                out.fill(MaybeUninit::new(zero));
                continue;
            }
            let lanes = stream.blocks::<LANES>((group * LANES) as u64);
            let mut words = [0; GROUP];
            for (word, lanes) in lanes.iter().enumerate() {
                for (block, &w) in lanes.iter().enumerate() {
                    words[4 * block + word] = w;
                }
            }
            for ((o, &x), word) in out.iter_mut().zip(x).zip(words) {
                o.write(if word >> 8 >= threshold { x * scale } else { zero });
            }
        }
    }
}

/// The factors of the elements `first, first + 1, …`: 1 / (1 − p) where an element is kept, else 0.
#[inline]
pub(super) fn factors<T: Real>(dropout: &Dropout, first: u64, out: &mut [T]) {
    let (scale, threshold) = (T::from_f64(dropout.scale()), dropout.threshold());
    let mut words = dropout.stream.block(first / 4);
    for (i, o) in (first..).zip(out) {
        if i % 4 == 0 {
            words = dropout.stream.block(i / 4);
        }
        *o = if words[(i % 4) as usize] >> 8 >= threshold { scale } else { T::zero() };
    }
}
