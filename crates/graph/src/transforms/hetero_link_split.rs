use super::{LinkSplitConfig, LinkSubset, random_link_split};
use crate::rng::Stream;
use crate::{EdgeIndex, EdgeType, GraphError, HeteroGraph, Result};

/// The links of one type for one purpose, in a graph with types.
#[derive(Debug, Clone)]
pub struct HeteroLinkSubset {
    /// The graph for message passing: of the type that is split the edges of `links.messages`, of the type of its reverses
    /// these turned around, in the same order; all other types as they were.
    pub graph: HeteroGraph,
    /// The links to tell apart.
    pub links: LinkSubset,
}

/// The links of one type for training, validation and testing, as [`LinkSplit`](super::LinkSplit) has them.
#[derive(Debug, Clone)]
pub struct HeteroLinkSplit {
    /// For training.
    pub train: HeteroLinkSubset,
    /// For validation.
    pub val: HeteroLinkSubset,
    /// For testing.
    pub test: HeteroLinkSubset,
}

/// [`random_link_split`] of the edges of one type in a graph with types. If there is a type of edges that are the reverses of
/// these, name it: they tell what is asked just as well, so they are replaced by the reverses of the edges that are kept.
///
/// # Errors
/// As [`random_link_split`]; if there is no such type; if the type of reverses is the type itself, or has not one edge for each
/// reverse of an edge.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, EdgeType, HeteroGraph, rng::Stream};
/// # use candle_geometric_graph::transforms::{LinkSplitConfig, hetero_random_link_split};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let buys = EdgeIndex::bipartite(vec![0, 1, 2, 3, 4], vec![0, 1, 0, 1, 0], 5, 2)?;
/// let graph = HeteroGraph::new(
///     [("user", 5), ("item", 2)],
///     [(("user", "buys", "item"), buys.clone()), (("item", "rev_buys", "user"), buys.reversed())],
/// )?;
/// let (buys, reverse) = (EdgeType::new("user", "buys", "item"), EdgeType::new("item", "rev_buys", "user"));
/// let config = LinkSplitConfig { num_val: 1.into(), num_test: 1.into(), ..Default::default() };
/// let split = hetero_random_link_split(&graph, &buys, Some(&reverse), &config, Stream::new(0, 0))?;
/// assert_eq!(split.test.graph.edges_of(&buys).map(EdgeIndex::num_edges), Some(4));
/// assert_eq!(split.train.graph.edges_of(&reverse).map(EdgeIndex::num_edges), Some(3));
/// # Ok(()) }
/// ```
pub fn hetero_random_link_split(
    graph: &HeteroGraph,
    edge_type: &EdgeType,
    rev_edge_type: Option<&EdgeType>,
    config: &LinkSplitConfig,
    stream: Stream,
) -> Result<HeteroLinkSplit> {
    let find = |argument, edge_type: &EdgeType| {
        graph.edges_of(edge_type).ok_or_else(|| GraphError::Invalid {
            argument,
            expected: "one of the graph's types of edges".into(),
            actual: edge_type.to_string(),
        })
    };
    let edges = find("edge_type", edge_type)?;
    if let Some(reverse) = rev_edge_type {
        let reverses = find("rev_edge_type", reverse)?;
        let sorted = |edges: &EdgeIndex, turned: bool| {
            let mut pairs: Vec<_> = edges.iter().map(|(j, i)| if turned { (i, j) } else { (j, i) }).collect();
            pairs.sort_unstable();
            pairs
        };
        if reverse == edge_type || sorted(edges, true) != sorted(reverses, false) {
            return Err(GraphError::Invalid {
                argument: "rev_edge_type",
                expected: format!("another type, of the reverses of {edge_type}"),
                actual: reverse.to_string(),
            });
        }
    }
    let split = random_link_split(edges, config, stream)?;
    let subset = |links: LinkSubset| -> Result<HeteroLinkSubset> {
        let kept = graph.edges().map(|(other, edges)| {
            let edges = if other == edge_type {
                links.messages.edges.clone()
            } else if Some(other) == rev_edge_type {
                links.messages.edges.reversed()
            } else {
                edges.clone()
            };
            (other.clone(), edges)
        });
        let graph = HeteroGraph::new(graph.nodes(), kept)?;
        Ok(HeteroLinkSubset { graph, links })
    };
    Ok(HeteroLinkSplit { train: subset(split.train)?, val: subset(split.val)?, test: subset(split.test)? })
}
