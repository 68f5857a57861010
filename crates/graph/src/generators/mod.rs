//! Graphs made by rule or by chance, with an explicit seed: the same graph for the same arguments, always.
//!
//! Undirected graphs have every edge in both directions, sorted by source, then by destination, each once. What goes with a
//! graph, labels and features, comes in plain vectors. The tasks are those that papers test attention and expressiveness
//! with; each names its paper.

mod ba_shapes;
mod barabasi_albert;
mod block_model;
mod circular_skip_links;
mod colors;
mod dictionary_lookup;
mod erdos_renyi;
mod grid;
mod r_mat;
mod sbm_tasks;
mod tree_neighbors_match;
mod triangles;
mod watts_strogatz;

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::rng::Sequence;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

pub use ba_shapes::{BaShapes, ba_shapes};
pub use barabasi_albert::barabasi_albert;
pub use block_model::{BlockModel, stochastic_block_model};
pub use circular_skip_links::{CSL_NODES, CSL_SKIPS, circular_skip_links, csl};
pub use colors::{Colors, ColorsConfig, colors};
pub use dictionary_lookup::{DictionaryLookup, random_dictionaries};
pub use erdos_renyi::{erdos_renyi, erdos_renyi_undirected, gnm};
pub use grid::grid;
pub use r_mat::{RMat, r_mat};
pub use sbm_tasks::{SbmTask, cluster, pattern};
pub use tree_neighbors_match::{TreeNeighborsMatch, tree_neighbors_match};
pub use triangles::{Triangles, TrianglesConfig, triangles};
pub use watts_strogatz::watts_strogatz;

fn check_probability(argument: &'static str, probability: f64) -> Result<()> {
    if (0.0..=1.0).contains(&probability) {
        return Ok(());
    }
    let (expected, actual) = ("a number from 0 to 1".into(), probability.to_string());
    Err(GraphError::Invalid { argument, expected, actual })
}

/// Each of the numbers below `total` with this probability, ascending, in time in how many those are: the gaps between them
/// are geometric (Batagelj and Brandes, *Efficient generation of large random networks*, 2005).
fn chosen(total: u64, probability: f64, random: &mut Sequence) -> impl Iterator<Item = u64> {
    let log_miss = (-probability).ln_1p();
    let mut next = 0u64;
    std::iter::from_fn(move || {
        // ln(u)/ln(1−p), rounded down, with u in (0, 1]: infinite for p = 0, zero for p = 1. The cast saturates.
        let gap = ((1.0 - random.uniform_f64()).ln() / log_miss) as u64;
        let number = next.saturating_add(if probability == 0.0 { u64::MAX } else { gap });
        next = number.saturating_add(1);
        (number < total).then_some(number)
    })
}

/// `count` different numbers below `total`, ascending (Floyd's method); all where there are fewer.
fn choose(total: u64, count: usize, random: &mut Sequence) -> Vec<u64> {
    let count = (count as u64).min(total);
    let mut chosen = HashSet::with_capacity(count as usize);
    let mut numbers = Vec::with_capacity(count as usize);
    for most in total - count..total {
        let number = random.below_u64(most + 1);
        let number = if chosen.insert(number) { number } else { most };
        chosen.insert(number);
        numbers.push(number);
    }
    numbers.sort_unstable();
    numbers
}

/// The number of pairs of different nodes without order.
fn num_pairs(num_nodes: usize) -> u64 {
    let n = num_nodes as u64;
    n * n.saturating_sub(1) / 2
}

/// Pair number `number` of those without order: (0, 1), (0, 2), (1, 2), (0, 3), ….
fn unordered_pair(number: u64) -> (u32, u32) {
    // The greatest i with i·(i−1)/2 ≤ number. The root is exact but for rounding.
    let before = |i: u64| i * (i - 1) / 2;
    let mut i = ((8.0 * number as f64 + 1.0).sqrt() / 2.0 + 0.5) as u64;
    while before(i) > number {
        i -= 1;
    }
    while before(i + 1) <= number {
        i += 1;
    }
    ((number - before(i)) as u32, i as u32)
}

/// The undirected graph of some pairs.
fn undirected(pairs: Vec<(u32, u32)>, num_nodes: usize) -> Result<EdgeIndex> {
    check_size("num_edges", pairs.len().saturating_mul(2))?;
    let (mut all, reversed) = (pairs.clone(), pairs.into_iter().map(|(a, b)| (b, a)));
    all.extend(reversed);
    all.sort_unstable();
    all.dedup();
    EdgeIndex::from_pairs(all, num_nodes)
}

/// A number from a range.
fn between(range: &RangeInclusive<usize>, random: &mut Sequence) -> usize {
    let width = range.end().saturating_sub(*range.start()) as u64;
    range.start() + random.below_u64(width.saturating_add(1)) as usize
}

/// A random order of the nodes: node `i` becomes node `order[i]`.
fn random_order(num_nodes: usize, random: &mut Sequence) -> Vec<u32> {
    let mut order: Vec<u32> = (0..num_nodes as u32).collect();
    random.shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn pairs_are_numbered_in_order() {
        let expected: Vec<_> = (1..40).flat_map(|i| (0..i).map(move |j| (j, i))).collect();
        let pairs: Vec<_> = (0..num_pairs(40)).map(unordered_pair).collect();
        assert_eq!(pairs, expected);
        let n = u32::MAX as usize - 1;
        assert_eq!(unordered_pair(num_pairs(n) - 1), (n as u32 - 2, n as u32 - 1));
        assert_eq!(unordered_pair(num_pairs(n - 1)), (0, n as u32 - 1));
    }

    #[test]
    fn every_subset_is_as_likely() {
        // The 10 subsets of 2 of 5: chi-square with 9 degrees of freedom is below 33.7 but in 1 of 10,000 cases.
        let mut counts = std::collections::BTreeMap::new();
        let mut random = Stream::new(4, 0).sequence();
        for _ in 0..5000 {
            *counts.entry(choose(5, 2, &mut random)).or_insert(0.0) += 1.0;
        }
        assert_eq!(counts.len(), 10);
        let chi: f64 = counts.values().map(|c: &f64| (c - 500.0).powi(2) / 500.0).sum();
        assert!(chi < 33.7, "{chi}");
        assert_eq!(choose(3, 9, &mut random), [0, 1, 2]);
    }
}
