//! The gradient of the attention, in one pass by destination and one by source.
//!
//! With g the gradient of the result, α the weights and f what dropout makes of them (0 or 1 / (1 − p)),
//! `∂v[j] = Σ f α g[i]`, and the gradient of a score before its LeakyReLU is
//! `z[e] = α (f ⟨g[i], v[j]⟩ − D[i]) · LeakyReLU'`, where `D[i] = Σ α f ⟨g[i], v[j]⟩ = ⟨g[i], out[i]⟩`. Weights are
//! computed again, so nothing of the size of the edges is kept from the forward pass.
//!
//! Without the LeakyReLU' the z of a destination add up to 0. The sum over all its edges so follows from the sum over
//! those on one side of the LeakyReLU, and only the values of these are read.

use candle_geometric_graph::{Csr, Task};

use super::attention::{GATHER_AHEAD, Scores, Stats, add_own};
use super::blocks::{BLOCK, Rows, Sums, add_weighted, ahead, distance, dot};
use super::rows::row;
use super::segment::{add, to_caller_order};
use super::simd::{self, Kernel, prefetch};
use super::softmax::finite;
use super::tasks::{self, Per, add_up, fill};
use super::{Real, by_heads};

/// Whose gradients are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) values: bool,
    pub(crate) src: bool,
    pub(crate) dst: bool,
    pub(crate) edge: bool,
}

/// The gradients of the arguments; empty where not wanted.
pub(crate) struct Gradients<T> {
    /// `[N_src, H·C]`.
    pub(crate) values: Vec<T>,
    /// `[N_src, H]`.
    pub(crate) src: Vec<T>,
    /// `[N_dst, H]`.
    pub(crate) dst: Vec<T>,
    /// `[E, H]`.
    pub(crate) edge: Vec<T>,
}

/// What the gradients are computed from.
pub(crate) struct Backward<'a, T> {
    pub(crate) scores: &'a Scores<'a, T>,
    pub(crate) stats: Stats<'a, T>,
    pub(crate) values: &'a [T],
    pub(crate) out: &'a [T],
    pub(crate) grad: &'a [T],
    pub(crate) channels: usize,
}

impl<T: Real> Backward<'_, T> {
    pub(crate) fn run(&self, wanted: Wanted) -> Gradients<T> {
        let (packed, dst, edge) = self.by_destination(wanted);
        let (values, src) = self.by_source(wanted, &packed);
        Gradients { values, src, dst, edge }
    }

    /// The gradients of the terms of destinations and edges, after what an edge needs of its destination, side by side
    /// in memory: the term of its score, the largest score, the inverse total and D, `[N_dst, 4, H]`.
    fn by_destination(&self, wanted: Wanted) -> (Vec<T>, Vec<T>, Vec<T>) {
        let (h, csr) = (self.scores.heads, self.scores.edges.by_destination());
        let size = |wanted| if wanted { h } else { 0 };
        let results = [Per::Row(4 * h), Per::Row(size(wanted.dst)), Per::Edge(size(wanted.edge))];
        let [packed, dst, edge] = fill(
            csr,
            results,
            |task, [packed, dst, edge]| simd::run(OfDestinations { b: self, task, packed, dst, edge }),
            |_, parts, [packed, dst, _]| {
                packed.copy_from_slice(&parts[0][..4 * h]); // every part has computed all of it
                add_up(0, [parts[1]], [dst]);
            },
        );
        (packed, dst, if wanted.edge { to_caller_order(edge, csr, h) } else { edge })
    }

    /// The gradients of the values and of the terms of sources.
    fn by_source(&self, wanted: Wanted, packed: &[T]) -> (Vec<T>, Vec<T>) {
        if !wanted.values && !wanted.src {
            return (vec![], vec![]);
        }
        let h = self.scores.heads;
        let results = [
            Per::Row(if wanted.values { h * self.channels } else { 0 }),
            Per::Row(if wanted.src { h } else { 0 }),
        ];
        let [values, src] = fill(
            self.scores.edges.by_source(),
            results,
            |task, [values, src]| simd::run(OfSources { b: self, task, packed, values, src }),
            add_up,
        );
        (values, src)
    }
}

/// What [`Backward::by_destination`] computes, for a task.
struct OfDestinations<'a, T> {
    b: &'a Backward<'a, T>,
    task: &'a Task,
    packed: &'a mut [T],
    dst: &'a mut [T],
    edge: &'a mut [T],
}

impl<T: Real> Kernel for OfDestinations<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { b, task, packed, dst, edge } = self;
        let (s, h, width) = (b.scores, b.scores.heads, b.scores.heads * b.channels);
        for (r, packed) in tasks::rows(task).zip(packed.chunks_exact_mut(4 * h)) {
            if let Some(terms) = s.dst {
                packed[..h].copy_from_slice(row(terms, r, h));
            }
            packed[h..2 * h].iter_mut().zip(row(b.stats.largest, r, h)).for_each(|(p, &m)| *p = finite(m));
            packed[2 * h..3 * h].copy_from_slice(row(b.stats.inverse, r, h));
            let (g, out) = (row(b.grad, r, width), row(b.out, r, width));
            let heads = g.chunks_exact(b.channels).zip(out.chunks_exact(b.channels));
            packed[3 * h..].iter_mut().zip(heads).for_each(|(d, (g, o))| *d = dot(g, o));
        }
        if !edge.is_empty() {
            every_score(b, task, packed, dst, edge);
        } else if !dst.is_empty() && s.slope != T::one() {
            by_heads!(h, h => one_side(b, task, packed, dst, h));
        }
    }
}

impl<T: Real> Backward<'_, T> {
    /// The weights α of the edges of a task by destination, from the sums inside the LeakyReLU.
    #[inline(always)]
    fn alpha(&self, csr: &Csr, task: &Task, sums: &[T], h: usize) -> Vec<T> {
        let mut alpha = sums.to_vec();
        alpha.iter_mut().for_each(|a| *a *= self.scores.slope_at(*a));
        let first = tasks::edges(task).start;
        let part = |r| {
            let range = tasks::edges_of_row(csr, task, r);
            (range.start - first) * h..(range.end - first) * h
        };
        for r in tasks::rows(task) {
            let m = row(self.stats.largest, r, h);
            let rows = alpha[part(r)].chunks_exact_mut(h);
            rows.for_each(|a| {
                a.iter_mut().zip(m).for_each(|(a, &m)| *a -= finite(m));
            });
        }
        alpha.iter_mut().for_each(|a| *a = a.exp());
        for r in tasks::rows(task) {
            let inverse = row(self.stats.inverse, r, h);
            let rows = alpha[part(r)].chunks_exact_mut(h);
            rows.for_each(|a| a.iter_mut().zip(inverse).for_each(|(a, &t)| *a *= t));
        }
        alpha
    }

    /// `f α` from α.
    #[inline(always)]
    fn dropped(&self, csr: &Csr, task: &Task, alpha: &[T]) -> Option<Vec<T>> {
        self.scores.dropout.is_some().then(|| {
            let mut dropped = alpha.to_vec();
            self.scores.drop_out(&csr.edge_ids()[tasks::edges(task)], &mut dropped);
            dropped
        })
    }
}

/// The gradient of every score of a task by destination, and their sums.
#[inline(always)]
fn every_score<T: Real>(b: &Backward<'_, T>, task: &Task, packed: &[T], dst: &mut [T], edge: &mut [T]) {
    let (s, csr, h) = (b.scores, b.scores.edges.by_destination(), b.scores.heads);
    let width = h * b.channels;
    let (columns, first, distance) = (csr.columns(), tasks::edges(task).start, distance::<T>(width));
    let (sums, alpha) = by_heads!(h, h => {
        let sums = s.sums(csr, task, h);
        let alpha = b.alpha(csr, task, &sums, h);
        (sums, alpha)
    });
    let dropped = b.dropped(csr, task, &alpha);
    let dropped = dropped.as_deref().unwrap_or(&alpha);
    let mut room = Sums::new(h);
    for (k, r) in tasks::rows(task).enumerate() {
        let (g, inner) = (row(b.grad, r, width), &row(packed, k, 4 * h)[3 * h..]);
        let range = tasks::edges_of_row(csr, task, r);
        for start in range.clone().step_by(BLOCK) {
            let end = (start + BLOCK).min(range.end);
            let next = ahead(columns, start, end - start, distance);
            let rows = Rows::new(b.values, &columns[start..end], next, width);
            let here = (start - first) * h..(end - first) * h;
            let z = &mut edge[here.clone()];
            room.dots(z, g, &rows, h, b.channels);
            for (k, z) in z.chunks_exact_mut(h).enumerate() {
                let at = here.start + k * h..here.start + (k + 1) * h;
                let (sums, alpha, dropped) = (&sums[at.clone()], &alpha[at.clone()], &dropped[at]);
                for c in 0..h {
                    z[c] = (dropped[c] * z[c] - alpha[c] * inner[c]) * s.slope_at(sums[c]);
                }
            }
        }
        if !dst.is_empty() {
            let (from, to) = ((range.start - first) * h, (range.end - first) * h);
            edge[from..to].chunks_exact(h).for_each(|z| add(&mut dst[k * h..][..h], z));
        }
    }
}

/// The sums of the gradients of the scores of each row, from the edges on one side of the LeakyReLU: the side with
/// fewer edges, or for a part of a row the lower.
#[inline(always)]
fn one_side<T: Real>(b: &Backward<'_, T>, task: &Task, packed: &[T], dst: &mut [T], h: usize) {
    /// How many picked edges ahead values are asked for.
    const AHEAD: usize = 24;
    let (s, csr, width) = (b.scores, b.scores.edges.by_destination(), h * b.channels);
    let (first, columns) = (tasks::edges(task).start, csr.columns());
    let sums = s.sums(csr, task, h);
    let alpha = b.alpha(csr, task, &sums, h);
    let dropped = b.dropped(csr, task, &alpha);
    let dropped = dropped.as_deref().unwrap_or(&alpha);
    // The positions in [n, H] to look at, row after row, and how many there are up to the end of each row.
    let mut picked = vec![0u32; sums.len()];
    let mut ends = Vec::with_capacity(tasks::rows(task).len());
    let mut count = 0;
    let (mut above, mut sides) = (vec![0usize; h], vec![false; dst.len()]);
    for (k, r) in tasks::rows(task).enumerate() {
        let range = tasks::edges_of_row(csr, task, r);
        let (from, to) = ((range.start - first) * h, (range.end - first) * h);
        let upper = &mut sides[k * h..][..h];
        if task.part.is_none() {
            above.fill(0);
            for s in sums[from..to].chunks_exact(h) {
                above.iter_mut().zip(s).for_each(|(n, &s)| *n += usize::from(s > T::zero()));
            }
            upper.iter_mut().zip(&above).for_each(|(u, &n)| *u = 2 * n < range.len());
        }
        for (at, s) in (from..to).step_by(h).zip(sums[from..to].chunks_exact(h)) {
            for c in 0..h {
                picked[count] = (at + c) as u32;
                count += usize::from((s[c] > T::zero()) == upper[c]);
            }
        }
        ends.push(count);
    }
    let value = |at: usize| {
        let (edge, head) = (at / h, at % h);
        &b.values[columns[first + edge] as usize * width + head * b.channels..][..b.channels]
    };
    let mut start = 0;
    for (k, (r, &end)) in tasks::rows(task).zip(&ends).enumerate() {
        let g = row(b.grad, r, width);
        let (inner, dst) = (&row(packed, k, 4 * h)[3 * h..], &mut dst[k * h..][..h]);
        for n in start..end {
            if n + AHEAD < count {
                prefetch(value(picked[n + AHEAD] as usize));
            }
            let at = picked[n] as usize;
            let c = at % h;
            let product = dot(&g[c * b.channels..][..b.channels], value(at));
            dst[c] += dropped[at] * product - alpha[at] * inner[c];
        }
        let steepness = T::one() - s.slope;
        for (d, &upper) in dst.iter_mut().zip(&sides[k * h..][..h]) {
            *d *= if upper { steepness } else { -steepness };
        }
        start = end;
    }
}

/// The gradients of the values and of the terms of sources.
struct OfSources<'a, T> {
    b: &'a Backward<'a, T>,
    task: &'a Task,
    packed: &'a [T],
    values: &'a mut [T],
    src: &'a mut [T],
}

impl<T: Real> Kernel for OfSources<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { b, task, packed, values, src } = self;
        let (h, csr, all) = (b.scores.heads, b.scores.edges.by_source(), tasks::edges(task));
        let AtEdges { sums, alpha, inner } = by_heads!(h, h => gather(b, task, packed, h));
        let dropped = b.dropped(csr, task, &alpha);
        let dropped = dropped.as_deref().unwrap_or(&alpha);
        let (columns, width) = (csr.columns(), h * b.channels);
        let (distance, mut z) = (distance::<T>(width), vec![T::zero(); BLOCK * h]);
        let (mut block, mut room) = (vec![T::zero(); h], Sums::new(h));
        for (k, r) in tasks::rows(task).enumerate() {
            let (v, range) = (row(b.values, r, width), tasks::edges_of_row(csr, task, r));
            for start in range.clone().step_by(BLOCK) {
                let end = (start + BLOCK).min(range.end);
                let next = ahead(columns, start, end - start, distance);
                let rows = Rows::new(b.grad, &columns[start..end], next, width);
                let here = (start - all.start) * h..(end - all.start) * h;
                let dropped = &dropped[here.clone()];
                if !values.is_empty() {
                    add_weighted(&mut values[k * width..][..width], dropped, &rows, h, b.channels);
                }
                if !src.is_empty() {
                    let z = &mut z[..here.len()];
                    room.dots(z, v, &rows, h, b.channels);
                    let weights = dropped.iter().zip(&alpha[here.clone()]);
                    let of = sums[here.clone()].iter().zip(&inner[here]);
                    for (z, ((&f, &a), (&s, &d))) in z.iter_mut().zip(weights.zip(of)) {
                        *z = (f * *z - a * d) * b.scores.slope_at(s);
                    }
                    // Sums of sums lose fewer digits than one long sum.
                    block.fill(T::zero());
                    z.chunks_exact(h).for_each(|z| add(&mut block, z));
                    add(&mut src[k * h..][..h], &block);
                }
            }
        }
    }
}

/// What the edges of a task by source have, `[n, H]`: the sums inside the LeakyReLU, α, and D of their destinations.
struct AtEdges<T> {
    sums: Vec<T>,
    alpha: Vec<T>,
    inner: Vec<T>,
}

#[inline(always)]
fn gather<T: Real>(b: &Backward<'_, T>, task: &Task, packed: &[T], h: usize) -> AtEdges<T> {
    let (s, csr, all) = (b.scores, b.scores.edges.by_source(), tasks::edges(task));
    let columns = csr.columns();
    // Gathered first, edge after edge; what follows then are plain loops over all edges and heads.
    let [mut sums, mut alpha, mut inverse, mut inner] = [(); 4].map(|()| vec![T::zero(); all.len() * h]);
    if let Some(src) = s.src {
        add_own(&mut sums, csr, task, src, h);
    }
    for (k, &i) in columns[all.clone()].iter().enumerate() {
        if let Some(&far) = columns.get(all.start + k + GATHER_AHEAD) {
            prefetch(row(packed, far as usize, 4 * h));
        }
        let (of, here) = (row(packed, i as usize, 4 * h), k * h..(k + 1) * h);
        add(&mut sums[here.clone()], &of[..h]);
        alpha[here.clone()].copy_from_slice(&of[h..2 * h]);
        inverse[here.clone()].copy_from_slice(&of[2 * h..3 * h]);
        inner[here].copy_from_slice(&of[3 * h..]);
    }
    s.add_edge_terms(&mut sums, csr, task, h);
    alpha.iter_mut().zip(&sums).for_each(|(a, &s)| *a = s * b.scores.slope_at(s) - *a);
    alpha.iter_mut().for_each(|a| *a = a.exp());
    alpha.iter_mut().zip(&inverse).for_each(|(a, &t)| *a *= t);
    AtEdges { sums, alpha, inner }
}
