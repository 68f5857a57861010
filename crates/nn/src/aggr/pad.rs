//! Sets of rows as one tensor.

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};

use super::mab::{Mask, Sets};
use crate::Result;

/// The sets of rows, padded to the largest of them.
pub(super) fn pad(x: &Tensor, rows: &EdgeIndex) -> Result<Sets> {
    struct Slots(EdgeIndex);
    let sizes = rows.in_degrees();
    let (b, s) = (sizes.len(), sizes.iter().max().map_or(1, |n| (*n).max(1) as usize));
    let slots = rows.try_attachment(|| {
        let mut next: Vec<u32> = (0..b as u32).map(|i| i * s as u32).collect();
        let slot = |group: &u32| {
            let slot = &mut next[*group as usize];
            *slot += 1;
            *slot - 1
        };
        let slots: Vec<u32> = rows.destination().iter().map(slot).collect();
        EdgeIndex::bipartite(rows.source().to_vec(), slots, rows.num_src(), b * s).map(Slots)
    })?;
    let padded = ops::scatter(x, &slots.0, Reduce::Sum)?.reshape((b, s, x.dim(1)?))?;
    // Large enough to make a weight 0, and finite, so that a set without rows has no NaN.
    let masked = if x.dtype() == DType::F16 { -6e4 } else { -1e30 };
    let mask = sizes.iter().flat_map(|n| (0..s as u32).map(move |i| if i < *n { 0.0 } else { masked }));
    let filled = sizes.iter().map(|n| if *n > 0 { 1f64 } else { 0.0 });
    let tensor = |values: Vec<f64>, shape: &[usize]| -> Result<Tensor> {
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())?)
    };
    let elements = tensor(mask.collect(), &[b, 1, 1, s])?;
    let filled = tensor(filled.collect(), &[b, 1, 1, 1])?;
    Ok(Sets { x: padded, mask: Some(Mask { elements, filled }) })
}
