use std::fmt::Write as _;

use serde::Serialize;

use crate::entropy::mean;
use crate::error::check_length;
use crate::{Entropy, Result, Weights};

/// What the attention of one layer does: how spread out it is, and how much of it stays at the node or among its like.
///
/// Of each node i with in-edges and each head, with weights α_ij that sum to 1:
///
/// - entropy H_i = −Σ_j α_ij ln α_ij, in nats, beside ln(in-degree), that of uniform attention ([`Entropy`]);
/// - effective number of neighbours e^H_i, the number of edges over which uniform attention would be as spread out
///   (Hill 1973), beside the in-degree;
/// - attention to self, Σ α_ii over its self-loops, beside their share of the in-edges;
/// - attention to its like: of the attention to *others*, the share that goes to nodes of the same label, beside the
///   share of such edges among the in-edges from others. A node that attends to nobody else has none.
///
/// ```
/// use candle_geometric_explain::{Statistics, Weights};
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> Result<(), candle_geometric_explain::Error> {
/// // Node 0 attends to 1, which has its label, and to 2, which has not; it has a self-loop.
/// let edges = EdgeIndex::new(vec![1, 2, 0], vec![0, 0, 0], 3)?;
/// let weights = Weights::new(edges, vec![0.6, 0.2, 0.2], 1)?;
/// let head = &Statistics::new(&weights, Some(&[0, 0, 1]))?.heads()[0];
/// assert!((head.self_attention.unwrap().attention - 0.2).abs() < 1e-6);
/// assert!((head.same_label.unwrap().attention - 0.75).abs() < 1e-6);
/// assert_eq!(head.same_label.unwrap().uniform, 0.5);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Statistics {
    name: Option<String>,
    entropy: Entropy,
    in_degree: Vec<usize>,
    /// Per head and node, and of uniform attention per node; none between two sets of nodes.
    to_self: Option<Shares>,
    /// None without labels.
    same_label: Option<Shares>,
}

#[derive(Debug, Clone)]
struct Shares {
    by_head: Vec<Vec<Option<f64>>>,
    uniform: Vec<Option<f64>>,
}

/// A share of attention beside what uniform attention would give, as means over nodes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// What the head gives.
    pub attention: f64,
    /// What uniform attention on the same graph gives.
    pub uniform: f64,
}

/// One head, as means over the nodes that have in-edges.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadStatistics {
    /// The head, counted from 0.
    pub head: usize,
    /// The entropy, in nats.
    pub entropy: f64,
    /// The entropy of uniform attention, ln(in-degree).
    pub max_entropy: f64,
    /// `entropy / max_entropy`: near 1, the head treats all neighbours alike. Absent where `max_entropy` is 0.
    pub relative_entropy: Option<f64>,
    /// The effective number of neighbours.
    pub effective_neighbors: f64,
    /// The in-degree.
    pub in_degree: f64,
    /// The attention to the node itself. Absent between two sets of nodes.
    pub self_attention: Option<Share>,
    /// Of the attention to others, the share along edges between nodes of one label. Absent without labels.
    pub same_label: Option<Share>,
}

/// One head at one node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeStatistics {
    /// The head, counted from 0.
    pub head: usize,
    /// The node that attends.
    pub node: u32,
    /// The number of its in-edges.
    pub in_degree: usize,
    /// The entropy, in nats.
    pub entropy: f64,
    /// ln(in-degree).
    pub max_entropy: f64,
    /// e^entropy.
    pub effective_neighbors: f64,
    /// The attention to itself.
    pub self_attention: Option<f64>,
    /// Of the attention to others, the share that goes to nodes of its label.
    pub same_label: Option<f64>,
}

impl Statistics {
    /// The statistics of one layer; `labels` has the label of every node.
    ///
    /// # Errors
    /// If `labels` has not one entry per node, or is given where sources and destinations are different nodes.
    pub fn new(weights: &Weights, labels: Option<&[u32]>) -> Result<Self> {
        let edges = weights.edges();
        if let Some(labels) = labels {
            check_length("labels", labels.len(), edges.num_nodes()?)?;
        }
        let entropy = Entropy::new(weights);
        let rows = edges.by_destination();
        let in_degree = entropy.nodes().iter().map(|&i| rows.degree(i as usize)).collect();
        let shares = |whole: &dyn Fn(u32, u32) -> bool, part: &dyn Fn(u32, u32) -> bool| Shares {
            by_head: (0..weights.heads())
                .map(|h| {
                    let alpha = weights.head(h);
                    share(&entropy, weights, &|e| alpha[e], whole, part)
                })
                .collect(),
            uniform: share(&entropy, weights, &|_| 1.0, whole, part),
        };
        let to_self = (!edges.is_bipartite()).then(|| shares(&|_, _| true, &|j, i| j == i));
        let same_label =
            labels.map(|y| shares(&|j, i| j != i, &|j, i| j != i && y[j as usize] == y[i as usize]));
        Ok(Self { name: weights.name().map(Into::into), entropy, in_degree, to_self, same_label })
    }

    /// The name of the layer, if its weights have one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The entropies.
    pub fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// Each head, as means over nodes.
    pub fn heads(&self) -> Vec<HeadStatistics> {
        let in_degree = self.in_degree.iter().sum::<usize>() as f64 / self.in_degree.len().max(1) as f64;
        let of = |e: crate::HeadEntropy| {
            let effective: Vec<f64> = self.entropy.by_head()[e.head].iter().map(|h| h.exp()).collect();
            let share = |s: &Option<Shares>| s.as_ref().and_then(|s| s.mean(e.head));
            HeadStatistics {
                head: e.head,
                entropy: e.entropy,
                max_entropy: e.uniform,
                relative_entropy: e.relative,
                effective_neighbors: mean(&effective),
                in_degree,
                self_attention: share(&self.to_self),
                same_label: share(&self.same_label),
            }
        };
        self.entropy.summary().into_iter().map(of).collect()
    }

    /// Each head at each node that has in-edges.
    pub fn nodes(&self) -> impl Iterator<Item = NodeStatistics> + '_ {
        self.entropy.by_head().iter().enumerate().flat_map(move |(head, values)| {
            values.iter().enumerate().map(move |(k, &entropy)| {
                let share = |s: &Option<Shares>| s.as_ref().and_then(|s| s.by_head[head][k]);
                NodeStatistics {
                    head,
                    node: self.entropy.nodes()[k],
                    in_degree: self.in_degree[k],
                    entropy,
                    max_entropy: self.entropy.uniform()[k],
                    effective_neighbors: entropy.exp(),
                    self_attention: share(&self.to_self),
                    same_label: share(&self.same_label),
                }
            })
        })
    }
}

impl Shares {
    fn mean(&self, head: usize) -> Option<Share> {
        let of = |values: &[Option<f64>]| {
            let known: Vec<f64> = values.iter().flatten().copied().collect();
            (!known.is_empty()).then(|| mean(&known))
        };
        // Where a node gives no attention to others at all, its share of uniform attention is left out too.
        let both = self.by_head[head].iter().zip(&self.uniform);
        let uniform: Vec<Option<f64>> = both.map(|(a, u)| a.and(*u)).collect();
        Some(Share { attention: of(&self.by_head[head])?, uniform: of(&uniform)? })
    }
}

/// For each node, the weight of the in-edges in `part` as a share of those in `whole`; none where these have no weight.
fn share(
    entropy: &Entropy,
    weights: &Weights,
    weight: &dyn Fn(usize) -> f64,
    whole: &dyn Fn(u32, u32) -> bool,
    part: &dyn Fn(u32, u32) -> bool,
) -> Vec<Option<f64>> {
    let rows = weights.edges().by_destination();
    let of_node = |&i: &u32| {
        let total = |belongs: &dyn Fn(u32, u32) -> bool| {
            let edges = rows.neighbors(i as usize).iter().zip(rows.edges(i as usize));
            let mut terms: Vec<f64> =
                edges.filter(|&(&j, _)| belongs(j, i)).map(|(_, &e)| weight(e as usize)).collect();
            // Sorted, because a floating-point sum depends on its order.
            terms.sort_unstable_by(f64::total_cmp);
            // From 0: the sum of nothing is −0 otherwise.
            terms.iter().fold(0.0, |sum, term| sum + term)
        };
        let all = total(whole);
        (all > 0.0).then(|| total(part) / all)
    };
    entropy.nodes().iter().map(of_node).collect()
}

/// The means of every layer and head as CSV, with a header. What is absent is empty.
pub fn heads_csv(layers: &[Statistics]) -> String {
    let mut csv = String::from(
        "layer,head,entropy,max_entropy,relative_entropy,effective_neighbors,in_degree,\
         self_attention,uniform_self_attention,same_label,uniform_same_label\n",
    );
    for (layer, statistics) in layers.iter().enumerate() {
        for h in statistics.heads() {
            let share = |s: Option<Share>| {
                format!("{},{}", or_empty(s.map(|s| s.attention)), or_empty(s.map(|s| s.uniform)))
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{layer},{},{},{},{},{},{},{},{}",
                h.head,
                h.entropy,
                h.max_entropy,
                or_empty(h.relative_entropy),
                h.effective_neighbors,
                h.in_degree,
                share(h.self_attention),
                share(h.same_label)
            );
        }
    }
    csv
}

/// Every layer, head and node as CSV, with a header. What is absent is empty.
pub fn nodes_csv(layers: &[Statistics]) -> String {
    let mut csv = String::from(
        "layer,head,node,in_degree,entropy,max_entropy,effective_neighbors,self_attention,same_label\n",
    );
    for (layer, statistics) in layers.iter().enumerate() {
        for n in statistics.nodes() {
            let _ = writeln!(
                csv,
                "{layer},{},{},{},{},{},{},{},{}",
                n.head,
                n.node,
                n.in_degree,
                n.entropy,
                n.max_entropy,
                n.effective_neighbors,
                or_empty(n.self_attention),
                or_empty(n.same_label)
            );
        }
    }
    csv
}

fn or_empty(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}
