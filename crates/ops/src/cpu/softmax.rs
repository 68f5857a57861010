//! The softmax over the segments of a graph, column by column.
//!
//! Both passes first go over the segments, for the sums that belong to each, and then over the edges in the caller's
//! order, so that what has the size of the edges is written in a row, and only what belongs to segments is read from
//! here and there.

use std::mem::MaybeUninit;
use std::ops::Range;

use candle_geometric_graph::{Csr, EdgeIndex, Task};

use super::blocks::sum_of;
use super::rows::{fresh, row};
use super::segment::add;
use super::simd::{self, Kernel, prefetch};
use super::tasks::{self, Per, add_up, fill};
use super::{Real, by_heads};

/// How many edges ahead their numbers are asked for.
const AHEAD: usize = 32;

/// About how many numbers are worked on at once: they stay in the first cache level.
const BLOCK: usize = 2048;

/// `exp(s[e] − m) / Σ exp(s[e'] − m)`, m the largest score of the segment.
pub(crate) fn forward<T: Real>(edges: &EdgeIndex, scores: &[T], width: usize) -> Vec<T> {
    let csr = edges.by_destination();
    let f = |task: &Task, [stats]: [&mut [T]; 1]| simd::run(Statistics { csr, task, scores, width, stats });
    let [stats] = fill(csr, [Per::Row(2 * width)], f, |_, [parts], [stats]| merge(parts, stats));
    let (stats, ids) = (&stats, edges.destination());
    // SAFETY: the kernel writes a row for every edge.
    unsafe {
        fresh(ids.len(), width, |range, out| simd::run(Weights { ids, range, scores, stats, width, out }))
    }
}

/// `∂s[e] = α[e] (g[e] − Σ α[e'] g[e'])` over the segment of e.
pub(crate) fn backward<T: Real>(edges: &EdgeIndex, alpha: &[T], grad: &[T], width: usize) -> Vec<T> {
    let csr = edges.by_destination();
    let f = |task: &Task, [sums]: [&mut [T]; 1]| simd::run(Inner { csr, task, alpha, grad, width, sums });
    let [sums] = fill(csr, [Per::Row(width)], f, add_up);
    let (sums, ids) = (&sums, edges.destination());
    // SAFETY: the kernel writes a row for every edge.
    unsafe {
        fresh(ids.len(), width, |range, out| simd::run(Centred { ids, range, alpha, grad, sums, width, out }))
    }
}

/// The largest score and the inverse of the sum of every row of a task, `[rows, 2, width]`; of a part of a row the
/// sum itself.
struct Statistics<'a, T> {
    csr: &'a Csr,
    task: &'a Task,
    scores: &'a [T],
    width: usize,
    stats: &'a mut [T],
}

impl<T: Real> Kernel for Statistics<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { csr, task, scores, width, stats } = self;
        if width > 0 {
            by_heads!(width, width => statistics(csr, task, scores, width, stats));
        }
    }
}

#[inline(always)]
fn statistics<T: Real>(csr: &Csr, task: &Task, scores: &[T], width: usize, stats: &mut [T]) {
    let (ids, whole) = (csr.edge_ids(), task.part.is_none());
    let mut numbers = Vec::new();
    let mut stats = stats.chunks_exact_mut(2 * width);
    let rows = tasks::rows(task);
    let mut start = rows.start;
    while start < rows.end {
        // As many rows as fill a block: exponentials are taken of all of them at once, however short the rows are.
        let first = tasks::edges_of_row(csr, task, start).start;
        let edges_until = |r| tasks::edges_of_row(csr, task, r).end - first;
        let mut end = start + 1;
        while end < rows.end && edges_until(end - 1) * width < BLOCK {
            end += 1;
        }
        numbers.clear();
        for k in first..first + edges_until(end - 1) {
            if let Some(&far) = ids.get(k + AHEAD) {
                prefetch(row(scores, far as usize, width));
            }
            numbers.extend_from_slice(row(scores, ids[k] as usize, width));
        }
        let of_row = |r| {
            let range = tasks::edges_of_row(csr, task, r);
            (range.start - first) * width..(range.end - first) * width
        };
        let mut here: Vec<_> = stats.by_ref().take(end - start).collect();
        for (r, stats) in (start..end).zip(&mut here) {
            let (m, part) = (&mut stats[..width], &mut numbers[of_row(r)]);
            m.fill(T::from_f64(f64::NEG_INFINITY));
            part.chunks_exact(width).for_each(|s| raise(m, s));
            for s in part.chunks_exact_mut(width) {
                s.iter_mut().zip(&*m).for_each(|(s, &m)| *s -= finite(m));
            }
        }
        numbers.iter_mut().for_each(|s| *s = s.exp());
        for (r, stats) in (start..end).zip(&mut here) {
            let (m, t) = stats.split_at_mut(width);
            let part = &numbers[of_row(r)];
            if width == 1 {
                t[0] = sum_of(part);
            } else {
                part.chunks_exact(width).for_each(|e| add(t, e));
            }
            if whole {
                finish(m, t);
            }
        }
        start = end;
    }
}

/// What the edges need of a row.
#[inline(always)]
fn finish<T: Real>(largest: &mut [T], total: &mut [T]) {
    largest.iter_mut().for_each(|m| *m = finite(*m));
    total.iter_mut().for_each(|t| *t = inverse(*t));
}

/// One row from its parts: all are brought to the same largest score, then added.
fn merge<T: Real>(parts: &[T], stats: &mut [T]) {
    let size = stats.len();
    let (m, total) = stats.split_at_mut(size / 2);
    m.fill(T::from_f64(f64::NEG_INFINITY));
    parts.chunks_exact(size.max(1)).for_each(|part| raise(m, part));
    for part in parts.chunks_exact(size.max(1)) {
        let (part_m, part_total) = part.split_at(m.len());
        for (c, t) in total.iter_mut().enumerate() {
            *t += (part_m[c] - finite(m[c])).exp() * part_total[c];
        }
    }
    finish(m, total);
}

/// The weights of some edges.
struct Weights<'a, T> {
    ids: &'a [u32],
    range: Range<usize>,
    scores: &'a [T],
    stats: &'a [T],
    width: usize,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Weights<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ids, range, scores, stats, width, out } = self;
        if width > 0 {
            by_heads!(width, width => weights(ids, range, scores, stats, width, out));
        }
    }
}

#[inline(always)]
fn weights<T: Real>(
    ids: &[u32],
    range: Range<usize>,
    scores: &[T],
    stats: &[T],
    width: usize,
    out: &mut [MaybeUninit<T>],
) {
    let step = (BLOCK / width).max(1);
    let (mut differences, mut inverses) = (vec![T::zero(); step * width], vec![T::zero(); step * width]);
    for (start, out) in range.clone().step_by(step).zip(out.chunks_mut(step * width)) {
        let to = differences.chunks_exact_mut(width).zip(inverses.chunks_exact_mut(width));
        for (e, (d, i)) in (start..(start + step).min(range.end)).zip(to) {
            if let Some(&far) = ids.get(e + AHEAD) {
                prefetch(row(stats, far as usize, 2 * width));
            }
            let (m, inverse) = row(stats, ids[e] as usize, 2 * width).split_at(width);
            let s = row(scores, e, width);
            for c in 0..width {
                d[c] = s[c] - m[c];
            }
            i.copy_from_slice(inverse);
        }
        for ((o, &d), &i) in out.iter_mut().zip(&differences).zip(&inverses) {
            o.write(d.exp() * i);
        }
    }
}

/// `Σ α[e] g[e]` of every row of a task.
struct Inner<'a, T> {
    csr: &'a Csr,
    task: &'a Task,
    alpha: &'a [T],
    grad: &'a [T],
    width: usize,
    /// 0 at first.
    sums: &'a mut [T],
}

impl<T: Real> Kernel for Inner<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { csr, task, alpha, grad, width, sums } = self;
        if width > 0 {
            by_heads!(width, width => inner(csr, task, alpha, grad, width, sums));
        }
    }
}

#[inline(always)]
fn inner<T: Real>(csr: &Csr, task: &Task, alpha: &[T], grad: &[T], width: usize, sums: &mut [T]) {
    let ids = csr.edge_ids();
    for (r, sums) in tasks::rows(task).zip(sums.chunks_exact_mut(width)) {
        for k in tasks::edges_of_row(csr, task, r) {
            if let Some(&far) = ids.get(k + AHEAD) {
                prefetch(row(alpha, far as usize, width));
                prefetch(row(grad, far as usize, width));
            }
            let (a, g) = (row(alpha, ids[k] as usize, width), row(grad, ids[k] as usize, width));
            for c in 0..width {
                sums[c] += a[c] * g[c];
            }
        }
    }
}

/// `α[e] (g[e] − sum of its segment)` of some edges.
struct Centred<'a, T> {
    ids: &'a [u32],
    range: Range<usize>,
    alpha: &'a [T],
    grad: &'a [T],
    sums: &'a [T],
    width: usize,
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Centred<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ids, range, alpha, grad, sums, width, out } = self;
        if width > 0 {
            by_heads!(width, width => centred(ids, range, [alpha, grad, sums], width, out));
        }
    }
}

#[inline(always)]
fn centred<T: Real>(
    ids: &[u32],
    range: Range<usize>,
    [alpha, grad, sums]: [&[T]; 3],
    width: usize,
    out: &mut [MaybeUninit<T>],
) {
    for (e, o) in range.zip(out.chunks_exact_mut(width)) {
        if let Some(&far) = ids.get(e + AHEAD) {
            prefetch(row(sums, far as usize, width));
        }
        let (a, g, sum) = (row(alpha, e, width), row(grad, e, width), row(sums, ids[e] as usize, width));
        for c in 0..width {
            o[c].write(a[c] * (g[c] - sum[c]));
        }
    }
}

/// `m = max(m, s)`, element by element.
#[inline(always)]
pub(super) fn raise<T: Real>(m: &mut [T], s: &[T]) {
    for (m, &s) in m.iter_mut().zip(s) {
        *m = if s > *m { s } else { *m };
    }
}

/// The largest score to subtract: that of no finite score, −∞, counts as 0, so that subtracting it is harmless.
#[inline(always)]
pub(super) fn finite<T: Real>(m: T) -> T {
    if m == T::from_f64(f64::NEG_INFINITY) { T::zero() } else { m }
}

/// 1 / total, and 0 for the total of nothing.
#[inline(always)]
pub(super) fn inverse<T: Real>(total: T) -> T {
    if total == T::zero() { T::zero() } else { T::one() / total }
}
