use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;

use crate::{Error, Result};

/// Questions (head, relation, ?) to a knowledge graph, checked once: which tail does the relation lead to?
///
/// ```
/// use candle_geometric_nn::decoder::Queries;
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let queries = Queries::new(vec![0, 3], vec![1, 0], 4, 2)?;
/// assert_eq!(queries.len(), 2);
/// assert!(Queries::new(vec![4], vec![0], 4, 2).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Queries {
    /// From the head, and from the relation, to the place of the question.
    heads: EdgeIndex,
    relations: EdgeIndex,
}

impl Queries {
    /// B questions to a graph of `num_nodes` nodes and `num_relations` relations.
    ///
    /// # Errors
    /// If the lists differ in length, or an index is out of range.
    pub fn new(
        head_index: Vec<u32>,
        rel_type: Vec<u32>,
        num_nodes: usize,
        num_relations: usize,
    ) -> Result<Self> {
        let b = head_index.len();
        if rel_type.len() != b {
            let expected = format!("[{b}] (one relation per head)");
            return Err(Error::argument("Queries", "rel_type", expected, format!("[{}]", rel_type.len())));
        }
        Ok(Self {
            heads: places("head_index", "nodes", head_index, num_nodes)?,
            relations: places("rel_type", "relations", rel_type, num_relations)?,
        })
    }

    /// B.
    pub fn len(&self) -> usize {
        self.heads.num_edges()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The heads.
    pub fn head_index(&self) -> &[u32] {
        self.heads.source()
    }

    /// The relations.
    pub fn rel_type(&self) -> &[u32] {
        self.relations.source()
    }

    /// The number of nodes of the graph.
    pub fn num_nodes(&self) -> usize {
        self.heads.num_src()
    }

    /// The number of relations of the graph.
    pub fn num_relations(&self) -> usize {
        self.relations.num_src()
    }

    /// The rows of the heads, `[num_nodes, C] → [B, C]`.
    pub(super) fn heads(&self, nodes: &Tensor) -> Result<Tensor> {
        Ok(ops::gather_src(nodes, &self.heads)?)
    }

    /// The rows of the relations, `[num_relations, C] → [B, C]`.
    pub(super) fn relations(&self, relations: &Tensor) -> Result<Tensor> {
        Ok(ops::gather_src(relations, &self.relations)?)
    }

    /// That these are about so many nodes and relations.
    pub(super) fn check(&self, layer: &'static str, num_nodes: usize, num_relations: usize) -> Result<()> {
        let (nodes, relations) = (self.num_nodes(), self.num_relations());
        if (nodes, relations) == (num_nodes, num_relations) {
            return Ok(());
        }
        let words = |n, r| format!("triples of {n} nodes and {r} relations");
        Err(Error::argument(layer, "triples", words(num_nodes, num_relations), words(nodes, relations)))
    }
}

/// Edges from the numbers, each below `size`, to their places.
pub(super) fn places(argument: &'static str, what: &str, ids: Vec<u32>, size: usize) -> Result<EdgeIndex> {
    if let Some(id) = ids.iter().find(|&&id| id as usize >= size) {
        return Err(Error::argument("Triples", argument, format!("{what} below {size}"), id.to_string()));
    }
    let count = ids.len();
    Ok(EdgeIndex::bipartite(ids, (0..count as u32).collect(), size, count)?)
}
