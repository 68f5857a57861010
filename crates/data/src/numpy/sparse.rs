use candle_core::{Device, Tensor};

use super::Array;
use crate::{Error, Result};

/// A checked matrix in compressed sparse row form.
#[derive(Debug)]
pub(crate) struct Csr {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    indptr: Vec<u32>,
    indices: Vec<u32>,
    data: Vec<f32>,
}

impl Csr {
    pub(crate) fn new(
        name: &str,
        [rows, columns]: [usize; 2],
        indptr: &Array<'_>,
        indices: &Array<'_>,
        data: &Array<'_>,
    ) -> Result<Self> {
        let (indptr, indices, data) = (indptr.indices()?, indices.indices()?, data.floats()?);
        let bad = |problem: String| Err(Error::format(name, problem));
        if indices.len() != data.len() {
            return bad(format!("{} column indices for {} values", indices.len(), data.len()));
        }
        let whole = indptr.first() == Some(&0) && indptr.last().map(|&n| n as usize) == Some(data.len());
        if rows.checked_add(1) != Some(indptr.len()) || !whole || !indptr.is_sorted() {
            return bad(format!("indptr does not rise from 0 to {} in {rows} steps", data.len()));
        }
        if let Some(column) = indices.iter().find(|&&column| column as usize >= columns) {
            return bad(format!("column {column} in a matrix of {columns} columns"));
        }
        if let Some(value) = data.iter().find(|value| !value.is_finite()) {
            return bad(format!("a value is {value}"));
        }
        Ok(Self { rows, columns, indptr, indices, data })
    }

    /// The number of stored values.
    pub(crate) fn stored(&self) -> usize {
        self.data.len()
    }

    /// Every stored entry as `(row, column, value)`.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, u32, f32)> + '_ {
        self.indptr.windows(2).enumerate().flat_map(move |(row, bounds)| {
            let range = bounds[0] as usize..bounds[1] as usize;
            self.indices[range.clone()].iter().zip(&self.data[range]).map(move |(&c, &v)| (row, c, v))
        })
    }
}

/// A dense feature matrix being filled, row by row, from sparse ones.
pub(crate) struct Dense {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

/// The most elements of a feature matrix (4 GiB): more means a damaged file.
const MAX_ELEMENTS: usize = 1 << 30;

impl Dense {
    pub(crate) fn zeros(name: &str, rows: usize, columns: usize) -> Result<Self> {
        // A row costs memory elsewhere too, even one without columns.
        match rows.checked_mul(columns.max(1)) {
            Some(n) if n <= MAX_ELEMENTS => Ok(Self { rows, columns, values: vec![0.; rows * columns] }),
            _ => Err(Error::format(name, format!("{rows} × {columns} features are too many"))),
        }
    }

    /// Adds the entries of `matrix`, its row `r` to row `place(r)`. The caller has checked that these rows exist and
    /// that the columns agree.
    pub(crate) fn add(&mut self, matrix: &Csr, place: impl Fn(usize) -> usize) {
        for (row, column, value) in matrix.entries() {
            self.values[place(row) * self.columns + column as usize] += value;
        }
    }

    /// Sets one element, which the caller has checked to be there.
    pub(crate) fn set(&mut self, row: usize, column: usize, value: f32) {
        self.values[row * self.columns + column] = value;
    }

    pub(crate) fn into_tensor(self) -> Result<Tensor> {
        Ok(Tensor::from_vec(self.values, (self.rows, self.columns), &Device::Cpu)?)
    }
}
