//! Matrices that are mostly zeros, such as bags of words: their products as products of a graph.

use std::mem::MaybeUninit;
use std::ops::Range;

use candle_core::{Error, Result};
use candle_geometric_graph::EdgeIndex;

use super::Real;
use super::rows::{even, fresh, row};
use rayon::prelude::*;

/// Sparse if fewer than one element in this many is not 0.
const RARE: usize = 20;
/// Smaller matrices are multiplied as they are.
const SMALLEST: usize = 1 << 14;

/// The non-zeros of a matrix as a graph from columns to rows, if they are rare.
///
/// A sample of the rows turns ordinary matrices away early. The answer depends on the numbers alone.
pub(crate) fn pattern<T: Real>(x: &[T], width: usize) -> Result<Option<EdgeIndex>> {
    if x.len() < SMALLEST || width == 0 {
        return Ok(None);
    }
    let height = x.len() / width;
    let sampled = (0..height).step_by(height.div_ceil(16));
    let found: usize = sampled.clone().map(|r| nonzeros(row(x, r, width), |_| ())).sum();
    if found * RARE > 2 * sampled.count() * width {
        return Ok(None);
    }
    let parts: Vec<(Vec<u32>, Vec<u32>)> = even(height, width)
        .into_par_iter()
        .map(|rows| {
            let (mut columns, mut ids) = (Vec::new(), Vec::new());
            for r in rows {
                let n = nonzeros(row(x, r, width), |c| columns.push(c as u32));
                ids.resize(ids.len() + n, r as u32);
            }
            (columns, ids)
        })
        .collect();
    if parts.iter().map(|(columns, _)| columns.len()).sum::<usize>() * RARE > x.len() {
        return Ok(None);
    }
    let (columns, ids): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    EdgeIndex::bipartite(columns.concat(), ids.concat(), width, height).map(Some).map_err(Error::wrap)
}

/// The values at the positions of a pattern, in its order.
pub(crate) fn values<T: Real>(x: &[T], pattern: &EdgeIndex) -> Vec<T> {
    let (columns, rows, width) = (pattern.source(), pattern.destination(), pattern.num_src());
    let f = |range: Range<usize>, out: &mut [MaybeUninit<T>]| {
        for (o, (&column, &r)) in out.iter_mut().zip(columns[range.clone()].iter().zip(&rows[range])) {
            o.write(x[r as usize * width + column as usize]);
        }
    };
    // SAFETY: every number of the part is written.
    unsafe { fresh(columns.len(), 1, f) }
}

/// Calls `f` with the position of every element that is not 0, and counts them. Looks at eight at once.
fn nonzeros<T: Real>(x: &[T], mut f: impl FnMut(usize)) -> usize {
    let mut count = 0;
    for (b, block) in x.chunks(8).enumerate() {
        if block.iter().fold(false, |any, &v| any | (v != T::zero())) {
            for (i, _) in block.iter().enumerate().filter(|(_, v)| **v != T::zero()) {
                f(b * 8 + i);
                count += 1;
            }
        }
    }
    count
}
