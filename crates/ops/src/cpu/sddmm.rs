//! Products of the rows at the two ends of every edge.

use candle_geometric_graph::{Csr, Task};

use super::Real;
use super::blocks::{BLOCK, Rows, Sums, ahead, distance};
use super::rows::row;
use super::segment::to_caller_order;
use super::simd::{self, Kernel};
use super::tasks::{self, Per, fill};

/// `out[e, h] = ⟨own[row(e), h], others[column(e), h]⟩`, in the caller's order.
pub(crate) fn sddmm<T: Real>(csr: &Csr, own: &[T], others: &[T], heads: usize, width: usize) -> Vec<T> {
    let f =
        |task: &Task, [out]: [&mut [T]; 1]| simd::run(Products { csr, task, own, others, heads, width, out });
    let [sorted] = fill(csr, [Per::Edge(heads)], f, |_, _, _| ());
    to_caller_order(sorted, csr, heads)
}

struct Products<'a, T> {
    csr: &'a Csr,
    task: &'a Task,
    own: &'a [T],
    others: &'a [T],
    heads: usize,
    width: usize,
    out: &'a mut [T],
}

impl<T: Real> Kernel for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { csr, task, own, others, heads, width, out } = self;
        if width == 0 {
            return;
        }
        let (first, columns, distance) = (tasks::edges(task).start, csr.columns(), distance::<T>(width));
        let mut sums = Sums::new(heads);
        for r in tasks::rows(task) {
            let (own, range) = (row(own, r, width), tasks::edges_of_row(csr, task, r));
            for start in range.clone().step_by(BLOCK) {
                let end = (start + BLOCK).min(range.end);
                let next = ahead(columns, start, end - start, distance);
                let rows = Rows::new(others, &columns[start..end], next, width);
                let out = &mut out[(start - first) * heads..(end - first) * heads];
                sums.dots(out, own, &rows, heads, width / heads);
            }
        }
    }
}
