use super::{check_probability, choose, chosen, num_pairs, undirected, unordered_pair};
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, Result};

/// A directed Erdős–Rényi graph G(n, p): each of the `n·(n−1)` possible edges exists with `probability`,
/// independently; no self-loops, no duplicates. The edges come sorted by destination, then by source.
///
/// Takes time in the number of edges, not of pairs.
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
    check_size("num_nodes", num_nodes)?;
    check_probability("probability", probability)?;
    let mut random = Stream::named(seed, "erdos_renyi").sequence();
    let (mut source, mut destination) = (Vec::new(), Vec::new());
    for pair in chosen(2 * num_pairs(num_nodes), probability, &mut random) {
        check_size("num_edges", source.len() + 1)?;
        let (j, i) = ordered_pair(pair, num_nodes);
        source.push(j);
        destination.push(i);
    }
    EdgeIndex::new(source, destination, num_nodes)
}

/// As [`erdos_renyi`], undirected: each of the `n·(n−1)/2` pairs of nodes is joined with `probability`.
///
/// # Errors
/// As [`erdos_renyi`].
///
/// ```
/// # use candle_geometric_graph::generators::erdos_renyi_undirected;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// assert_eq!(erdos_renyi_undirected(5, 1.0, 42)?.num_edges(), 20);
/// # Ok(()) }
/// ```
pub fn erdos_renyi_undirected(num_nodes: usize, probability: f64, seed: u64) -> Result<EdgeIndex> {
    check_size("num_nodes", num_nodes)?;
    check_probability("probability", probability)?;
    let mut random = Stream::named(seed, "erdos_renyi_undirected").sequence();
    let mut pairs = Vec::new();
    for pair in chosen(num_pairs(num_nodes), probability, &mut random) {
        check_size("num_edges", 2 * (pairs.len() + 1))?;
        pairs.push(unordered_pair(pair));
    }
    undirected(pairs, num_nodes)
}

/// A graph G(n, m): `num_edges` of the possible edges, all choices equally likely; no self-loops, no duplicates. All edges
/// where there are fewer. A directed one comes sorted by destination, then by source; an undirected one has `num_edges` pairs,
/// each in both directions.
///
/// # Errors
/// If the number of nodes or edges exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::generators::gnm;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// assert_eq!(gnm(10, 7, true, 42)?.num_edges(), 7);
/// assert_eq!(gnm(10, 7, false, 42)?.num_edges(), 14);
/// # Ok(()) }
/// ```
pub fn gnm(num_nodes: usize, num_edges: usize, directed: bool, seed: u64) -> Result<EdgeIndex> {
    check_size("num_nodes", num_nodes)?;
    let mut random = Stream::named(seed, "gnm").sequence();
    let all = num_pairs(num_nodes);
    let total = if directed { 2 * all } else { all };
    check_size("num_edges", num_edges.min(usize::try_from(total).unwrap_or(usize::MAX)))?;
    let numbers = choose(total, num_edges, &mut random).into_iter();
    if directed {
        EdgeIndex::from_pairs(numbers.map(|pair| ordered_pair(pair, num_nodes)), num_nodes)
    } else {
        undirected(numbers.map(unordered_pair).collect(), num_nodes)
    }
}

/// Pair number `d·(n−1) + k` is the edge into `d` from the k-th of the other nodes.
fn ordered_pair(number: u64, num_nodes: usize) -> (u32, u32) {
    let others = num_nodes as u64 - 1;
    let (d, k) = ((number / others) as u32, (number % others) as u32);
    (if k < d { k } else { k + 1 }, d)
}
