use super::{random_order, undirected};
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// The number of nodes of each graph of [`csl`].
pub const CSL_NODES: usize = 41;

/// The skip lengths of the ten classes of [`csl`].
pub const CSL_SKIPS: [usize; 10] = [2, 3, 4, 5, 6, 9, 11, 12, 13, 16];

/// A circle with skip links, undirected: node `i` is joined to `i + 1` and to `i + skip`, around the circle.
///
/// # Errors
/// If `skip` is not less than `num_nodes`, or a size exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::generators::circular_skip_links;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// assert!(circular_skip_links(41, 9)?.in_degrees().iter().all(|&d| d == 4));
/// # Ok(()) }
/// ```
pub fn circular_skip_links(num_nodes: usize, skip: usize) -> Result<EdgeIndex> {
    check_size("num_nodes", num_nodes)?;
    if skip == 0 || skip >= num_nodes {
        return Err(GraphError::Invalid {
            argument: "skip",
            expected: format!("at least 1 and less than the number of nodes, {num_nodes}"),
            actual: skip.to_string(),
        });
    }
    check_size("num_edges", num_nodes.saturating_mul(4))?;
    let links = |i: usize| [1, skip].map(|step| (i as u32, ((i + step) % num_nodes) as u32));
    undirected((0..num_nodes).flat_map(links).collect(), num_nodes)
}

/// The data set CSL (Murphy et al., *Relational Pooling for Graph Representations*, ICML 2019): 150 graphs of 41 nodes in ten
/// classes, which no message passing without node features tells apart. Each class is one circle with skip links, 15 times,
/// with its nodes in random order. Comes class by class, each graph with its class.
///
/// # Errors
/// None with these sizes.
pub fn csl(seed: u64) -> Result<Vec<(EdgeIndex, u32)>> {
    let mut graphs = Vec::with_capacity(150);
    let mut random = Stream::named(seed, "csl").sequence();
    for (class, skip) in (0u32..).zip(CSL_SKIPS) {
        let circle = circular_skip_links(CSL_NODES, skip)?;
        for _ in 0..15 {
            let order = random_order(CSL_NODES, &mut random);
            let pairs = circle.iter().map(|(j, i)| (order[j as usize], order[i as usize])).collect();
            graphs.push((undirected(pairs, CSL_NODES)?, class));
        }
    }
    Ok(graphs)
}
