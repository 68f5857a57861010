//! Random graphs with an explicit seed: the same graph for the same arguments, always.

use crate::rng::Stream;
use crate::{EdgeIndex, GraphError, Result};

/// A directed Erdős–Rényi graph G(n, p): each of the `n·(n−1)` possible edges exists with `probability`,
/// independently; no self-loops, no duplicates. The edges come sorted by destination, then by source.
///
/// Takes time in the number of edges, not of pairs: it draws the gaps between edges, which are geometric
/// (Batagelj and Brandes, *Efficient generation of large random networks*, 2005).
///
/// # Errors
/// If `probability` is not in 0..=1, or the number of nodes or edges exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::generators::erdos_renyi;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let graph = erdos_renyi(100, 0.1, 42)?;
/// assert!((800..1200).contains(&graph.num_edges()));
/// assert_eq!(graph, erdos_renyi(100, 0.1, 42)?);
/// # Ok(()) }
/// ```
pub fn erdos_renyi(num_nodes: usize, probability: f64, seed: u64) -> Result<EdgeIndex> {
    crate::validate::check_size("num_nodes", num_nodes)?;
    if !(0.0..=1.0).contains(&probability) {
        return Err(GraphError::Invalid {
            argument: "probability",
            expected: "a number from 0 to 1".into(),
            actual: probability.to_string(),
        });
    }
    let stream = Stream::named(seed, "erdos_renyi");
    // Pair number `d·(n−1) + k` is the edge into `d` from the k-th of the other nodes.
    let others = num_nodes.saturating_sub(1) as u64;
    let pairs = num_nodes as u64 * others;
    let log_miss = (-probability).ln_1p();
    let (mut source, mut destination) = (Vec::new(), Vec::new());
    let mut pair = 0u64;
    for draw in 0.. {
        // ln(u)/ln(1−p), rounded down, with u in (0, 1]: infinite for p = 0, zero for p = 1. The cast saturates.
        let gap = ((1.0 - stream.uniform_f64(draw)).ln() / log_miss) as u64;
        pair = pair.saturating_add(if probability == 0.0 { u64::MAX } else { gap });
        if pair >= pairs {
            break;
        }
        crate::validate::check_size("num_edges", source.len() + 1)?;
        let (d, k) = ((pair / others) as u32, (pair % others) as u32);
        source.push(if k < d { k } else { k + 1 });
        destination.push(d);
        pair += 1;
    }
    EdgeIndex::new(source, destination, num_nodes)
}
