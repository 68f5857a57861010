//! How the score of an edge follows from the rows at its two ends, and what a change of the rows does to it.

use super::super::Real;
use super::super::blocks::{Rows, Sums, accumulate, add_weighted};

/// A score `s(a, b)` of two rows `[H, C]`, head by head. It is the same with its rows exchanged, so one set of loops
/// serves the edges of a destination and those of a source: *own* is the row of the node whose edges are walked.
pub(crate) trait Score<T: Real>: Copy + Send + Sync {
    /// Whether a source has one row that is key and value, and edge terms are no part of the value.
    const SHARED: bool;

    /// `out[k, h] = s(own, rows[k])[h]`.
    fn scores(
        self,
        out: &mut [T],
        own: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
        room: &mut Sums<T>,
    );

    /// `sums += Σ w[k] ∂s(own, rows[k])/∂own`, but for what [`finish`](Self::finish) does at the end.
    fn add_gradients(
        self,
        sums: &mut [T],
        w: &[T],
        own: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
    );

    /// Makes the gradient of `own` of its sums, and adds to `att`, the gradient of the parameters of the score, what
    /// the edges of this row contribute by the side of `own`.
    fn finish(self, sums: &mut [T], own: &[T], att: &mut [T]);
}

/// `⟨a, b⟩ · scale`: the graph transformer's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dot<T> {
    pub(crate) scale: T,
}

impl<T: Real> Score<T> for Dot<T> {
    const SHARED: bool = false;

    #[inline(always)]
    fn scores(
        self,
        out: &mut [T],
        own: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
        room: &mut Sums<T>,
    ) {
        room.dots(out, own, rows, heads, channels);
        out.iter_mut().for_each(|s| *s *= self.scale);
    }

    #[inline(always)]
    fn add_gradients(
        self,
        sums: &mut [T],
        w: &[T],
        _: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
    ) {
        add_weighted(sums, w, rows, heads, channels);
    }

    #[inline(always)]
    fn finish(self, sums: &mut [T], _: &[T], _: &mut [T]) {
        sums.iter_mut().for_each(|s| *s *= self.scale);
    }
}

/// `⟨att, LeakyReLU(a + b)⟩`: GATv2's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dynamic<'a, T> {
    /// `[H, C]`.
    pub(crate) att: &'a [T],
    pub(crate) slope: T,
}

impl<T: Real> Score<T> for Dynamic<'_, T> {
    const SHARED: bool = true;

    #[inline(always)]
    fn scores(
        self,
        out: &mut [T],
        own: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
        room: &mut Sums<T>,
    ) {
        let term = |att: T, own: T, other: T| {
            let t = own + other;
            att * if t > T::zero() { t } else { self.slope * t }
        };
        room.of(out, self.att, own, rows, heads, channels, term);
    }

    #[inline(always)]
    fn add_gradients(
        self,
        sums: &mut [T],
        w: &[T],
        own: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
    ) {
        let term = |w: T, own: T, other: T| if own + other > T::zero() { w } else { w * self.slope };
        accumulate(sums, w, own, rows, heads, channels, term);
    }

    /// A score is `Σ att · LeakyReLU'(t) · t` with t = a + b, so its derivative by att is the derivative by own
    /// without the factor att, times a, and the same for the other side: nothing is left to do per edge.
    #[inline(always)]
    fn finish(self, sums: &mut [T], own: &[T], att: &mut [T]) {
        if !att.is_empty() {
            for ((d, &s), &o) in att.iter_mut().zip(&*sums).zip(own) {
                *d += s * o;
            }
        }
        sums.iter_mut().zip(self.att).for_each(|(s, &a)| *s *= a);
    }
}
