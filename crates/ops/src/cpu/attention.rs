//! Softmax over the in-edges of a node and the weighted sum of their values, in one pass over the graph.

use candle_geometric_graph::EdgeIndex;

use super::Real;
use super::dropout::factors;
use super::rows::{by_edges, row, run, split};
use super::segment::{add, add_scaled, dot};
use super::softmax::{finite, invert, raise};
use crate::Dropout;

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
    /// The sums inside the LeakyReLU for the edges of one row, `[degree, H]`: `own` belongs to the row's node, `others`
    /// to the nodes at the other `ends`.
    pub(super) fn sums(
        &self,
        own: Option<&[T]>,
        others: Option<&[T]>,
        ends: &[u32],
        edges: &[u32],
        out: &mut Vec<T>,
    ) {
        let h = self.heads;
        out.clear();
        match others {
            Some(s) => ends.iter().for_each(|&n| out.extend_from_slice(row(s, n as usize, h))),
            None => out.resize(ends.len() * h, T::zero()),
        }
        if let Some(own) = own {
            out.chunks_exact_mut(h).for_each(|s| add(s, own));
        }
        if let Some(edge) = self.edge {
            out.chunks_exact_mut(h).zip(edges).for_each(|(s, &e)| add(s, row(edge, e as usize, h)));
        }
    }

    /// The derivative of the LeakyReLU where the sum is `s`.
    #[inline(always)]
    pub(super) fn slope_at(&self, s: T) -> T {
        if s > T::zero() { T::one() } else { self.slope }
    }

    /// Multiplies the weights of the edges `[degree, H]` by what dropout makes of them.
    pub(super) fn drop_out(&self, edges: &[u32], weights: &mut [T], scratch: &mut [T]) {
        let Some(dropout) = &self.dropout else { return };
        for (w, &e) in weights.chunks_exact_mut(self.heads).zip(edges) {
            factors(dropout, u64::from(e) * self.heads as u64, scratch);
            w.iter_mut().zip(&*scratch).for_each(|(w, &f)| *w *= f);
        }
    }
}

/// What the forward pass computes: the attention `[N_dst, H·C]`, and the numbers of [`Stats`].
pub(crate) struct Forward<T> {
    pub(crate) out: Vec<T>,
    pub(crate) largest: Vec<T>,
    pub(crate) inverse: Vec<T>,
}

/// The attention.
pub(crate) fn forward<T: Real>(scores: &Scores<'_, T>, values: &[T], channels: usize) -> Forward<T> {
    let csr = scores.edges.by_destination();
    let (h, width) = (scores.heads, scores.heads * channels);
    let mut out = vec![T::zero(); csr.rows() * width];
    let mut largest = vec![T::from_f64(f64::NEG_INFINITY); csr.rows() * h];
    let mut inverse = vec![T::zero(); csr.rows() * h];
    let chunks = by_edges(csr.row_ptr(), width);
    let outs = split(&mut out, &chunks, |c| c.len() * width);
    let stats =
        split(&mut largest, &chunks, |c| c.len() * h)
            .into_iter()
            .zip(split(&mut inverse, &chunks, |c| c.len() * h));
    run(
        chunks.iter().cloned().zip(outs.into_iter().zip(stats)).collect(),
        |(rows, (out, (largest, inverse)))| {
            let (mut weights, mut scratch) = (Vec::new(), vec![T::zero(); h]);
            for (k, i) in rows.enumerate() {
                let (m, total) = (&mut largest[k * h..][..h], &mut inverse[k * h..][..h]);
                let (sources, edges) = (csr.neighbors(i), csr.edges(i));
                scores.sums(scores.dst.map(|s| row(s, i, h)), scores.src, sources, edges, &mut weights);
                weights.iter_mut().for_each(|s| *s *= scores.slope_at(*s));
                weights.chunks_exact(h).for_each(|s| raise(m, s));
                m.iter_mut().for_each(finite);
                weights.chunks_exact_mut(h).for_each(|s| s.iter_mut().zip(&*m).for_each(|(s, &m)| *s -= m));
                weights.iter_mut().for_each(|s| *s = s.exp());
                weights.chunks_exact(h).for_each(|w| add(total, w));
                total.iter_mut().for_each(invert);
                scores.drop_out(edges, &mut weights, &mut scratch);
                let o = &mut out[k * width..][..width];
                for (w, &j) in weights.chunks_exact(h).zip(sources) {
                    add_per_head(o, w, row(values, j as usize, width), channels);
                }
                for (o, &t) in o.chunks_exact_mut(channels).zip(&*total) {
                    o.iter_mut().for_each(|o| *o *= t);
                }
            }
        },
    );
    Forward { out, largest, inverse }
}

/// `o[h, c] += w[h] · v[h, c]`, with the loops over common numbers of channels unrolled.
#[inline(always)]
pub(super) fn add_per_head<T: Real>(o: &mut [T], w: &[T], v: &[T], channels: usize) {
    fn fixed<T: Real, const C: usize>(o: &mut [T], w: &[T], v: &[T]) {
        for ((o, v), &w) in o.as_chunks_mut::<C>().0.iter_mut().zip(v.as_chunks::<C>().0).zip(w) {
            for c in 0..C {
                o[c] += w * v[c];
            }
        }
    }
    match channels {
        1 => o.iter_mut().zip(v).zip(w).for_each(|((o, &v), &w)| *o += w * v),
        8 => fixed::<T, 8>(o, w, v),
        16 => fixed::<T, 16>(o, w, v),
        32 => fixed::<T, 32>(o, w, v),
        64 => fixed::<T, 64>(o, w, v),
        _ => {
            for ((o, v), &w) in o.chunks_exact_mut(channels).zip(v.chunks_exact(channels)).zip(w) {
                add_scaled(o, w, v);
            }
        }
    }
}

/// `out[h] = ⟨a[h], b[h]⟩`.
#[inline(always)]
pub(super) fn dot_per_head<T: Real>(out: &mut [T], a: &[T], b: &[T], channels: usize) {
    fn fixed<T: Real, const C: usize>(out: &mut [T], a: &[T], b: &[T]) {
        for ((a, b), o) in a.as_chunks::<C>().0.iter().zip(b.as_chunks::<C>().0).zip(out) {
            *o = dot(a, b);
        }
    }
    match channels {
        1 => out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = a * b),
        8 => fixed::<T, 8>(out, a, b),
        16 => fixed::<T, 16>(out, a, b),
        32 => fixed::<T, 32>(out, a, b),
        64 => fixed::<T, 64>(out, a, b),
        _ => {
            for ((a, b), o) in a.chunks_exact(channels).zip(b.chunks_exact(channels)).zip(out) {
                *o = dot(a, b);
            }
        }
    }
}
