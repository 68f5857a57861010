//! Attention whose softmax runs over all edges of a graph: what can be said of it, where nodes have none of their own.

use std::fmt::Write;

use candle_geometric::explain::{Heads, Result, Weights};
use serde::Serialize;

/// How many edges are told of on the screen.
const TOP: usize = 5;

/// One head of such a layer.
#[derive(Serialize)]
pub(super) struct WholeGraph {
    pub(super) head: usize,
    /// H = −Σ α ln α over all edges, in nats.
    pub(super) entropy: f64,
    /// That of uniform attention, ln E.
    pub(super) max_entropy: f64,
    /// e^H: over how many edges uniform attention would be as spread out.
    pub(super) effective_edges: f64,
    /// The edges with most attention, the largest first: source, destination, attention.
    pub(super) top: Vec<(u32, u32, f64)>,
}

/// Every head; none if the attention is another.
pub(super) fn whole_graph(weights: &Weights) -> Result<Option<Vec<WholeGraph>>> {
    if !weights.is_over_all_edges() {
        return Ok(None);
    }
    let edges = weights.edges();
    let mut heads = Vec::new();
    for head in 0..weights.heads() {
        let alpha = weights.select(Heads::One(head))?;
        let entropy: f64 = alpha.iter().filter(|&&a| a > 0.0).map(|a| -a * a.ln()).sum();
        let mut top: Vec<(u32, u32, f64)> =
            edges.iter().zip(&alpha).map(|((source, destination), &a)| (source, destination, a)).collect();
        // Stable: of equal edges the first.
        top.sort_by(|a, b| b.2.total_cmp(&a.2));
        top.truncate(TOP);
        let max_entropy = (edges.num_edges() as f64).ln();
        heads.push(WholeGraph { head, entropy, max_entropy, effective_edges: entropy.exp(), top });
    }
    Ok(Some(heads))
}

/// Every edge of these layers, `layer,head,source,destination,attention`.
pub(super) fn edges_csv<'a>(layers: impl IntoIterator<Item = (usize, &'a Weights)>) -> Result<String> {
    let mut csv = String::from("layer,head,source,destination,attention\n");
    for (layer, weights) in layers {
        for head in 0..weights.heads() {
            for ((source, destination), a) in weights.edges().iter().zip(weights.select(Heads::One(head))?) {
                // Writing to a String cannot fail.
                let _ = writeln!(csv, "{layer},{head},{source},{destination},{a}");
            }
        }
    }
    Ok(csv)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_geometric::graph::EdgeIndex;

    use super::*;

    fn weights(alpha: [f32; 8]) -> Weights {
        let edges = EdgeIndex::new(vec![0, 1, 2, 1], vec![1, 0, 1, 2], 3).unwrap();
        Weights::new(edges, alpha.to_vec(), 2).unwrap()
    }

    #[test]
    fn the_entropy_is_over_all_edges() {
        // Two heads: uniform, and one that looks at two edges.
        let weights = weights([0.25, 0.0, 0.25, 0.5, 0.25, 0.5, 0.25, 0.0]);
        let heads = whole_graph(&weights).unwrap().unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        close(heads[0].entropy, 4f64.ln());
        close(heads[0].max_entropy, 4f64.ln());
        close(heads[1].entropy, 2f64.ln());
        close(heads[1].effective_edges, 2.0);
        assert_eq!(heads[1].top[..2], [(1, 0, 0.5), (2, 1, 0.5)]);
        let csv = edges_csv([(3, &weights)]).unwrap();
        assert!(csv.contains("\n3,1,2,1,0.5\n") && csv.lines().count() == 9, "{csv}");
    }

    #[test]
    fn other_attention_is_not_meant() {
        let per_node = weights([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert!(whole_graph(&per_node).unwrap().is_none());
    }
}
