//! How work is cut: into chunks of consecutive rows, by size alone, never by the number of threads.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::Real;
use super::memory::Fresh;

/// About how many numbers a task should touch: enough to be worth handing to another thread.
const GRAIN: usize = 1 << 15;

/// Chunks of `rows` rows that cost `width` numbers each.
pub(super) fn even(rows: usize, width: usize) -> Vec<Range<usize>> {
    let step = (GRAIN / width.max(1)).max(1);
    (0..rows).step_by(step).map(|start| start..(start + step).min(rows)).collect()
}

/// The part of `out` that belongs to each chunk, where `len` is the number of elements of a chunk.
pub(super) fn split<'a, T>(
    mut out: &'a mut [T],
    chunks: &[Range<usize>],
    len: impl Fn(&Range<usize>) -> usize,
) -> Vec<&'a mut [T]> {
    let mut parts = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let (part, rest) = std::mem::take(&mut out).split_at_mut(len(chunk));
        parts.push(part);
        out = rest;
    }
    parts
}

/// Runs `f` on every task, on the threads of rayon where there are several tasks.
pub(super) fn run<I: Send>(tasks: Vec<I>, f: impl Fn(I) + Send + Sync) {
    if tasks.len() > 1 {
        tasks.into_par_iter().for_each(f);
    } else {
        tasks.into_iter().for_each(f);
    }
}

/// Fills `out`, `width` numbers per row, chunk by chunk.
pub(super) fn fill<T: Send>(
    out: &mut [T],
    width: usize,
    chunks: &[Range<usize>],
    f: impl Fn(Range<usize>, &mut [T]) + Send + Sync,
) {
    let parts = split(out, chunks, |c| c.len() * width);
    run(chunks.iter().cloned().zip(parts).collect(), |(rows, part)| f(rows, part));
}

/// `rows` rows of `width` numbers, chunk by chunk, in memory that holds nothing yet.
///
/// # Safety
/// `f` writes every number of the part that it gets.
pub(super) unsafe fn fresh<T: Real>(
    rows: usize,
    width: usize,
    f: impl Fn(Range<usize>, &mut [MaybeUninit<T>]) + Send + Sync,
) -> Vec<T> {
    let mut out = Fresh::new(rows * width);
    fill(out.parts(), width, &even(rows, width), f);
    // SAFETY: the chunks cover all rows, and each has written its own.
    unsafe { out.assume_init() }
}

/// Row `r` of a matrix with `width` columns.
#[inline(always)]
pub(super) fn row<T>(matrix: &[T], r: usize, width: usize) -> &[T] {
    &matrix[r * width..][..width]
}
