//! The reductions of messages that are not sums.

use candle_geometric_graph::Csr;

use super::Real;
use super::rows::{by_edges, even, fill, row, run, split};
use super::segment::to_caller_order;

/// Divides every row by its number of edges, where it has any.
pub(crate) fn over_degree<T: Real>(csr: &Csr, mut sums: Vec<T>, width: usize) -> Vec<T> {
    fill(&mut sums, width, &even(csr.rows(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let degree = T::from_f64(csr.degree(r).max(1) as f64);
            part[i * width..][..width].iter_mut().for_each(|v| *v /= degree);
        }
    });
    sums
}

/// The element of every segment that beats the others, column by column: `beats(a, b)` says that a does b. A NaN
/// wins. 0 where there is none.
pub(crate) fn extreme<T: Real>(
    csr: &Csr,
    m: &[T],
    width: usize,
    beats: impl Fn(T, T) -> bool + Sync + Send,
) -> Vec<T> {
    let mut out = vec![T::zero(); csr.rows() * width];
    fill(&mut out, width, &by_edges(csr.row_ptr(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let o = &mut part[i * width..][..width];
            let Some((&first, others)) = csr.edges(r).split_first() else { continue };
            o.copy_from_slice(row(m, first as usize, width));
            for &e in others {
                for (o, &v) in o.iter_mut().zip(row(m, e as usize, width)) {
                    // Only a NaN does not compare with itself.
                    if beats(v, *o) || v.partial_cmp(&v).is_none() {
                        *o = v;
                    }
                }
            }
        }
    });
    out
}

/// The gradient of [`extreme`]: what equals the result shares the gradient evenly.
pub(crate) fn extreme_backward<T: Real>(
    csr: &Csr,
    destination: &[u32],
    m: &[T],
    out: &[T],
    grad: &[T],
    width: usize,
) -> Vec<T> {
    let mut shares = vec![T::zero(); csr.rows() * width];
    fill(&mut shares, width, &by_edges(csr.row_ptr(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let (share, best) = (&mut part[i * width..][..width], row(out, r, width));
            for &e in csr.edges(r) {
                for ((s, &v), &b) in share.iter_mut().zip(row(m, e as usize, width)).zip(best) {
                    if v == b {
                        *s += T::one();
                    }
                }
            }
            for (s, &g) in share.iter_mut().zip(row(grad, r, width)) {
                *s = if *s == T::zero() { T::zero() } else { g / *s };
            }
        }
    });
    let mut dm = vec![T::zero(); m.len()];
    fill(&mut dm, width, &even(destination.len(), width), |edges, part| {
        for (i, e) in edges.enumerate() {
            let r = destination[e] as usize;
            let (best, share) = (row(out, r, width), row(&shares, r, width));
            let d = part[i * width..][..width].iter_mut().zip(row(m, e, width));
            for ((d, &v), (&b, &s)) in d.zip(best.iter().zip(share)) {
                if v == b {
                    *d = s;
                }
            }
        }
    });
    dm
}

/// The product of every segment, column by column; 1 where there is nothing.
pub(crate) fn product<T: Real>(csr: &Csr, m: &[T], width: usize) -> Vec<T> {
    let mut out = vec![T::one(); csr.rows() * width];
    fill(&mut out, width, &by_edges(csr.row_ptr(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let o = &mut part[i * width..][..width];
            for &e in csr.edges(r) {
                o.iter_mut().zip(row(m, e as usize, width)).for_each(|(o, &v)| *o *= v);
            }
        }
    });
    out
}

/// The gradient of [`product`]: that of the result times the product of all other messages, from both sides, so that
/// nothing is divided by a message.
pub(crate) fn product_backward<T: Real>(csr: &Csr, m: &[T], grad: &[T], width: usize) -> Vec<T> {
    let mut sorted = vec![T::zero(); m.len()];
    let chunks = by_edges(csr.row_ptr(), width);
    let edges_of = |rows: &std::ops::Range<usize>| {
        (csr.row_ptr()[rows.end] - csr.row_ptr()[rows.start]) as usize * width
    };
    let tasks = chunks.iter().cloned().zip(split(&mut sorted, &chunks, edges_of)).collect();
    run(tasks, |(rows, mut part): (std::ops::Range<usize>, &mut [T])| {
        let mut others = vec![T::one(); width];
        for r in rows {
            let (d, rest) = std::mem::take(&mut part).split_at_mut(csr.degree(r) * width);
            part = rest;
            others.copy_from_slice(row(grad, r, width));
            for (k, &e) in csr.edges(r).iter().enumerate() {
                d[k * width..][..width].copy_from_slice(&others);
                others.iter_mut().zip(row(m, e as usize, width)).for_each(|(o, &v)| *o *= v);
            }
            others.fill(T::one());
            for (k, &e) in csr.edges(r).iter().enumerate().rev() {
                d[k * width..][..width].iter_mut().zip(&others).for_each(|(d, &o)| *d *= o);
                others.iter_mut().zip(row(m, e as usize, width)).for_each(|(o, &v)| *o *= v);
            }
        }
    });
    to_caller_order(sorted, csr, width)
}
