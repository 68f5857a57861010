//! A factor for the message of every edge, which explanations learn or take gradients by.

use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, FillValue, transforms};
use candle_geometric_ops as ops;

use crate::{Error, Result};

/// That `edge_mask` is `[E]`.
pub(super) fn check_edge_mask(layer: &'static str, edges: &EdgeIndex, edge_mask: &Tensor) -> Result<()> {
    if edge_mask.dims() == [edges.num_edges()] {
        return Ok(());
    }
    let expected = format!("[{}] (one number per edge)", edges.num_edges());
    Err(Error::argument(layer, "edge_mask", expected, format!("{:?}", edge_mask.dims())))
}

/// The mask of the edges that a layer works on: the loops that it puts in place of the caller's are never masked, as in
/// PyTorch Geometric.
pub(super) fn looped_mask(edges: &EdgeIndex, edge_mask: &Tensor, add_self_loops: bool) -> Result<Tensor> {
    if !add_self_loops {
        return Ok(edge_mask.clone());
    }
    let looped = transforms::with_self_loops(edges)?;
    Ok(ops::self_loop_attr(edge_mask, &looped, FillValue::Constant(1.0))?)
}

/// Σ m(e) α(e) v_j over the in-edges e from j of every node, `[N_dst, H·C]`, for α `[E, H]`, m `[E]` and v `[N_src, H·C]`.
pub(super) fn masked_sum(
    edges: &EdgeIndex,
    alpha: &Tensor,
    edge_mask: &Tensor,
    values: impl Into<ops::Linked>,
) -> Result<Tensor> {
    Ok(ops::spmm(edges, Some(&alpha.broadcast_mul(&edge_mask.unsqueeze(1)?)?), values)?)
}
