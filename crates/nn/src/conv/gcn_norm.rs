//! The normalisation of GCN, which other layers share.

use candle_core::Tensor;
use candle_geometric_graph::transforms::{self, Origin};
use candle_geometric_graph::{EdgeIndex, GraphError};
use candle_geometric_ops::{self as ops, Reduce};

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

/// Edges and weights where every node has one self-loop: its own last one, or a new one that weighs `fill`.
///
/// As in PyTorch, which writes the weights of a node's loops to one place, all of them get the gradient of the last.
fn remaining_self_loops(edges: &EdgeIndex, weight: &Tensor, fill: f64) -> Result<(EdgeIndex, Tensor)> {
    struct Looped {
        edges: EdgeIndex,
        /// From the weights of the caller's edges, followed by that of a new loop, to those of `edges`.
        selection: EdgeIndex,
        /// From the weights of the loops that were not kept to that of the one that was.
        overwritten: EdgeIndex,
    }
    let looped = edges.try_attachment(|| -> std::result::Result<_, GraphError> {
        let looped = transforms::add_remaining_self_loops(edges)?;
        let origin = looped.origin();
        let from = |origin: &Origin| match origin {
            Origin::Edge(e) | Origin::Reversed(e) => *e,
            Origin::SelfLoop(_) => edges.num_edges() as u32,
        };
        let (ids, n) = (origin.iter().map(from).collect::<Vec<u32>>(), origin.len());
        // The loop of node i stands at the end, n places after those that are no loops.
        let first = n - edges.num_src().min(edges.num_dst());
        let is_lost = |&(e, (j, i)): &(u32, (u32, u32))| j == i && ids[first + i as usize] != e;
        let lost = (0u32..).zip(edges.iter()).filter(is_lost).map(|(e, (_, i))| (e, first as u32 + i));
        let (from, to) = lost.unzip();
        let overwritten = EdgeIndex::bipartite(from, to, edges.num_edges(), n)?;
        let selection = EdgeIndex::bipartite(ids, (0..n as u32).collect(), edges.num_edges() + 1, n)?;
        Ok(Looped { edges: looped.edges, selection, overwritten })
    })?;
    let fill = Tensor::full(fill, 1, weight.device())?.to_dtype(weight.dtype())?;
    let all = if edges.num_edges() == 0 { fill } else { Tensor::cat(&[weight, &fill], 0)? };
    let mut weights = ops::gather_src(&all, &looped.selection)?;
    if looped.overwritten.num_edges() > 0 {
        // Zeros that carry a gradient.
        let zeros = ops::gather_src(&(weight - weight.detach())?, &looped.overwritten)?;
        weights = (weights + ops::scatter(&zeros, &looped.overwritten, Reduce::Sum)?)?;
    }
    Ok((looped.edges.clone(), weights))
}
