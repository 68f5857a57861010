use super::{Origin, Transformed};
use crate::{EdgeIndex, GraphError, Result};

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
    let mut position = vec![None; num_nodes];
    for (k, &node) in (0u32..).zip(nodes) {
        let invalid = |expected: String| GraphError::Invalid {
            argument: "nodes",
            expected,
            actual: format!("{node} at position {k}"),
        };
        let slot = position
            .get_mut(node as usize)
            .ok_or_else(|| invalid(format!("indices below the number of nodes, {num_nodes}")))?;
        if slot.replace(k).is_some() {
            return Err(invalid("every node at most once".into()));
        }
    }
    let (mut source, mut destination, mut origin) = (Vec::new(), Vec::new(), Vec::new());
    for (e, (s, d)) in (0u32..).zip(edges.iter()) {
        if let (Some(s), Some(d)) = (position[s as usize], position[d as usize]) {
            source.push(s);
            destination.push(d);
            origin.push(Origin::Edge(e));
        }
    }
    let edges_after = EdgeIndex::new(source, destination, nodes.len())?;
    Ok(Transformed::with_origin(edges_after, origin, edges.num_edges()))
}
