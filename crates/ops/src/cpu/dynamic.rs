//! The scores of GATv2's attention, `⟨att[h], LeakyReLU(x_src[j] + x_dst[i] + edge[e])[h]⟩`, without writing the
//! `[E, H, C]` terms inside.

use candle_geometric_graph::{Csr, EdgeIndex};

use super::Real;
use super::rows::{by_edges, even, fill, row, run, split};
use super::segment::{add, to_caller_order};

/// What the scores are made of.
pub(crate) struct Terms<'a, T> {
    pub(crate) edges: &'a EdgeIndex,
    /// `[N_src, H·C]`.
    pub(crate) src: &'a [T],
    /// `[N_dst, H·C]`.
    pub(crate) dst: &'a [T],
    /// `[E, H·C]`.
    pub(crate) edge: Option<&'a [T]>,
    /// `[H, C]`.
    pub(crate) att: &'a [T],
    pub(crate) heads: usize,
    pub(crate) slope: T,
}

impl<T: Real> Terms<'_, T> {
    /// The sum inside the LeakyReLU, `[H·C]`.
    #[inline(always)]
    fn sum(&self, source: usize, destination: usize, edge: usize, out: &mut [T]) {
        let width = self.att.len();
        let ends = row(self.src, source, width).iter().zip(row(self.dst, destination, width));
        out.iter_mut().zip(ends).for_each(|(o, (&a, &b))| *o = a + b);
        if let Some(t) = self.edge {
            add(out, row(t, edge, width));
        }
    }

    #[inline(always)]
    fn slope_at(&self, s: T) -> T {
        if s > T::zero() { T::one() } else { self.slope }
    }

    /// The gradient of the sum, from that of the score `[H]`: `grad[h] · att[h, c] · LeakyReLU'(sum)`, in place.
    #[inline(always)]
    fn sum_gradient(&self, grad: &[T], sum: &mut [T]) {
        let channels = sum.len() / self.heads;
        let att = self.att.chunks_exact(channels);
        for ((s, att), &g) in sum.chunks_exact_mut(channels).zip(att).zip(grad) {
            s.iter_mut().zip(att).for_each(|(s, &a)| *s = g * a * self.slope_at(*s));
        }
    }

    /// The scores `[E, H]`.
    pub(crate) fn scores(&self) -> Vec<T> {
        let (csr, h, width) = (self.edges.by_destination(), self.heads, self.att.len());
        let mut sorted = vec![T::zero(); self.edges.num_edges() * h];
        let chunks = by_edges(csr.row_ptr(), width);
        let edges_of = |c: &std::ops::Range<usize>| (csr.row_ptr()[c.end] - csr.row_ptr()[c.start]) as usize;
        let parts = split(&mut sorted, &chunks, |c| edges_of(c) * h);
        run(chunks.iter().cloned().zip(parts).collect(), |(rows, part)| {
            let mut terms = vec![T::zero(); width];
            let mut scores = part.chunks_exact_mut(h);
            for i in rows {
                for ((&j, &e), out) in csr.neighbors(i).iter().zip(csr.edges(i)).zip(scores.by_ref()) {
                    self.sum(j as usize, i, e as usize, &mut terms);
                    terms.iter_mut().for_each(|t| *t *= self.slope_at(*t));
                    let channels = width / h;
                    let heads = self.att.chunks_exact(channels).zip(terms.chunks_exact(channels));
                    out.iter_mut().zip(heads).for_each(|(o, (a, t))| *o = super::blocks::dot(a, t));
                }
            }
        });
        to_caller_order(sorted, csr, h)
    }

    /// The gradient of `x_src`, from that of the scores `[E, H]`.
    pub(crate) fn src_gradient(&self, grad: &[T]) -> Vec<T> {
        let csr = self.edges.by_source();
        self.node_gradient(csr, grad, |row, column| (row, column))
    }

    /// The gradient of `x_dst`, from that of the scores `[E, H]`.
    pub(crate) fn dst_gradient(&self, grad: &[T]) -> Vec<T> {
        let csr = self.edges.by_destination();
        self.node_gradient(csr, grad, |row, column| (column, row))
    }

    fn node_gradient(
        &self,
        csr: &Csr,
        grad: &[T],
        ends: impl Fn(usize, usize) -> (usize, usize) + Sync + Send,
    ) -> Vec<T> {
        let (h, width) = (self.heads, self.att.len());
        let mut out = vec![T::zero(); csr.rows() * width];
        fill(&mut out, width, &by_edges(csr.row_ptr(), width), |rows, part| {
            let mut terms = vec![T::zero(); width];
            for (o, r) in part.chunks_exact_mut(width).zip(rows) {
                for (&c, &e) in csr.neighbors(r).iter().zip(csr.edges(r)) {
                    let (source, destination) = ends(r, c as usize);
                    self.sum(source, destination, e as usize, &mut terms);
                    self.sum_gradient(row(grad, e as usize, h), &mut terms);
                    add(o, &terms);
                }
            }
        });
        out
    }

    /// The gradient of the edge terms, `[E, H·C]`.
    pub(crate) fn edge_gradient(&self, grad: &[T]) -> Vec<T> {
        let (h, width) = (self.heads, self.att.len());
        let (source, destination) = (self.edges.source(), self.edges.destination());
        let mut out = vec![T::zero(); source.len() * width];
        fill(&mut out, width, &even(source.len(), width), |edges, part| {
            for (o, e) in part.chunks_exact_mut(width).zip(edges) {
                self.sum(source[e] as usize, destination[e] as usize, e, o);
                self.sum_gradient(row(grad, e, h), o);
            }
        });
        out
    }

    /// The gradient of `att`, `[H, C]`: of each chunk of edges first, then of the chunks in their order.
    pub(crate) fn att_gradient(&self, grad: &[T]) -> Vec<T> {
        let (h, width) = (self.heads, self.att.len());
        let (source, destination) = (self.edges.source(), self.edges.destination());
        let chunks = even(source.len(), width);
        let mut partial = vec![T::zero(); chunks.len() * width];
        let parts = split(&mut partial, &chunks, |_| width);
        run(chunks.into_iter().zip(parts).collect(), |(edges, total)| {
            let mut terms = vec![T::zero(); width];
            let channels = width / h;
            for e in edges {
                self.sum(source[e] as usize, destination[e] as usize, e, &mut terms);
                let heads = total.chunks_exact_mut(channels).zip(terms.chunks_exact(channels));
                for ((t, terms), &g) in heads.zip(row(grad, e, h)) {
                    t.iter_mut().zip(terms).for_each(|(t, &s)| *t += g * s * self.slope_at(s));
                }
            }
        });
        let mut total = vec![T::zero(); width];
        partial.chunks_exact(width).for_each(|p| add(&mut total, p));
        total
    }
}
