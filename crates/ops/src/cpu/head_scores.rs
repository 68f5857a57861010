//! The products of every row's heads with two vectors per head: the terms of GAT's scores.

use std::ops::Range;

use super::Real;
use super::blocks::dot;
use super::rows::{even, row, run, split};
use super::segment::add_scaled;
use super::simd::{self, Kernel};
use super::tasks::total;

/// Two vectors per head, `[H, C]` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vectors<'a, T> {
    pub(crate) src: &'a [T],
    pub(crate) dst: &'a [T],
    pub(crate) heads: usize,
}

/// `⟨src[h], x[i, h]⟩` and `⟨dst[h], x[i, h]⟩`, `[N, H]` each, in one pass over x.
pub(crate) fn forward<T: Real>(vectors: Vectors<'_, T>, x: &[T]) -> [Vec<T>; 2] {
    let (width, h) = (vectors.src.len(), vectors.heads);
    let n = x.len() / width;
    let mut out = [vec![T::zero(); n * h], vec![T::zero(); n * h]];
    let chunks = even(n, width);
    let [src, dst] = out.each_mut().map(|o| split(o, &chunks, |c| c.len() * h));
    let work = chunks.iter().cloned().zip(src.into_iter().zip(dst)).collect();
    run(work, |(rows, (src, dst)): (Range<usize>, _)| {
        simd::run(Products { vectors, x: &x[rows.start * width..rows.end * width], src, dst });
    });
    out
}

struct Products<'a, T> {
    vectors: Vectors<'a, T>,
    x: &'a [T],
    src: &'a mut [T],
    dst: &'a mut [T],
}

impl<T: Real> Kernel for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (v, width, h) = (self.vectors, self.vectors.src.len(), self.vectors.heads);
        let c = width / h;
        let out = self.src.chunks_exact_mut(h).zip(self.dst.chunks_exact_mut(h));
        for (x, (src, dst)) in self.x.chunks_exact(width).zip(out) {
            for k in 0..h {
                let x = &x[k * c..][..c];
                src[k] = dot(&v.src[k * c..][..c], x);
                dst[k] = dot(&v.dst[k * c..][..c], x);
            }
        }
    }
}

/// Adds what the scores contribute to the gradient of x, `dx[i] += ∂src[i] src + ∂dst[i] dst`, and returns the
/// gradients of the vectors, `Σ ∂src[i] x[i]` and `Σ ∂dst[i] x[i]`.
pub(crate) fn backward<T: Real>(
    vectors: Vectors<'_, T>,
    x: &[T],
    (src, dst): (&[T], &[T]),
    dx: &mut [T],
) -> [Vec<T>; 2] {
    let (width, h) = (vectors.src.len(), vectors.heads);
    let chunks = even(x.len() / width, width);
    let mut sums = vec![T::zero(); chunks.len() * 2 * width];
    let parts =
        split(dx, &chunks, |c| c.len() * width).into_iter().zip(split(&mut sums, &chunks, |_| 2 * width));
    let work = chunks.iter().cloned().zip(parts).collect();
    run(work, |(rows, (dx, sums)): (Range<usize>, _)| {
        let x = &x[rows.start * width..rows.end * width];
        let (src, dst) = (&src[rows.start * h..rows.end * h], &dst[rows.start * h..rows.end * h]);
        simd::run(Spread { vectors, x, src, dst, dx, sums });
    });
    let both = total(&sums, 2 * width);
    let (src, dst) = both.split_at(width);
    [src.to_vec(), dst.to_vec()]
}

struct Spread<'a, T> {
    vectors: Vectors<'a, T>,
    x: &'a [T],
    src: &'a [T],
    dst: &'a [T],
    dx: &'a mut [T],
    sums: &'a mut [T],
}

impl<T: Real> Kernel for Spread<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (v, width, h) = (self.vectors, self.vectors.src.len(), self.vectors.heads);
        let c = width / h;
        let (src_sums, dst_sums) = self.sums.split_at_mut(width);
        let rows = self.x.chunks_exact(width).zip(self.dx.chunks_exact_mut(width));
        for (i, (x, dx)) in rows.enumerate() {
            let (src, dst) = (row(self.src, i, h), row(self.dst, i, h));
            for k in 0..h {
                let here = k * c..(k + 1) * c;
                add_scaled(&mut dx[here.clone()], src[k], &v.src[here.clone()]);
                add_scaled(&mut dx[here.clone()], dst[k], &v.dst[here.clone()]);
                add_scaled(&mut src_sums[here.clone()], src[k], &x[here.clone()]);
                add_scaled(&mut dst_sums[here.clone()], dst[k], &x[here]);
            }
        }
    }
}
