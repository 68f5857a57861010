use std::collections::BTreeSet;

use super::{check_probability, undirected};
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// A small world (Watts and Strogatz 1998), undirected: a ring in which every node is joined to the `k` nearest, `k / 2` on each
/// side, where the far end of each pair then moves to another node with `probability`. There are no self-loops and no
/// duplicates, and always `num_nodes · k / 2` pairs.
///
/// # Errors
/// If `k` is not even and less than `num_nodes`, `probability` is not in 0..=1, or a size exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, generators::watts_strogatz};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let ring = watts_strogatz(4, 2, 0.0, 0)?;
/// assert_eq!(ring, EdgeIndex::new(vec![0, 0, 1, 1, 2, 2, 3, 3], vec![1, 3, 0, 2, 1, 3, 0, 2], 4)?);
/// assert_eq!(watts_strogatz(100, 6, 0.3, 0)?.num_edges(), 600);
/// # Ok(()) }
/// ```
pub fn watts_strogatz(num_nodes: usize, k: usize, probability: f64, seed: u64) -> Result<EdgeIndex> {
    check_size("num_nodes", num_nodes)?;
    check_probability("probability", probability)?;
    if k % 2 == 1 || k > 0 && k >= num_nodes {
        return Err(GraphError::Invalid {
            argument: "k",
            expected: format!("an even number less than the number of nodes, {num_nodes}"),
            actual: k.to_string(),
        });
    }
    check_size("num_edges", num_nodes.saturating_mul(k))?;
    let mut random = Stream::named(seed, "watts_strogatz").sequence();
    let n = num_nodes as u32;
    let key = |a: u32, b: u32| (a.min(b), a.max(b));
    let far = |i: u32, step: u32| ((u64::from(i) + u64::from(step)) % u64::from(n)) as u32;
    let steps = 1..=k as u32 / 2;
    let mut pairs: BTreeSet<(u32, u32)> =
        steps.clone().flat_map(|step| (0..n).map(move |i| key(i, far(i, step)))).collect();
    let mut degree = vec![k as u32; num_nodes];
    for step in steps {
        for i in 0..n {
            let old = far(i, step);
            if random.uniform_f64() >= probability || degree[i as usize] >= n - 1 {
                continue;
            }
            let new = loop {
                let other = random.below(n);
                if other != i && !pairs.contains(&key(i, other)) {
                    break other;
                }
            };
            pairs.remove(&key(i, old));
            pairs.insert(key(i, new));
            degree[old as usize] -= 1;
            degree[new as usize] += 1;
        }
    }
    undirected(pairs.into_iter().collect(), num_nodes)
}
