//! The scores alone, for those who want to see the weights.

use super::super::Real;
use super::super::blocks::{Sums, distance};
use super::super::rows::row;
use super::super::segment::to_caller_order;
use super::super::simd::{self, Kernel};
use super::super::tasks::{self, Per, fill};
use super::{Pairs, Score, blocks};
use candle_geometric_graph::Task;

/// The score of every edge, `[E, H]`, in the caller's order.
pub(crate) fn scores<T: Real, S: Score<T>>(pairs: &Pairs<'_, T, S>) -> Vec<T> {
    let csr = pairs.edges.by_destination();
    let [scores] = fill(
        csr,
        [Per::Edge(pairs.heads)],
        |task, [out]| simd::run(Scores { pairs, task, out }),
        |_, _, _| {},
    );
    to_caller_order(scores, csr, pairs.heads)
}

struct Scores<'a, T, S> {
    pairs: &'a Pairs<'a, T, S>,
    task: &'a Task,
    out: &'a mut [T],
}

impl<T: Real, S: Score<T>> Kernel for Scores<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { pairs: p, task, out } = self;
        let (csr, h, width) = (p.edges.by_destination(), p.heads, p.width());
        let (first, distance, mut scratch) = (tasks::edges(task).start, distance::<T>(width), p.scratch());
        let mut sums = Sums::new(h);
        for r in tasks::rows(task) {
            for (start, end) in blocks(tasks::edges_of_row(csr, task, r)) {
                let block = p.block(csr, (start, end), distance, &mut scratch);
                let out = &mut out[(start - first) * h..(end - first) * h];
                p.score.scores(out, row(p.query, r, width), &block.keys, h, p.channels, &mut sums);
            }
        }
    }
}
