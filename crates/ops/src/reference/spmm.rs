use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::attention::weighted_sum;
use super::scatter::{gather_dst, gather_src, sum};
use crate::Result;

/// [`crate::spmm`].
///
/// # Errors
/// If Candle fails.
pub fn spmm(edges: &EdgeIndex, weights: Option<&Tensor>, x: &Tensor) -> Result<Tensor> {
    match weights {
        None => sum(&gather_src(x, edges)?, edges),
        Some(w) if w.rank() == 1 => weighted_sum(&w.unsqueeze(1)?, x, edges),
        Some(w) => weighted_sum(w, x, edges),
    }
}

/// [`crate::sddmm`].
///
/// # Errors
/// If Candle fails.
pub fn sddmm(a: &Tensor, b: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    Ok(sddmm_heads(a, b, 1, edges)?.squeeze(1)?)
}

/// [`crate::sddmm_heads`].
///
/// # Errors
/// If Candle fails.
pub fn sddmm_heads(a: &Tensor, b: &Tensor, heads: usize, edges: &EdgeIndex) -> Result<Tensor> {
    let products = (gather_src(a, edges)? * gather_dst(b, edges)?)?;
    let (e, columns) = products.dims2()?;
    Ok(products.reshape((e, heads, columns / heads))?.sum(2)?)
}
