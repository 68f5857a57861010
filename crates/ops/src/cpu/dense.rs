//! What surrounds a matrix product.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::Real;
use super::map::map;
use super::rows::{even, fill, fresh, run, split};
use super::segment::add;
use super::simd::{self, Kernel};
use super::tasks::total;

/// About how many numbers a row should have for loops over it to be vector code. Several shorter ones are taken as one.
const LONG: usize = 64;

/// How many rows of `width` numbers are taken as one.
fn rows_at_once(width: usize) -> usize {
    LONG.div_ceil(width.max(1))
}

/// Adds `bias` to every row of `x`, in place.
pub(crate) fn add_bias<T: Real>(x: &mut [T], bias: &[T]) {
    let width = bias.len();
    if width == 0 {
        return;
    }
    let chunks = even(x.len() / width, width);
    fill(x, width, &chunks, |_, part| part.chunks_exact_mut(width).for_each(|row| add(row, bias)));
}

/// Adds `more` to `x`, element by element, in place.
pub(crate) fn add_to<T: Real>(x: &mut [T], more: &[T]) {
    let chunks = even(x.len(), 1);
    fill(x, 1, &chunks, |range, part| add(part, &more[range]));
}

/// `out[i] = x[i] + bias`, for rows of the length of the bias.
pub(crate) fn with_bias<T: Real>(x: &[T], bias: &[T]) -> Vec<T> {
    let width = bias.len();
    if width == 0 {
        return vec![];
    }
    let bias = &bias.repeat(rows_at_once(width));
    let f = |rows: Range<usize>, out: &mut [_]| {
        simd::run(AddBias { x: &x[rows.start * width..rows.end * width], bias, out });
    };
    // SAFETY: the kernel writes as many numbers as there are of x, which are those of these rows.
    unsafe { fresh(x.len() / width, width, f) }
}

struct AddBias<'a, T> {
    x: &'a [T],
    bias: &'a [T],
    out: &'a mut [MaybeUninit<T>],
}

impl<T: Real> Kernel for AddBias<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let size = self.bias.len();
        for (out, x) in self.out.chunks_mut(size).zip(self.x.chunks(size)) {
            for ((o, &x), &b) in out.iter_mut().zip(x).zip(self.bias) {
                o.write(x + b);
            }
        }
    }
}

/// `a[i] + b[i]`.
pub(crate) fn sum<T: Real>(a: &[T], b: &[T]) -> Vec<T> {
    map([a, b], |[a, b]| a + b)
}

/// The sum of every column: of each chunk of rows first, then of the chunks in their order.
pub(crate) fn column_sums<T: Real>(x: &[T], width: usize) -> Vec<T> {
    let chunks = even(x.len().checked_div(width).unwrap_or(0), width);
    let mut sums = vec![T::zero(); chunks.len() * width];
    let tasks = chunks.iter().cloned().zip(split(&mut sums, &chunks, |_| width)).collect();
    run(tasks, |(rows, sums): (Range<usize>, &mut [T])| {
        simd::run(ColumnSums { x: &x[rows.start * width..rows.end * width], sums });
    });
    total(&sums, width)
}

struct ColumnSums<'a, T> {
    x: &'a [T],
    /// 0 at first.
    sums: &'a mut [T],
}

impl<T: Real> Kernel for ColumnSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.sums.len();
        let mut long = vec![T::zero(); rows_at_once(width) * width];
        self.x.chunks(long.len()).for_each(|x| add(&mut long, x));
        long.chunks_exact(width).for_each(|row| add(self.sums, row));
    }
}

/// The transpose of a matrix with `width` columns.
pub(crate) fn transpose<T: Real>(x: &[T], width: usize) -> Vec<T> {
    let height = x.len().checked_div(width).unwrap_or(0);
    let f = |columns: Range<usize>, part: &mut [MaybeUninit<T>]| {
        // Tiles that stay in the first cache level on both sides.
        for block in (0..height).step_by(16) {
            for (i, c) in columns.clone().enumerate() {
                for r in block..(block + 16).min(height) {
                    part[i * height + r].write(x[r * width + c]);
                }
            }
        }
    };
    // SAFETY: the blocks cover all rows of x, which are the columns of the result.
    unsafe { fresh(width, height, f) }
}
