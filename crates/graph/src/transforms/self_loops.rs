use std::sync::Arc;

use super::{Origin, Transformed, on_nodes_of};
use crate::{EdgeIndex, Result};

/// Removes every self-loop; the other edges keep their order.
///
/// In a bipartite graph an edge from source `i` to destination `i` counts as a self-loop, as in PyG.
///
/// # Errors
/// None on a valid structure; the signature is that of all transforms.
pub fn remove_self_loops(edges: &EdgeIndex) -> Result<Transformed> {
    rebuild(edges, |_| false, |_| None)
}

/// Adds a self-loop to every node, at the end, and keeps those that are already there.
///
/// A bipartite graph gets min(`num_src`, `num_dst`) loops, from source `i` to destination `i`, as in PyG.
///
/// # Errors
/// If the number of edges would exceed 32 bits.
pub fn add_self_loops(edges: &EdgeIndex) -> Result<Transformed> {
    rebuild(edges, |_| true, |i| Some(Origin::SelfLoop(i)))
}

/// Removes every self-loop, then adds one to every node, at the end: what `GATConv` does to its edges.
///
/// The result is kept with the structure: layers that share their edges share this too, and all that is built
/// upon it (compressed forms, device copies).
///
/// A bipartite graph gets min(`num_src`, `num_dst`) loops, as in PyG.
///
/// # Errors
/// If the number of edges would exceed 32 bits.
pub fn with_self_loops(edges: &EdgeIndex) -> Result<Arc<Transformed>> {
    struct WithSelfLoops(Arc<Transformed>);
    let kept = edges.try_attachment(|| {
        rebuild(edges, |_| false, |i| Some(Origin::SelfLoop(i))).map(|t| WithSelfLoops(Arc::new(t)))
    })?;
    Ok(Arc::clone(&kept.0))
}

/// Makes every node have exactly one self-loop, at the end, where an existing one keeps its attributes:
/// what `GCNConv` does to its edges.
///
/// Where a node has several self-loops, the last one in the caller's order is kept, as in PyG on the CPU (it
/// writes their attributes to one place, one after the other).
///
/// A bipartite graph gets min(`num_src`, `num_dst`) loops.
///
/// # Errors
/// If the number of edges would exceed 32 bits.
pub fn add_remaining_self_loops(edges: &EdgeIndex) -> Result<Transformed> {
    let mut kept: Vec<Option<u32>> = vec![None; edges.num_src().min(edges.num_dst())];
    for (e, (source, destination)) in (0u32..).zip(edges.iter()) {
        if source == destination {
            kept[source as usize] = Some(e);
        }
    }
    rebuild(edges, |_| false, |i| Some(kept[i as usize].map_or(Origin::SelfLoop(i), Origin::Edge)))
}

/// The edges that are no self-loops, and those self-loops that `keep` wants by their position; then, for every
/// node `i`, a self-loop of origin `append(i)`, if any.
fn rebuild(
    edges: &EdgeIndex,
    keep: impl Fn(u32) -> bool,
    append: impl Fn(u32) -> Option<Origin>,
) -> Result<Transformed> {
    let nodes = edges.num_src().min(edges.num_dst());
    let most = edges.num_edges() + nodes;
    let (mut source, mut destination) = (Vec::with_capacity(most), Vec::with_capacity(most));
    let mut origin = Vec::with_capacity(most);
    for (e, (s, d)) in (0u32..).zip(edges.iter()) {
        if s != d || keep(e) {
            source.push(s);
            destination.push(d);
            origin.push(Origin::Edge(e));
        }
    }
    for i in 0..nodes as u32 {
        if let Some(from) = append(i) {
            source.push(i);
            destination.push(i);
            origin.push(from);
        }
    }
    let num_edges_before = edges.num_edges();
    Ok(Transformed { edges: on_nodes_of(edges, source, destination)?, origin, num_edges_before })
}
