use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// A type of edges: from nodes of one type, by a relation, to nodes of another type.
///
/// Written as in the `state_dict` of PyTorch Geometric: `author__writes__paper`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeType {
    /// The type of the sources.
    pub source: String,
    /// What the source is to the destination.
    pub relation: String,
    /// The type of the destinations.
    pub destination: String,
}

impl EdgeType {
    /// The type of edges `relation` from `source` to `destination`.
    pub fn new(
        source: impl Into<String>,
        relation: impl Into<String>,
        destination: impl Into<String>,
    ) -> Self {
        Self { source: source.into(), relation: relation.into(), destination: destination.into() }
    }
}

impl<S: Into<String>, R: Into<String>, D: Into<String>> From<(S, R, D)> for EdgeType {
    fn from((source, relation, destination): (S, R, D)) -> Self {
        Self::new(source, relation, destination)
    }
}

impl fmt::Display for EdgeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}__{}__{}", self.source, self.relation, self.destination)
    }
}

impl FromStr for EdgeType {
    type Err = GraphError;

    fn from_str(text: &str) -> Result<Self> {
        match text.split("__").collect::<Vec<_>>()[..] {
            [source, relation, destination] => Ok(Self::new(source, relation, destination)),
            _ => Err(GraphError::Invalid {
                argument: "edge type",
                expected: "source__relation__destination".into(),
                actual: format!("{text:?}"),
            }),
        }
    }
}

/// A graph with types of nodes and of edges: validated once, immutable afterwards, cheap to clone.
///
/// Types stand in the caller's order, in which everything goes through them.
///
/// ```
/// use candle_geometric_graph::{EdgeIndex, HeteroGraph};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let writes = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
/// let cites = EdgeIndex::new(vec![0], vec![1], 2)?;
/// let graph = HeteroGraph::new(
///     [("author", 3), ("paper", 2)],
///     [(("author", "writes", "paper"), writes), (("paper", "cites", "paper"), cites)],
/// )?;
/// assert_eq!(graph.num_nodes("paper"), Some(2));
/// let (types, edges) = graph.in_edges("paper")?; // all edges to papers, from authors and papers side by side
/// assert_eq!(types.len(), 2);
/// assert_eq!(edges, &EdgeIndex::bipartite(vec![0, 1, 2, 3], vec![0, 0, 1, 1], 5, 2)?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HeteroGraph {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Vec<(String, usize)>,
    edges: Vec<(EdgeType, EdgeIndex)>,
    /// By type of destination: positions in `edges`, and all these edges as one graph.
    into: BTreeMap<String, (Vec<usize>, OnceLock<EdgeIndex>)>,
}

impl HeteroGraph {
    /// The graph of types of nodes with their numbers, and types of edges with their edges.
    ///
    /// # Errors
    /// If a type stands twice, edges join a type of nodes that is not there, or are not made for the numbers of nodes of
    /// their types. Edges within one type must be on one set of nodes ([`EdgeIndex::new`]), all others on two
    /// ([`EdgeIndex::bipartite`]).
    pub fn new<N, T>(
        nodes: impl IntoIterator<Item = (N, usize)>,
        edges: impl IntoIterator<Item = (T, EdgeIndex)>,
    ) -> Result<Self>
    where
        N: Into<String>,
        T: Into<EdgeType>,
    {
        let nodes: Vec<(String, usize)> = nodes.into_iter().map(|(name, n)| (name.into(), n)).collect();
        let edges: Vec<(EdgeType, EdgeIndex)> = edges.into_iter().map(|(t, e)| (t.into(), e)).collect();
        let invalid = |argument, expected: String, actual: String| {
            Err(GraphError::Invalid { argument, expected, actual })
        };
        for (k, (name, count)) in nodes.iter().enumerate() {
            check_size("num_nodes", *count)?;
            if nodes[..k].iter().any(|(other, _)| other == name) {
                return invalid("node types", "every type once".into(), format!("{name} twice"));
            }
        }
        let mut into: BTreeMap<String, (Vec<usize>, OnceLock<EdgeIndex>)> =
            nodes.iter().map(|(name, _)| (name.clone(), Default::default())).collect();
        for (k, (edge_type, index)) in edges.iter().enumerate() {
            if edges[..k].iter().any(|(other, _)| other == edge_type) {
                return invalid("edge types", "every type once".into(), format!("{edge_type} twice"));
            }
            let count = |name: &str| nodes.iter().find(|(n, _)| n == name).map(|(_, count)| *count);
            let (Some(n), Some(m)) = (count(&edge_type.source), count(&edge_type.destination)) else {
                let known = nodes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                return invalid("edge types", format!("edges between {known}"), edge_type.to_string());
            };
            let within = edge_type.source == edge_type.destination;
            if (index.num_src(), index.num_dst()) != (n, m) || index.is_bipartite() == within {
                let sets = if within { "one set" } else { "two sets" };
                let expected = format!("edges {edge_type} from {n} to {m} nodes of {sets}");
                let found = if index.is_bipartite() { "two sets" } else { "one set" };
                let actual = format!("from {} to {} nodes of {found}", index.num_src(), index.num_dst());
                return invalid("edge_index", expected, actual);
            }
            into.entry(edge_type.destination.clone()).or_default().0.push(k);
        }
        Ok(Self { inner: Arc::new(Inner { nodes, edges, into }) })
    }

    /// The types of nodes with their numbers.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&str, usize)> {
        self.inner.nodes.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// The number of nodes of a type, if there is such a type.
    pub fn num_nodes(&self, node_type: &str) -> Option<usize> {
        self.nodes().find(|(name, _)| *name == node_type).map(|(_, count)| count)
    }

    /// The types of edges with their edges.
    pub fn edges(&self) -> impl ExactSizeIterator<Item = (&EdgeType, &EdgeIndex)> {
        self.inner.edges.iter().map(|(edge_type, edges)| (edge_type, edges))
    }

    /// The edges of a type, if there is such a type.
    pub fn edges_of(&self, edge_type: &EdgeType) -> Option<&EdgeIndex> {
        self.edges().find(|(other, _)| *other == edge_type).map(|(_, edges)| edges)
    }

    /// The types of edges that end in nodes of this type, and all these edges as one graph, whose sources are those of the
    /// first type of edges, then those of the second, and so on. No type and no edges for nodes that are only sources.
    ///
    /// The graph is built on first use and kept.
    ///
    /// # Errors
    /// If there is no such type of nodes, or the sums of nodes or edges exceed 32 bits.
    pub fn in_edges(&self, node_type: &str) -> Result<(Vec<&EdgeType>, &EdgeIndex)> {
        let known = self.num_nodes(node_type).zip(self.inner.into.get(node_type));
        let Some((num_dst, (positions, kept))) = known else {
            return Err(GraphError::Invalid {
                argument: "node type",
                expected: "one of the graph's".into(),
                actual: node_type.to_string(),
            });
        };
        let parts = positions.iter().map(|&k| &self.inner.edges[k]);
        let types = parts.clone().map(|(edge_type, _)| edge_type).collect();
        if let Some(edges) = kept.get() {
            return Ok((types, edges));
        }
        let sum = |size: fn(&EdgeIndex) -> usize| {
            parts.clone().map(|(_, e)| size(e)).fold(0, usize::saturating_add)
        };
        let (num_src, num_edges) = (sum(EdgeIndex::num_src), sum(EdgeIndex::num_edges));
        check_size("num_nodes", num_src)?;
        check_size("num_edges", num_edges)?;
        let (mut source, mut destination) = (Vec::with_capacity(num_edges), Vec::with_capacity(num_edges));
        let mut offset = 0;
        for (_, edges) in parts {
            source.extend(edges.source().iter().map(|&j| j + offset));
            destination.extend_from_slice(edges.destination());
            offset += edges.num_src() as u32;
        }
        let made = EdgeIndex::trusted(source, destination, num_src, num_dst, true);
        Ok((types, kept.get_or_init(|| made)))
    }
}

impl fmt::Debug for HeteroGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeteroGraph")
            .field("nodes", &self.inner.nodes)
            .field("edges", &self.inner.edges)
            .finish()
    }
}
