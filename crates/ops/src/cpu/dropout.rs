//! Dropout from a counter-based stream: no mask in memory.

use super::Real;
use super::rows::{even, fill};
use crate::Dropout;

/// `x[i] / (1 − p)` where element i is kept, else 0. The gradient is the same function of the gradient.
///
/// One block of the stream decides on four elements; where all four are 0 already, as in sparse features, it need
/// not be computed.
pub(crate) fn apply<T: Real>(dropout: &Dropout, x: &[T]) -> Vec<T> {
    let (scale, threshold) = (T::from_f64(dropout.scale()), dropout.threshold());
    let mut out = vec![T::zero(); x.len()];
    let blocks = x.len().div_ceil(4);
    let mut chunks = even(blocks, 16);
    chunks.iter_mut().for_each(|c| *c = c.start * 4..(c.end * 4).min(x.len()));
    fill(&mut out, 1, &chunks, |range, part| {
        let first = range.start / 4;
        for (b, (o, x)) in part.chunks_mut(4).zip(x[range].chunks(4)).enumerate() {
            if x.iter().all(|&v| v == T::zero()) {
                continue;
            }
            let words = dropout.stream.block((first + b) as u64);
            for ((o, &x), word) in o.iter_mut().zip(x).zip(words) {
                if word >> 8 >= threshold {
                    *o = x * scale;
                }
            }
        }
    });
    out
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
