//! What surrounds a matrix product.

use super::Real;
use super::rows::{even, fill, row, run, split};
use super::segment::add;

/// Adds `bias` to every row of `x`, in place.
pub(crate) fn add_bias<T: Real>(x: &mut [T], bias: &[T]) {
    let width = bias.len();
    if width == 0 {
        return;
    }
    let chunks = even(x.len() / width, width);
    fill(x, width, &chunks, |_, part| part.chunks_exact_mut(width).for_each(|row| add(row, bias)));
}

/// The sum of every column: of each chunk of rows first, then of the chunks in their order.
pub(crate) fn column_sums<T: Real>(x: &[T], width: usize) -> Vec<T> {
    let mut total = vec![T::zero(); width];
    if width == 0 {
        return total;
    }
    let chunks = even(x.len() / width, width);
    let mut partial = vec![T::zero(); chunks.len() * width];
    let tasks = chunks.iter().cloned().zip(split(&mut partial, &chunks, |_| width)).collect();
    run(tasks, |(rows, sums): (std::ops::Range<usize>, &mut [T])| {
        rows.for_each(|r| add(sums, row(x, r, width)));
    });
    partial.chunks_exact(width).for_each(|sums| add(&mut total, sums));
    total
}

/// The transpose of a matrix with `width` columns.
pub(crate) fn transpose<T: Real>(x: &[T], width: usize) -> Vec<T> {
    let height = x.len().checked_div(width).unwrap_or(0);
    let mut out = vec![T::zero(); x.len()];
    fill(&mut out, height, &even(width, height), |columns, part| {
        // Tiles that stay in the first cache level on both sides.
        for block in (0..height).step_by(16) {
            for (i, c) in columns.clone().enumerate() {
                for r in block..(block + 16).min(height) {
                    part[i * height + r] = x[r * width + c];
                }
            }
        }
    });
    out
}
