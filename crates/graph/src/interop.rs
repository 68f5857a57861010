use petgraph::visit::EdgeRef;
use petgraph::{EdgeType, Graph, graph::IndexType};

use crate::transforms::{Origin, Transformed};
use crate::{EdgeIndex, GraphError, Result};

/// The edges of a petgraph graph, in the order of its edge indices.
///
/// A directed graph gives each edge once. An undirected graph gives each edge in both directions, one after the other
/// (a self-loop once). [`Transformed::origin`] holds the petgraph index of every edge, with which weights become
/// edge attributes; node weights stand in the order of the node indices.
///
/// # Errors
/// If there are more nodes or edges than 32 bits hold.
///
/// ```
/// use candle_geometric_graph::{Origin, from_petgraph};
/// use petgraph::graph::UnGraph;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let mut molecule = UnGraph::new_undirected();
/// let (c, o) = (molecule.add_node("C"), molecule.add_node("O"));
/// molecule.add_edge(c, o, 2.0);
/// let converted = from_petgraph(&molecule)?;
/// assert_eq!(converted.edges.iter().collect::<Vec<_>>(), [(0, 1), (1, 0)]);
/// assert_eq!(converted.origin(), [Origin::Edge(0), Origin::Reversed(0)]);
/// # Ok(()) }
/// ```
pub fn from_petgraph<N, E, Ty: EdgeType, Ix: IndexType>(graph: &Graph<N, E, Ty, Ix>) -> Result<Transformed> {
    crate::validate::check_size("num_nodes", graph.node_count())?;
    crate::validate::check_size("num_edges", graph.edge_count())?;
    let mut pairs = Vec::new();
    let mut origin = Vec::new();
    for (e, edge) in (0u32..).zip(graph.edge_references()) {
        let (source, destination) = (edge.source().index() as u32, edge.target().index() as u32);
        pairs.push((source, destination));
        origin.push(Origin::Edge(e));
        if !graph.is_directed() && source != destination {
            pairs.push((destination, source));
            origin.push(Origin::Reversed(e));
        }
    }
    let edges = EdgeIndex::from_pairs(pairs, graph.node_count())?;
    Ok(Transformed::with_origin(edges, origin, graph.edge_count()))
}

/// A petgraph graph with these edges, in their order, where `node(i)` and `edge(e)` give the weights.
///
/// A directed graph gets every edge. An undirected one gets those from a smaller index to a greater one and the
/// self-loops; the others must be their reverses.
///
/// # Errors
/// If the edges are bipartite; if `Ix` is too small for the number of nodes or edges; if an undirected graph is asked
/// for and the edges are not symmetric.
///
/// ```
/// use candle_geometric_graph::{EdgeIndex, to_petgraph};
/// use petgraph::graph::DiGraph;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?;
/// let weights = [0.5, 0.25];
/// let graph: DiGraph<usize, f64> = to_petgraph(&edges, |i| i, |e| weights[e])?;
/// assert_eq!(graph.node_count(), 3);
/// assert_eq!(graph[petgraph::graph::EdgeIndex::new(1)], 0.25);
/// # Ok(()) }
/// ```
pub fn to_petgraph<N, E, Ty: EdgeType, Ix: IndexType>(
    edges: &EdgeIndex,
    mut node: impl FnMut(usize) -> N,
    mut edge: impl FnMut(usize) -> E,
) -> Result<Graph<N, E, Ty, Ix>> {
    let num_nodes = edges.num_nodes()?;
    let directed = Ty::is_directed();
    if !directed {
        check_symmetric(edges)?;
    }
    // petgraph keeps the greatest index for "none" and panics beyond it.
    let max = <Ix as IndexType>::max().index();
    let wanted = |(source, destination): (u32, u32)| directed || source <= destination;
    let num_edges = edges.iter().filter(|&pair| wanted(pair)).count();
    for (what, size) in [("num_nodes", num_nodes), ("num_edges", num_edges)] {
        if size > max {
            return Err(GraphError::TooLarge { what, size, max });
        }
    }
    let mut graph = Graph::with_capacity(num_nodes, num_edges);
    let ids: Vec<_> = (0..num_nodes).map(|i| graph.add_node(node(i))).collect();
    for (e, (source, destination)) in edges.iter().enumerate() {
        if wanted((source, destination)) {
            graph.add_edge(ids[source as usize], ids[destination as usize], edge(e));
        }
    }
    Ok(graph)
}

fn check_symmetric(edges: &EdgeIndex) -> Result<()> {
    let mut up: Vec<_> = edges.iter().filter(|(s, d)| s < d).collect();
    let mut down: Vec<_> = edges.iter().filter(|(s, d)| s > d).map(|(s, d)| (d, s)).collect();
    up.sort_unstable();
    down.sort_unstable();
    if up == down {
        return Ok(());
    }
    Err(GraphError::Invalid {
        argument: "edges",
        expected: "with every edge its reverse, for an undirected graph".into(),
        actual: "edges that are not symmetric (transforms::to_undirected makes them so)".into(),
    })
}
