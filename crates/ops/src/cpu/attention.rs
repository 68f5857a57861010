//! Softmax over the in-edges of a node and the weighted sum of their values, in one pass over the graph.

use candle_geometric_graph::{Csr, EdgeIndex, Task};

use super::blocks::{BLOCK, Rows, add_weighted, ahead, distance};
use super::dropout::factors;
use super::rows::row;
use super::segment::{add, add_scaled};
use super::simd::{self, Kernel, prefetch};
use super::softmax::{finite, inverse, raise};
use super::tasks::{self, Per, fill};
use super::{Real, by_heads};
use crate::Dropout;

/// How many edges ahead the terms of the nodes at their ends are asked for.
pub(super) const GATHER_AHEAD: usize = 16;

/// What the score of an edge e from j to i is made of: `LeakyReLU(src[j] + dst[i] + edge[e])`, for every head.
pub(crate) struct Scores<'a, T> {
    pub(crate) edges: &'a EdgeIndex,
    pub(crate) heads: usize,
    /// `[N_src, H]`.
    pub(crate) src: Option<&'a [T]>,
    /// `[N_dst, H]`.
    pub(crate) dst: Option<&'a [T]>,
    /// `[E, H]`.
    pub(crate) edge: Option<&'a [T]>,
    /// 1 where the scores are taken as they are.
    pub(crate) slope: T,
    pub(crate) dropout: Option<Dropout>,
}

/// What the backward pass needs to compute the weights again: the largest score of every destination and head, and
/// the inverse of the sum of the exponentials, `[N_dst, H]`. Kept apart, not as one log-sum-exp, which would lose
/// digits of α where scores are large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stats<'a, T> {
    pub(crate) largest: &'a [T],
    pub(crate) inverse: &'a [T],
}

impl<T: Real> Scores<'_, T> {
    /// The sums inside the LeakyReLU for the edges of a task by destination, `[n, H]`: (src + dst) + edge. The order
    /// is that of every pass, or the sign of a sum, and with it the slope, might differ between them. `h` is the
    /// number of heads, given so that it may be a constant.
    #[inline(always)]
    pub(super) fn sums(&self, csr: &Csr, task: &Task, h: usize) -> Vec<T> {
        let all = tasks::edges(task);
        let mut sums = vec![T::zero(); all.len() * h];
        if let Some(others) = self.src {
            let columns = csr.columns();
            for (e, s) in all.clone().zip(sums.chunks_exact_mut(h)) {
                if let Some(&far) = columns.get(e + GATHER_AHEAD) {
                    prefetch(row(others, far as usize, h));
                }
                s.copy_from_slice(row(others, columns[e] as usize, h));
            }
        }
        if let Some(own) = self.dst {
            add_own(&mut sums, csr, task, own, h);
        }
        self.add_edge_terms(&mut sums, csr, task, h);
        sums
    }

    /// Adds what the edges of a task add to their sums.
    #[inline(always)]
    pub(super) fn add_edge_terms(&self, sums: &mut [T], csr: &Csr, task: &Task, h: usize) {
        if let Some(edge) = self.edge {
            for (s, &e) in sums.chunks_exact_mut(h).zip(&csr.edge_ids()[tasks::edges(task)]) {
                add(s, row(edge, e as usize, h));
            }
        }
    }

    /// The derivative of the LeakyReLU where the sum is `s`.
    #[inline(always)]
    pub(super) fn slope_at(&self, s: T) -> T {
        if s > T::zero() { T::one() } else { self.slope }
    }

    /// Multiplies the weights of the edges `[degree, H]` by what dropout makes of them.
    pub(super) fn drop_out(&self, edges: &[u32], weights: &mut [T]) {
        let Some(dropout) = &self.dropout else { return };
        let mut scratch = vec![T::zero(); weights.len()];
        factors(dropout, edges, self.heads, &mut scratch);
        weights.iter_mut().zip(&scratch).for_each(|(w, &f)| *w *= f);
    }
}

/// Adds the terms of the rows of a task to the sums of their edges.
#[inline(always)]
pub(super) fn add_own<T: Real>(sums: &mut [T], csr: &Csr, task: &Task, own: &[T], h: usize) {
    let first = tasks::edges(task).start;
    for r in tasks::rows(task) {
        let own = row(own, r, h);
        let range = tasks::edges_of_row(csr, task, r);
        let part = &mut sums[(range.start - first) * h..(range.end - first) * h];
        part.chunks_exact_mut(h).for_each(|s| add(s, own));
    }
}

/// What the forward pass computes: the attention `[N_dst, H·C]`, and the numbers of [`Stats`].
pub(crate) struct Forward<T> {
    pub(crate) out: Vec<T>,
    pub(crate) largest: Vec<T>,
    pub(crate) inverse: Vec<T>,
}

/// The attention. `bias` `[H·C]` is added to every row.
pub(crate) fn forward<T: Real>(
    scores: &Scores<'_, T>,
    values: &[T],
    channels: usize,
    bias: Option<&[T]>,
) -> Forward<T> {
    let h = scores.heads;
    let results = [Per::Row(h * channels), Per::Row(h), Per::Row(h)];
    let [out, largest, inverse] = fill(
        scores.edges.by_destination(),
        results,
        |task, [out, largest, inverse]| {
            simd::run(Attend { scores, task, values, channels, bias, out, largest, inverse });
        },
        |_, parts, row| merge(parts, row, channels, bias),
    );
    Forward { out, largest, inverse }
}

/// The attention of the rows of a task, or of a part of a row: then without the division by the total.
struct Attend<'a, T> {
    scores: &'a Scores<'a, T>,
    task: &'a Task,
    values: &'a [T],
    channels: usize,
    bias: Option<&'a [T]>,
    out: &'a mut [T],
    largest: &'a mut [T],
    inverse: &'a mut [T],
}

impl<T: Real> Kernel for Attend<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { scores: s, task, values, channels, bias, out, largest, inverse } = self;
        let (csr, h, width) = (s.edges.by_destination(), s.heads, s.heads * channels);
        let all = tasks::edges(task);
        let mut weights = by_heads!(h, h => weigh(s, csr, task, h, largest, inverse));
        s.drop_out(&csr.edge_ids()[all.clone()], &mut weights);
        let (columns, distance) = (csr.columns(), distance::<T>(width));
        for (k, r) in tasks::rows(task).enumerate() {
            let (o, range) = (&mut out[k * width..][..width], tasks::edges_of_row(csr, task, r));
            for start in range.clone().step_by(BLOCK) {
                let end = (start + BLOCK).min(range.end);
                let next = ahead(columns, start, end - start, distance);
                let rows = Rows::new(values, &columns[start..end], next, width);
                let weights = &weights[(start - all.start) * h..(end - all.start) * h];
                add_weighted(o, weights, &rows, h, channels);
            }
            if task.part.is_none() {
                finish(o, &inverse[k * h..][..h], channels, bias);
            }
        }
    }
}

/// The exponentials of the scores of a task, `[n, H]`, and their largest score and total for every row. The total is
/// inverted, if these are whole rows.
#[inline(always)]
fn weigh<T: Real>(
    s: &Scores<'_, T>,
    csr: &Csr,
    task: &Task,
    h: usize,
    largest: &mut [T],
    totals: &mut [T],
) -> Vec<T> {
    let mut weights = s.sums(csr, task, h);
    weights.iter_mut().for_each(|w| *w *= s.slope_at(*w));
    let first = tasks::edges(task).start;
    let of_row = |r| {
        let range = tasks::edges_of_row(csr, task, r);
        (range.start - first) * h..(range.end - first) * h
    };
    largest.fill(T::from_f64(f64::NEG_INFINITY));
    for (m, r) in largest.chunks_exact_mut(h).zip(tasks::rows(task)) {
        let part = &mut weights[of_row(r)];
        part.chunks_exact(h).for_each(|s| raise(m, s));
        part.chunks_exact_mut(h).for_each(|s| s.iter_mut().zip(&*m).for_each(|(s, &m)| *s -= finite(m)));
    }
    weights.iter_mut().for_each(|w| *w = w.exp());
    for (t, r) in totals.chunks_exact_mut(h).zip(tasks::rows(task)) {
        weights[of_row(r)].chunks_exact(h).for_each(|w| add(t, w));
    }
    if task.part.is_none() {
        totals.iter_mut().for_each(|t| *t = inverse(*t));
    }
    weights
}

/// Divides a row by the totals of its heads, and adds the bias.
#[inline(always)]
fn finish<T: Real>(o: &mut [T], inverse: &[T], channels: usize, bias: Option<&[T]>) {
    for (o, &t) in o.chunks_exact_mut(channels).zip(inverse) {
        o.iter_mut().for_each(|o| *o *= t);
    }
    if let Some(bias) = bias {
        add(o, bias);
    }
}

/// One row from its parts: all are brought to the same largest score, then added.
fn merge<T: Real>(
    [outs, largest, totals]: [&[T]; 3],
    [out, m, inverse_total]: [&mut [T]; 3],
    channels: usize,
    bias: Option<&[T]>,
) {
    let (h, width) = (m.len(), out.len());
    m.fill(T::from_f64(f64::NEG_INFINITY));
    largest.chunks_exact(h).for_each(|part| raise(m, part));
    for (p, (part_m, part_total)) in largest.chunks_exact(h).zip(totals.chunks_exact(h)).enumerate() {
        for k in 0..h {
            let scale = (part_m[k] - finite(m[k])).exp();
            inverse_total[k] += scale * part_total[k];
            let part = &row(outs, p, width)[k * channels..][..channels];
            add_scaled(&mut out[k * channels..][..channels], scale, part);
        }
    }
    inverse_total.iter_mut().for_each(|t| *t = inverse(*t));
    finish(out, inverse_total, channels, bias);
}
