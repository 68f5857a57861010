//! The largest or smallest message of every segment, column by column.

use std::mem::MaybeUninit;

use candle_geometric_graph::{Csr, Task};

use super::Real;
use super::blocks::{BLOCK, Rows, ahead, distance};
use super::map::map;
use super::memory::initialized;
use super::rows::{fresh, row};
use super::simd::{self, Kernel, prefetch};
use super::tasks::{self, Per, fill_fresh};

/// Which one is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extreme {
    Largest,
    Smallest,
}

/// The element of every segment that beats the others, and, for the gradient, how many equal it; neither is kept
/// apart where `counted` is false. A NaN beats all. 0 where there is none.
pub(crate) fn forward<T: Real>(
    csr: &Csr,
    m: &[T],
    width: usize,
    extreme: Extreme,
    counted: bool,
) -> [Vec<T>; 2] {
    // The smallest is the largest of the opposites.
    let sign = if extreme == Extreme::Largest { T::one() } else { -T::one() };
    let results = [Per::Row(width), Per::Row(if counted { width } else { 0 })];
    let f = |task: &Task, [out, count]: [&mut [MaybeUninit<T>]; 2]| {
        let (out, count) = (initialized(out, T::from_f64(f64::NEG_INFINITY)), initialized(count, T::zero()));
        simd::run(Search { csr, m, width, sign, task, out, count });
    };
    let merge = |_: usize, [outs, counts]: [&[T]; 2], [out, count]: [&mut [MaybeUninit<T>]; 2]| {
        let (out, count) = (initialized(out, T::from_f64(f64::NEG_INFINITY)), initialized(count, T::zero()));
        let number = |counts: &[T], at: usize| if counted { counts[at] } else { T::zero() };
        for (p, part) in outs.chunks_exact(width.max(1)).enumerate() {
            for (c, &v) in part.iter().enumerate() {
                let (best, n) = better((out[c], number(count, c)), (v, number(counts, p * width + c)));
                out[c] = best;
                if counted {
                    count[c] = n;
                }
            }
        }
        out.iter_mut().for_each(|o| *o *= sign);
    };
    // SAFETY: both begin with `initialized`, which writes all.
    unsafe { fill_fresh(csr, results, f, merge) }
}

/// The better of two results with their numbers of equals.
#[inline(always)]
fn better<T: Real>((best, n): (T, T), (v, of_v): (T, T)) -> (T, T) {
    // Only a NaN does not compare with itself.
    #[allow(clippy::eq_op)]
    let wins = v > best || v != v;
    let tied = if v == best { n + of_v } else { n };
    (if wins { v } else { best }, if wins { of_v } else { tied })
}

struct Search<'a, T> {
    csr: &'a Csr,
    m: &'a [T],
    width: usize,
    sign: T,
    task: &'a Task,
    /// −∞ and 0 at first.
    out: &'a mut [T],
    count: &'a mut [T],
}

impl<T: Real> Kernel for Search<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { csr, m, width, sign, task, out, count } = self;
        let (ids, distance) = (csr.edge_ids(), distance::<T>(width));
        for (k, r) in tasks::rows(task).enumerate() {
            let o = &mut out[k * width..][..width];
            let mut counts = if count.is_empty() { None } else { Some(&mut count[k * width..][..width]) };
            let range = tasks::edges_of_row(csr, task, r);
            for start in range.clone().step_by(BLOCK) {
                let end = (start + BLOCK).min(range.end);
                let next = ahead(ids, start, end - start, distance);
                let rows = Rows::new(m, &ids[start..end], next, width);
                let mut at = 0;
                while at < width {
                    let counts = counts.as_deref_mut();
                    at += match width - at {
                        16.. => lanes::<T, 16>(o, counts, sign, &rows, at),
                        4.. => lanes::<T, 4>(o, counts, sign, &rows, at),
                        _ => lanes::<T, 1>(o, counts, sign, &rows, at),
                    };
                }
            }
            if range.is_empty() {
                o.fill(T::zero());
            } else if task.part.is_none() {
                o.iter_mut().for_each(|o| *o *= sign);
            }
        }
    }
}

/// The columns `at..at + K` of a few messages, in registers; returns K.
#[inline(always)]
fn lanes<T: Real, const K: usize>(
    o: &mut [T],
    counts: Option<&mut [T]>,
    sign: T,
    rows: &Rows<'_, T>,
    at: usize,
) -> usize {
    let o = &mut o[at..at + K];
    let (mut best, mut n) = ([T::zero(); K], [T::zero(); K]);
    best.copy_from_slice(o);
    if let Some(counts) = &counts {
        n.copy_from_slice(&counts[at..at + K]);
    }
    for v in rows.iter() {
        let v = &v[at..at + K];
        for l in 0..K {
            (best[l], n[l]) = better((best[l], n[l]), (sign * v[l], T::one()));
        }
    }
    o.copy_from_slice(&best);
    if let Some(counts) = counts {
        counts[at..at + K].copy_from_slice(&n);
    }
    K
}

/// The gradient of [`forward`]: what equals the result shares the gradient evenly.
pub(crate) fn backward<T: Real>(
    destination: &[u32],
    m: &[T],
    [out, count]: [&[T]; 2],
    grad: &[T],
    width: usize,
) -> Vec<T> {
    let zero = T::zero();
    let shares = map([grad, count], |[g, n]| if n == zero { zero } else { g / n });
    let shares = &shares;
    // SAFETY: the kernel writes a row for every edge.
    unsafe {
        fresh(destination.len(), width, |edges, d| {
            let (ids, next) = (&destination[edges.clone()], &destination[edges.start..]);
            let m = &m[edges.start * width..edges.end * width];
            simd::run(Share { ids, next, m, out, shares, width, d });
        })
    }
}

struct Share<'a, T> {
    ids: &'a [u32],
    /// The destinations from the same edge on, also after the last one here.
    next: &'a [u32],
    m: &'a [T],
    out: &'a [T],
    shares: &'a [T],
    width: usize,
    d: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Share<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ids, next, m, out, shares, width, d } = self;
        if width == 0 {
            return;
        }
        let distance = distance::<T>(2 * width);
        for (k, (d, m)) in d.chunks_exact_mut(width).zip(m.chunks_exact(width)).enumerate() {
            if let Some(&far) = next.get(k + distance) {
                prefetch(row(out, far as usize, width));
                prefetch(row(shares, far as usize, width));
            }
            let (best, share) = (row(out, ids[k] as usize, width), row(shares, ids[k] as usize, width));
            for c in 0..width {
                d[c].write(if m[c] == best[c] { share[c] } else { T::zero() });
            }
        }
    }
}
