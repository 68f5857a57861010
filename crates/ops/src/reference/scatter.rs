use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::{as_matrix, fold};
use crate::cuda;
use crate::{Reduce, Result, index};

/// [`crate::gather_src`].
///
/// # Errors
/// If Candle fails.
pub fn gather_src(x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    select(x, &index::on_device(edges, x.device())?.source)
}

/// [`crate::gather_dst`].
///
/// # Errors
/// If Candle fails.
pub fn gather_dst(x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    select(x, &index::on_device(edges, x.device())?.destination)
}

/// [`crate::edge_sum`].
///
/// # Errors
/// If Candle fails.
pub fn edge_sum(
    src: &Tensor,
    dst: Option<&Tensor>,
    terms: Option<&Tensor>,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    let mut out = gather_src(src, edges)?;
    if let Some(dst) = dst {
        out = (out + gather_dst(dst, edges)?)?;
    }
    match terms {
        Some(terms) => Ok((out + terms)?),
        None => Ok(out),
    }
}

fn select(x: &Tensor, ids: &Tensor) -> Result<Tensor> {
    if ids.elem_count() == 0 || x.elem_count() == 0 {
        let dims = [ids.dims(), x.dims().get(1..).unwrap_or_default()].concat();
        return Ok(Tensor::zeros(dims, x.dtype(), x.device())?);
    }
    cuda::stock_index_operation();
    Ok(x.contiguous()?.index_select(ids, 0)?)
}

/// [`crate::scatter`].
///
/// # Errors
/// If Candle fails.
pub fn scatter(messages: &Tensor, edges: &EdgeIndex, reduce: Reduce) -> Result<Tensor> {
    let m = as_matrix(messages)?;
    let out = match reduce {
        Reduce::Sum => sum(&m, edges)?,
        Reduce::Mean => sum(&m, edges)?.broadcast_div(&column(&divisors(edges), &m)?)?,
        Reduce::Max => max(&m, edges)?,
        Reduce::Min => max(&m.neg()?, edges)?.neg()?,
        Reduce::Mul => fold::product(&m, edges)?,
    };
    let dims = [&[edges.num_dst()], messages.dims().get(1..).unwrap_or_default()].concat();
    Ok(out.reshape(dims)?)
}

/// The sum of the rows of every segment, `[E, F] → [N_dst, F]`.
pub(super) fn sum(m: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let zeros = Tensor::zeros((edges.num_dst(), m.dim(1)?), m.dtype(), m.device())?;
    if m.elem_count() == 0 {
        return Ok(zeros);
    }
    cuda::stock_index_operation();
    Ok(zeros.index_add(&index::on_device(edges, m.device())?.destination, &m.contiguous()?, 0)?)
}

/// The largest row element of every segment, whose gradient goes to all that equal it, evenly.
///
/// The value comes from a fold without gradient; the gradient from a term that is exactly 0,
/// `Σ (m − m.detach()) / ties` over the tied elements.
fn max(m: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let largest = fold::max(&m.detach(), edges)?;
    let has_edges: Vec<f32> = edges.in_degrees().iter().map(|&d| d.min(1) as f32).collect();
    let has_edges = column(&has_edges, m)?.broadcast_as(largest.shape())?;
    let value = has_edges.ne(0f64)?.where_cond(&largest, &largest.zeros_like()?)?;
    if m.elem_count() == 0 {
        return Ok(value);
    }
    let tied = m.detach().eq(&gather_dst(&largest, edges)?)?;
    let ties = gather_dst(&sum(&tied.to_dtype(m.dtype())?, edges)?, edges)?;
    let zero = m.zeros_like()?;
    // ∞ − ∞ is NaN: an infinite maximum has no gradient here.
    let finite = m.detach().abs()?.lt(f64::INFINITY)?;
    let nothing = finite.where_cond(&(m - m.detach())?, &zero)?;
    let share = tied.where_cond(&nothing.div(&ties.maximum(1f64)?)?, &zero)?;
    Ok((value + sum(&share, edges)?)?)
}

/// The in-degrees, 1 where there is no in-edge.
fn divisors(edges: &EdgeIndex) -> Vec<f32> {
    edges.in_degrees().iter().map(|&d| d.max(1) as f32).collect()
}

/// Numbers as a column `[N, 1]` with the type and device of `like`.
fn column(numbers: &[f32], like: &Tensor) -> Result<Tensor> {
    Ok(Tensor::from_slice(numbers, (numbers.len(), 1), like.device())?.to_dtype(like.dtype())?)
}
