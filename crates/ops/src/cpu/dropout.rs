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
        let blocks = |group: usize| {
            let number = (group * LANES) as u64;
            dropout.stream.blocks(std::array::from_fn::<_, LANES, _>(|l| number + l as u64))
        };
        let ((x, x_rest), (out, out_rest)) = (x.as_chunks::<GROUP>(), out.as_chunks_mut::<GROUP>());
        let after = first + x.len();
        for (group, (out, x)) in (first..).zip(out.iter_mut().zip(x)) {
            // As in sparse features, whose zeros stay whatever is decided.
            if x.iter().fold(true, |all, &v| all & (v == T::zero())) {
                out.fill(MaybeUninit::new(T::zero()));
                continue;
            }
            let words = blocks(group);
            let words = words.as_flattened();
            for i in 0..GROUP {
                // The product first, so that what is chosen from is there already: then nothing branches.
                let scaled = x[i] * scale;
                out[i].write(if words[i] >> 8 >= threshold { scaled } else { T::zero() });
            }
        }
        let words = blocks(after);
        for ((o, &x), &word) in out_rest.iter_mut().zip(x_rest).zip(words.as_flattened()) {
            o.write(if word >> 8 >= threshold { x * scale } else { T::zero() });
        }
    }
}

/// What dropout makes of the attention of `edges`, `[edges, H]`, where α of edge e and head h is element e·H + h: the
/// factor 1 / (1 − p) where it is kept, else 0.
pub(super) fn factors<T: Real>(dropout: &Dropout, edges: &[u32], heads: usize, out: &mut [T]) {
    simd::run(Factors { dropout, edges, heads, out });
}

struct Factors<'a, T> {
    dropout: &'a Dropout,
    edges: &'a [u32],
    heads: usize,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Factors<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // An edge whose elements fill whole blocks needs these; any other, a block for every element.
        if self.heads.is_multiple_of(4) { self.of_blocks() } else { self.of_elements() }
    }
}

impl<T: Real> Factors<'_, T> {
    #[inline(always)]
    fn of_blocks(self) {
        let (scale, threshold) = (T::from_f64(self.dropout.scale()), self.dropout.threshold());
        let each = self.heads / 4;
        let mut numbers =
            self.edges.iter().flat_map(|&e| (0..each).map(move |k| u64::from(e) * each as u64 + k as u64));
        for out in self.out.chunks_mut(GROUP) {
            let words =
                self.dropout.stream.blocks::<LANES>(std::array::from_fn(|_| numbers.next().unwrap_or(0)));
            for (o, &word) in out.iter_mut().zip(words.as_flattened()) {
                *o = if word >> 8 >= threshold { scale } else { T::zero() };
            }
        }
    }

    #[inline(always)]
    fn of_elements(self) {
        let (scale, threshold) = (T::from_f64(self.dropout.scale()), self.dropout.threshold());
        let heads = self.heads as u64;
        let mut elements = self.edges.iter().flat_map(|&e| (0..heads).map(move |h| u64::from(e) * heads + h));
        for out in self.out.chunks_mut(LANES) {
            let elements: [u64; LANES] = std::array::from_fn(|_| elements.next().unwrap_or(0));
            let words = self.dropout.stream.blocks(elements.map(|i| i / 4));
            for ((o, words), i) in out.iter_mut().zip(words).zip(elements) {
                *o = if words[(i % 4) as usize] >> 8 >= threshold { scale } else { T::zero() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_geometric_graph::rng::Stream;

    use super::*;

    #[test]
    fn every_element_has_its_number_of_the_stream() {
        let dropout = Dropout { p: 0.6, stream: Stream::new(u64::MAX / 3, 5) };
        let factor = |i: u64| if dropout.stream.uniform(i) < 0.6 { 0.0 } else { dropout.scale() };
        for n in (0..70).chain([5000]) {
            let x: Vec<f64> = (0..n).map(|i| f64::from(i) + 1.0).collect();
            let expected: Vec<f64> = (0..).zip(&x).map(|(i, x)| x * factor(i)).collect();
            assert_eq!(apply(&dropout, &x), expected);
        }
        for (heads, n) in (1..10).flat_map(|heads| [0, 1, 7, 8, 9, 50].map(|n| (heads, n))) {
            let edges: Vec<u32> = (0..n).map(|k| (k * 7919 % 1000) << 22).collect();
            let mut out = vec![-1.0; edges.len() * heads];
            factors(&dropout, &edges, heads, &mut out);
            let elements =
                edges.iter().flat_map(|&e| (0..heads as u64).map(move |h| u64::from(e) * heads as u64 + h));
            assert_eq!(out, elements.map(factor).collect::<Vec<_>>(), "{n} edges, {heads} heads");
        }
    }
}
