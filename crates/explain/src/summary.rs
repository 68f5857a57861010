use serde::Serialize;

use crate::top::rank;
use crate::{Entropy, HeadEntropy, Neighbor, SelfLoops, Weights};

/// What there is to say about the attention of one layer, ready for `serde`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerSummary {
    /// The layer, counted from 0 from the input.
    pub layer: usize,
    /// The number of edges that the layer attends over, self-loops included.
    pub edges: usize,
    /// The number of nodes with in-edges, which the means are taken over.
    pub nodes: usize,
    /// Entropy beside the entropy of uniform attention, head by head.
    pub heads: Vec<HeadEntropy>,
    /// For every node the neighbours that it attends to most (mean over heads, without itself).
    pub most_attended: Vec<Vec<Neighbor>>,
}

/// Summarises every attention layer of a model, with up to `count` most attended neighbours for each node.
pub fn summarise(layers: &[Weights], count: usize) -> Vec<LayerSummary> {
    let one = |(layer, weights): (usize, &Weights)| {
        let entropy = Entropy::new(weights);
        LayerSummary {
            layer,
            edges: weights.edges().num_edges(),
            nodes: entropy.nodes().len(),
            heads: entropy.summary(),
            most_attended: rank(weights.edges(), &weights.mean(), count, SelfLoops::Exclude),
        }
    };
    layers.iter().enumerate().map(one).collect()
}
