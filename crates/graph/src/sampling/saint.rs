use rayon::prelude::*;

use crate::rng::Stream;
use crate::transforms::{Induced, Origin, subgraph};
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// How GraphSAINT chooses nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saint {
    /// So many times the source of a random edge: nodes in proportion to their out-degree.
    Node {
        /// The number of draws.
        batch_size: usize,
    },
    /// Both ends of so many different edges, each taken in proportion to `1/d(source) + 1/d(destination)`, where `d` counts the
    /// edges at a node. This is the paper's; PyG takes edges in proportion to the sum of the degrees instead.
    Edge {
        /// The number of edges; all where there are fewer.
        batch_size: usize,
    },
    /// What random walks along edges visit, each from a random node. A walk stays at a node that no edge leaves.
    Walk {
        /// The number of walks.
        batch_size: usize,
        /// The number of steps of each.
        walk_length: usize,
    },
}

/// GraphSAINT (Zeng et al., *GraphSAINT: Graph Sampling Based Inductive Learning Method*, ICLR 2020): chooses nodes at random, and
/// takes all edges between them.
pub struct SaintSampler {
    edges: EdgeIndex,
    method: Saint,
    /// For [`Saint::Edge`], of every edge.
    weights: Vec<f64>,
}

/// What corrects for the different chances to be in a sample; estimated from many of them.
#[derive(Debug, Clone, PartialEq)]
pub struct SaintNorm {
    /// For every node what its loss is multiplied by, λ⁻¹ over N: the number of samples over that of samples with the node, over N.
    /// A node that was in none counts as in a tenth of one.
    pub node: Vec<f32>,
    /// For every edge what its message is multiplied by, α⁻¹: the number of samples with its destination over that of samples with
    /// the edge, at most 10⁴; 0.1 where it was in none. PyG counts samples with the source instead, which is the same in
    /// undirected graphs but for chance.
    pub edge: Vec<f32>,
}

impl SaintSampler {
    /// A sampler of this kind.
    ///
    /// # Errors
    /// If the graph is bipartite, a size exceeds 32 bits, or there is nothing to choose from.
    ///
    /// ```
    /// use candle_geometric_graph::{generators::grid, rng::Stream};
    /// use candle_geometric_graph::sampling::{Saint, SaintSampler};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let sampler = SaintSampler::new(&grid(20, 20, false)?, Saint::Walk { batch_size: 5, walk_length: 10 })?;
    /// let part = sampler.sample(Stream::new(0, 0))?;
    /// assert!(part.nodes.len() <= 55 && part.nodes.is_sorted());
    /// # Ok(()) }
    /// ```
    pub fn new(edges: &EdgeIndex, method: Saint) -> Result<Self> {
        let num_nodes = edges.num_nodes()?;
        let (size, from) = match method {
            Saint::Node { batch_size } | Saint::Edge { batch_size } => (batch_size, edges.num_edges()),
            Saint::Walk { batch_size, walk_length } => {
                (batch_size.saturating_mul(walk_length.saturating_add(1)), num_nodes)
            }
        };
        check_size("batch_size", size)?;
        if size > 0 && from == 0 {
            let (expected, actual) = ("a graph with nodes and edges".into(), format!("{edges:?}"));
            return Err(GraphError::Invalid { argument: "edges", expected, actual });
        }
        let mut weights = Vec::new();
        if let Saint::Edge { .. } = method {
            let (ins, outs) = (edges.in_degrees(), edges.out_degrees());
            let share = |i: u32| 1.0 / (f64::from(ins[i as usize]) + f64::from(outs[i as usize]));
            weights = edges.iter().map(|(j, i)| share(j) + share(i)).collect();
        }
        Ok(Self { edges: edges.clone(), method, weights })
    }

    /// A sample: its nodes, ascending, and the edges between them.
    ///
    /// # Errors
    /// None on a valid sampler.
    pub fn sample(&self, stream: Stream) -> Result<Induced> {
        let mut nodes = self.nodes(stream);
        nodes.sort_unstable();
        nodes.dedup();
        let graph = subgraph(&self.edges, &nodes)?;
        Ok(Induced { nodes, graph })
    }

    fn nodes(&self, stream: Stream) -> Vec<u32> {
        let (source, destination) = (self.edges.source(), self.edges.destination());
        match self.method {
            Saint::Node { batch_size } => {
                let mut random = stream.sequence();
                let num_edges = self.edges.num_edges() as u32;
                (0..batch_size).map(|_| source[random.below(num_edges) as usize]).collect()
            }
            Saint::Edge { batch_size } => {
                // Exponential waiting times; the first to come are a weighted sample without replacement.
                let wait =
                    |e: usize| (-(1.0 - stream.uniform_f64(e as u64)).ln() / self.weights[e], e as u32);
                let mut waits: Vec<(f64, u32)> = (0..source.len()).into_par_iter().map(wait).collect();
                if batch_size < waits.len() {
                    waits.select_nth_unstable_by(batch_size, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                    waits.truncate(batch_size);
                }
                waits.iter().flat_map(|&(_, e)| [source[e as usize], destination[e as usize]]).collect()
            }
            Saint::Walk { batch_size, walk_length } => {
                let csr = self.edges.by_source();
                let walk = |k: usize| {
                    let mut random = stream.split(k as u64).sequence();
                    let mut node = random.below(csr.rows() as u32);
                    let mut visited = vec![node];
                    for _ in 0..walk_length {
                        let next = csr.neighbors(node as usize);
                        let Some(&next) = next.get(random.below(next.len() as u32) as usize) else { break };
                        node = next;
                        visited.push(node);
                    }
                    visited
                };
                (0..batch_size).into_par_iter().flat_map_iter(walk).collect()
            }
        }
    }

    /// The correction, from as many samples as it takes to draw `sample_coverage` nodes for each node of the graph; PyG's
    /// argument of that name.
    ///
    /// # Errors
    /// If nodes are asked for and samples have none.
    pub fn normalisation(&self, sample_coverage: usize, stream: Stream) -> Result<SaintNorm> {
        /// So many samples are drawn at a time.
        const ROUND: u64 = 16;
        let n = self.edges.num_src();
        let (mut of_nodes, mut of_edges) = (vec![0u32; n], vec![0u32; self.edges.num_edges()]);
        let (mut num_samples, mut num_nodes) = (0, 0);
        while num_nodes < n.saturating_mul(sample_coverage) {
            let round = num_samples..num_samples + ROUND;
            let parts: Vec<Induced> =
                round.into_par_iter().map(|k| self.sample(stream.split(k))).collect::<Result<_>>()?;
            for part in parts {
                if part.nodes.is_empty() {
                    let (expected, actual) = ("samples with nodes".into(), format!("{:?}", self.method));
                    return Err(GraphError::Invalid { argument: "batch_size", expected, actual });
                }
                num_nodes += part.nodes.len();
                part.nodes.iter().for_each(|&i| of_nodes[i as usize] += 1);
                for origin in part.graph.origin() {
                    if let Origin::Edge(e) = origin {
                        of_edges[*e as usize] += 1;
                    }
                }
            }
            num_samples += ROUND;
        }
        let node = |&count: &u32| {
            let count = if count == 0 { 0.1 } else { f64::from(count) };
            (num_samples as f64 / count / n as f64) as f32
        };
        let edge = |(&count, &i): (&u32, &u32)| match (count, of_nodes[i as usize]) {
            (0, _) => 0.1,
            (count, of_node) => (f64::from(of_node) / f64::from(count)).min(1e4) as f32,
        };
        Ok(SaintNorm {
            node: of_nodes.iter().map(node).collect(),
            edge: of_edges.iter().zip(self.edges.destination()).map(edge).collect(),
        })
    }
}
