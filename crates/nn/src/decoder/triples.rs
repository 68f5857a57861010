use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_ops as ops;

use super::Queries;
use super::queries::places;
use crate::{Error, Result};

/// Triples (head, relation, tail) of a knowledge graph, checked once: questions and an answer to each.
#[derive(Debug, Clone)]
pub struct Triples {
    queries: Queries,
    /// From the tail to the place of the triple.
    tails: EdgeIndex,
}

impl Triples {
    /// K triples of `num_nodes` nodes and `num_relations` relations.
    ///
    /// # Errors
    /// If the lists differ in length, or an index is out of range.
    pub fn new(
        head_index: Vec<u32>,
        rel_type: Vec<u32>,
        tail_index: Vec<u32>,
        num_nodes: usize,
        num_relations: usize,
    ) -> Result<Self> {
        let k = head_index.len();
        if tail_index.len() != k {
            let expected = format!("[{k}] (one tail per head)");
            return Err(Error::argument(
                "Triples",
                "tail_index",
                expected,
                format!("[{}]", tail_index.len()),
            ));
        }
        let queries = Queries::new(head_index, rel_type, num_nodes, num_relations)?;
        Ok(Self { queries, tails: places("tail_index", "nodes", tail_index, num_nodes)? })
    }

    /// K.
    pub fn len(&self) -> usize {
        self.tails.num_edges()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heads and relations.
    pub fn queries(&self) -> &Queries {
        &self.queries
    }

    /// The heads.
    pub fn head_index(&self) -> &[u32] {
        self.queries.head_index()
    }

    /// The relations.
    pub fn rel_type(&self) -> &[u32] {
        self.queries.rel_type()
    }

    /// The tails.
    pub fn tail_index(&self) -> &[u32] {
        self.tails.source()
    }

    /// Negative triples, as PyTorch Geometric draws them: the first half with other heads, the second half with other
    /// tails, drawn from all nodes.
    ///
    /// # Errors
    /// If there are triples and no nodes, which cannot be.
    pub fn corrupted(&self, generator: &Generator) -> Result<Self> {
        let (nodes, relations) = (self.queries.num_nodes(), self.queries.num_relations());
        let mut random = generator.stream().sequence();
        let (mut head, mut tail) = (self.head_index().to_vec(), self.tail_index().to_vec());
        let half = self.len() / 2;
        for node in head.iter_mut().take(half).chain(tail.iter_mut().skip(half)) {
            *node = random.below(u32::try_from(nodes).unwrap_or(u32::MAX));
        }
        Self::new(head, self.rel_type().to_vec(), tail, nodes, relations)
    }

    /// The rows of the tails, `[num_nodes, C] → [K, C]`.
    pub(super) fn tails(&self, nodes: &Tensor) -> Result<Tensor> {
        Ok(ops::gather_src(nodes, &self.tails)?)
    }
}
