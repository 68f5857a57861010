use rayon::prelude::*;

use crate::rng::{Sequence, Stream};
use crate::transforms::check_nodes;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// Which links that are no edges go with those that are: PyG's `NegativeSampling`, which does not look whether they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NegativeLinks {
    /// None.
    None,
    /// So many for each positive one, rounded up, from any source to any destination.
    Binary {
        /// The number for each positive one.
        ratio: f64,
    },
    /// So many for each positive one, from the same source to other destinations: link after link.
    Triplet {
        /// The number for each positive one.
        amount: usize,
    },
}

/// Links, and the time of each if that matters.
pub(super) struct Links {
    pub(super) source: Vec<u32>,
    pub(super) destination: Vec<u32>,
    pub(super) times: Option<Vec<i64>>,
}

impl NegativeLinks {
    /// The links, and after them the negative ones. No edge is a negative link, nor is a node with itself.
    pub(super) fn append(
        self,
        edges: &EdgeIndex,
        source: &[u32],
        destination: &[u32],
        times: Option<&[i64]>,
        stream: Stream,
    ) -> Result<Links> {
        let positives = source.len();
        let (count, per_link) = match self {
            Self::None => (0, 0),
            Self::Binary { ratio } if ratio >= 0.0 && ratio.is_finite() => {
                ((ratio * positives as f64).ceil() as usize, 1)
            }
            Self::Binary { ratio } => {
                let expected = "a number, at least 0".into();
                return Err(GraphError::Invalid { argument: "ratio", expected, actual: ratio.to_string() });
            }
            Self::Triplet { amount } => (positives.saturating_mul(amount), amount),
        };
        check_size("negative links", count.saturating_add(positives))?;
        edges.by_source();
        let of_one = |k: usize| {
            let mut random = stream.split(k as u64).sequence();
            let negative = match self {
                Self::Triplet { .. } => {
                    let j = source[k / per_link];
                    free_destination(edges, j, &mut random).map(|i| (j, i))
                }
                _ => free_link(edges, &mut random),
            };
            negative.ok_or_else(|| GraphError::Invalid {
                argument: "negative links",
                expected: "pairs without an edge".into(),
                actual: match self {
                    Self::Triplet { .. } => format!("edges from node {} to all others", source[k / per_link]),
                    _ => "edges between all nodes".into(),
                },
            })
        };
        let negatives =
            (0..count).into_par_iter().with_min_len(64).map(of_one).collect::<Result<Vec<_>>>()?;
        let (free_source, free_destination): (Vec<u32>, Vec<u32>) = negatives.into_iter().unzip();
        let time_of = |k: usize| if per_link > 1 { k / per_link } else { k % positives };
        let times = times.map(|times| {
            let of_negatives = (0..count).map(|k| times[time_of(k)]);
            times.iter().copied().chain(of_negatives).collect()
        });
        Ok(Links {
            source: [source, &free_source].concat(),
            destination: [destination, &free_destination].concat(),
            times,
        })
    }
}

/// A pair without an edge: any source, or if that has edges to all, the next one that has not.
fn free_link(edges: &EdgeIndex, random: &mut Sequence) -> Option<(u32, u32)> {
    let n = edges.num_src() as u32;
    let first = random.below(n);
    (first..n).chain(0..first).find_map(|j| free_destination(edges, j, random).map(|i| (j, i)))
}

/// A destination that the source has no edge to, each with the same probability.
fn free_destination(edges: &EdgeIndex, source: u32, random: &mut Sequence) -> Option<u32> {
    let mut taken = edges.by_source().neighbors(source as usize).to_vec();
    if !edges.is_bipartite() {
        taken.push(source);
    }
    taken.sort_unstable();
    taken.dedup();
    let free = (edges.num_dst() - taken.len()) as u32;
    if free == 0 {
        return None;
    }
    // The number of the destination among the free ones grows by one with each taken one before it.
    let number = random.below(free);
    Some(taken.into_iter().fold(number, |i, taken| if taken <= i { i + 1 } else { i }))
}

pub(super) fn check_links(edges: &EdgeIndex, source: &[u32], destination: &[u32]) -> Result<()> {
    let (expected, actual) = (source.len(), destination.len());
    if expected != actual {
        return Err(GraphError::Length { what: "destinations of links", expected, actual });
    }
    check_nodes(source, edges.num_src())?;
    check_nodes(destination, edges.num_dst())
}

/// The sources and after them the destinations, and their times.
pub(super) fn both_ends(links: &Links) -> (Vec<u32>, Option<Vec<i64>>) {
    let twice = links.times.as_ref().map(|times| [times.as_slice(), times].concat());
    ([links.source.as_slice(), &links.destination].concat(), twice)
}
