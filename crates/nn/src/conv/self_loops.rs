//! Self-loops with weights.

use candle_core::Tensor;
use candle_geometric_graph::transforms::{self, Origin};
use candle_geometric_graph::{EdgeIndex, GraphError};
use candle_geometric_ops::{self as ops, Reduce};

use crate::Result;

/// Edges and weights where every node has one self-loop: its own last one, or a new one with the weight `fill`.
///
/// As in PyTorch, which writes the weights of a node's loops to one place, all of them get the gradient of the last.
pub(crate) fn remaining_self_loops(
    edges: &EdgeIndex,
    weight: &Tensor,
    fill: f64,
) -> Result<(EdgeIndex, Tensor)> {
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
