//! Attention whose scores compare whole rows of the two ends of an edge: GATv2's and the graph transformer's.
//!
//! As everywhere here, the rows of a few edges are read once and then used while they are in the first cache level:
//! for their scores, an online softmax, and the weighted sum. Nothing of the size of the edges is written, unless
//! there are edge terms.

mod backward;
mod forward;
mod score;
mod scores;

pub(crate) use backward::{Backward, Of, Wanted};
pub(crate) use forward::{Added, Attended, attend};
pub(crate) use score::{Dot, Dynamic, Score};
pub(crate) use scores::scores;

use candle_geometric_graph::{Csr, EdgeIndex};

use super::Real;
use super::blocks::{BLOCK, Rows, ahead};
use super::dropout::factors;
use crate::Dropout;

/// What an attention is computed from. `H` heads of `C` channels, `D = H·C`.
pub(crate) struct Pairs<'a, T, S> {
    pub(crate) edges: &'a EdgeIndex,
    pub(crate) score: S,
    pub(crate) heads: usize,
    pub(crate) channels: usize,
    /// `[N_dst, D]`.
    pub(crate) query: &'a [T],
    /// `[N_src, D]`.
    pub(crate) key: &'a [T],
    /// `[N_src, D]`; the keys again where the score shares them ([`Score::SHARED`]).
    pub(crate) value: &'a [T],
    /// `[E, D]`, added to the keys, and to the values if they are not the keys.
    pub(crate) edge: Option<&'a [T]>,
    pub(crate) dropout: Option<Dropout>,
}

/// The keys and values of up to [`BLOCK`] edges.
struct Block<'s, T> {
    keys: Rows<'s, T>,
    /// `None` where they are the keys.
    values: Option<Rows<'s, T>>,
}

impl<T> Block<'_, T> {
    #[inline(always)]
    fn values(&self) -> &Rows<'_, T> {
        self.values.as_ref().unwrap_or(&self.keys)
    }
}

impl<T: Real, S: Score<T>> Pairs<'_, T, S> {
    fn width(&self) -> usize {
        self.heads * self.channels
    }

    /// Room for the sums of [`Pairs::block`]: none without edge terms.
    #[inline(always)]
    fn scratch(&self) -> Vec<T> {
        let rows = if self.edge.is_none() { 0 } else { 2 * BLOCK };
        vec![T::zero(); rows * self.width()]
    }

    /// The keys and values of the entries `start..end` of the compressed form by destination.
    #[inline(always)]
    fn block<'s>(
        &'s self,
        csr: &Csr,
        (start, end): (usize, usize),
        distance: usize,
        scratch: &'s mut [T],
    ) -> Block<'s, T> {
        let (columns, width) = (csr.columns(), self.width());
        let (ids, next) = (&columns[start..end], ahead(columns, start, end - start, distance));
        let Some(edge) = self.edge else {
            return Block {
                keys: Rows::new(self.key, ids, next, width),
                values: (!S::SHARED).then(|| Rows::new(self.value, ids, next, width)),
            };
        };
        let edges = (edge, &csr.edge_ids()[start..end]);
        let (for_keys, for_values) = scratch.split_at_mut(BLOCK * width);
        let keys = Rows::sums(for_keys, (self.key, ids), edges, width);
        let values = if S::SHARED {
            Rows::new(self.value, ids, next, width)
        } else {
            Rows::sums(for_values, (self.value, ids), edges, width)
        };
        Block { keys, values: Some(values) }
    }

    /// What dropout multiplies the weights of the edges with, `[len, H]`.
    #[inline(always)]
    fn factors(&self, edges: &[u32], out: &mut [T]) {
        match &self.dropout {
            None => out.fill(T::one()),
            Some(dropout) => factors(dropout, edges, self.heads, out),
        }
    }
}

/// The blocks of a range of entries: their starts and ends.
#[inline(always)]
fn blocks(range: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let end = range.end;
    range.step_by(BLOCK).map(move |start| (start, (start + BLOCK).min(end)))
}
