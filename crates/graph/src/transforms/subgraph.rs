use std::collections::HashMap;

use super::{Origin, Transformed};
use crate::hash::NodeHasher;
use crate::{EdgeIndex, GraphError, Result};

/// A part of a graph: some of its nodes and the edges between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Induced {
    /// Node `k` of the part is node `nodes[k]` of the graph: with these, features and labels follow.
    pub nodes: Vec<u32>,
    /// The edges of the part, and which edges of the graph they are.
    pub graph: Transformed,
}

/// The subgraph that `nodes` induce: node `k` of the result is node `nodes[k]`, and the edges between chosen nodes
/// stay, in their order.
///
/// # Errors
/// If the graph is bipartite, or `nodes` names a node that does not exist, or one twice.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::subgraph};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let path = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 3], 4)?;
/// let part = subgraph(&path, &[3, 2, 1])?;
/// assert_eq!(part.edges, EdgeIndex::new(vec![2, 1], vec![1, 0], 3)?);
/// # Ok(()) }
/// ```
pub fn subgraph(edges: &EdgeIndex, nodes: &[u32]) -> Result<Transformed> {
    let num_nodes = edges.num_nodes()?;
    check_nodes(nodes, num_nodes)?;
    let mut position = HashMap::with_capacity_and_hasher(nodes.len(), NodeHasher::default());
    for (k, &node) in (0u32..).zip(nodes) {
        if position.insert(node, k).is_some() {
            return Err(GraphError::Invalid {
                argument: "nodes",
                expected: "every node at most once".into(),
                actual: format!("{node} at position {k}"),
            });
        }
    }
    // Only the rows of the chosen nodes are read: a small part of a large graph is found in the time of the part.
    let csr = edges.by_destination();
    let mut found = Vec::new();
    for (d, &node) in (0u32..).zip(nodes) {
        let row = csr.neighbors(node as usize).iter().zip(csr.edges(node as usize));
        found.extend(row.filter_map(|(j, &e)| Some((e, *position.get(j)?, d))));
    }
    found.sort_unstable();
    let source = found.iter().map(|&(_, s, _)| s).collect();
    let destination = found.iter().map(|&(_, _, d)| d).collect();
    let origin = found.iter().map(|&(e, _, _)| Origin::Edge(e)).collect();
    let part = EdgeIndex::trusted(source, destination, nodes.len(), nodes.len(), false);
    Ok(Transformed::with_origin(part, origin, edges.num_edges()))
}

/// Checks that all are nodes of a graph.
pub(crate) fn check_nodes(nodes: &[u32], num_nodes: usize) -> Result<()> {
    let Some((k, node)) = nodes.iter().enumerate().find(|(_, node)| **node as usize >= num_nodes) else {
        return Ok(());
    };
    Err(GraphError::Invalid {
        argument: "nodes",
        expected: format!("indices below the number of nodes, {num_nodes}"),
        actual: format!("{node} at position {k}"),
    })
}
