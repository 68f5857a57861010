//! The mean over heads.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::Real;
use super::memory::copied;
use super::rows::{fresh, row};
use super::segment::add;
use super::simd::{self, Kernel};

/// `out[i, c] = Σ_h x[i, h, c] / H + bias[c]`.
pub(crate) fn mean<T: Real>(x: &[T], heads: usize, channels: usize, bias: Option<&[T]>) -> Vec<T> {
    let f = |rows, out: &mut [_]| simd::run(Mean { x, heads, channels, bias, rows, out });
    // SAFETY: the kernel writes every row.
    unsafe { fresh(x.len() / (heads * channels), channels, f) }
}

struct Mean<'a, T> {
    x: &'a [T],
    heads: usize,
    channels: usize,
    bias: Option<&'a [T]>,
    rows: Range<usize>,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Mean<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let share = T::one() / T::from_f64(self.heads as f64);
        for (r, o) in self.rows.zip(self.out.chunks_exact_mut(self.channels)) {
            let (first, others) = row(self.x, r, self.heads * self.channels).split_at(self.channels);
            let o = copied(o, first);
            others.chunks_exact(self.channels).for_each(|x| add(o, x));
            o.iter_mut().for_each(|o| *o *= share);
            if let Some(bias) = self.bias {
                add(o, bias);
            }
        }
    }
}

/// The gradient of [`mean`]: every head gets its share of that of the result.
pub(crate) fn spread<T: Real>(grad: &[T], heads: usize, channels: usize) -> Vec<T> {
    let f = |rows, out: &mut [_]| simd::run(Spread { grad, heads, channels, rows, out });
    // SAFETY: the kernel writes every head of every row.
    unsafe { fresh(grad.len() / channels, heads * channels, f) }
}

struct Spread<'a, T> {
    grad: &'a [T],
    heads: usize,
    channels: usize,
    rows: Range<usize>,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Spread<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let share = T::one() / T::from_f64(self.heads as f64);
        for (r, o) in self.rows.zip(self.out.chunks_exact_mut(self.heads * self.channels)) {
            let g = row(self.grad, r, self.channels);
            for o in o.chunks_exact_mut(self.channels) {
                o.iter_mut().zip(g).for_each(|(o, &g)| {
                    o.write(g * share);
                });
            }
        }
    }
}
