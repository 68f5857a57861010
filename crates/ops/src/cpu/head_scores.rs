//! The products of every row's heads with two vectors per head: the terms of GAT's scores.

use super::Real;
use super::blocks::dot;
use super::rows::{even, row, run, split};
use super::segment::add_scaled;
use super::simd::vectorized;
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
    run(work, |(rows, parts): (std::ops::Range<usize>, _)| {
        vectorized(products, (vectors, &x[rows.start * width..rows.end * width], parts));
    });
    out
}

#[inline(always)]
fn products<T: Real>((v, x, (src, dst)): (Vectors<'_, T>, &[T], (&mut [T], &mut [T]))) {
    let (width, h) = (v.src.len(), v.heads);
    let c = width / h;
    for ((x, src), dst) in x.chunks_exact(width).zip(src.chunks_exact_mut(h)).zip(dst.chunks_exact_mut(h)) {
        for k in 0..h {
            let x = &x[k * c..][..c];
            src[k] = dot(&v.src[k * c..][..c], x);
            dst[k] = dot(&v.dst[k * c..][..c], x);
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
    run(work, |(rows, (dx, sums)): (std::ops::Range<usize>, _)| {
        let x = &x[rows.start * width..rows.end * width];
        let grads = (&src[rows.start * h..rows.end * h], &dst[rows.start * h..rows.end * h]);
        vectorized(gradients, (vectors, x, grads, dx, sums));
    });
    let both = total(&sums, 2 * width);
    let (src, dst) = both.split_at(width);
    [src.to_vec(), dst.to_vec()]
}

#[inline(always)]
fn gradients<T: Real>(
    (v, x, (src, dst), dx, sums): (Vectors<'_, T>, &[T], (&[T], &[T]), &mut [T], &mut [T]),
) {
    let (width, h) = (v.src.len(), v.heads);
    let c = width / h;
    let (src_sums, dst_sums) = sums.split_at_mut(width);
    for (i, (x, dx)) in x.chunks_exact(width).zip(dx.chunks_exact_mut(width)).enumerate() {
        let (src, dst) = (row(src, i, h), row(dst, i, h));
        for k in 0..h {
            let here = k * c..(k + 1) * c;
            add_scaled(&mut dx[here.clone()], src[k], &v.src[here.clone()]);
            add_scaled(&mut dx[here.clone()], dst[k], &v.dst[here.clone()]);
            add_scaled(&mut src_sums[here.clone()], src[k], &x[here.clone()]);
            add_scaled(&mut dst_sums[here.clone()], dst[k], &x[here]);
        }
    }
}
