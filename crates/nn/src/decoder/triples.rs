use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_ops as ops;

use crate::{Error, Result};

/// Triples (head, relation, tail) of a knowledge graph, checked once.
#[derive(Debug, Clone)]
pub struct Triples {
    /// From head to tail.
    ends: EdgeIndex,
    /// From the relation to the place of the triple.
    relations: EdgeIndex,
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
        if rel_type.len() != k {
            let expected = format!("[{k}] (one relation per triple)");
            return Err(Error::argument("Triples", "rel_type", expected, format!("[{}]", rel_type.len())));
        }
        if let Some(r) = rel_type.iter().find(|&&r| r as usize >= num_relations) {
            let expected = format!("relations below {num_relations}");
            return Err(Error::argument("Triples", "rel_type", expected, r.to_string()));
        }
        let ends = EdgeIndex::new(head_index, tail_index, num_nodes)?;
        let relations = EdgeIndex::bipartite(rel_type, (0..k as u32).collect(), num_relations, k)?;
        Ok(Self { ends, relations })
    }

    /// K.
    pub fn len(&self) -> usize {
        self.ends.num_edges()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The heads.
    pub fn head_index(&self) -> &[u32] {
        self.ends.source()
    }

    /// The relations.
    pub fn rel_type(&self) -> &[u32] {
        self.relations.source()
    }

    /// The tails.
    pub fn tail_index(&self) -> &[u32] {
        self.ends.destination()
    }

    /// Negative triples, as PyTorch Geometric draws them: the first half with other heads, the second half with other
    /// tails, drawn from all nodes.
    ///
    /// # Errors
    /// If there are triples and no nodes, which cannot be.
    pub fn corrupted(&self, generator: &Generator) -> Result<Self> {
        let nodes = self.ends.num_src();
        let mut random = generator.stream().sequence();
        let (mut head, mut tail) = (self.head_index().to_vec(), self.tail_index().to_vec());
        let half = self.len() / 2;
        for node in head.iter_mut().take(half).chain(tail.iter_mut().skip(half)) {
            *node = random.below(u32::try_from(nodes).unwrap_or(u32::MAX));
        }
        Self::new(head, self.rel_type().to_vec(), tail, nodes, self.relations.num_src())
    }

    /// The rows of the heads, `[num_nodes, C] → [K, C]`.
    pub(super) fn heads(&self, nodes: &Tensor) -> Result<Tensor> {
        Ok(ops::gather_src(nodes, &self.ends)?)
    }

    /// The rows of the tails.
    pub(super) fn tails(&self, nodes: &Tensor) -> Result<Tensor> {
        Ok(ops::gather_dst(nodes, &self.ends)?)
    }

    /// The rows of the relations, `[num_relations, C] → [K, C]`.
    pub(super) fn relations(&self, relations: &Tensor) -> Result<Tensor> {
        Ok(ops::gather_src(relations, &self.relations)?)
    }

    /// That these are triples of so many nodes and relations.
    pub(super) fn check(&self, layer: &'static str, num_nodes: usize, num_relations: usize) -> Result<()> {
        let (nodes, relations) = (self.ends.num_src(), self.relations.num_src());
        if (nodes, relations) == (num_nodes, num_relations) {
            return Ok(());
        }
        let words = |n, r| format!("triples of {n} nodes and {r} relations");
        Err(Error::argument(layer, "triples", words(num_nodes, num_relations), words(nodes, relations)))
    }
}
