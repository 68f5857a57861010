//! The gradients, in one pass by destination and one by source.
//!
//! With g the gradient of the result, α the weights and f what dropout makes of them (0 or 1 / (1 − p)),
//! `∂v[j] = Σ f α g[i]`, and the gradient of a score is `α (f ⟨g[i], v[j]⟩ − D[i])` with
//! `D[i] = Σ α f ⟨g[i], v[j]⟩ = ⟨g[i], out[i]⟩`. Both passes compute scores and weights again, so nothing of the size
//! of the edges is kept; where there are edge terms, the first leaves them for the second.

use candle_geometric_graph::Task;

use super::super::Real;
use super::super::blocks::{BLOCK, Rows, Sums, add_weighted, ahead, distance, dot};
use super::super::rows::row;
use super::super::segment::{add, add_scaled, to_caller_order};
use super::super::simd::{self, Kernel, prefetch};
use super::super::softmax::finite;
use super::super::tasks::{self, Per, add_up, fill, total};
use super::{Pairs, Score, blocks};

/// Whose gradients are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) query: bool,
    pub(crate) key: bool,
    pub(crate) value: bool,
    pub(crate) edge: bool,
    pub(crate) att: bool,
}

/// The gradients of the arguments; empty where not wanted.
pub(crate) struct Gradients<T> {
    /// `[N_dst, D]`.
    pub(crate) query: Vec<T>,
    /// `[N_src, D]`; where keys are values, the gradient of both.
    pub(crate) key: Vec<T>,
    /// `[N_src, D]`; empty where keys are values.
    pub(crate) value: Vec<T>,
    /// `[E, D]`.
    pub(crate) edge: Vec<T>,
    /// `[D]`, of the parameters of the score.
    pub(crate) att: Vec<T>,
}

/// What the gradients are computed from.
pub(crate) struct Backward<'a, T, S> {
    pub(crate) pairs: &'a Pairs<'a, T, S>,
    pub(crate) of: Of<'a, T>,
}

/// What has been computed of the pairs, and its gradient.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a, T> {
    /// The attention.
    Result {
        /// The result, without what was added to it.
        out: &'a [T],
        grad: &'a [T],
        /// As in [`Attended`](super::Attended).
        largest: &'a [T],
        /// As in [`Attended`](super::Attended).
        inverse: &'a [T],
    },
    /// The scores alone: their gradient, `[E, H]`.
    Scores(&'a [T]),
}

/// What the pass by destination leaves.
struct First<T> {
    query: Vec<T>,
    att: Vec<T>,
    edge: Vec<T>,
    /// What an edge needs of its destination, side by side in memory: the largest score, the inverse total and D,
    /// `[N_dst, 3, H]`.
    packed: Vec<T>,
    /// With edge terms: α f and the gradients of the scores, `[E, 2, H]`.
    weights: Vec<T>,
}

impl<T: Real, S: Score<T>> Backward<'_, T, S> {
    pub(crate) fn run(&self, wanted: Wanted) -> Gradients<T> {
        let first = self.by_destination(wanted);
        let (key, value, mut att) = self.by_source(wanted, &first);
        if wanted.att {
            add(&mut att, &first.att);
        }
        Gradients { query: first.query, key, value, edge: first.edge, att }
    }

    fn by_destination(&self, wanted: Wanted) -> First<T> {
        let (p, csr) = (self.pairs, self.pairs.edges.by_destination());
        let (h, width) = (p.heads, p.width());
        let size = |wanted, size| if wanted { size } else { 0 };
        let of_result = matches!(self.of, Of::Result { .. });
        let later = wanted.key || wanted.value || wanted.att;
        let with_terms = p.edge.is_some();
        let results = [
            Per::Row(size(wanted.query || wanted.att, width)),
            Per::Row(size(of_result, 3 * h)),
            Per::Task(size(wanted.att, width)),
            Per::Edge(size(wanted.edge || wanted.att && with_terms, width)),
            Per::Edge(size(later && with_terms && of_result, 2 * h)),
        ];
        let [query, packed, att, edge, weights] = fill(
            csr,
            results,
            |task, results| simd::run(OfDestinations { b: self, task, results }),
            |_, parts, [query, packed, ..]| {
                packed.copy_from_slice(&parts[1][..packed.len()]); // every part has computed all of it
                add_up(0, [parts[0]], [query]);
            },
        );
        First {
            query: if wanted.query { query } else { vec![] },
            att: total(&att, size(wanted.att, width)),
            edge: if wanted.edge { to_caller_order(edge, csr, width) } else { vec![] },
            packed,
            weights: if weights.is_empty() { weights } else { to_caller_order(weights, csr, 2 * h) },
        }
    }

    fn by_source(&self, wanted: Wanted, first: &First<T>) -> (Vec<T>, Vec<T>, Vec<T>) {
        let width = self.pairs.width();
        let size = |wanted| if wanted { width } else { 0 };
        if !wanted.key && !wanted.value && !wanted.att {
            return (vec![], vec![], vec![]);
        }
        let results = [
            Per::Row(size(wanted.key || wanted.att)),
            Per::Row(size(wanted.value && !S::SHARED)),
            Per::Task(size(wanted.att)),
        ];
        let [key, value, att] = fill(
            self.pairs.edges.by_source(),
            results,
            |task, results| simd::run(OfSources { b: self, first, task, results }),
            |_, [keys, values, _], [key, value, _]| add_up(0, [keys, values], [key, value]),
        );
        (key, value, total(&att, size(wanted.att)))
    }
}

/// What [`Backward::by_destination`] computes, for a task.
struct OfDestinations<'a, T, S> {
    b: &'a Backward<'a, T, S>,
    task: &'a Task,
    results: [&'a mut [T]; 5],
}

impl<T: Real, S: Score<T>> Kernel for OfDestinations<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { b, task, results: [query, packed, att, edge, weights] } = self;
        let (p, csr) = (b.pairs, b.pairs.edges.by_destination());
        let (h, width) = (p.heads, p.width());
        if let Of::Result { out, grad, largest, inverse } = b.of {
            for (r, packed) in tasks::rows(task).zip(packed.chunks_exact_mut(3 * h)) {
                packed[..h].iter_mut().zip(row(largest, r, h)).for_each(|(p, &m)| *p = finite(m));
                packed[h..2 * h].copy_from_slice(row(inverse, r, h));
                let heads = row(grad, r, width).chunks_exact(p.channels);
                let heads = heads.zip(row(out, r, width).chunks_exact(p.channels));
                packed[2 * h..].iter_mut().zip(heads).for_each(|(d, (g, o))| *d = dot(g, o));
            }
        }
        if query.is_empty() && edge.is_empty() && weights.is_empty() {
            return;
        }
        let (first, distance) = (tasks::edges(task).start, distance::<T>(width));
        let (mut at, mut scratch, mut room) = (AtEdges::new(h), p.scratch(), Sums::new(h));
        for (k, r) in tasks::rows(task).enumerate() {
            let own = row(p.query, r, width);
            let mut none = [];
            let sums = if query.is_empty() { &mut none[..] } else { &mut query[k * width..][..width] };
            for (start, end) in blocks(tasks::edges_of_row(csr, task, r)) {
                let block = p.block(csr, (start, end), distance, &mut scratch);
                let (edges, n) = (&csr.edge_ids()[start..end], (end - start) * h);
                let mut g: &[T] = &[];
                match b.of {
                    Of::Scores(z) => at.copy(edges, h, |e| (&[], row(z, e, h))),
                    Of::Result { grad, .. } => {
                        g = row(grad, r, width);
                        p.score.scores(&mut at.alpha[..n], own, &block.keys, h, p.channels, &mut room);
                        room.dots(&mut at.z[..n], g, block.values(), h, p.channels);
                        at.weigh(p, edges, |_| row(packed, k, 3 * h));
                    }
                }
                if !sums.is_empty() {
                    p.score.add_gradients(sums, &at.z[..n], own, &block.keys, h, p.channels);
                }
                if !edge.is_empty() {
                    let edge = &mut edge[(start - first) * width..(end - first) * width];
                    of_edges(p, edges, edge, att, &at, (own, g), &block.keys);
                }
                if !weights.is_empty() {
                    let weights = weights[2 * (start - first) * h..].chunks_exact_mut(2 * h);
                    let at = at.alpha[..n].chunks_exact(h).zip(at.z.chunks_exact(h));
                    for (w, (alpha, z)) in weights.zip(at) {
                        w[..h].copy_from_slice(alpha);
                        w[h..].copy_from_slice(z);
                    }
                }
            }
            if !sums.is_empty() {
                p.score.finish(sums, own, att);
            }
        }
    }
}

/// The gradients of the terms of the edges of a block, all of one destination.
#[inline(always)]
fn of_edges<T: Real, S: Score<T>>(
    p: &Pairs<'_, T, S>,
    edges: &[u32],
    out: &mut [T],
    att: &mut [T],
    at: &AtEdges<T>,
    (own, g): (&[T], &[T]),
    keys: &Rows<'_, T>,
) {
    let (h, width) = (p.heads, p.width());
    let terms = edges.iter().map(|&e| p.edge.map_or(&[][..], |t| row(t, e as usize, width)));
    let at = at.z.chunks_exact(h).zip(at.alpha.chunks_exact(h));
    for (((out, key), term), (z, alpha)) in out.chunks_exact_mut(width).zip(keys.iter()).zip(terms).zip(at) {
        // A term is part of the key, and the query is the row at the other end.
        p.score.add_gradients(out, z, key, &Rows::one(own), h, p.channels);
        p.score.finish(out, term, att);
        if !S::SHARED {
            for ((o, g), &a) in out.chunks_exact_mut(p.channels).zip(g.chunks_exact(p.channels)).zip(alpha) {
                add_scaled(o, a, g);
            }
        }
    }
}

/// What the edges of a block have, `[BLOCK, H]` each.
struct AtEdges<T> {
    /// The scores, then α f.
    alpha: Vec<T>,
    /// `⟨g[i], v[j]⟩`, then the gradients of the scores.
    z: Vec<T>,
    factors: Vec<T>,
}

impl<T: Real> AtEdges<T> {
    fn new(h: usize) -> Self {
        let [alpha, z, factors] = [(); 3].map(|()| vec![T::zero(); BLOCK * h]);
        Self { alpha, z, factors }
    }

    /// Takes α f and the gradients of the scores from where `given` finds those of an edge; no α f means 0.
    #[inline(always)]
    fn copy<'g>(&mut self, edges: &[u32], h: usize, given: impl Fn(usize) -> (&'g [T], &'g [T]))
    where
        T: 'g,
    {
        let at = self.alpha.chunks_exact_mut(h).zip(self.z.chunks_exact_mut(h));
        for ((alpha, z), &e) in at.zip(edges) {
            let (of_values, of_score) = given(e as usize);
            alpha.iter_mut().zip(of_values).for_each(|(a, &v)| *a = v);
            z.copy_from_slice(of_score);
        }
    }

    /// Makes weights of scores, and gradients of scores of products. `packed` gives what edge k needs of its
    /// destination.
    #[inline(always)]
    fn weigh<'p, S: Score<T>>(
        &mut self,
        p: &Pairs<'_, T, S>,
        edges: &[u32],
        packed: impl Fn(usize) -> &'p [T],
    ) {
        let (h, n) = (p.heads, edges.len() * p.heads);
        for (k, a) in self.alpha[..n].chunks_exact_mut(h).enumerate() {
            a.iter_mut().zip(packed(k)).for_each(|(a, &m)| *a -= m);
        }
        self.alpha[..n].iter_mut().for_each(|a| *a = a.exp());
        p.factors(edges, &mut self.factors[..n]);
        let edges = self.alpha[..n].chunks_exact_mut(h).zip(self.z[..n].chunks_exact_mut(h));
        for (k, ((alpha, z), factors)) in edges.zip(self.factors.chunks_exact(h)).enumerate() {
            let (inverse, inner) = packed(k)[h..].split_at(h);
            for c in 0..h {
                let (a, f) = (alpha[c] * inverse[c], factors[c]);
                z[c] = a * (f * z[c] - inner[c]);
                alpha[c] = f * a;
            }
        }
    }
}

/// What [`Backward::by_source`] computes, for a task.
struct OfSources<'a, T, S> {
    b: &'a Backward<'a, T, S>,
    first: &'a First<T>,
    task: &'a Task,
    results: [&'a mut [T]; 3],
}

impl<T: Real, S: Score<T>> Kernel for OfSources<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { b, first, task, results: [key, value, att] } = self;
        let (p, csr) = (b.pairs, b.pairs.edges.by_source());
        let (h, width) = (p.heads, p.width());
        let (columns, distance) = (csr.columns(), distance::<T>(width));
        let (mut at, mut scratch, mut room) = (AtEdges::new(h), p.scratch(), Sums::new(h));
        let grad = if let Of::Result { grad, .. } = b.of { grad } else { &[] };
        let shared = S::SHARED && !grad.is_empty();
        let mut values = vec![T::zero(); if shared { width } else { 0 }];
        for (k, r) in tasks::rows(task).enumerate() {
            let (own, own_value) = (row(p.key, r, width), row(p.value, r, width));
            let mut none = [];
            let sums = if key.is_empty() { &mut none[..] } else { &mut key[k * width..][..width] };
            let of_values = if shared {
                values.fill(T::zero());
                &mut values[..]
            } else if value.is_empty() {
                &mut []
            } else {
                &mut value[k * width..][..width]
            };
            for (start, end) in blocks(tasks::edges_of_row(csr, task, r)) {
                let (ids, edges, n) = (&columns[start..end], &csr.edge_ids()[start..end], (end - start) * h);
                let next = ahead(columns, start, end - start, distance);
                let queries = match p.edge {
                    // A term is part of the key; where a score wants it here, it may as well be part of the query.
                    Some(edge) if S::SHARED => Rows::sums(&mut scratch, (p.query, ids), (edge, edges), width),
                    _ => Rows::new(p.query, ids, next, width),
                };
                if let Of::Scores(z) = b.of {
                    at.copy(edges, h, |e| (&[], row(z, e, h)));
                } else {
                    let grads = Rows::new(grad, ids, next, width);
                    if first.weights.is_empty() {
                        next.iter().for_each(|&i| prefetch(row(&first.packed, i as usize, 3 * h)));
                        p.score.scores(&mut at.alpha[..n], own, &queries, h, p.channels, &mut room);
                        room.dots(&mut at.z[..n], own_value, &grads, h, p.channels);
                        at.weigh(p, edges, |k| row(&first.packed, ids[k] as usize, 3 * h));
                    } else {
                        at.copy(edges, h, |e| row(&first.weights, e, 2 * h).split_at(h));
                    }
                    if !of_values.is_empty() {
                        add_weighted(of_values, &at.alpha[..n], &grads, h, p.channels);
                    }
                }
                if !sums.is_empty() {
                    p.score.add_gradients(sums, &at.z[..n], own, &queries, h, p.channels);
                }
            }
            if !sums.is_empty() {
                p.score.finish(sums, own, att);
                add(sums, &values);
            }
        }
    }
}
