use candle_geometric_graph::{EdgeIndex, transforms};

use super::check_below;
use crate::{Error, Result};

/// 1 for the `k` largest scores, among equals the first, and 0 for the others.
pub fn top_k(scores: &[f64], k: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut mask = vec![0.0; scores.len()];
    order.into_iter().take(k).for_each(|i| mask[i] = 1.0);
    mask
}

/// 1 for scores above `least`, and 0 for the others.
pub fn threshold(scores: &[f64], least: f64) -> Vec<f64> {
    scores.iter().map(|&score| f64::from(score > least)).collect()
}

/// For every edge whether a model of `layers` layers takes its message on the way to `node`: its computation graph.
///
/// # Errors
/// If the graph is bipartite, there is no such node, or `layers` is 0.
pub fn receptive_edges(edges: &EdgeIndex, node: usize, layers: usize) -> Result<Vec<bool>> {
    check_below("node", node, edges.num_nodes()?)?;
    let Some(hops) = layers.checked_sub(1) else {
        return Err(Error::Invalid { argument: "layers", expected: "at least 1".into(), actual: "0".into() });
    };
    let reached = transforms::k_hop_subgraph(edges, &[node as u32], hops)?.nodes;
    Ok(edges.iter().map(|(_, i)| reached.binary_search(&i).is_ok()).collect())
}
