use serde::Serialize;

use crate::Weights;

/// How spread out the attention of each node is: the entropy of its weights, in nats.
///
/// Node i attends to its in-edges with weights α_ij, and H_i = −Σ_j α_ij ln α_ij. It is 0 when all attention goes
/// to one edge, and at most ln(in-degree), reached when all edges get the same. Attention that learned nothing
/// stays near that maximum, so the two belong side by side. Nodes without in-edges attend to nothing and are left
/// out; parallel edges count as edges of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Entropy {
    nodes: Vec<u32>,
    uniform: Vec<f64>,
    by_head: Vec<Vec<f64>>,
}

impl Entropy {
    /// The entropy of every destination that has in-edges, for every head.
    ///
    /// The order of the edges makes no difference, not even in the last bit.
    pub fn new(weights: &Weights) -> Self {
        let by_destination = weights.edges().by_destination();
        let nodes: Vec<u32> =
            (0..by_destination.rows()).filter(|&i| by_destination.degree(i) > 0).map(|i| i as u32).collect();
        let uniform = nodes.iter().map(|&i| (by_destination.degree(i as usize) as f64).ln()).collect();
        let mut by_head = Vec::with_capacity(weights.heads());
        let mut terms = Vec::new();
        for head in 0..weights.heads() {
            let alpha = weights.head(head);
            let entropy = |&i: &u32| {
                terms.clear();
                terms.extend(by_destination.edges(i as usize).iter().map(|&e| surprise(alpha[e as usize])));
                // Sorted, because a floating-point sum depends on its order.
                terms.sort_unstable_by(f64::total_cmp);
                let sum: f64 = terms.iter().sum();
                // Rounding may leave a weight of 1.0000001, whose entropy is not below 0 either.
                if sum > 0.0 { sum } else { 0.0 }
            };
            by_head.push(nodes.iter().map(entropy).collect());
        }
        Self { nodes, uniform, by_head }
    }

    /// The nodes that attend to something, ascending. The other lists are in this order.
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// ln(in-degree) of each node: the entropy of uniform attention.
    pub fn uniform(&self) -> &[f64] {
        &self.uniform
    }

    /// The entropies of each head, one list per head.
    pub fn by_head(&self) -> &[Vec<f64>] {
        &self.by_head
    }

    /// The means over nodes, for a table or a file.
    pub fn summary(&self) -> Vec<HeadEntropy> {
        let uniform = mean(&self.uniform);
        let summarise = |(head, values): (usize, &Vec<f64>)| {
            let entropy = mean(values);
            HeadEntropy { head, entropy, uniform, relative: (uniform > 0.0).then(|| entropy / uniform) }
        };
        self.by_head.iter().enumerate().map(summarise).collect()
    }
}

/// The entropy of one head, in nats, averaged over the nodes that have in-edges (0 if there are none).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadEntropy {
    /// The head, counted from 0.
    pub head: usize,
    /// The mean entropy of the head's attention.
    pub entropy: f64,
    /// The mean entropy of uniform attention on the same graph.
    pub uniform: f64,
    /// `entropy / uniform`: near 1, the head treats all neighbours alike. Absent where `uniform` is 0.
    pub relative: Option<f64>,
}

/// −α ln α, whose limit at 0 is 0.
fn surprise(alpha: f64) -> f64 {
    if alpha > 0.0 { -alpha * alpha.ln() } else { 0.0 }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    match values.len() {
        0 => 0.0,
        n => values.iter().sum::<f64>() / n as f64,
    }
}
