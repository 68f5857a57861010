//! Reductions that Candle has no scatter for, as a fold over every segment at once.
//!
//! With the edges sorted by destination, round k joins each element with the one 2^k places further in its segment,
//! so that after log₂ of the largest in-degree rounds the first element of a segment holds the whole of it.

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::Result;
use crate::cuda;

/// The largest element of every segment, `[E, F] → [N_dst, F]`; −∞ where there is none. Not for gradients.
pub(super) fn max(m: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    fold(m, edges, f64::NEG_INFINITY, |a, b| Ok(a.maximum(b)?))
}

/// The product of every segment, `[E, F] → [N_dst, F]`; 1 where there is none.
pub(super) fn product(m: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    fold(m, edges, 1.0, |a, b| Ok(a.mul(b)?))
}

fn fold(
    m: &Tensor,
    edges: &EdgeIndex,
    identity: f64,
    join: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let (num_edges, columns) = m.dims2()?;
    let device = m.device();
    let neutral = |rows| Tensor::full(identity as f32, (rows, columns), device)?.to_dtype(m.dtype());
    if m.elem_count() == 0 {
        return Ok(neutral(edges.num_dst())?);
    }
    cuda::stock_index_operation();
    let csr = edges.by_destination();
    let ids = |v: Vec<u32>, device: &Device| Tensor::new(v, device);
    // Row E, past the last edge, is the neutral element.
    let none = num_edges as u32;
    let padding = neutral(1)?;
    let mut folded = m.contiguous()?.index_select(&ids(csr.edge_ids().to_vec(), device)?, 0)?;
    let largest = (0..csr.rows()).map(|r| csr.degree(r)).max().unwrap_or(0);
    let mut step = 1;
    while step < largest {
        let mut partner = vec![none; num_edges];
        for r in 0..csr.rows() {
            let row = csr.range(r);
            for i in row.start + step..row.end {
                partner[i - step] = i as u32;
            }
        }
        let padded = Tensor::cat(&[&folded, &padding], 0)?;
        folded = join(&folded, &padded.index_select(&ids(partner, device)?, 0)?)?;
        step *= 2;
    }
    let first = (0..csr.rows()).map(|r| if csr.degree(r) > 0 { csr.row_ptr()[r] } else { none }).collect();
    Ok(Tensor::cat(&[&folded, &padding], 0)?.index_select(&ids(first, device)?, 0)?)
}
