//! What the edge-level attentions share: the edges of each graph, the softmax over them, the sum with its weights.

use std::sync::{Mutex, PoisonError};

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;

use crate::conv::neighbours::times_sums;
use crate::{Error, Result};

/// The edges of each graph of a batch, as edges from edge to graph. An edge belongs to the graph of its destination;
/// without `batch` all are one graph.
pub(super) fn groups(layer: &'static str, edges: &EdgeIndex, batch: Option<&EdgeIndex>) -> Result<EdgeIndex> {
    /// The groups that were asked for last, with the batch they are of.
    #[derive(Default)]
    struct Kept(Mutex<Option<(Option<EdgeIndex>, EdgeIndex)>>);
    let n = edges.num_dst();
    if let Some(batch) = batch.filter(|b| b.num_edges() != n || b.num_src() != n) {
        let expected = format!("the graph of each of {n} nodes");
        return Err(Error::argument(layer, "batch", expected, format!("{} nodes", batch.num_edges())));
    }
    let kept = edges.attachment(Kept::default);
    let mut kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |of: &Option<EdgeIndex>| match (of, batch) {
        (Some(of), Some(batch)) => of.ptr_eq(batch),
        (None, None) => true,
        _ => false,
    };
    if let Some((_, groups)) = kept.as_ref().filter(|(of, _)| same(of)) {
        return Ok(groups.clone());
    }
    let groups = match batch {
        None => EdgeIndex::from_batch(&vec![0; edges.num_edges()], 1)?,
        Some(batch) => {
            // The graph of each node, whatever the order in which the batch lists them.
            let mut graph_of = vec![0; n];
            for (node, graph) in batch.iter() {
                if let Some(g) = graph_of.get_mut(node as usize) {
                    *g = graph;
                }
            }
            let of_edges: Vec<u32> = edges.destination().iter().map(|&i| graph_of[i as usize]).collect();
            EdgeIndex::from_batch(&of_edges, batch.num_dst())?
        }
    };
    *kept = Some((batch.cloned(), groups.clone()));
    Ok(groups)
}

/// Σ α(e) (dst_i + src_j) over the in-edges of i, `[N_dst, H·C]`, from α `[E, H]`.
///
/// The sum over the destination's own part is (Σ α(e)) dst_i, so no message is made.
pub(super) fn sum_of_ends(alpha: &Tensor, src: &Tensor, dst: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    Ok((ops::spmm(edges, Some(alpha), src)? + times_sums(alpha, dst, edges)?)?)
}
