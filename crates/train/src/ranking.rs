//! Where the right answer stands among all: the metrics of link prediction and of the completion of knowledge graphs.

use candle_core::Tensor;

use crate::host::each_row;
use crate::{Error, Result};

/// Known facts (head, relation, tail), by which rankings are filtered: 12 bytes for each.
#[derive(Debug, Clone, Default)]
pub struct KnownTriples {
    /// Sorted, each once.
    triples: Vec<[u32; 3]>,
}

impl KnownTriples {
    /// Of lists of facts: those of the training, the validation and the test set, as the protocol has it.
    ///
    /// Where heads are ranked as tails of inverse relations, these facts belong here too.
    pub fn new(facts: impl IntoIterator<Item = [u32; 3]>) -> Self {
        let mut triples: Vec<_> = facts.into_iter().collect();
        triples.sort_unstable();
        triples.dedup();
        Self { triples }
    }

    /// The tails that are known for a head and a relation, in ascending order.
    pub fn tails(&self, head: u32, relation: u32) -> impl ExactSizeIterator<Item = u32> {
        let start = self.triples.partition_point(|t| (t[0], t[1]) < (head, relation));
        let count = self.triples[start..].partition_point(|t| (t[0], t[1]) == (head, relation));
        self.triples[start..start + count].iter().map(|t| t[2])
    }
}

/// The filtered rank of every triple's tail among all nodes (Bordes et al., *Translating Embeddings for Modeling
/// Multi-relational Data*, NeurIPS 2013, section 4.1): nodes that are known to be right too do not count.
///
/// The rank is 1 + the nodes with a higher score + half of the other nodes with the same score: the mean of the optimistic and
/// the pessimistic rank (Berrendorf et al., *On the Ambiguity of Rank-Based Evaluation of Entity Alignment or Link
/// Prediction Methods*, 2020). It may end in one half.
///
/// `triples` are (head, relation, tail); `score_tails` gives the scores `[B, N]` of all nodes for `batch_size` heads and
/// relations at a time, and no more than that is there at once. Ranks are the same for any number of threads.
///
/// # Errors
/// If `batch_size` is 0, `score_tails` fails or gives something else than B rows, a tail is not below N, or a score is NaN or
/// infinite.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_train::ranking::{KnownTriples, Ranking, filtered_ranks};
/// # fn main() -> Result<(), candle_geometric_train::Error> {
/// let known = KnownTriples::new([[0, 0, 1], [0, 0, 2]]);
/// // Nodes 0 and 2 are before node 1; node 2 is right too.
/// let scores = |heads: &[u32], _: &[u32]| Tensor::new(&[[3f32, 1., 2., 0.]], &Device::Cpu)?.repeat((heads.len(), 1));
/// let ranks = filtered_ranks(&[[0, 0, 1]], &known, 128, scores)?;
/// assert_eq!(ranks, [2.0]);
/// assert_eq!(Ranking::of(&ranks)?.mrr, 0.5);
/// # Ok(()) }
/// ```
pub fn filtered_ranks<E>(
    triples: &[[u32; 3]],
    known: &KnownTriples,
    batch_size: usize,
    mut score_tails: impl FnMut(&[u32], &[u32]) -> std::result::Result<Tensor, E>,
) -> Result<Vec<f64>>
where
    Error: From<E>,
{
    if batch_size == 0 {
        return Err(Error::invalid("batch_size", "at least 1", 0));
    }
    let mut ranks = Vec::with_capacity(triples.len());
    for batch in triples.chunks(batch_size) {
        let (heads, relations): (Vec<u32>, Vec<u32>) = batch.iter().map(|t| (t[0], t[1])).unzip();
        let scores = score_tails(&heads, &relations)?;
        if scores.rank() != 2 || scores.dims()[0] != batch.len() {
            let expected = format!("[{}, N] (a row for each triple of the batch)", batch.len());
            return Err(Error::invalid("score_tails", expected, format!("{:?}", scores.dims())));
        }
        let rows: Vec<u32> = (0..batch.len() as u32).collect();
        let parts = each_row("scores", &scores, &rows, |ranks: &mut Vec<f64>, position, row| {
            ranks.push(rank(batch[position], known, row)?);
            Ok(())
        })?;
        ranks.extend(parts.into_iter().flatten());
    }
    Ok(ranks)
}

fn rank([head, relation, tail]: [u32; 3], known: &KnownTriples, scores: &[f64]) -> Result<f64> {
    if let Some(&value) = scores.iter().find(|s| !s.is_finite()) {
        let place = format!(" for the triple ({head}, {relation}, ?)");
        return Err(Error::NotFinite { what: "scores", value, place });
    }
    let Some(&score) = scores.get(tail as usize) else {
        return Err(Error::invalid("triples", format!("tails below {}", scores.len()), tail));
    };
    let (mut higher, mut equal) = (0usize, 0usize);
    let mut count = |other: f64, by: fn(usize) -> usize| {
        if other > score {
            higher = by(higher);
        } else if other == score {
            equal = by(equal);
        }
    };
    scores.iter().for_each(|&other| count(other, |n| n + 1));
    let others = known.tails(head, relation).filter(|&t| t != tail);
    others.filter_map(|t| scores.get(t as usize)).for_each(|&other| count(other, |n| n - 1));
    // Of the equal ones, one is the tail itself.
    Ok(1.0 + higher as f64 + (equal - 1) as f64 / 2.0)
}

/// What ranks are summed up to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranking {
    /// The mean of 1 / rank.
    pub mrr: f64,
    /// The mean of the ranks.
    pub mean_rank: f64,
    /// The share of ranks of at most 1.
    pub hits_at_1: f64,
    /// The share of ranks of at most 3.
    pub hits_at_3: f64,
    /// The share of ranks of at most 10.
    pub hits_at_10: f64,
}

impl Ranking {
    /// Of ranks that count from 1.
    ///
    /// # Errors
    /// If there are none.
    pub fn of(ranks: &[f64]) -> Result<Self> {
        if ranks.is_empty() {
            return Err(Error::invalid("ranks", "at least one", 0));
        }
        let mean = |of: &dyn Fn(f64) -> f64| ranks.iter().map(|&r| of(r)).sum::<f64>() / ranks.len() as f64;
        let hits = |k: f64| mean(&|r| f64::from(u8::from(r <= k)));
        Ok(Self {
            mrr: mean(&|r| 1.0 / r),
            mean_rank: mean(&|r| r),
            hits_at_1: hits(1.0),
            hits_at_3: hits(3.0),
            hits_at_10: hits(10.0),
        })
    }
}
