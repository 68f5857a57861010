//! Sums over rows of a compressed sparse form, and the gathers that are their transposes.

use candle_geometric_graph::Csr;

use super::Real;
use super::rows::{by_edges, even, fill, row};

/// `out[k] = x[ids[k]]`, rows of `width` numbers.
pub(crate) fn gather<T: Real>(x: &[T], ids: &[u32], width: usize) -> Vec<T> {
    let mut out = vec![T::zero(); ids.len() * width];
    fill(&mut out, width, &even(ids.len(), width), |rows, part| {
        if width == 1 {
            for (o, &id) in part.iter_mut().zip(&ids[rows]) {
                *o = x[id as usize];
            }
        } else if width > 0 {
            for (o, &id) in part.chunks_exact_mut(width).zip(&ids[rows]) {
                o.copy_from_slice(row(x, id as usize, width));
            }
        }
    });
    out
}

/// `out[r] = Σ m[e]` over the edges e of row r.
pub(crate) fn sum<T: Real>(csr: &Csr, m: &[T], width: usize) -> Vec<T> {
    let mut out = vec![T::zero(); csr.rows() * width];
    fill(&mut out, width, &by_edges(csr.row_ptr(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let o = &mut part[i * width..][..width];
            for &e in csr.edges(r) {
                add(o, row(m, e as usize, width));
            }
        }
    });
    out
}

/// `out[r] = Σ w[e] x[column(e)]` over the edges e of row r; without weights every edge counts 1.
pub(crate) fn spmm<T: Real>(csr: &Csr, weights: Option<&[T]>, x: &[T], width: usize) -> Vec<T> {
    let mut out = vec![T::zero(); csr.rows() * width];
    fill(&mut out, width, &by_edges(csr.row_ptr(), width), |rows, part| {
        for (i, r) in rows.enumerate() {
            let o = &mut part[i * width..][..width];
            match weights {
                None => csr.neighbors(r).iter().for_each(|&c| add(o, row(x, c as usize, width))),
                Some(w) => {
                    for (&c, &e) in csr.neighbors(r).iter().zip(csr.edges(r)) {
                        add_scaled(o, w[e as usize], row(x, c as usize, width));
                    }
                }
            }
        }
    });
    out
}

/// `out[e] = ⟨a[source[e]], b[destination[e]]⟩`.
pub(crate) fn sddmm<T: Real>(a: &[T], source: &[u32], b: &[T], destination: &[u32], width: usize) -> Vec<T> {
    let mut out = vec![T::zero(); source.len()];
    fill(&mut out, 1, &even(source.len(), width), |edges, part| {
        for (o, e) in part.iter_mut().zip(edges) {
            *o = dot(row(a, source[e] as usize, width), row(b, destination[e] as usize, width));
        }
    });
    out
}

/// From the order of a compressed sparse form back to the caller's: `out[edge_ids[k]] = sorted[k]`.
pub(crate) fn to_caller_order<T: Real>(sorted: Vec<T>, csr: &Csr, width: usize) -> Vec<T> {
    if csr.edge_ids().is_sorted() {
        return sorted;
    }
    let mut slots = vec![0u32; csr.edge_ids().len()];
    for (slot, &e) in (0..).zip(csr.edge_ids()) {
        slots[e as usize] = slot;
    }
    gather(&sorted, &slots, width)
}

/// `o += v`.
#[inline(always)]
pub(super) fn add<T: Real>(o: &mut [T], v: &[T]) {
    for (o, &v) in o.iter_mut().zip(v) {
        *o += v;
    }
}

/// `o += w · v`.
#[inline(always)]
pub(super) fn add_scaled<T: Real>(o: &mut [T], w: T, v: &[T]) {
    for (o, &v) in o.iter_mut().zip(v) {
        *o += w * v;
    }
}

/// `⟨a, b⟩`, summed in eight lanes so that it becomes vector code.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 8;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [T::zero(); LANES];
    for (a, b) in a.iter().zip(b) {
        for l in 0..LANES {
            lanes[l] += a[l] * b[l];
        }
    }
    let mut total =
        ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        total += a * b;
    }
    total
}
