use std::borrow::Cow;

use candle_core::{Device, Tensor};

use crate::{Error, Result};

/// An element type: numpy's letter (`i`, `u`, `b`, `f`, `U`, `S`), bytes per element, and order of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) kind: u8,
    pub(crate) size: usize,
    pub(crate) big_endian: bool,
}

impl Type {
    /// From a type string such as `<f4`, `|b1`, `i8` or `<U19`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (big_endian, rest) = match text.strip_prefix(['<', '|', '=']) {
            Some(rest) => (false, rest),
            None => text.strip_prefix('>').map_or((false, text), |rest| (true, rest)),
        };
        let kind = *rest.as_bytes().first()?;
        // Elements of no bytes would make an array of any length out of nothing.
        let count: usize = rest.get(1..)?.parse().ok().filter(|&count| count > 0)?;
        let size = match (kind, count) {
            (b'i' | b'u', 1 | 2 | 4 | 8) | (b'f', 4 | 8) | (b'b', 1) | (b'S', _) => count,
            (b'U', _) => count.checked_mul(4)?,
            _ => return None,
        };
        Some(Self { kind, size, big_endian })
    }
}

/// A matrix in memory, row after row.
#[derive(Debug)]
pub(crate) struct Matrix<T> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) values: Vec<T>,
}

impl Matrix<f32> {
    pub(crate) fn into_tensor(self) -> Result<Tensor> {
        Ok(Tensor::from_vec(self.values, (self.rows, self.columns), &Device::Cpu)?)
    }
}

/// An array over bytes in a file.
#[derive(Debug)]
pub(crate) struct Array<'a> {
    /// What to call it in messages.
    name: String,
    dtype: Type,
    shape: Vec<usize>,
    /// Whether the first index is the fast one.
    fortran: bool,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Array<'a> {
    /// Checks that `bytes` are as many as shape and type say.
    pub(crate) fn new(
        name: &str,
        dtype: Type,
        shape: Vec<usize>,
        fortran: bool,
        bytes: Cow<'a, [u8]>,
    ) -> Result<Self> {
        let expected = shape.iter().try_fold(dtype.size, |product, &n| product.checked_mul(n));
        if expected != Some(bytes.len()) {
            return Err(Error::format(
                name,
                format!(
                    "an array of shape {shape:?} with {} bytes per element has {} bytes",
                    dtype.size,
                    bytes.len()
                ),
            ));
        }
        Ok(Self { name: name.into(), dtype, shape, fortran, bytes })
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::format(&self.name, problem)
    }

    /// The length of a one-dimensional array; `[n, 1]` and `[1, n]` pass too.
    fn length(&self) -> Result<usize> {
        match *self.shape {
            [n] | [n, 1] | [1, n] => Ok(n),
            _ => Err(self.error(format!("expected one dimension, got shape {:?}", self.shape))),
        }
    }

    /// The elements, each of `N` bytes in little-endian order.
    fn elements<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> + '_ {
        self.bytes.as_chunks::<N>().0.iter().map(|&element| {
            let mut element = element;
            if self.dtype.big_endian {
                element.reverse();
            }
            element
        })
    }

    /// A vector of non-negative integers.
    pub(crate) fn indices(&self) -> Result<Vec<u32>> {
        self.length()?;
        self.integers()
    }

    /// The one element of an array of any number of dimensions, a non-negative integer; `None` if there are others.
    pub(crate) fn scalar(&self) -> Result<Option<u32>> {
        match *self.integers()? {
            [value] => Ok(Some(value)),
            _ => Ok(None),
        }
    }

    /// A matrix of non-negative integers, row after row.
    pub(crate) fn index_matrix(&self) -> Result<Matrix<u32>> {
        let [rows, columns] = self.sizes()?;
        Ok(Matrix { rows, columns, values: self.row_major(rows, columns, self.integers()?) })
    }

    /// A matrix of numbers, none of them infinite or NaN, row after row.
    pub(crate) fn float_matrix(&self) -> Result<Matrix<f32>> {
        let [rows, columns] = self.sizes()?;
        let values = self.floats()?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(self.error(format!("expected finite numbers, got {value}"))),
            None => Ok(Matrix { rows, columns, values: self.row_major(rows, columns, values) }),
        }
    }

    /// A vector or a matrix of truth values, `bool` or integers of 0 and 1, as a list of rows of length `n`.
    pub(crate) fn masks(&self, n: usize) -> Result<Vec<Vec<bool>>> {
        let (rows, columns) = match *self.shape {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => return Err(self.error(format!("expected masks of {n} nodes, got shape {:?}", self.shape))),
        };
        if columns != n || n == 0 {
            return Err(self.error(format!("expected masks of {n} nodes, got shape {:?}", self.shape)));
        }
        let values = self.row_major(rows, columns, self.integers()?);
        if let Some(value) = values.iter().find(|&&value| value > 1) {
            return Err(self.error(format!("expected 0 or 1 in a mask, got {value}")));
        }
        Ok(values.chunks(n).map(|row| row.iter().map(|&value| value == 1).collect()).collect())
    }

    fn sizes(&self) -> Result<[usize; 2]> {
        <[usize; 2]>::try_from(self.shape.as_slice())
            .map_err(|_| self.error(format!("expected two dimensions, got shape {:?}", self.shape)))
    }

    /// Values of a matrix, in the order in which they are stored, row after row.
    fn row_major<T: Copy>(&self, rows: usize, columns: usize, values: Vec<T>) -> Vec<T> {
        if !self.fortran || rows <= 1 || columns <= 1 {
            return values;
        }
        let column = |c: usize, r: usize| values.get(c * rows + r).copied();
        (0..rows).flat_map(|r| (0..columns).filter_map(move |c| column(c, r))).collect()
    }

    /// All elements as non-negative integers, in the order in which they are stored.
    fn integers(&self) -> Result<Vec<u32>> {
        let (kind, size) = (self.dtype.kind, self.dtype.size);
        let narrow = |value: i64| {
            u32::try_from(value)
                .map_err(|_| self.error(format!("expected indices from 0 to {}, got {value}", u32::MAX)))
        };
        match (kind, size) {
            (b'i', 1) => self.elements().map(|e| narrow(i8::from_le_bytes(e).into())).collect(),
            (b'i', 2) => self.elements().map(|e| narrow(i16::from_le_bytes(e).into())).collect(),
            (b'i', 4) => self.elements().map(|e| narrow(i32::from_le_bytes(e).into())).collect(),
            (b'i', 8) => self.elements().map(|e| narrow(i64::from_le_bytes(e))).collect(),
            (b'u' | b'b', 1) => Ok(self.elements().map(|e| u8::from_le_bytes(e).into()).collect()),
            (b'u', 2) => Ok(self.elements().map(|e| u16::from_le_bytes(e).into()).collect()),
            (b'u', 4) => Ok(self.elements().map(u32::from_le_bytes).collect()),
            (b'u', 8) => {
                self.elements().map(|e| narrow(i64::try_from(u64::from_le_bytes(e)).unwrap_or(-1))).collect()
            }
            _ => Err(self.error(format!("expected integers, got numpy type {}{size}", char::from(kind)))),
        }
    }

    /// All elements as floats, in the order in which they are stored.
    pub(crate) fn floats(&self) -> Result<Vec<f32>> {
        let (kind, size) = (self.dtype.kind, self.dtype.size);
        Ok(match (kind, size) {
            (b'f', 4) => self.elements().map(f32::from_le_bytes).collect(),
            (b'f', 8) => self.elements().map(|e| f64::from_le_bytes(e) as f32).collect(),
            (b'i', 1) => self.elements().map(|e| i8::from_le_bytes(e).into()).collect(),
            (b'i', 2) => self.elements().map(|e| i16::from_le_bytes(e).into()).collect(),
            (b'i', 4) => self.elements().map(|e| i32::from_le_bytes(e) as f32).collect(),
            (b'i', 8) => self.elements().map(|e| i64::from_le_bytes(e) as f32).collect(),
            (b'u' | b'b', 1) => self.elements().map(|e| u8::from_le_bytes(e).into()).collect(),
            (b'u', 2) => self.elements().map(|e| u16::from_le_bytes(e).into()).collect(),
            (b'u', 4) => self.elements().map(|e| u32::from_le_bytes(e) as f32).collect(),
            (b'u', 8) => self.elements().map(|e| u64::from_le_bytes(e) as f32).collect(),
            _ => {
                return Err(
                    self.error(format!("expected numbers, got numpy type {}{size}", char::from(kind)))
                );
            }
        })
    }

    /// The column of the largest entry of every row (the first of equal ones), and the number of columns: the classes
    /// of one-hot rows.
    pub(crate) fn argmax_rows(&self) -> Result<(Vec<u32>, usize)> {
        let [rows, columns] = self.sizes()?;
        // Without rows, nothing in the file would bound the number of columns.
        if rows == 0 || columns == 0 {
            return Err(
                self.error(format!("expected at least one row and one class, got shape {:?}", self.shape))
            );
        }
        let values = self.row_major(rows, columns, self.floats()?);
        let first_best = |row: &[f32]| {
            let better = |best: (usize, f32), (c, &v): (usize, &f32)| if v > best.1 { (c, v) } else { best };
            row.iter().enumerate().fold((0, f32::NEG_INFINITY), better).0 as u32
        };
        Ok((values.chunks(columns).map(first_best).collect(), columns))
    }

    /// A vector of texts.
    pub(crate) fn strings(&self) -> Result<Vec<String>> {
        let length = self.length()?;
        let size = self.dtype.size;
        let element = |i: usize| self.bytes.get(i * size..(i + 1) * size).unwrap_or_default();
        let text = |bytes: &[u8]| match self.dtype.kind {
            b'U' => {
                let chars = bytes.as_chunks::<4>().0.iter().map(|&c| {
                    char::from_u32(if self.dtype.big_endian {
                        u32::from_be_bytes(c)
                    } else {
                        u32::from_le_bytes(c)
                    })
                });
                let text: Option<String> = chars.collect();
                text.ok_or_else(|| self.error("a text that is not Unicode"))
            }
            b'S' => std::str::from_utf8(bytes)
                .map(str::to_string)
                .map_err(|_| self.error("a text that is not UTF-8")),
            kind => Err(self.error(format!("expected texts, got numpy type {}", char::from(kind)))),
        };
        (0..length).map(|i| text(element(i)).map(|t| t.trim_end_matches('\0').to_string())).collect()
    }
}
