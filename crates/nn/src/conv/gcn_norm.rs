//! The normalisation of GCN, which other layers share.

use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, transforms};
use candle_geometric_ops::{self as ops, Reduce};

use super::self_loops::remaining_self_loops;
use super::weights;
use crate::Result;

/// The edges with self-loops, if those are added, and w(e) / √(d_j d_i) `[E']` for each edge e from j to i, where d_i is
/// Σ w(e) over the in-edges of i. Without weights every edge counts 1, added loops too; else added loops weigh `fill`.
pub(super) fn gcn_norm(
    edges: &EdgeIndex,
    weight: Option<&Tensor>,
    like: &Tensor,
    add_self_loops: Option<f64>,
) -> Result<(EdgeIndex, Tensor)> {
    let Some(weight) = weight else {
        let edges = match add_self_loops {
            Some(_) => transforms::with_self_loops(edges)?.edges.clone(),
            None => edges.clone(),
        };
        let weight = weights::symmetric(&edges, like)?;
        return Ok((edges, weight));
    };
    let (edges, weight) = match add_self_loops {
        Some(fill) => remaining_self_loops(edges, weight, fill)?,
        None => (edges.clone(), weight.clone()),
    };
    let inverse_root = inverse_root(&ops::scatter(&weight, &edges, Reduce::Sum)?)?;
    let ends = (ops::gather_src(&inverse_root, &edges)? * ops::gather_dst(&inverse_root, &edges)?)?;
    Ok((edges, (weight * ends)?))
}

/// 1/√d where d ≠ 0, else 0.
pub(super) fn inverse_root(degree: &Tensor) -> Result<Tensor> {
    // The 1 keeps the gradient of the root finite.
    let zero = degree.eq(0.0)?.to_dtype(degree.dtype())?;
    Ok((degree.add(&zero)?.sqrt()?.recip()? * (1.0 - zero)?)?)
}
