//! The forward pass: scores, online softmax and weighted sum of each destination.

use candle_geometric_graph::{Csr, Task};

use super::super::blocks::{BLOCK, Sums, add_weighted, distance};
use super::super::rows::row;
use super::super::segment::{add, add_scaled};
use super::super::simd::{self, Kernel};
use super::super::softmax::{finite, inverse, raise};
use super::super::tasks::{self, Per, fill};
use super::super::{Real, by_heads};
use super::{Pairs, Score, blocks};

/// What the forward pass computes.
pub(crate) struct Attended<T> {
    /// The attention, `[N_dst, D]`.
    pub(crate) out: Vec<T>,
    /// The attention and what is added to it; empty where nothing is.
    pub(crate) sum: Vec<T>,
    /// The largest score of every destination, `[N_dst, H]`.
    pub(crate) largest: Vec<T>,
    /// 1 / Σ exp(score − largest), `[N_dst, H]`.
    pub(crate) inverse: Vec<T>,
}

/// What is added to every row of the result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added<'a, T> {
    /// `[D]`.
    pub(crate) bias: Option<&'a [T]>,
    /// `[N_dst, D]`.
    pub(crate) residual: Option<&'a [T]>,
    /// Whether the result without them is needed as well.
    pub(crate) apart: bool,
}

impl<T: Real> Added<'_, T> {
    fn is_nothing(&self) -> bool {
        self.bias.is_none() && self.residual.is_none()
    }

    /// Adds it to row `r` of the result, or copies that row and adds it to the copy.
    #[inline(always)]
    fn add(&self, r: usize, out: &mut [T], sum: &mut [T]) {
        let to = if sum.is_empty() {
            out
        } else {
            sum.copy_from_slice(out);
            sum
        };
        if let Some(residual) = self.residual {
            add(to, row(residual, r, to.len()));
        }
        if let Some(bias) = self.bias {
            add(to, bias);
        }
    }
}

/// Softmax of the scores over the in-edges and the weighted sum of the values.
pub(crate) fn attend<T: Real, S: Score<T>>(pairs: &Pairs<'_, T, S>, added: Added<'_, T>) -> Attended<T> {
    let (h, width) = (pairs.heads, pairs.width());
    let apart = if added.apart && !added.is_nothing() { width } else { 0 };
    let results = [Per::Row(width), Per::Row(apart), Per::Row(h), Per::Row(h)];
    let [out, sum, largest, inverse] = fill(
        pairs.edges.by_destination(),
        results,
        |task, results| simd::run(Attend { pairs, added, task, results }),
        |r, parts, row| merge(pairs.channels, added, r, parts, row),
    );
    Attended { out, sum, largest, inverse }
}

/// The attention of the rows of a task, or of a part of a row: then without the division by the total.
struct Attend<'a, T, S> {
    pairs: &'a Pairs<'a, T, S>,
    added: Added<'a, T>,
    task: &'a Task,
    results: [&'a mut [T]; 4],
}

impl<T: Real, S: Score<T>> Kernel for Attend<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { pairs: p, added, task, results: [out, sum, largest, totals] } = self;
        let (csr, h, width) = (p.edges.by_destination(), p.heads, p.width());
        let apart = if sum.is_empty() { 0 } else { width };
        largest.fill(T::from_f64(f64::NEG_INFINITY));
        let [scores, factors] = [(); 2].map(|()| vec![T::zero(); BLOCK * h]);
        let mut online = Online { scores, factors, before: vec![T::zero(); h], sums: Sums::new(h) };
        let mut scratch = p.scratch();
        for (k, r) in tasks::rows(task).enumerate() {
            let here = k * h..(k + 1) * h;
            let (o, m, t) = (&mut out[k * width..][..width], &mut largest[here.clone()], &mut totals[here]);
            online.row(p, csr, r, tasks::edges_of_row(csr, task, r), &mut scratch, (o, m, t));
            if task.part.is_none() {
                finish(p.channels, o, t);
                added.add(r, o, &mut sum[k * apart..][..apart]);
            }
        }
    }
}

/// Room for what a block needs, `[BLOCK, H]`, and the largest scores before it, `[H]`.
struct Online<T> {
    scores: Vec<T>,
    factors: Vec<T>,
    before: Vec<T>,
    sums: Sums<T>,
}

impl<T: Real> Online<T> {
    /// The attention of some edges of row `r`, still multiplied by the total of each head.
    #[inline(always)]
    fn row<S: Score<T>>(
        &mut self,
        p: &Pairs<'_, T, S>,
        csr: &Csr,
        r: usize,
        edges: std::ops::Range<usize>,
        scratch: &mut [T],
        (o, m, t): (&mut [T], &mut [T], &mut [T]),
    ) {
        let (h, width) = (p.heads, p.width());
        let (query, distance) = (row(p.query, r, width), distance::<T>(width));
        for (start, end) in blocks(edges.clone()) {
            let block = p.block(csr, (start, end), distance, scratch);
            let weights = &mut self.scores[..(end - start) * h];
            p.score.scores(weights, query, &block.keys, h, p.channels, &mut self.sums);
            let before = if start > edges.start { Some(&mut *o) } else { None };
            by_heads!(h, h => raise_and_weigh(weights, h, (m, t), &mut self.before, before));
            if p.dropout.is_some() {
                let factors = &mut self.factors[..weights.len()];
                p.factors(&csr.edge_ids()[start..end], factors);
                weights.iter_mut().zip(&*factors).for_each(|(w, &f)| *w *= f);
            }
            add_weighted(o, weights, block.values(), h, p.channels);
        }
    }
}

/// Makes exponentials of the scores of a block, and adds them to the totals `t`; `m` are the largest scores so far. What was
/// summed before is brought to the new largest scores.
#[inline(always)]
fn raise_and_weigh<T: Real>(
    weights: &mut [T],
    h: usize,
    (m, t): (&mut [T], &mut [T]),
    before: &mut [T],
    summed: Option<&mut [T]>,
) {
    let (m, t, before) = (&mut m[..h], &mut t[..h], &mut before[..h]);
    before.copy_from_slice(m);
    weights.chunks_exact(h).for_each(|s| raise(m, s));
    if let Some(o) = summed {
        let channels = o.len() / h;
        for k in (0..h).filter(|&k| m[k] > before[k]) {
            let scale = (before[k] - m[k]).exp();
            t[k] *= scale;
            o[k * channels..][..channels].iter_mut().for_each(|o| *o *= scale);
        }
    }
    for w in weights.chunks_exact_mut(h) {
        w.iter_mut().zip(&*m).for_each(|(w, &m)| *w -= finite(m));
    }
    weights.iter_mut().for_each(|w| *w = w.exp());
    weights.chunks_exact(h).for_each(|w| add(t, w));
}

/// Divides a row by the totals of its heads, which are inverted.
#[inline(always)]
fn finish<T: Real>(channels: usize, o: &mut [T], totals: &mut [T]) {
    for (o, t) in o.chunks_exact_mut(channels).zip(totals) {
        *t = inverse(*t);
        o.iter_mut().for_each(|o| *o *= *t);
    }
}

/// One row from its parts: all are brought to the same largest score, then added.
fn merge<T: Real>(
    channels: usize,
    added: Added<'_, T>,
    r: usize,
    [outs, _, largest, totals]: [&[T]; 4],
    [out, sum, m, total]: [&mut [T]; 4],
) {
    let (h, width) = (m.len(), out.len());
    m.fill(T::from_f64(f64::NEG_INFINITY));
    largest.chunks_exact(h).for_each(|part| raise(m, part));
    for (p, (part_m, part_total)) in largest.chunks_exact(h).zip(totals.chunks_exact(h)).enumerate() {
        for k in 0..h {
            let scale = (part_m[k] - finite(m[k])).exp();
            total[k] += scale * part_total[k];
            let part = &row(outs, p, width)[k * channels..][..channels];
            add_scaled(&mut out[k * channels..][..channels], scale, part);
        }
    }
    finish(channels, out, total);
    added.add(r, out, sum);
}
