//! Reading tensors on the host, on all threads and without a copy where they already are there.

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use rayon::prelude::*;

use crate::real::Real;
use crate::{Error, Result};

/// About how many numbers a task works on: fixed, so that the number of threads changes no sum.
pub(crate) const GRAIN: usize = 1 << 13;

/// How many rows of `width` numbers are one task.
pub(crate) fn rows_at_once(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// Calls `visit(sum, position, row)` for each of `rows` of a matrix `[N, K]` with the row's K values in f64. Every piece of
/// `rows`, visited in order, has a sum of its own; these are returned in their order.
///
/// # Errors
/// If `matrix` is not a matrix of floating-point numbers, a row does not exist, or `visit` fails: the first of `rows` where.
pub(crate) fn each_row<S: Default + Send>(
    what: &'static str,
    matrix: &Tensor,
    rows: &[u32],
    visit: impl Fn(&mut S, usize, &[f64]) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let (n, k) = matrix.dims2().map_err(|_| {
        Error::invalid(what, "a matrix [num_nodes, num_classes]", format!("shape {:?}", matrix.dims()))
    })?;
    let matrix = match matrix.dtype() {
        DType::F32 | DType::F64 => matrix.clone(),
        _ => matrix.to_dtype(DType::F32)?,
    };
    let matrix = matrix.to_device(&Device::Cpu)?.contiguous()?;
    let (storage, layout) = matrix.storage_and_layout();
    let range = layout.start_offset()..layout.start_offset() + n * k;
    let unusable = || Error::invalid(what, "a floating-point tensor", format!("{:?}", matrix.dtype()));
    match &*storage {
        Storage::Cpu(CpuStorage::F32(v)) => sums(what, &v[range], n, rows, visit),
        Storage::Cpu(CpuStorage::F64(v)) => sums(what, &v[range], n, rows, visit),
        _ => Err(unusable()),
    }
}

fn sums<T: Real, S: Default + Send>(
    what: &'static str,
    numbers: &[T],
    n: usize,
    rows: &[u32],
    visit: impl Fn(&mut S, usize, &[f64]) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let k = numbers.len().checked_div(n).unwrap_or(0);
    let at_once = rows_at_once(k);
    let piece = |(piece, rows): (usize, &[u32])| {
        let (mut sum, mut row) = (S::default(), vec![0f64; k]);
        for (position, &r) in (piece * at_once..).zip(rows) {
            if r as usize >= n {
                return Err(Error::invalid("mask", format!("rows below {n}, the rows of {what}"), r));
            }
            widen(&mut row, &numbers[r as usize * k..]);
            visit(&mut sum, position, &row)?;
        }
        Ok(sum)
    };
    // All of them before the errors are looked at: the first of these is then the same each time.
    let pieces: Vec<_> = rows.par_chunks(at_once).enumerate().map(piece).collect();
    pieces.into_iter().collect()
}

/// Copies numbers into f64, as many as fit.
pub(crate) fn widen<T: Real>(to: &mut [f64], from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_f64());
}
