use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};

use crate::Result;

/// Groups of rows side by side, each padded with zeros to the largest: `[E, F]` as `[B, S, F]` and back.
#[derive(Debug, Clone)]
pub(crate) struct Padded {
    /// From each row to its slot.
    slots: EdgeIndex,
    groups: usize,
    largest: usize,
}

impl Padded {
    /// The slots of rows that belong to the groups `edges.destination()`, kept with `edges`.
    pub(crate) fn new(edges: &EdgeIndex) -> Result<Self> {
        struct Slots(EdgeIndex);
        let sizes = edges.in_degrees();
        let (groups, largest) = (sizes.len(), sizes.iter().max().map_or(1, |n| (*n).max(1) as usize));
        let slots = edges.try_attachment(|| {
            let mut next: Vec<usize> = (0..groups).map(|i| i * largest).collect();
            let slot = |group: &u32| {
                let slot = &mut next[*group as usize];
                *slot += 1;
                (*slot - 1) as u32
            };
            let slots: Vec<u32> = edges.destination().iter().map(slot).collect();
            EdgeIndex::from_batch(&slots, groups * largest).map(Slots)
        })?;
        Ok(Self { slots: slots.0.clone(), groups, largest })
    }

    /// S.
    pub(crate) fn largest(&self) -> usize {
        self.largest
    }

    /// `[E, F] → [B, S, F]`.
    pub(crate) fn pad(&self, x: &Tensor) -> Result<Tensor> {
        let dense = ops::scatter(x, &self.slots, Reduce::Sum)?;
        Ok(dense.reshape((self.groups, self.largest, x.dim(1)?))?)
    }

    /// `[B, S, F] → [E, F]`.
    pub(crate) fn unpad(&self, x: &Tensor) -> Result<Tensor> {
        let flat = x.reshape((self.groups * self.largest, x.dim(2)?))?;
        Ok(ops::gather_dst(&flat, &self.slots)?)
    }
}
