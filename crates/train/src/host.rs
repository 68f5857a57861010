//! Reading a model's output on the host, row by row and without a copy where it already is there.

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};

use crate::{Error, Result};

/// Calls `visit(position, row)` for each of `rows` of a matrix `[N, K]`, in the order of `rows`, with the row's K
/// values in f64.
///
/// # Errors
/// If `matrix` is not a matrix, a row does not exist, or `visit` fails.
pub(crate) fn each_row(
    what: &'static str,
    matrix: &Tensor,
    rows: &[u32],
    mut visit: impl FnMut(usize, &[f64]) -> Result<()>,
) -> Result<()> {
    let (n, k) = matrix.dims2().map_err(|_| {
        Error::invalid(what, "a matrix [num_nodes, num_classes]", format!("shape {:?}", matrix.dims()))
    })?;
    let matrix = match matrix.dtype() {
        DType::F32 | DType::F64 => matrix.clone(),
        _ => matrix.to_dtype(DType::F32)?,
    };
    let matrix = matrix.to_device(&Device::Cpu)?.contiguous()?;
    let (storage, layout) = matrix.storage_and_layout();
    let (start, end) = (layout.start_offset(), layout.start_offset() + n * k);
    let mut row = vec![0f64; k];
    for (position, &r) in rows.iter().enumerate() {
        if r as usize >= n {
            return Err(Error::invalid("mask", format!("rows below {n}, the rows of {what}"), r));
        }
        let begin = start + r as usize * k;
        match &*storage {
            Storage::Cpu(CpuStorage::F32(v)) => {
                row.iter_mut().zip(&v[..end][begin..]).for_each(|(to, &from)| *to = f64::from(from));
            }
            Storage::Cpu(CpuStorage::F64(v)) => row.copy_from_slice(&v[..end][begin..begin + k]),
            _ => {
                return Err(Error::invalid(what, "a floating-point tensor", format!("{:?}", matrix.dtype())));
            }
        }
        visit(position, &row)?;
    }
    Ok(())
}
