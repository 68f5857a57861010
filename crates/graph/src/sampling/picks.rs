use std::collections::HashSet;

use rayon::prelude::*;

use super::{Fanout, TemporalStrategy};
use crate::hash::NodeHasher;
use crate::rng::Sequence;
use crate::{Csr, EdgeIndex, GraphError, Result};

/// What decides which in-edges of a node are taken.
pub(super) enum Picks {
    /// All are equally likely.
    Uniform,
    /// In proportion to a weight.
    Weighted(Weights),
    /// Those from before a time.
    Timed(Timeline),
}

/// The weights of the edges, in the order of the compressed form.
pub(super) struct Weights {
    weights: Vec<f32>,
    /// The sums of the weights of a row up to and with each.
    sums: Vec<f64>,
}

/// The in-edges of every node by time, and where these are equal by their order.
pub(super) struct Timeline {
    /// Entries of the compressed form.
    entries: Vec<u32>,
    /// The time of each of them.
    times: Vec<i64>,
    strategy: TemporalStrategy,
}

impl Picks {
    /// Weights of edges, in the order of the edges.
    pub(super) fn weighted(edges: &EdgeIndex, edge_weight: &[f32]) -> Result<Self> {
        let (expected, actual) = (edges.num_edges(), edge_weight.len());
        if expected != actual {
            return Err(GraphError::Length { what: "edge_weight", expected, actual });
        }
        if let Some((e, w)) = edge_weight.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            return Err(GraphError::Invalid {
                argument: "edge_weight",
                expected: "finite numbers, at least 0".into(),
                actual: format!("{w} at edge {e}"),
            });
        }
        let csr = edges.by_destination();
        let weights: Vec<f32> = csr.edge_ids().iter().map(|&e| edge_weight[e as usize]).collect();
        let mut sums = Vec::with_capacity(weights.len());
        for row in 0..csr.rows() {
            let mut sum = 0.0;
            sums.extend(weights[csr.range(row)].iter().map(|&w| {
                sum += f64::from(w);
                sum
            }));
        }
        Ok(Self::Weighted(Weights { weights, sums }))
    }

    /// Times of edges, in the order of the compressed form.
    pub(super) fn timed(csr: &Csr, time: impl Fn(usize) -> i64 + Sync, strategy: TemporalStrategy) -> Self {
        let row = |row: usize| {
            let mut entries: Vec<u32> = csr.range(row).map(|entry| entry as u32).collect();
            entries.sort_by_key(|&entry| time(entry as usize)); // stable
            entries
        };
        let entries: Vec<u32> = (0..csr.rows()).into_par_iter().flat_map_iter(row).collect();
        let times = entries.iter().map(|&entry| time(entry as usize)).collect();
        Self::Timed(Timeline { entries, times, strategy })
    }

    /// Appends the entries that are taken of a row.
    pub(super) fn pick(
        &self,
        csr: &Csr,
        row: usize,
        before: i64,
        rule: Rule,
        random: &mut Sequence,
        taken: &mut Vec<u32>,
    ) {
        let range = csr.range(row);
        let first = range.start as u32;
        match self {
            Self::Uniform => rule.positions(range.len() as u32, random, taken, |k| first + k),
            Self::Timed(line) => {
                let past = line.times[range.clone()].partition_point(|&time| time < before) as u32;
                let entry = |k: u32| line.entries[(first + k) as usize];
                match (line.strategy, rule.fanout) {
                    (TemporalStrategy::Last, Fanout::Most(most)) => {
                        let skipped = past.saturating_sub(u32::try_from(most).unwrap_or(u32::MAX));
                        taken.extend((skipped..past).map(entry));
                    }
                    _ => rule.positions(past, random, taken, entry),
                }
            }
            Self::Weighted(weights) => {
                let (all, sums) = (&weights.weights[range.clone()], &weights.sums[range]);
                let possible = (first..).zip(all).filter(|(_, w)| **w > 0.0);
                match rule.fanout {
                    Fanout::Most(most) if rule.replace => {
                        let total = sums.last().copied().unwrap_or(0.0);
                        // The first entry at which the sum is reached, as rounding may lead beyond it.
                        let last = sums.partition_point(|&sum| sum < total);
                        let draws = if total > 0.0 { most } else { 0 };
                        taken.extend((0..draws).map(|_| {
                            let at = random.uniform_f64() * total;
                            first + sums.partition_point(|&sum| sum <= at).min(last) as u32
                        }));
                    }
                    Fanout::Most(most) if most < all.len() => {
                        // Exponential waiting times: the first to come are a weighted sample without replacement (Efraimidis
                        // and Spirakis 2006).
                        let wait =
                            |w: f32, random: &mut Sequence| -(1.0 - random.uniform_f64()).ln() / f64::from(w);
                        let mut waits: Vec<(f64, u32)> =
                            possible.map(|(entry, &w)| (wait(w, random), entry)).collect();
                        if most < waits.len() {
                            waits
                                .select_nth_unstable_by(most, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                            waits.truncate(most);
                        }
                        let start = taken.len();
                        taken.extend(waits.into_iter().map(|(_, entry)| entry));
                        taken[start..].sort_unstable();
                    }
                    _ => taken.extend(possible.map(|(entry, _)| entry)),
                }
            }
        }
    }
}

/// How many in-edges are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) fanout: Fanout,
    pub(super) replace: bool,
}

impl Rule {
    /// Takes of so many positions, all equally likely.
    fn positions(self, len: u32, random: &mut Sequence, taken: &mut Vec<u32>, entry: impl Fn(u32) -> u32) {
        match self.fanout {
            Fanout::Most(most) if self.replace => {
                let draws = if len == 0 { 0 } else { most };
                taken.extend((0..draws).map(|_| entry(random.below(len))));
            }
            Fanout::Most(most) if most < len as usize => {
                distinct(len, most as u32, random, |k| taken.push(entry(k)))
            }
            _ => taken.extend((0..len).map(entry)),
        }
    }
}

/// `count` different numbers below `len`, of which there are more (Floyd's method).
fn distinct(len: u32, count: u32, random: &mut Sequence, mut take: impl FnMut(u32)) {
    /// So many are looked through faster than a set is asked.
    const FEW: usize = 32;
    let mut few = [0u32; FEW];
    let mut many: HashSet<u32, NodeHasher> = HashSet::default();
    for (k, greatest) in (len - count..len).enumerate() {
        let number = random.below(greatest + 1);
        let number = if count as usize <= FEW {
            let number = if few[..k].contains(&number) { greatest } else { number };
            few[k] = number;
            number
        } else if many.insert(number) {
            number
        } else {
            many.insert(greatest);
            greatest
        };
        take(number);
    }
}
