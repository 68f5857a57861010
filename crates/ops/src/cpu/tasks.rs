//! Work over the rows of a graph: split by edges into the tasks of [`Csr::tasks`], where the parts of a long row are
//! computed apart and then merged in their order. The split depends on the graph alone, so the number of threads
//! cannot change a bit.

use std::mem::MaybeUninit;
use std::ops::Range;

use candle_geometric_graph::{Csr, Task};
use rayon::prelude::*;

use super::Real;
use super::memory::{Fresh, initialized};

/// How many numbers a result has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Per {
    /// That many for each row.
    Row(usize),
    /// That many for each edge, in the order of the compressed form.
    Edge(usize),
    /// That many for each task.
    Task(usize),
}

/// Computes `N` results, filled with zeros before each call.
///
/// `f` gets a task and the part of each result that belongs to it. For a part of a cut row, the parts of
/// [`Per::Row`] are not the row's but partial results; `merge` gets all of them, one after the other, and the row's
/// own part. Parts of [`Per::Edge`] and [`Per::Task`] are empty there.
pub(super) fn fill<T: Real, const N: usize>(
    csr: &Csr,
    results: [Per; N],
    f: impl Fn(&Task, [&mut [T]; N]) + Sync,
    merge: impl Fn(usize, [&[T]; N], [&mut [T]; N]) + Sync,
) -> [Vec<T>; N] {
    fn zeros<T: Real, const N: usize>(parts: [&mut [MaybeUninit<T>]; N]) -> [&mut [T]; N] {
        parts.map(|p| initialized(p, T::zero()))
    }
    // SAFETY: both parts are filled with zeros first.
    unsafe {
        fill_fresh(
            csr,
            results,
            |task, parts| f(task, zeros(parts)),
            |row, partial, parts| merge(row, partial, zeros(parts)),
        )
    }
}

/// As [`fill`], in memory that holds nothing yet.
///
/// # Safety
/// `f` and `merge` write every number of the parts that they get.
pub(super) unsafe fn fill_fresh<T: Real, const N: usize>(
    csr: &Csr,
    results: [Per; N],
    f: impl Fn(&Task, [&mut [MaybeUninit<T>]; N]) + Sync,
    merge: impl Fn(usize, [&[T]; N], [&mut [MaybeUninit<T>]; N]) + Sync,
) -> [Vec<T>; N] {
    let (tasks, cut_rows) = (csr.tasks(), csr.cut_rows());
    let parts = cut_rows.last().map_or(0, |c| c.parts.end) as usize;
    let mut whole = results.map(|r| {
        Fresh::<T>::new(match r {
            Per::Row(width) => csr.rows() * width,
            Per::Edge(width) => csr.columns().len() * width,
            Per::Task(width) => tasks.len() * width,
        })
    });
    let mut partial =
        results.map(|r| Fresh::<T>::new(if let Per::Row(width) = r { parts * width } else { 0 }));
    let mut rest = whole.each_mut().map(Fresh::parts);
    let mut partial_rest = partial.each_mut().map(Fresh::parts);
    let mut work = Vec::with_capacity(tasks.len());
    let mut merges = Vec::with_capacity(cut_rows.len());
    let mut cut = cut_rows.iter().peekable();
    for task in tasks {
        let first_part = cut.next_if(|c| task.part == Some(c.parts.start));
        if let Some(c) = first_part {
            merges.push((
                c,
                each(|n| match results[n] {
                    Per::Row(width) => take(&mut rest[n], width),
                    _ => &mut [],
                }),
            ));
        }
        work.push((
            task,
            each(|n| match results[n] {
                Per::Row(width) if task.part.is_some() => take(&mut partial_rest[n], width),
                Per::Row(width) => take(&mut rest[n], task.rows.len() * width),
                Per::Edge(width) => take(&mut rest[n], task.edges.len() * width),
                Per::Task(width) => take(&mut rest[n], width),
            }),
        ));
    }
    // What `assume_init` below relies on: nothing is left over.
    assert!(rest.iter().chain(&partial_rest).all(|r| r.is_empty()), "the tasks do not cover the graph");
    run(work, |(task, parts)| f(task, parts));
    // SAFETY: the tasks cover the partial results, and each has just written its own.
    let partial = partial.map(|p| unsafe { p.assume_init() });
    run(merges, |(c, parts)| {
        let range = c.parts.start as usize..c.parts.end as usize;
        let of_row = each(|n| match results[n] {
            Per::Row(width) => &partial[n][range.start * width..range.end * width],
            _ => &[],
        });
        merge(c.row as usize, of_row, parts);
    });
    // SAFETY: the tasks and the cut rows cover the results, as asserted, and each has written its own part.
    whole.map(|w| unsafe { w.assume_init() })
}

/// A merge that adds up the partial results of a row.
pub(super) fn add_up<T: Real, const N: usize>(_: usize, parts: [&[T]; N], rows: [&mut [T]; N]) {
    for (parts, row) in parts.into_iter().zip(rows) {
        if !row.is_empty() {
            parts.chunks_exact(row.len()).for_each(|p| row.iter_mut().zip(p).for_each(|(r, &p)| *r += p));
        }
    }
}

/// The sum of the rows of `width` numbers, in their order: of partial results.
pub(super) fn total<T: Real>(rows: &[T], width: usize) -> Vec<T> {
    let mut total = vec![T::zero(); width];
    if width > 0 {
        rows.chunks_exact(width).for_each(|r| total.iter_mut().zip(r).for_each(|(t, &r)| *t += r));
    }
    total
}

/// The rows of a task.
#[inline(always)]
pub(super) fn rows(task: &Task) -> Range<usize> {
    task.rows.start as usize..task.rows.end as usize
}

/// The edges of a task.
#[inline(always)]
pub(super) fn edges(task: &Task) -> Range<usize> {
    task.edges.start as usize..task.edges.end as usize
}

/// The edges of row `r` that belong to a task.
#[inline(always)]
pub(super) fn edges_of_row(csr: &Csr, task: &Task, r: usize) -> Range<usize> {
    if task.part.is_some() { edges(task) } else { csr.range(r) }
}

fn each<A, const N: usize>(f: impl FnMut(usize) -> A) -> [A; N] {
    std::array::from_fn(f)
}

fn take<'a, T>(rest: &mut &'a mut [MaybeUninit<T>], n: usize) -> &'a mut [MaybeUninit<T>] {
    let (part, left) = std::mem::take(rest).split_at_mut(n);
    *rest = left;
    part
}

/// Runs `f` on every piece of work, on the threads of rayon where there are several.
fn run<I: Send>(work: Vec<I>, f: impl Fn(I) + Sync) {
    if work.len() > 1 {
        work.into_par_iter().for_each(&f);
    } else {
        work.into_iter().for_each(f);
    }
}
