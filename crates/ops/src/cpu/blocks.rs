//! What kernels do with the rows of a few edges at once, while these are in the first cache level: weighted sums of
//! rows, and their dot products with one row, head by head.
//!
//! Channels are taken 32 (or 16) at a time, then 16, 8, 4 and one by one, so that any number of them is vector code.

use super::Real;
use super::simd::prefetch;

/// How many edges are taken at once.
pub(super) const BLOCK: usize = 16;

/// The rows at the ends of up to [`BLOCK`] edges.
pub(super) struct Rows<'a, T> {
    rows: [&'a [T]; BLOCK],
    len: usize,
}

impl<'a, T> Rows<'a, T> {
    /// The rows `ids` of a matrix with `width` columns. Asks for those of the edges that follow: `next` are the ids of
    /// the edges some way ahead.
    #[inline(always)]
    pub(super) fn new(matrix: &'a [T], ids: &[u32], next: &[u32], width: usize) -> Self {
        for &id in next {
            prefetch(&matrix[id as usize * width..][..width]);
        }
        let mut rows: [&[T]; BLOCK] = [&[]; BLOCK];
        for (r, &id) in rows.iter_mut().zip(ids) {
            *r = &matrix[id as usize * width..][..width];
        }
        Self { rows, len: ids.len().min(BLOCK) }
    }

    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [T]> + '_ {
        self.rows[..self.len].iter().copied()
    }
}

/// How many edges ahead of their use rows of `width` numbers are asked for: about 8 KB.
#[inline(always)]
pub(super) fn distance<T>(width: usize) -> usize {
    (8192 / (width * size_of::<T>()).max(1)).clamp(2, 64)
}

/// The `ids` that stand `distance` after the block `start..start + len`, as many as the block has.
#[inline(always)]
pub(super) fn ahead(ids: &[u32], start: usize, len: usize, distance: usize) -> &[u32] {
    let from = (start + distance).min(ids.len());
    &ids[from..(from + len).min(ids.len())]
}

/// `o[h, c] += Σ w[k, h] · rows[k][h, c]`: one sum per head, `weights` `[len, H]`.
#[inline(always)]
pub(super) fn add_weighted<T: Real>(
    o: &mut [T],
    weights: &[T],
    rows: &Rows<'_, T>,
    heads: usize,
    channels: usize,
) {
    if channels == 1 {
        for (w, v) in weights.chunks_exact(heads).zip(rows.iter()) {
            o.iter_mut().zip(w.iter().zip(v)).for_each(|(o, (&w, &v))| *o += w * v);
        }
        return;
    }
    for h in 0..heads {
        let (mut at, end) = (h * channels, (h + 1) * channels);
        while at < end {
            at += match end - at {
                32.. => sum_lanes::<T, 32>(o, weights, rows, heads, h, at),
                16.. => sum_lanes::<T, 16>(o, weights, rows, heads, h, at),
                8.. => sum_lanes::<T, 8>(o, weights, rows, heads, h, at),
                4.. => sum_lanes::<T, 4>(o, weights, rows, heads, h, at),
                _ => sum_lanes::<T, 1>(o, weights, rows, heads, h, at),
            };
        }
    }
}

/// The columns `at..at + K` of [`add_weighted`], in registers; returns K.
#[inline(always)]
fn sum_lanes<T: Real, const K: usize>(
    o: &mut [T],
    weights: &[T],
    rows: &Rows<'_, T>,
    heads: usize,
    head: usize,
    at: usize,
) -> usize {
    let o = &mut o[at..at + K];
    let mut sums = [T::zero(); K];
    sums.copy_from_slice(o);
    for (w, v) in weights.chunks_exact(heads).zip(rows.iter()) {
        let (w, v) = (w[head], &v[at..at + K]);
        for l in 0..K {
            sums[l] += w * v[l];
        }
    }
    o.copy_from_slice(&sums);
    K
}

/// `out[k, h] = ⟨a[h], rows[k][h]⟩`, `out` `[len, H]`.
#[inline(always)]
pub(super) fn dots<T: Real>(out: &mut [T], a: &[T], rows: &Rows<'_, T>, heads: usize, channels: usize) {
    if channels == 1 {
        for (o, v) in out.chunks_exact_mut(heads).zip(rows.iter()) {
            o.iter_mut().zip(a.iter().zip(v)).for_each(|(o, (&a, &v))| *o = a * v);
        }
        return;
    }
    for (o, v) in out.chunks_exact_mut(heads).zip(rows.iter()) {
        for ((o, a), v) in o.iter_mut().zip(a.chunks_exact(channels)).zip(v.chunks_exact(channels)) {
            *o = dot(a, v);
        }
    }
}

/// `⟨a, b⟩`, summed in 16 lanes, then 4, then one.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut lanes = [T::zero(); 16];
    for (a, b) in a.iter().zip(b) {
        for l in 0..16 {
            lanes[l] += a[l] * b[l];
        }
    }
    let mut four = [T::zero(); 4];
    if !a.is_empty() {
        let mut eight = [T::zero(); 8];
        for l in 0..8 {
            eight[l] = lanes[l] + lanes[l + 8];
        }
        for l in 0..4 {
            four[l] = eight[l] + eight[l + 4];
        }
    }
    let ((a, a_rest), (b, b_rest)) = (a_rest.as_chunks::<4>(), b_rest.as_chunks::<4>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..4 {
            four[l] += a[l] * b[l];
        }
    }
    let mut total = (four[0] + four[2]) + (four[1] + four[3]);
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        total += a * b;
    }
    total
}
