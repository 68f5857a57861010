//! What kernels do with the rows of a few edges at once, while these are in the first cache level: weighted sums of
//! rows, and their dot products with one row, head by head.
//!
//! Channels are taken 32 (or 16) at a time, then 16, 8, 4 and one by one, so that any number of them is vector code.

use super::Real;
use super::rows::row;
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

    /// The sums of rows of a matrix and rows of another, written to `scratch`: `matrix[ids[k]] + others[other_ids[k]]`.
    #[inline(always)]
    pub(super) fn sums(
        scratch: &'a mut [T],
        (matrix, ids): (&[T], &[u32]),
        (others, other_ids): (&[T], &[u32]),
        width: usize,
    ) -> Self
    where
        T: Real,
    {
        let ends = ids.iter().zip(other_ids);
        for (s, (&a, &b)) in scratch.chunks_exact_mut(width).zip(ends) {
            let rows = row(matrix, a as usize, width).iter().zip(row(others, b as usize, width));
            s.iter_mut().zip(rows).for_each(|(s, (&a, &b))| *s = a + b);
        }
        let mut rows: [&[T]; BLOCK] = [&[]; BLOCK];
        for (r, s) in rows.iter_mut().zip(scratch.chunks_exact(width)) {
            *r = s;
        }
        Self { rows, len: ids.len().min(BLOCK) }
    }

    /// A single row.
    #[inline(always)]
    pub(super) fn one(row: &'a [T]) -> Self {
        let mut rows: [&[T]; BLOCK] = [&[]; BLOCK];
        rows[0] = row;
        Self { rows, len: 1 }
    }

    /// The first row, empty where there is none.
    #[inline(always)]
    pub(super) fn first(&self) -> &'a [T] {
        self.rows[0]
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
    // What stands for `own` is not looked at.
    accumulate(o, weights, rows.first(), rows, heads, channels, |w, _, v| w * v);
}

/// `o[h, c] += Σ f(w[k, h], own[h, c], rows[k][h, c])`, `weights` `[len, H]`.
#[inline(always)]
pub(super) fn accumulate<T: Real>(
    o: &mut [T],
    weights: &[T],
    own: &[T],
    rows: &Rows<'_, T>,
    heads: usize,
    channels: usize,
    f: impl Fn(T, T, T) -> T + Copy,
) {
    for h in 0..heads {
        let (mut at, end) = (h * channels, (h + 1) * channels);
        while at < end {
            at += match end - at {
                32.. => sum_lanes::<T, 32>(o, weights, own, rows, (heads, h), at, f),
                16.. => sum_lanes::<T, 16>(o, weights, own, rows, (heads, h), at, f),
                8.. => sum_lanes::<T, 8>(o, weights, own, rows, (heads, h), at, f),
                4.. => sum_lanes::<T, 4>(o, weights, own, rows, (heads, h), at, f),
                _ => sum_lanes::<T, 1>(o, weights, own, rows, (heads, h), at, f),
            };
        }
    }
}

/// The columns `at..at + K` of [`accumulate`], in registers; returns K.
#[inline(always)]
fn sum_lanes<T: Real, const K: usize>(
    o: &mut [T],
    weights: &[T],
    own: &[T],
    rows: &Rows<'_, T>,
    (heads, head): (usize, usize),
    at: usize,
    f: impl Fn(T, T, T) -> T,
) -> usize {
    let (o, own) = (&mut o[at..at + K], &own[at..at + K]);
    let mut sums = [T::zero(); K];
    sums.copy_from_slice(o);
    for (w, v) in weights.chunks_exact(heads).zip(rows.iter()) {
        let (w, v) = (w[head], &v[at..at + K]);
        for l in 0..K {
            sums[l] += f(w, own[l], v[l]);
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

/// `⟨a, b⟩`, summed as [`sum_of`].
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    sum_of([a, b], |[a, b]| a * b)
}

/// `Σ f(a[l], b[l], …)` over slices of one length, summed in 16 lanes, then 4, then one.
#[inline(always)]
pub(super) fn sum_of<T: Real, const N: usize>(slices: [&[T]; N], f: impl Fn([T; N]) -> T) -> T {
    let n = slices[0].len();
    let slices = slices.map(|s| &s[..n]);
    let mut lanes = [T::zero(); 16];
    let mut at = 0;
    while at + 16 <= n {
        let parts = slices.map(|s| &s[at..at + 16]);
        for l in 0..16 {
            lanes[l] += f(parts.map(|p| p[l]));
        }
        at += 16;
    }
    let mut four = [T::zero(); 4];
    if at > 0 {
        let mut eight = [T::zero(); 8];
        for l in 0..8 {
            eight[l] = lanes[l] + lanes[l + 8];
        }
        for l in 0..4 {
            four[l] = eight[l] + eight[l + 4];
        }
    }
    while at + 4 <= n {
        let parts = slices.map(|s| &s[at..at + 4]);
        for l in 0..4 {
            four[l] += f(parts.map(|p| p[l]));
        }
        at += 4;
    }
    let mut total = (four[0] + four[2]) + (four[1] + four[3]);
    for l in at..n {
        total += f(slices.map(|s| s[l]));
    }
    total
}
