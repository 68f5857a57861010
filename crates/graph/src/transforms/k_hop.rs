use std::collections::HashSet;

use rayon::prelude::*;

use super::{Induced, check_nodes, subgraph};
use crate::hash::NodeHasher;
use crate::{EdgeIndex, Result};

/// The graph on all nodes from which one of `nodes` is reached in at most `num_hops` steps along edges: the receptive
/// field of so many layers. Its nodes stand in ascending order, as in PyG's `k_hop_subgraph`.
///
/// For what is reached *from* the nodes, give [`EdgeIndex::reversed`]: its edges have the same numbers.
///
/// # Errors
/// If the graph is bipartite or a node does not exist.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::k_hop_subgraph};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let path = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 3], 4)?;
/// let part = k_hop_subgraph(&path, &[2], 1)?;
/// assert_eq!(part.nodes, [1, 2]);
/// assert_eq!(part.graph.edges, EdgeIndex::new(vec![0], vec![1], 2)?);
/// # Ok(()) }
/// ```
pub fn k_hop_subgraph(edges: &EdgeIndex, nodes: &[u32], num_hops: usize) -> Result<Induced> {
    check_nodes(nodes, edges.num_nodes()?)?;
    let csr = edges.by_destination();
    let mut seen: HashSet<u32, NodeHasher> = HashSet::default();
    let mut reached: Vec<u32> = nodes.iter().copied().filter(|&i| seen.insert(i)).collect();
    let mut first_new = 0;
    for _ in 0..num_hops {
        let last = reached.len();
        if first_new == last {
            break;
        }
        for k in first_new..last {
            reached.extend(csr.neighbors(reached[k] as usize).iter().filter(|&&j| seen.insert(j)));
        }
        first_new = last;
    }
    reached.sort_unstable();
    let graph = subgraph(edges, &reached)?;
    Ok(Induced { nodes: reached, graph })
}

/// The ego graph of each of `nodes`: its [`k_hop_subgraph`], found on all threads.
///
/// # Errors
/// As [`k_hop_subgraph`].
pub fn ego_graphs(edges: &EdgeIndex, nodes: &[u32], num_hops: usize) -> Result<Vec<Induced>> {
    check_nodes(nodes, edges.num_nodes()?)?;
    edges.by_destination();
    nodes.par_iter().map(|&node| k_hop_subgraph(edges, &[node], num_hops)).collect()
}
