use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::scatter::{gather_dst, sum};
use super::{as_matrix, fold};
use crate::Result;

/// [`crate::segment_softmax`].
///
/// # Errors
/// If Candle fails.
pub fn segment_softmax(scores: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    if scores.elem_count() == 0 {
        return Ok(scores.clone());
    }
    let s = as_matrix(scores)?;
    let largest = fold::max(&s.detach(), edges)?;
    // −∞ − −∞ would be NaN where a segment has no finite score.
    let masked = largest.eq(f64::NEG_INFINITY)?;
    let largest = masked.where_cond(&largest.zeros_like()?, &largest)?;
    let e = (s - gather_dst(&largest, edges)?)?.exp()?;
    // At least 1 wherever there is a score, so this only touches sums of nothing.
    let total = sum(&e, edges)?;
    let total = total.detach().eq(0f64)?.where_cond(&total.ones_like()?, &total)?;
    Ok(e.div(&gather_dst(&total, edges)?)?.reshape(scores.shape())?)
}
