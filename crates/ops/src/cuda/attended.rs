//! What the forward pass of an attention computes: the structure `Attended` of the kernels.

use candle_core::{DType, Result, Tensor};

use super::machine::{Arguments, Fresh, Machine, sum_type};

/// What the backward pass needs from the forward pass.
pub(super) struct Kept {
    /// `[N_dst, D]`, the result before it was rounded, where it was.
    pub(super) exact: Option<Tensor>,
    /// `[N_dst, H]`.
    pub(super) largest: Tensor,
    /// `[N_dst, H]`.
    pub(super) inverse: Tensor,
}

/// Where an attention goes: the structure of that name of the kernels.
pub(super) struct Attended {
    pub(super) out: Fresh,
    exact: Option<Fresh>,
    /// The largest score and the inverse of the total.
    stats: [Fresh; 2],
    /// The sums, the largest scores and the totals of the parts of cut rows.
    parts: [Fresh; 3],
}

impl Attended {
    pub(super) fn new(
        machine: &dyn Machine,
        rows: usize,
        parts: usize,
        (heads, width): (usize, usize),
        dtype: DType,
        tracked: bool,
    ) -> Result<Self> {
        let sums = |rows, columns| Fresh::new(machine, sum_type(dtype), (rows, columns));
        let rounded = dtype != sum_type(dtype);
        Ok(Self {
            out: Fresh::new(machine, dtype, (rows, width))?,
            exact: Fresh::wanted(tracked && rounded, machine, sum_type(dtype), (rows, width))?,
            stats: [sums(rows, heads)?, sums(rows, heads)?],
            parts: [sums(parts, width)?, sums(parts, heads)?, sums(parts, heads)?],
        })
    }

    pub(super) fn write_to<'a>(&'a mut self, a: &mut Arguments<'a>) {
        a.write(&mut self.out).write_option(self.exact.as_mut());
        for fresh in self.stats.iter_mut().chain(&mut self.parts) {
            a.write(fresh);
        }
    }

    pub(super) fn into_kept(self) -> (Fresh, Kept) {
        let [largest, inverse] = self.stats.map(Fresh::into_tensor);
        (self.out, Kept { exact: self.exact.map(Fresh::into_tensor), largest, inverse })
    }
}
