use super::Partition;
use crate::rng::Stream;
use crate::transforms::{Induced, subgraph};
use crate::{EdgeIndex, GraphError, Result};

/// Cluster-GCN (Chiang et al., KDD 2019): a batch is some parts of a partition, with all edges between their nodes, also those
/// from one part to another. PyG's `ClusterLoader`.
#[derive(Debug, Clone)]
pub struct ClusterSampler {
    edges: EdgeIndex,
    nodes: Vec<Vec<u32>>,
}

impl ClusterSampler {
    /// A sampler of these parts.
    ///
    /// # Errors
    /// If the graph is bipartite, or the partition is not of its nodes.
    ///
    /// ```
    /// use candle_geometric_graph::generators::grid;
    /// use candle_geometric_graph::sampling::{ClusterSampler, partition, seed_batches};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let graph = grid(16, 16, false)?;
    /// let sampler = ClusterSampler::new(&graph, &partition(&graph, 8)?)?;
    /// let mut nodes = 0;
    /// for parts in seed_batches(sampler.num_parts(), 2, None, false)? {
    ///     nodes += sampler.sample(&parts)?.nodes.len();
    /// }
    /// assert_eq!(nodes, 256); // each once
    /// # Ok(()) }
    /// ```
    pub fn new(edges: &EdgeIndex, partition: &Partition) -> Result<Self> {
        let (expected, actual) = (edges.num_nodes()?, partition.part.len());
        if expected != actual {
            return Err(GraphError::Length { what: "part", expected, actual });
        }
        Ok(Self { edges: edges.clone(), nodes: partition.nodes() })
    }

    /// The number of parts.
    pub fn num_parts(&self) -> usize {
        self.nodes.len()
    }

    /// The graph on the nodes of these parts, part after part.
    ///
    /// # Errors
    /// If a part does not exist or is named twice.
    pub fn sample(&self, parts: &[u32]) -> Result<Induced> {
        let mut nodes = Vec::new();
        for &part in parts {
            let Some(of_part) = self.nodes.get(part as usize) else {
                return Err(GraphError::Invalid {
                    argument: "parts",
                    expected: format!("parts below their number, {}", self.nodes.len()),
                    actual: part.to_string(),
                });
            };
            nodes.extend_from_slice(of_part);
        }
        let graph = subgraph(&self.edges, &nodes)?;
        Ok(Induced { nodes, graph })
    }

    /// The parts in random order, so many in each batch: one epoch.
    ///
    /// # Errors
    /// If `batch_size` is 0.
    pub fn epoch(&self, batch_size: usize, stream: Stream) -> Result<Vec<Vec<u32>>> {
        super::seed_batches(self.num_parts(), batch_size, Some(stream), false)
    }
}
