//! Sets of rows as one tensor.

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::mab::{Mask, Sets};
use crate::Result;
use crate::padded::Padded;

/// The sets of rows, padded to the largest of them.
pub(super) fn pad(x: &Tensor, rows: &EdgeIndex) -> Result<Sets> {
    let (sizes, padded) = (rows.in_degrees(), Padded::new(rows)?);
    let (b, s) = (sizes.len(), padded.largest());
    // Large enough to make a weight 0, and finite, so that a set without rows has no NaN.
    let masked = if x.dtype() == DType::F16 { -6e4 } else { -1e30 };
    let mask = sizes.iter().flat_map(|n| (0..s as u32).map(move |i| if i < *n { 0.0 } else { masked }));
    let filled = sizes.iter().map(|n| if *n > 0 { 1f64 } else { 0.0 });
    let tensor = |values: Vec<f64>, shape: &[usize]| -> Result<Tensor> {
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())?)
    };
    let elements = tensor(mask.collect(), &[b, 1, 1, s])?;
    let filled = tensor(filled.collect(), &[b, 1, 1, 1])?;
    Ok(Sets { x: padded.pad(x)?, mask: Some(Mask { elements, filled }) })
}
