use rayon::prelude::*;

use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// Edges after equal ones were merged, and which edges became which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coalesced {
    /// The edges, sorted by source, then by destination, each once.
    pub edges: EdgeIndex,
    /// A bipartite index from the edges before to the edges after.
    ///
    /// Merging attributes is message passing on it: gather the attributes at its sources, scatter them to its
    /// destinations with the reduction of your choice (PyG's default is the sum).
    pub origin: EdgeIndex,
}

/// Sorts the edges by source, then by destination, and merges equal ones.
///
/// # Errors
/// None on a valid structure; the signature is that of all transforms.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::coalesce};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let merged = coalesce(&EdgeIndex::new(vec![1, 0, 1], vec![0, 1, 0], 2)?)?;
/// assert_eq!(merged.edges, EdgeIndex::new(vec![0, 1], vec![1, 0], 2)?);
/// assert_eq!(merged.origin.by_destination().neighbors(1), &[0, 2]); // the second is made of edges 0 and 2
/// # Ok(()) }
/// ```
pub fn coalesce(edges: &EdgeIndex) -> Result<Coalesced> {
    Ok(merge(edges, edges.iter().zip(0..).map(|((s, d), e)| (s, d, e)).collect()))
}

/// Adds the reverse of every edge, sorts, and merges equal edges, as PyG's `to_undirected` does.
///
/// A self-loop is its own reverse and so counts twice in [`Coalesced::origin`], as in PyG, whose sum doubles it.
///
/// # Errors
/// If the graph is bipartite, or twice the number of edges exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::to_undirected};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let both = to_undirected(&EdgeIndex::new(vec![0, 1, 1], vec![1, 0, 2], 3)?)?;
/// assert_eq!(both.edges, EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?);
/// assert_eq!(both.origin.in_degrees(), [2, 2, 1, 1]);
/// # Ok(()) }
/// ```
pub fn to_undirected(edges: &EdgeIndex) -> Result<Coalesced> {
    if edges.is_bipartite() {
        return Err(GraphError::Bipartite {
            operation: "to_undirected",
            num_src: edges.num_src(),
            num_dst: edges.num_dst(),
        });
    }
    check_size("num_edges", edges.num_edges().saturating_mul(2))?;
    let forward = edges.iter().zip(0..).map(|((s, d), e)| (s, d, e));
    let reverse = edges.iter().zip(0..).map(|((s, d), e)| (d, s, e));
    Ok(merge(edges, forward.chain(reverse).collect()))
}

/// Sorts `(source, destination, edge before)`, as many as fit 32 bits, and merges what agrees in the first two.
fn merge(edges: &EdgeIndex, mut entries: Vec<(u32, u32, u32)>) -> Coalesced {
    entries.par_sort_unstable();
    let (mut source, mut destination) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
    let mut last = None;
    for (s, d, e) in entries {
        if last != Some((s, d)) {
            last = Some((s, d));
            source.push(s);
            destination.push(d);
        }
        before.push(e);
        after.push(source.len() as u32 - 1);
    }
    let num_after = source.len();
    let (num_src, num_dst) = (edges.num_src(), edges.num_dst());
    Coalesced {
        edges: EdgeIndex::trusted(source, destination, num_src, num_dst, edges.is_bipartite()),
        origin: EdgeIndex::trusted(before, after, edges.num_edges(), num_after, true),
    }
}
