use std::sync::Arc;

use rayon::prelude::*;

use super::{Origin, Transformed};
use crate::group::{PARALLEL, both};
use crate::validate::check_size;
use crate::{EdgeIndex, Result};

/// Removes every self-loop; the other edges keep their order.
///
/// In a bipartite graph an edge from source `i` to destination `i` counts as a self-loop, as in PyG.
///
/// # Errors
/// None on a valid structure; the signature is that of all transforms.
pub fn remove_self_loops(edges: &EdgeIndex) -> Result<Transformed> {
    replace(edges, positions(edges), 0)
}

/// Adds a self-loop to every node, at the end, and keeps those that are already there.
///
/// A bipartite graph gets min(`num_src`, `num_dst`) loops, from source `i` to destination `i`, as in PyG.
///
/// # Errors
/// If the number of edges would exceed 32 bits.
pub fn add_self_loops(edges: &EdgeIndex) -> Result<Transformed> {
    replace(edges, Vec::new(), one_per_node(edges))
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
        replace(edges, positions(edges), one_per_node(edges)).map(|t| WithSelfLoops(Arc::new(t)))
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
    let mut new = replace(edges, positions(edges), one_per_node(edges))?;
    if new.removed.is_empty() {
        return Ok(new);
    }
    new.origin();
    let first_loop = edges.num_edges() - new.removed.len();
    if let Some(origin) = new.origin.get_mut() {
        for &e in &new.removed {
            origin[first_loop + edges.source()[e as usize] as usize] = Origin::Edge(e);
        }
    }
    Ok(new)
}

/// The number of nodes that can have a self-loop.
fn one_per_node(edges: &EdgeIndex) -> usize {
    edges.num_src().min(edges.num_dst())
}

/// The positions of the self-loops, ascending.
fn positions(edges: &EdgeIndex) -> Vec<u32> {
    // Most blocks have none, and to see that takes one pass without a branch.
    const BLOCK: usize = 256;
    let in_block = |(number, (source, destination)): (usize, (&[u32], &[u32]))| {
        let is_loop = |(s, d): (&u32, &u32)| s == d;
        let any = source.iter().zip(destination).fold(false, |any, pair| any | is_loop(pair));
        let ids = ((number * BLOCK) as u32..).zip(source.iter().zip(destination));
        let found: Vec<u32> =
            if any { ids.filter(|&(_, pair)| is_loop(pair)).map(|(e, _)| e).collect() } else { Vec::new() };
        found
    };
    let (source, destination) = (edges.source(), edges.destination());
    if edges.num_edges() < PARALLEL {
        source.chunks(BLOCK).zip(destination.chunks(BLOCK)).enumerate().flat_map(in_block).collect()
    } else {
        let blocks = source.par_chunks(BLOCK).zip(destination.par_chunks(BLOCK));
        blocks.enumerate().flat_map_iter(in_block).collect()
    }
}

/// The edges without those at the positions `removed`, and after them self-loops on the first `loops` nodes.
fn replace(edges: &EdgeIndex, removed: Vec<u32>, loops: usize) -> Result<Transformed> {
    let num_edges = edges.num_edges() - removed.len() + loops;
    check_size("num_edges", num_edges)?;
    let side = |ids: &[u32]| {
        let mut new = Vec::with_capacity(num_edges);
        let mut next = 0;
        for &e in &removed {
            new.extend_from_slice(&ids[next..e as usize]);
            next = e as usize + 1;
        }
        new.extend_from_slice(&ids[next..]);
        new.extend(0..loops as u32);
        new
    };
    let (source, destination) = both(num_edges, || side(edges.source()), || side(edges.destination()));
    let new = EdgeIndex::trusted(source, destination, edges.num_src(), edges.num_dst(), edges.is_bipartite());
    Ok(Transformed::without(new, removed, edges.num_edges()))
}
