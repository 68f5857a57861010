//! The product of the messages of every segment, column by column.

use std::mem::MaybeUninit;

use candle_geometric_graph::{Csr, Task};
use rayon::prelude::*;

use super::Real;
use super::blocks::{BLOCK, Rows, ahead, distance};
use super::memory::initialized;
use super::rows::row;
use super::segment::to_caller_order;
use super::simd::{self, Kernel};
use super::tasks::{self, Per, fill_fresh};

/// The product of every segment; 1 where there is nothing.
pub(crate) fn forward<T: Real>(csr: &Csr, m: &[T], width: usize) -> Vec<T> {
    let f = |task: &Task, [out]: [&mut [MaybeUninit<T>]; 1]| {
        simd::run(Products { csr, m, width, task, out: initialized(out, T::one()) });
    };
    let merge = |_: usize, [parts]: [&[T]; 1], [out]: [&mut [MaybeUninit<T>]; 1]| {
        let out = initialized(out, T::one());
        parts.chunks_exact(width.max(1)).for_each(|part| multiply(out, part));
    };
    // SAFETY: both begin with `initialized`, which writes all.
    let [out] = unsafe { fill_fresh(csr, [Per::Row(width)], f, merge) };
    out
}

/// `o *= v`.
#[inline(always)]
fn multiply<T: Real>(o: &mut [T], v: &[T]) {
    o.iter_mut().zip(v).for_each(|(o, &v)| *o *= v);
}

struct Products<'a, T> {
    csr: &'a Csr,
    m: &'a [T],
    width: usize,
    task: &'a Task,
    /// 1 at first.
    out: &'a mut [T],
}

impl<T: Real> Kernel for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { csr, m, width, task, out } = self;
        for (k, r) in tasks::rows(task).enumerate() {
            let o = &mut out[k * width..][..width];
            each_row(csr, m, width, tasks::edges_of_row(csr, task, r), |_, v| multiply(o, v));
        }
    }
}

/// Calls `f` with every entry of `range` and its message.
#[inline(always)]
fn each_row<T: Real>(
    csr: &Csr,
    m: &[T],
    width: usize,
    range: std::ops::Range<usize>,
    mut f: impl FnMut(usize, &[T]),
) {
    let (ids, distance) = (csr.edge_ids(), distance::<T>(width));
    for start in range.clone().step_by(BLOCK) {
        let end = (start + BLOCK).min(range.end);
        let rows = Rows::new(m, &ids[start..end], ahead(ids, start, end - start, distance), width);
        (start..end).zip(rows.iter()).for_each(|(k, v)| f(k, v));
    }
}

/// The gradient of [`forward`]: that of the result times the product of all other messages, from both sides, so that
/// nothing is divided by a message.
pub(crate) fn backward<T: Real>(csr: &Csr, m: &[T], grad: &[T], width: usize) -> Vec<T> {
    let around = around_parts(csr, m, width);
    let f = |task: &Task, [d]: [&mut [MaybeUninit<T>]; 1]| {
        let around = task.part.map(|p| row(&around, p as usize, 2 * width));
        simd::run(Others { csr, m, width, task, grad, around, d });
    };
    // SAFETY: the kernel writes a row for every edge; there is nothing to merge.
    let [sorted] = unsafe { fill_fresh(csr, [Per::Edge(width)], f, |_, _, _| ()) };
    to_caller_order(sorted, csr, width)
}

/// For every part of a cut row the products of what the row has before and after it, `[parts, 2, width]`.
fn around_parts<T: Real>(csr: &Csr, m: &[T], width: usize) -> Vec<T> {
    let mut parts = vec![T::one(); csr.num_parts() * width];
    let tasks: Vec<_> = csr.tasks().iter().filter(|t| t.part.is_some()).collect();
    if width > 0 {
        tasks.par_iter().zip(parts.par_chunks_mut(width)).for_each(|(task, out)| {
            simd::run(Products { csr, m, width, task, out });
        });
    }
    let mut around = vec![T::one(); 2 * parts.len()];
    let mut product = vec![T::one(); width];
    for cut in csr.cut_rows() {
        let range = cut.parts.start as usize..cut.parts.end as usize;
        product.fill(T::one());
        for p in range.clone() {
            around[2 * p * width..][..width].copy_from_slice(&product);
            multiply(&mut product, row(&parts, p, width));
        }
        product.fill(T::one());
        for p in range.rev() {
            around[(2 * p + 1) * width..][..width].copy_from_slice(&product);
            multiply(&mut product, row(&parts, p, width));
        }
    }
    around
}

struct Others<'a, T> {
    csr: &'a Csr,
    m: &'a [T],
    width: usize,
    task: &'a Task,
    grad: &'a [T],
    /// Of a part of a row: the products before and after it.
    around: Option<&'a [T]>,
    d: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for Others<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { csr, m, width, task, grad, around, d } = self;
        let (first, ids) = (tasks::edges(task).start, csr.edge_ids());
        let mut others = vec![T::one(); width];
        for r in tasks::rows(task) {
            let range = tasks::edges_of_row(csr, task, r);
            let d = &mut d[(range.start - first) * width..(range.end - first) * width];
            let (d, first) = (initialized(d, T::zero()), range.start);
            others.copy_from_slice(row(grad, r, width));
            if let Some(around) = around {
                multiply(&mut others, &around[..width]);
            }
            each_row(csr, m, width, range.clone(), |k, v| {
                d[(k - first) * width..][..width].copy_from_slice(&others);
                multiply(&mut others, v);
            });
            match around {
                Some(around) => others.copy_from_slice(&around[width..]),
                None => others.fill(T::one()),
            }
            for k in range.rev() {
                multiply(&mut d[(k - first) * width..][..width], &others);
                multiply(&mut others, row(m, ids[k] as usize, width));
            }
        }
    }
}
