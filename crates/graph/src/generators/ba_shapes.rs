use super::{barabasi_albert, choose};
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// A graph with houses, and what explains the labels of their nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaShapes {
    /// The edges, in both directions: those of the base graph, then for each house its own and the one that joins it.
    pub edges: EdgeIndex,
    /// The role of every node: 0 in the base graph; in a house 1 for the middle, 2 for the bottom and 3 for the top.
    pub labels: Vec<u32>,
    /// For every edge whether it belongs to a house: the true explanation of the labels there.
    pub edge_mask: Vec<bool>,
}

/// The six pairs of a house: the top is node 4, on the middle, 0 and 1, over the bottom, 2 and 3.
const HOUSE: [(u32, u32); 6] = [(0, 1), (0, 3), (0, 4), (1, 2), (1, 4), (2, 3)];
const ROLES: [u32; 5] = [1, 1, 2, 2, 3];

/// The data set BA-Shapes (Ying et al., *GNNExplainer*, NeurIPS 2019): a Barabási–Albert graph, to whose nodes houses of five
/// nodes are joined, each to another one by the corner 0 of its middle. In the paper `num_nodes` is 300, `num_edges` per node
/// 5, `num_houses` 80; like PyG's `BAShapes` this has none of the random edges that the authors add at last.
///
/// # Errors
/// If there are more houses than nodes to join them to; and as [`barabasi_albert`].
///
/// ```
/// # use candle_geometric_graph::generators::ba_shapes;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let shapes = ba_shapes(300, 5, 80, 0)?;
/// assert_eq!((shapes.labels.len(), shapes.edges.num_edges()), (700, 2 * (5 * 295 + 80 * 7)));
/// assert_eq!(shapes.edge_mask.iter().filter(|m| **m).count(), 80 * 12);
/// # Ok(()) }
/// ```
pub fn ba_shapes(num_nodes: usize, num_edges: usize, num_houses: usize, seed: u64) -> Result<BaShapes> {
    if num_houses > num_nodes {
        return Err(GraphError::Invalid {
            argument: "num_houses",
            expected: format!("at most the number of nodes, {num_nodes}"),
            actual: num_houses.to_string(),
        });
    }
    let all = num_nodes.saturating_add(num_houses.saturating_mul(ROLES.len()));
    check_size("num_nodes", all)?;
    let base = barabasi_albert(num_nodes, num_edges, seed)?;
    let mut pairs: Vec<_> = base.iter().collect();
    let mut edge_mask = vec![false; pairs.len()];
    let mut labels = vec![0; num_nodes];
    let mut random = Stream::named(seed, "ba_shapes").sequence();
    for anchor in choose(num_nodes as u64, num_houses, &mut random) {
        let first = labels.len() as u32;
        labels.extend(ROLES);
        pairs.extend(HOUSE.iter().flat_map(|&(a, b)| [(first + a, first + b), (first + b, first + a)]));
        pairs.extend([(anchor as u32, first), (first, anchor as u32)]);
        edge_mask.resize(edge_mask.len() + 2 * HOUSE.len(), true);
        edge_mask.resize(pairs.len(), false);
    }
    Ok(BaShapes { edges: EdgeIndex::from_pairs(pairs, all)?, labels, edge_mask })
}
