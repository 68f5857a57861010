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
pub(crate) struct Rows<'a, T> {
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

/// How many edges ahead of their use rows of `width` numbers are asked for: about 16 KB.
#[inline(always)]
pub(super) fn distance<T>(width: usize) -> usize {
    (16384 / (width * size_of::<T>()).max(1)).clamp(2, 64)
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

/// Room for sums over the channels of a block of edges.
///
/// Sums end in memory, eight lanes each, and are folded together, many at once: folding each in registers costs more
/// than the sum itself, and compilers then make poor vector code of the sum, too.
pub(crate) struct Sums<T> {
    eight: Vec<[T; 8]>,
    four: Vec<[T; 4]>,
}

impl<T: Real> Sums<T> {
    pub(super) fn new(heads: usize) -> Self {
        Self { eight: vec![[T::zero(); 8]; BLOCK * heads], four: vec![[T::zero(); 4]; BLOCK * heads] }
    }

    /// `out[k, h] = ⟨a[h], rows[k][h]⟩`, `out` `[len, H]`.
    #[inline(always)]
    pub(super) fn dots(&mut self, out: &mut [T], a: &[T], rows: &Rows<'_, T>, heads: usize, channels: usize) {
        self.of(out, a, a, rows, heads, channels, |a, _, v| a * v);
    }

    /// `out[k, h] = Σ f(a[h, c], b[h, c], rows[k][h, c])` over c, `out` `[len, H]`.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "a loop with all that it works on")]
    pub(super) fn of(
        &mut self,
        out: &mut [T],
        a: &[T],
        b: &[T],
        rows: &Rows<'_, T>,
        heads: usize,
        channels: usize,
        f: impl Fn(T, T, T) -> T + Copy,
    ) {
        if channels == 1 {
            for (o, v) in out.chunks_exact_mut(heads).zip(rows.iter()) {
                let own = a.iter().zip(b).zip(v);
                o.iter_mut().zip(own).for_each(|(o, ((&a, &b), &v))| *o = f(a, b, v));
            }
            return;
        }
        let n = out.len();
        let edges = self.eight[..n].chunks_exact_mut(heads).zip(out.chunks_exact_mut(heads));
        for ((sums, rests), v) in edges.zip(rows.iter()) {
            let own = a.chunks_exact(channels).zip(b.chunks_exact(channels));
            let heads = sums.iter_mut().zip(rests).zip(v.chunks_exact(channels));
            for (((sum, rest), v), (a, b)) in heads.zip(own) {
                (*sum, *rest) = eight_lanes(a, b, v, f);
            }
        }
        for (four, eight) in self.four[..n].iter_mut().zip(&self.eight) {
            for l in 0..4 {
                four[l] = eight[l] + eight[l + 4];
            }
        }
        for (o, s) in out.iter_mut().zip(&self.four) {
            *o += (s[0] + s[2]) + (s[1] + s[3]);
        }
    }
}

/// `Σ f(a[l], b[l], v[l])` over slices of one length: in eight lanes, and what is left of the length after these.
#[inline(always)]
fn eight_lanes<T: Real>(a: &[T], b: &[T], v: &[T], f: impl Fn(T, T, T) -> T + Copy) -> ([T; 8], T) {
    // Either loop alone becomes vector code; one after the other they spoil each other's.
    if a.len().is_multiple_of(16) {
        let sixteen = lanes::<T, 16>(a, b, v, f);
        return (std::array::from_fn(|l| sixteen[l] + sixteen[l + 8]), T::zero());
    }
    let mut rest = T::zero();
    let done = a.len() / 8 * 8;
    for ((&a, &b), &v) in a[done..].iter().zip(&b[done..]).zip(&v[done..]) {
        rest += f(a, b, v);
    }
    (lanes::<T, 8>(a, b, v, f), rest)
}

/// `Σ f(a[l], b[l], v[l])` in K lanes, as far as slices of one length go into K.
#[inline(always)]
fn lanes<T: Real, const K: usize>(a: &[T], b: &[T], v: &[T], f: impl Fn(T, T, T) -> T) -> [T; K] {
    let (a, b, v) = (a.as_chunks::<K>().0, b.as_chunks::<K>().0, v.as_chunks::<K>().0);
    let mut lanes = [T::zero(); K];
    for ((a, b), v) in a.iter().zip(b).zip(v) {
        for l in 0..K {
            lanes[l] += f(a[l], b[l], v[l]);
        }
    }
    lanes
}

/// `⟨a, b⟩`, summed as in [`Sums`].
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let (eight, rest) = eight_lanes(a, b, b, |a, b, _| a * b);
    let four: [T; 4] = std::array::from_fn(|l| eight[l] + eight[l + 4]);
    rest + ((four[0] + four[2]) + (four[1] + four[3]))
}

/// `Σ v`, summed in 16 lanes, then one.
#[inline(always)]
pub(super) fn sum_of<T: Real>(v: &[T]) -> T {
    let (v, rest) = v.as_chunks::<16>();
    let mut total = T::zero();
    if !v.is_empty() {
        let mut lanes = [T::zero(); 16];
        for v in v {
            for l in 0..16 {
                lanes[l] += v[l];
            }
        }
        for half in [8, 4, 2, 1] {
            for l in 0..half {
                lanes[l] += lanes[l + half];
            }
        }
        total = lanes[0];
    }
    rest.iter().for_each(|&r| total += r);
    total
}
