//! The gradient of the attention, in one pass by destination and one by source.
//!
//! With g the gradient of the result, α the weights and f what dropout makes of them (0 or 1 / (1 − p)),
//! `∂v[j] = Σ f α g[i]`, and the gradient of a score before its LeakyReLU is
//! `z[e] = α (f ⟨g[i], v[j]⟩ − D[i]) · LeakyReLU'`, where `D[i] = Σ α f ⟨g[i], v[j]⟩ = ⟨g[i], out[i]⟩`. Weights are
//! computed again, so nothing of the size of the edges is kept from the forward pass.

use super::Real;
use super::attention::{Scores, Stats, add_per_head, dot_per_head};
use super::rows::{by_edges, row, run, split};
use super::segment::{add, to_caller_order};

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
    pub(crate) scores: Scores<'a, T>,
    pub(crate) stats: Stats<'a, T>,
    pub(crate) values: &'a [T],
    pub(crate) out: &'a [T],
    pub(crate) grad: &'a [T],
    pub(crate) channels: usize,
}

impl<T: Real> Backward<'_, T> {
    pub(crate) fn run(&self, wanted: Wanted) -> Gradients<T> {
        let mut gradients = Gradients { values: vec![], src: vec![], dst: vec![], edge: vec![] };
        let inner = self.by_destination(wanted, &mut gradients);
        if wanted.values || wanted.src {
            self.by_source(wanted, &inner, &mut gradients);
        }
        gradients
    }

    /// The gradients of the terms of destinations and edges; returns D, `[N_dst, H]`.
    fn by_destination(&self, wanted: Wanted, gradients: &mut Gradients<T>) -> Vec<T> {
        let (s, csr) = (&self.scores, self.scores.edges.by_destination());
        let (h, width) = (s.heads, s.heads * self.channels);
        let sized = |wanted: bool, rows: usize| vec![T::zero(); if wanted { rows * h } else { 0 }];
        let mut inner = sized(true, csr.rows());
        let mut dst = sized(wanted.dst, csr.rows());
        let mut edge = sized(wanted.edge, csr.columns().len());
        let chunks = by_edges(csr.row_ptr(), width);
        let edges_of = |c: &std::ops::Range<usize>| (csr.row_ptr()[c.end] - csr.row_ptr()[c.start]) as usize;
        let parts =
            split(&mut inner, &chunks, |c| c.len() * h).into_iter().zip(
                split(&mut dst, &chunks, |c| if wanted.dst { c.len() * h } else { 0 })
                    .into_iter()
                    .zip(split(&mut edge, &chunks, |c| if wanted.edge { edges_of(c) * h } else { 0 })),
            );
        run(chunks.iter().cloned().zip(parts).collect(), |(rows, (inner, (dst, mut edge)))| {
            let mut buffers = Buffers::new(h);
            for (k, i) in rows.enumerate() {
                let (g, inner) = (row(self.grad, i, width), &mut inner[k * h..][..h]);
                dot_per_head(inner, g, row(self.out, i, width), self.channels);
                if !(wanted.dst || wanted.edge) {
                    continue;
                }
                let (sources, edges) = (csr.neighbors(i), csr.edges(i));
                s.sums(s.dst.map(|d| row(d, i, h)), s.src, sources, edges, &mut buffers.sums);
                buffers.alpha(s, |_| row(self.stats.largest, i, h), |_| row(self.stats.inverse, i, h));
                buffers.factors(s, edges);
                for (k, &j) in sources.iter().enumerate() {
                    buffers.score_gradient(
                        s,
                        k,
                        g,
                        row(self.values, j as usize, width),
                        inner,
                        self.channels,
                    );
                }
                if wanted.dst {
                    let dst = &mut dst[k * h..][..h];
                    buffers.sums.chunks_exact(h).for_each(|z| add(dst, z));
                }
                if wanted.edge {
                    let (part, rest) = std::mem::take(&mut edge).split_at_mut(buffers.sums.len());
                    part.copy_from_slice(&buffers.sums);
                    edge = rest;
                }
            }
        });
        gradients.dst = dst;
        gradients.edge = if wanted.edge { to_caller_order(edge, csr, h) } else { edge };
        inner
    }

    /// The gradients of the values and of the terms of sources.
    fn by_source(&self, wanted: Wanted, inner: &[T], gradients: &mut Gradients<T>) {
        let (s, csr) = (&self.scores, self.scores.edges.by_source());
        let (h, width) = (s.heads, s.heads * self.channels);
        let (values_width, src_width) =
            (if wanted.values { width } else { 0 }, if wanted.src { h } else { 0 });
        gradients.values = vec![T::zero(); csr.rows() * values_width];
        gradients.src = vec![T::zero(); csr.rows() * src_width];
        let chunks = by_edges(csr.row_ptr(), width);
        let parts = split(&mut gradients.values, &chunks, |c| c.len() * values_width).into_iter().zip(split(
            &mut gradients.src,
            &chunks,
            |c| c.len() * src_width,
        ));
        run(chunks.iter().cloned().zip(parts).collect(), |(rows, (values, src))| {
            let mut buffers = Buffers::new(h);
            for (k, j) in rows.enumerate() {
                let (destinations, edges) = (csr.neighbors(j), csr.edges(j));
                s.sums(s.src.map(|v| row(v, j, h)), s.dst, destinations, edges, &mut buffers.sums);
                let of = |k: usize| destinations[k] as usize;
                buffers.alpha(
                    s,
                    |k| row(self.stats.largest, of(k), h),
                    |k| row(self.stats.inverse, of(k), h),
                );
                buffers.factors(s, edges);
                if wanted.values {
                    let dv = &mut values[k * width..][..width];
                    for (k, &i) in destinations.iter().enumerate() {
                        let weights = buffers.dropped(k);
                        add_per_head(dv, weights, row(self.grad, i as usize, width), self.channels);
                    }
                }
                if wanted.src {
                    let v = row(self.values, j, width);
                    for (k, &i) in destinations.iter().enumerate() {
                        let (g, inner) = (row(self.grad, i as usize, width), row(inner, i as usize, h));
                        buffers.score_gradient(s, k, g, v, inner, self.channels);
                    }
                    let src = &mut src[k * h..][..h];
                    buffers.sums.chunks_exact(h).for_each(|z| add(src, z));
                }
            }
        });
    }
}

/// What one task needs per edge of the row in hand, `[degree, H]` each.
struct Buffers<T> {
    heads: usize,
    /// The sums inside the LeakyReLU, then their gradients.
    sums: Vec<T>,
    alpha: Vec<T>,
    /// What dropout makes of α; empty without dropout.
    dropped: Vec<T>,
    dots: Vec<T>,
}

impl<T: Real> Buffers<T> {
    fn new(heads: usize) -> Self {
        Self { heads, sums: vec![], alpha: vec![], dropped: vec![], dots: vec![T::zero(); heads] }
    }

    /// The weights from the sums; the statistics are those of the destination of edge k of the row.
    fn alpha<'a>(
        &mut self,
        scores: &Scores<'_, T>,
        largest: impl Fn(usize) -> &'a [T],
        inverse: impl Fn(usize) -> &'a [T],
    ) where
        T: 'a,
    {
        let h = self.heads;
        self.alpha.clear();
        self.alpha.extend(self.sums.iter().map(|&s| s * scores.slope_at(s)));
        for (k, a) in self.alpha.chunks_exact_mut(h).enumerate() {
            a.iter_mut().zip(largest(k)).for_each(|(a, &m)| *a -= m);
        }
        self.alpha.iter_mut().for_each(|a| *a = a.exp());
        for (k, a) in self.alpha.chunks_exact_mut(h).enumerate() {
            a.iter_mut().zip(inverse(k)).for_each(|(a, &t)| *a *= t);
        }
    }

    /// Fills `dropped` from α, where there is dropout.
    fn factors(&mut self, scores: &Scores<'_, T>, edges: &[u32]) {
        if scores.dropout.is_some() {
            self.dropped.clone_from(&self.alpha);
            scores.drop_out(edges, &mut self.dropped, &mut self.dots);
        }
    }

    /// The weights of edge k after dropout.
    fn dropped(&self, k: usize) -> &[T] {
        let weights = if self.dropped.is_empty() { &self.alpha } else { &self.dropped };
        row(weights, k, self.heads)
    }

    /// Replaces the sums of edge k by their gradients: `f α ⟨g, v⟩ − α D`, through the LeakyReLU.
    #[inline(always)]
    fn score_gradient(
        &mut self,
        scores: &Scores<'_, T>,
        k: usize,
        g: &[T],
        v: &[T],
        inner: &[T],
        channels: usize,
    ) {
        let h = self.heads;
        dot_per_head(&mut self.dots, g, v, channels);
        let dropped = if self.dropped.is_empty() { &self.alpha } else { &self.dropped };
        let weights = row(&self.alpha, k, h).iter().zip(row(dropped, k, h));
        let z = self.sums[k * h..][..h].iter_mut().zip(self.dots.iter().zip(inner));
        for ((z, (&dot, &inner)), (&alpha, &dropped)) in z.zip(weights) {
            *z = (dropped * dot - alpha * inner) * scores.slope_at(*z);
        }
    }
}
