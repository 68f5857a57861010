//! Sums over rows of a compressed sparse form, and the gathers that are their transposes.

use std::mem::MaybeUninit;
use std::ops::Range;

use candle_geometric_graph::{Csr, EdgeIndex, Task};

use super::Real;
use super::blocks::{BLOCK, Rows, add_weighted, ahead, distance, sum_of};
use super::memory::{copied, initialized};
use super::rows::{fresh, row};
use super::simd::{self, Kernel, prefetch};
use super::tasks::{self, Per, fill_fresh};

/// `out[r] = Σ m[e]` over the edges e of row r.
pub(crate) fn sum<T: Real>(csr: &Csr, m: &[T], width: usize) -> Vec<T> {
    Terms { csr, ids: csr.edge_ids(), weights: None, heads: 1, matrix: m, width, mean: false }.sum()
}

/// [`sum`] over the number of edges, where there are any.
pub(crate) fn mean<T: Real>(csr: &Csr, m: &[T], width: usize) -> Vec<T> {
    Terms { csr, ids: csr.edge_ids(), weights: None, heads: 1, matrix: m, width, mean: true }.sum()
}

/// `out[r] = Σ w[e] x[column(e)]` over the edges e of row r, head by head with weights `[E, H]`; without weights every
/// edge counts 1, and there is one head.
pub(crate) fn spmm<T: Real>(csr: &Csr, weights: Option<&[T]>, heads: usize, x: &[T], width: usize) -> Vec<T> {
    Terms { csr, ids: csr.columns(), weights, heads, matrix: x, width, mean: false }.sum()
}

/// What is summed: for every edge a row of a matrix, times a weight per head.
#[derive(Clone, Copy)]
struct Terms<'a, T> {
    csr: &'a Csr,
    /// The rows, in the order of the compressed form.
    ids: &'a [u32],
    /// In the caller's order of the edges.
    weights: Option<&'a [T]>,
    heads: usize,
    matrix: &'a [T],
    width: usize,
    /// Whether to divide by the number of edges.
    mean: bool,
}

impl<T: Real> Terms<'_, T> {
    fn sum(self) -> Vec<T> {
        let f = |task: &Task, [out]: [&mut [MaybeUninit<T>]; 1]| simd::run(Sum { terms: self, task, out });
        let merge = |r: usize, [parts]: [&[T]; 1], [out]: [&mut [MaybeUninit<T>]; 1]| {
            let out = initialized(out, T::zero());
            tasks::add_up(r, [parts], [out]);
            self.finish(r, out);
        };
        // SAFETY: a sum writes each of its rows, and `initialized` all of one.
        let [out] = unsafe { fill_fresh(self.csr, [Per::Row(self.width)], f, merge) };
        out
    }

    #[inline(always)]
    fn finish(&self, r: usize, sum: &mut [T]) {
        if self.mean {
            let degree = T::from_f64(self.csr.degree(r).max(1) as f64);
            sum.iter_mut().for_each(|s| *s /= degree);
        }
    }
}

struct Sum<'a, T> {
    terms: Terms<'a, T>,
    task: &'a Task,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Sum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { terms: t, task, out } = self;
        let (all, width, heads) = (tasks::edges(task), t.width, t.heads);
        let weights = t.weights.map(|w| pick_rows(w, t.csr.edge_ids(), all.clone(), heads));
        // Numbers that stand alone are brought together before they are added, so that this is vector code too.
        let mut single = if width == 1 { pick(t.matrix, t.ids, all.clone()) } else { vec![] };
        if let Some(w) = &weights {
            single.iter_mut().zip(w).for_each(|(s, &w)| *s *= w);
        }
        let (distance, ones) = (distance::<T>(width), [T::one(); BLOCK]);
        for (k, r) in tasks::rows(task).enumerate() {
            let o = initialized(&mut out[k * width..][..width], T::zero());
            let range = tasks::edges_of_row(t.csr, task, r);
            if width == 1 {
                o[0] = sum_of(&single[range.start - all.start..range.end - all.start]);
            } else {
                for start in range.clone().step_by(BLOCK) {
                    let end = (start + BLOCK).min(range.end);
                    let next = ahead(t.ids, start, end - start, distance);
                    let rows = Rows::new(t.matrix, &t.ids[start..end], next, width);
                    let weights = weights.as_ref().map_or(&ones[..end - start], |w| {
                        &w[(start - all.start) * heads..(end - all.start) * heads]
                    });
                    add_weighted(o, weights, &rows, heads, width / heads);
                }
            }
            if task.part.is_none() {
                t.finish(r, o);
            }
        }
    }
}

/// The numbers of the entries `range`: `numbers[ids[k]]`.
#[inline(always)]
pub(super) fn pick<T: Real>(numbers: &[T], ids: &[u32], range: Range<usize>) -> Vec<T> {
    const AHEAD: usize = 64;
    let mut out = Vec::with_capacity(range.len());
    out.extend(range.map(|k| {
        if let Some(&far) = ids.get(k + AHEAD) {
            prefetch(&numbers[far as usize..][..1]);
        }
        numbers[ids[k] as usize]
    }));
    out
}

/// As [`pick`], rows of `width` numbers.
#[inline(always)]
fn pick_rows<T: Real>(numbers: &[T], ids: &[u32], range: Range<usize>, width: usize) -> Vec<T> {
    if width == 1 {
        return pick(numbers, ids, range);
    }
    let distance = distance::<T>(width);
    let mut out = Vec::with_capacity(range.len() * width);
    for k in range {
        if let Some(&far) = ids.get(k + distance) {
            prefetch(row(numbers, far as usize, width));
        }
        out.extend_from_slice(row(numbers, ids[k] as usize, width));
    }
    out
}

/// Every row of `x` over its number of edges, where it has any.
pub(crate) fn over_degree<T: Real>(csr: &Csr, x: &[T], width: usize) -> Vec<T> {
    let divide = |range: Range<usize>, part: &mut [MaybeUninit<T>]| {
        for (r, o) in range.zip(part.chunks_exact_mut(width.max(1))) {
            let degree = T::from_f64(csr.degree(r).max(1) as f64);
            copied(o, row(x, r, width)).iter_mut().for_each(|v| *v /= degree);
        }
    };
    // SAFETY: every row of a part is written.
    unsafe { fresh(csr.rows(), width, divide) }
}

/// `out[k] = x[ids[k]]`, rows of `width` numbers.
pub(crate) fn gather<T: Real>(x: &[T], ids: &[u32], width: usize) -> Vec<T> {
    let distance = distance::<T>(width);
    let copy = |range: Range<usize>, part: &mut [MaybeUninit<T>]| match width {
        0 => {}
        1 => copy_rows::<T, 1>(x, ids, range, distance, part),
        2 => copy_rows::<T, 2>(x, ids, range, distance, part),
        4 => copy_rows::<T, 4>(x, ids, range, distance, part),
        8 => copy_rows::<T, 8>(x, ids, range, distance, part),
        _ => {
            for (k, o) in range.zip(part.chunks_exact_mut(width)) {
                if let Some(&far) = ids.get(k + distance) {
                    prefetch(row(x, far as usize, width));
                }
                copied(o, row(x, ids[k] as usize, width));
            }
        }
    };
    // SAFETY: every row of a part is written.
    unsafe { fresh(ids.len(), width, copy) }
}

/// [`gather`] of rows of `W` numbers: a few moves each, where a call to copy a row would cost more than the copy.
fn copy_rows<T: Real, const W: usize>(
    x: &[T],
    ids: &[u32],
    range: Range<usize>,
    distance: usize,
    part: &mut [MaybeUninit<T>],
) {
    let (x, _) = x.as_chunks::<W>();
    for (k, o) in range.zip(part.as_chunks_mut::<W>().0) {
        if let Some(&far) = ids.get(k + distance) {
            prefetch(&x[far as usize]);
        }
        *o = x[ids[k] as usize].map(MaybeUninit::new);
    }
}

/// `out[e] = src[source(e)] + dst[destination(e)] + terms[e]`, rows of `width` numbers; what is none is left out.
pub(crate) fn gather_sum<T: Real>(
    edges: &EdgeIndex,
    src: &[T],
    dst: Option<&[T]>,
    terms: Option<&[T]>,
    width: usize,
) -> Vec<T> {
    let (sources, destinations) = (edges.source(), edges.destination());
    let distance = distance::<T>(width);
    let sum = |range: Range<usize>, part: &mut [MaybeUninit<T>]| {
        for (e, o) in range.zip(part.chunks_exact_mut(width.max(1))) {
            if let Some(&far) = sources.get(e + distance) {
                prefetch(row(src, far as usize, width));
            }
            let o = copied(o, row(src, sources[e] as usize, width));
            if let Some(dst) = dst {
                add(o, row(dst, destinations[e] as usize, width));
            }
            if let Some(terms) = terms {
                add(o, row(terms, e, width));
            }
        }
    };
    // SAFETY: every row of a part is written.
    unsafe { fresh(sources.len(), width, sum) }
}

/// From the order of a compressed sparse form back to the caller's: `out[edge_ids[k]] = sorted[k]`.
pub(crate) fn to_caller_order<T: Real>(sorted: Vec<T>, csr: &Csr, width: usize) -> Vec<T> {
    match csr.entries() {
        Some(entries) => gather(&sorted, entries, width),
        None => sorted,
    }
}

/// `o += v`.
#[inline(always)]
pub(super) fn add<T: Real>(o: &mut [T], v: &[T]) {
    for (o, &v) in o.iter_mut().zip(v) {
        *o += v;
    }
}

/// `o += w · v`.
#[inline(always)]
pub(super) fn add_scaled<T: Real>(o: &mut [T], w: T, v: &[T]) {
    for (o, &v) in o.iter_mut().zip(v) {
        *o += w * v;
    }
}
