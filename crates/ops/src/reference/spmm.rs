use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::scatter::{gather_dst, gather_src, sum};
use crate::Result;

/// [`crate::spmm`].
///
/// # Errors
/// If Candle fails.
pub fn spmm(edges: &EdgeIndex, weights: Option<&Tensor>, x: &Tensor) -> Result<Tensor> {
    let mut messages = gather_src(x, edges)?;
    if let Some(w) = weights {
        messages = messages.broadcast_mul(&w.unsqueeze(1)?)?;
    }
    sum(&messages, edges)
}

/// [`crate::sddmm`].
///
/// # Errors
/// If Candle fails.
pub fn sddmm(a: &Tensor, b: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    Ok((gather_src(a, edges)? * gather_dst(b, edges)?)?.sum(1)?)
}
