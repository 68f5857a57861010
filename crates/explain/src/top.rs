use candle_geometric_graph::EdgeIndex;
use serde::Serialize;

use crate::{Heads, Result, Weights};

/// A neighbour that a node attends to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Neighbor {
    /// The node attended to (the source of the edge).
    pub node: u32,
    /// The attention that it gets; parallel edges are added up.
    pub weight: f64,
}

/// Whether a node counts as its own neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfLoops {
    /// The attention of a node to itself is listed too.
    Include,
    /// Only other nodes are listed. The weights are not rescaled, so they need not add up to 1.
    Exclude,
}

/// The `count` neighbours that each destination attends to most, the most attended first and among equals the one
/// with the smaller index. A node with fewer neighbours has a shorter list, one without in-edges an empty one.
///
/// # Errors
/// If there is no such head.
pub fn most_attended(
    weights: &Weights,
    count: usize,
    heads: Heads,
    self_loops: SelfLoops,
) -> Result<Vec<Vec<Neighbor>>> {
    Ok(rank(weights.edges(), &weights.select(heads)?, count, self_loops))
}

/// [`most_attended`] by one weight per edge.
pub(crate) fn rank(
    edges: &EdgeIndex,
    alpha: &[f64],
    count: usize,
    self_loops: SelfLoops,
) -> Vec<Vec<Neighbor>> {
    let by_destination = edges.by_destination();
    // Between two sets of nodes, equal indices are different nodes.
    let skip_self = self_loops == SelfLoops::Exclude && !edges.is_bipartite();
    let of_node = |i: usize| {
        let edges = by_destination.neighbors(i).iter().zip(by_destination.edges(i));
        let mut found: Vec<Neighbor> = edges
            .filter(|&(&j, _)| !(skip_self && j as usize == i))
            .map(|(&node, &e)| Neighbor { node, weight: alpha[e as usize] })
            .collect();
        found.sort_unstable_by(|a, b| a.node.cmp(&b.node).then(a.weight.total_cmp(&b.weight)));
        found.dedup_by(|next, kept| {
            let same = next.node == kept.node;
            if same {
                kept.weight += next.weight;
            }
            same
        });
        found.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        found.truncate(count);
        found
    };
    (0..by_destination.rows()).map(of_node).collect()
}
