use super::undirected;
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// A graph that grows by preferential attachment (Barabási and Albert 1999), undirected: the first `num_edges + 1` nodes are a
/// star about node 0, and every other node is joined to `num_edges` different ones before it, each chosen with a probability in
/// proportion to its degree. So there are `num_edges · (num_nodes − num_edges)` pairs.
///
/// # Errors
/// If `num_edges` is not at least 1 and less than `num_nodes`, or a size exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::generators::barabasi_albert;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// assert_eq!(barabasi_albert(300, 5, 0)?.num_edges(), 2 * 5 * 295);
/// # Ok(()) }
/// ```
pub fn barabasi_albert(num_nodes: usize, num_edges: usize, seed: u64) -> Result<EdgeIndex> {
    check_size("num_nodes", num_nodes)?;
    if num_edges == 0 || num_edges >= num_nodes {
        return Err(GraphError::Invalid {
            argument: "num_edges",
            expected: format!("at least 1 and less than the number of nodes, {num_nodes}"),
            actual: num_edges.to_string(),
        });
    }
    check_size("num_edges", (num_nodes - num_edges).saturating_mul(num_edges).saturating_mul(2))?;
    let mut random = Stream::named(seed, "barabasi_albert").sequence();
    // Every node as often as its degree says.
    let mut ends: Vec<u32> = (1..=num_edges as u32).flat_map(|i| [0, i]).collect();
    let mut pairs: Vec<(u32, u32)> = (1..=num_edges as u32).map(|i| (0, i)).collect();
    let mut is_chosen = vec![false; num_nodes];
    for node in num_edges as u32 + 1..num_nodes as u32 {
        let first = pairs.len();
        while pairs.len() < first + num_edges {
            let other = ends[random.below(ends.len() as u32) as usize];
            if !std::mem::replace(&mut is_chosen[other as usize], true) {
                pairs.push((other, node));
            }
        }
        for &(other, _) in &pairs[first..] {
            is_chosen[other as usize] = false;
            ends.extend([other, node]);
        }
    }
    undirected(pairs, num_nodes)
}
