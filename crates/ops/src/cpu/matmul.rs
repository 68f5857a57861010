//! Products of matrices, into memory that is not filled with zeros beforehand.

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use candle_core::utils::get_num_threads;
use gemm::Parallelism;
use rayon::prelude::*;

use super::Real;
use super::memory::Fresh;
use super::tasks::total;

/// How many rows are multiplied as one task: fixed, so that the number of threads cannot change a bit.
const PANEL: usize = 256;

/// How many rows of a sum over the rows are one task.
const LONG_PANEL: usize = 4096;

/// The largest product whose parts are summed apart, in numbers.
const SMALL: usize = 1 << 16;

/// A matrix in row-major order, or the transpose of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    numbers: &'a [T],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a, T> Matrix<'a, T> {
    /// `rows` rows of `columns` numbers each, one after the other.
    pub(crate) fn new(numbers: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns, "the numbers of a matrix");
        Self { numbers, rows, columns, transposed: false }
    }

    pub(crate) fn transpose(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// The rows `first…`, at most `n`, of a matrix that is not transposed.
    fn panel(self, first: usize, n: usize) -> Self {
        let rows = n.min(self.rows - first);
        let numbers = &self.numbers[first * self.columns..(first + rows) * self.columns];
        Self { numbers, rows, ..self }
    }

    /// From one column to the next, and from one row to the next.
    fn strides(&self) -> (isize, isize) {
        if self.transposed { (self.rows as isize, 1) } else { (1, self.columns as isize) }
    }
}

/// `Σ a · b + bias` over pairs of matrices, `[rows, columns]`, where no `a` is transposed.
pub(crate) fn sum_of_products<T: Real>(
    terms: &[(Matrix<'_, T>, Matrix<'_, T>)],
    rows: usize,
    columns: usize,
    bias: Option<&[T]>,
) -> Vec<T> {
    if terms.is_empty() || columns == 0 {
        return vec![T::zero(); rows * columns];
    }
    let mut out = Fresh::new(rows * columns);
    let multiply_all = |first: usize, n: usize, part: &mut [MaybeUninit<T>], threads| {
        if let Some(bias) = bias {
            part.chunks_exact_mut(columns).for_each(|row| {
                row.iter_mut().zip(bias).for_each(|(o, &b)| {
                    o.write(b);
                });
            });
        }
        for (k, &(a, b)) in terms.iter().enumerate() {
            multiply(a.panel(first, n), b, part, k > 0 || bias.is_some(), threads);
        }
    };
    if rows <= PANEL {
        multiply_all(0, rows, out.parts(), threads());
    } else {
        out.parts().par_chunks_mut(PANEL * columns).enumerate().for_each(|(k, part)| {
            multiply_all(k * PANEL, PANEL, part, Parallelism::None);
        });
    }
    // SAFETY: the bias or the first of the products has written all of it: at once, or in chunks that cover it.
    unsafe { out.assume_init() }
}

/// `aᵀ · b`, row-major, for matrices of equally many rows: the gradient of a weight. Where there are many rows and the
/// product is small, the sum over the rows is cut.
pub(crate) fn transposed_product<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>) -> Vec<T> {
    let (n, size) = (a.rows, a.columns * b.columns);
    let cut = if size <= SMALL { LONG_PANEL } else { usize::MAX };
    if n <= cut || size == 0 {
        let mut out = Fresh::new(size);
        multiply(a.transpose(), b, out.parts(), false, threads());
        // SAFETY: `multiply` has written all of it.
        return unsafe { out.assume_init() };
    }
    let mut parts = Fresh::new(n.div_ceil(cut) * size);
    parts.parts().par_chunks_mut(size).enumerate().for_each(|(k, part)| {
        let (a, b) = (a.panel(k * cut, cut), b.panel(k * cut, cut));
        multiply(a.transpose(), b, part, false, Parallelism::None);
    });
    // SAFETY: `multiply` has written every chunk, and the chunks cover all of it.
    total(&unsafe { parts.assume_init() }, size)
}

fn threads() -> Parallelism {
    static THREADS: OnceLock<usize> = OnceLock::new(); // Candle's answer reads files
    match *THREADS.get_or_init(get_num_threads) {
        0 | 1 => Parallelism::None,
        n => Parallelism::Rayon(n),
    }
}

/// `out = a · b`, which writes every element, or where `add` is set `out += a · b`, which needs them written already.
fn multiply<T: Real>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    out: &mut [MaybeUninit<T>],
    add: bool,
    threads: Parallelism,
) {
    assert_eq!(a.columns, b.rows, "a product of matrices");
    assert_eq!(out.len(), a.rows * b.columns, "the result of a product of matrices");
    if a.rows == 0 || a.columns == 0 || b.columns == 0 {
        if !add {
            out.fill(MaybeUninit::new(T::zero()));
        }
        return;
    }
    let ((a_column, a_row), (b_column, b_row)) = (a.strides(), b.strides());
    let old = if add { T::one() } else { T::zero() };
    // SAFETY: with these strides the indices `row < rows, column < columns` of each matrix stay within its slice, whose
    // length is their product as asserted here and where matrices are made; `out` is borrowed alone, and read only
    // where `add` says that it holds numbers.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr().cast(),
            1,
            b.columns as isize,
            add,
            a.numbers.as_ptr(),
            a_column,
            a_row,
            b.numbers.as_ptr(),
            b_column,
            b_row,
            old,
            T::one(),
            false,
            false,
            false,
            threads,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_plain_loops() {
        for (n, k, m) in [
            (1, 1, 1),
            (3, 5, 2),
            (700, 33, 17),
            (9000, 3, 2),
            (256, 0, 3),
            (0, 4, 3),
            (5, 4, 0),
            (300, 1, 1),
        ] {
            let numbers = |len: usize, seed: usize| -> Vec<f64> {
                (0..len).map(|i| ((i * 37 + seed * 11) % 101) as f64 / 50.0 - 1.0).collect()
            };
            let (a, b, bias, c) = (numbers(n * k, 1), numbers(m * k, 2), numbers(m, 3), numbers(n * m, 4));
            let terms = [(Matrix::new(&a, n, k), Matrix::new(&b, m, k).transpose())];
            let out = sum_of_products(&terms, n, m, Some(&bias));
            for i in 0..n {
                for j in 0..m {
                    let sum: f64 = (0..k).map(|l| a[i * k + l] * b[j * k + l]).sum();
                    assert!((out[i * m + j] - sum - bias[j]).abs() < 1e-12);
                }
            }
            let out = transposed_product(Matrix::new(&c, n, m), Matrix::new(&a, n, k));
            for j in 0..m {
                for l in 0..k {
                    let sum: f64 = (0..n).map(|i| c[i * m + j] * a[i * k + l]).sum();
                    assert!((out[j * k + l] - sum).abs() < 1e-11);
                }
            }
        }
    }
}
