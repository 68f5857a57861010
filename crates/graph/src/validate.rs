//! The one check of an edge list, after which nothing checks its indices again.

use rayon::prelude::*;

use crate::group::PARALLEL;
use crate::{GraphError, Result};

/// The largest number of nodes or edges: `u32::MAX` itself is Candle's padding index.
const MAX: usize = u32::MAX as usize - 1;

/// Checks one size.
pub(crate) fn check_size(what: &'static str, size: usize) -> Result<()> {
    if size > MAX { Err(GraphError::TooLarge { what, size, max: MAX }) } else { Ok(()) }
}

/// Checks the lengths of the two lists and all sizes.
pub(crate) fn check_sizes(sources: usize, destinations: usize, num_src: usize, num_dst: usize) -> Result<()> {
    if sources != destinations {
        return Err(GraphError::Length {
            what: "edge_index: destination",
            expected: sources,
            actual: destinations,
        });
    }
    check_size("num_edges", sources)?;
    check_size("num_nodes", num_src)?;
    check_size("num_nodes", num_dst)
}

/// Checks that every index is below `num_nodes`. Their greatest one tells, and is found several at a time; only if
/// it is too great is the first bad edge looked for.
pub(crate) fn check_indices(side: &'static str, ids: &[u32], num_nodes: usize) -> Result<()> {
    let valid = |ids: &[u32]| {
        let greatest = ids.iter().fold(0, |a, &b| a.max(b));
        ids.is_empty() || (greatest as usize) < num_nodes
    };
    let valid = if ids.len() < PARALLEL { valid(ids) } else { ids.par_chunks(PARALLEL).all(valid) };
    if valid { Ok(()) } else { Err(out_of_range(side, ids.iter().map(|&i| i.into()), num_nodes)) }
}

/// As [`check_indices`], and narrows the indices in the same pass.
pub(crate) fn narrow(side: &'static str, ids: &[i64], num_nodes: usize) -> Result<Vec<u32>> {
    let valid = |(narrow, ids): (&mut [u32], &[i64])| {
        let (mut greatest, mut high) = (0, 0);
        for (to, &from) in narrow.iter_mut().zip(ids) {
            *to = from as u32;
            greatest = greatest.max(*to);
            high |= from >> 32; // not zero for a negative index either
        }
        ids.is_empty() || high == 0 && (greatest as usize) < num_nodes
    };
    let mut narrow = vec![0; ids.len()];
    let valid = if ids.len() < PARALLEL {
        valid((&mut narrow, ids))
    } else {
        narrow.par_chunks_mut(PARALLEL).zip(ids.par_chunks(PARALLEL)).all(valid)
    };
    if valid { Ok(narrow) } else { Err(out_of_range(side, ids.iter().copied(), num_nodes)) }
}

/// The error for the first index that is negative or not below `num_nodes`; there is one.
fn out_of_range(side: &'static str, ids: impl Iterator<Item = i64>, num_nodes: usize) -> GraphError {
    let bad = |&(_, index): &(usize, i64)| usize::try_from(index).map_or(true, |i| i >= num_nodes);
    let (edge, index) = ids.enumerate().find(bad).unwrap_or_default();
    GraphError::IndexOutOfRange { side, edge, index, num_nodes }
}
