//! The softmax over the segments of a graph.

use candle_geometric_graph::Csr;

use super::Real;
use super::rows::{by_edges, even, fill, row, run, split};

/// `exp(s[e] − m) / Σ exp(s[e'] − m)`, column by column.
pub(crate) fn forward<T: Real>(csr: &Csr, destination: &[u32], scores: &[T], width: usize) -> Vec<T> {
    let size = csr.rows() * width;
    let (mut largest, mut inverse) = (vec![T::from_f64(f64::NEG_INFINITY); size], vec![T::zero(); size]);
    let chunks = by_edges(csr.row_ptr(), width);
    let parts = split(&mut largest, &chunks, |c| c.len() * width).into_iter().zip(split(
        &mut inverse,
        &chunks,
        |c| c.len() * width,
    ));
    run(chunks.iter().cloned().zip(parts).collect(), |(rows, (largest, inverse))| {
        for (i, r) in rows.enumerate() {
            let (m, t) = (&mut largest[i * width..][..width], &mut inverse[i * width..][..width]);
            for &e in csr.edges(r) {
                raise(m, row(scores, e as usize, width));
            }
            m.iter_mut().for_each(|m| *m = finite(*m));
            for &e in csr.edges(r) {
                for ((t, &s), &m) in t.iter_mut().zip(row(scores, e as usize, width)).zip(&*m) {
                    *t += (s - m).exp();
                }
            }
            t.iter_mut().for_each(|t| *t = super::softmax::inverse(*t));
        }
    });
    let mut alpha = vec![T::zero(); scores.len()];
    fill(&mut alpha, width, &even(destination.len(), width), |edges, part| {
        for (i, e) in edges.enumerate() {
            let r = destination[e] as usize;
            let stats = row(&largest, r, width).iter().zip(row(&inverse, r, width));
            let a = part[i * width..][..width].iter_mut().zip(row(scores, e, width));
            for ((a, &s), (&m, &inverse)) in a.zip(stats) {
                *a = (s - m).exp() * inverse;
            }
        }
    });
    alpha
}

/// `∂s[e] = α[e] (g[e] − Σ α[e'] g[e'])` over the segment of e.
pub(crate) fn backward<T: Real>(
    csr: &Csr,
    destination: &[u32],
    alpha: &[T],
    grad: &[T],
    width: usize,
) -> Vec<T> {
    let mut means = vec![T::zero(); csr.rows() * width];
    fill(&mut means, width, &by_edges(csr.row_ptr(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let mean = &mut part[i * width..][..width];
            for &e in csr.edges(r) {
                let g = row(grad, e as usize, width);
                for ((m, &a), &g) in mean.iter_mut().zip(row(alpha, e as usize, width)).zip(g) {
                    *m += a * g;
                }
            }
        }
    });
    let mut ds = vec![T::zero(); alpha.len()];
    fill(&mut ds, width, &even(destination.len(), width), |edges, part| {
        for (i, e) in edges.enumerate() {
            let mean = row(&means, destination[e] as usize, width);
            let d = part[i * width..][..width].iter_mut().zip(row(alpha, e, width));
            for ((d, &a), (&g, &mean)) in d.zip(row(grad, e, width).iter().zip(mean)) {
                *d = a * (g - mean);
            }
        }
    });
    ds
}

/// `m = max(m, s)`, element by element.
#[inline(always)]
pub(super) fn raise<T: Real>(m: &mut [T], s: &[T]) {
    for (m, &s) in m.iter_mut().zip(s) {
        *m = if s > *m { s } else { *m };
    }
}

/// The largest score to subtract: that of no finite score, −∞, counts as 0, so that subtracting it is harmless.
#[inline(always)]
pub(super) fn finite<T: Real>(m: T) -> T {
    if m == T::from_f64(f64::NEG_INFINITY) { T::zero() } else { m }
}

/// 1 / total, and 0 for the total of nothing.
#[inline(always)]
pub(super) fn inverse<T: Real>(total: T) -> T {
    if total == T::zero() { T::zero() } else { T::one() / total }
}
