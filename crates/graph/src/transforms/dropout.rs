use super::{Origin, Transformed};
use crate::rng::Stream;
use crate::{EdgeIndex, GraphError, Result};

/// Drops every edge with probability `p`: edge `e` goes if the e-th number of the stream is below `p`. The others keep
/// their order.
///
/// With `force_undirected` an edge and its reverse go together, as in PyG: edges from a greater node to a smaller one all
/// go, and after what is left of the others stands the reverse of each. A self-loop so stands twice.
///
/// # Errors
/// If `p` is not a probability, or the graph is bipartite and `force_undirected`.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, Origin, rng::Stream, transforms::dropout_edge};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let path = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?;
/// let all = dropout_edge(&path, 0.0, true, Stream::new(0, 0))?;
/// assert_eq!(all.edges, path);
/// let some = dropout_edge(&path, 0.5, true, Stream::new(0, 1))?;
/// assert!(some.edges.iter().all(|(j, i)| some.edges.iter().any(|e| e == (i, j))));
/// assert!(dropout_edge(&path, 1.0, false, Stream::new(0, 0))?.edges.source().is_empty());
/// # Ok(()) }
/// ```
pub fn dropout_edge(
    edges: &EdgeIndex,
    p: f64,
    force_undirected: bool,
    stream: Stream,
) -> Result<Transformed> {
    if !(0.0..=1.0).contains(&p) {
        let expected = "a probability in [0, 1]".into();
        return Err(GraphError::Invalid { argument: "p", expected, actual: p.to_string() });
    }
    if force_undirected {
        edges.num_nodes()?;
    }
    let before = edges.num_edges();
    if p == 0.0 {
        return Ok(Transformed::without(edges.clone(), Vec::new(), before));
    }
    let stays = |&(e, (j, i)): &(u32, (u32, u32))| {
        f64::from(stream.uniform(e.into())) >= p && !(force_undirected && j > i)
    };
    let kept: Vec<(u32, (u32, u32))> = (0u32..).zip(edges.iter()).filter(stays).collect();
    let (mut source, mut destination): (Vec<u32>, Vec<u32>) = kept.iter().map(|(_, ends)| *ends).unzip();
    let mut origin: Vec<Origin> = kept.iter().map(|(e, _)| Origin::Edge(*e)).collect();
    if force_undirected {
        crate::validate::check_size("num_edges", kept.len().saturating_mul(2))?;
        source.extend(kept.iter().map(|(_, (_, i))| i));
        destination.extend(kept.iter().map(|(_, (j, _))| j));
        origin.extend(kept.iter().map(|(e, _)| Origin::Reversed(*e)));
    }
    let after =
        EdgeIndex::trusted(source, destination, edges.num_src(), edges.num_dst(), edges.is_bipartite());
    Ok(Transformed::with_origin(after, origin, before))
}
