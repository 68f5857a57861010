use std::sync::{Arc, OnceLock};

use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// The edges of a graph and the relation that each belongs to: validated once, immutable afterwards, cheap to clone.
///
/// Where a layer has weights for every relation, a node is another one in each of them: `(node, relation)` is number
/// `node · R + relation`. The edges between such pairs are built on first use and kept.
///
/// ```
/// use candle_geometric_graph::{EdgeIndex, Relations};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 2)?;
/// let relations = Relations::new(&edges, &[0, 2], 3)?;
/// assert_eq!(relations.to_pairs()?, &EdgeIndex::bipartite(vec![0, 1], vec![3, 2], 2, 6)?);
/// assert!(Relations::new(&edges, &[0, 3], 3).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Relations {
    inner: Arc<Inner>,
}

struct Inner {
    edges: EdgeIndex,
    edge_type: Vec<u32>,
    num_relations: usize,
    to_pairs: OnceLock<EdgeIndex>,
    from_pairs: OnceLock<EdgeIndex>,
    between_pairs: OnceLock<EdgeIndex>,
}

impl Relations {
    /// The edges, where edge `e` belongs to relation `edge_type[e]`.
    ///
    /// # Errors
    /// If there is not one relation for each edge, or one is not below `num_relations`.
    pub fn new(edges: &EdgeIndex, edge_type: &[u32], num_relations: usize) -> Result<Self> {
        check_size("num_relations", num_relations)?;
        if edge_type.len() != edges.num_edges() {
            let (expected, actual) = (edges.num_edges(), edge_type.len());
            return Err(GraphError::Length { what: "edge_type", expected, actual });
        }
        if let Some((e, r)) = edge_type.iter().enumerate().find(|(_, r)| **r as usize >= num_relations) {
            return Err(GraphError::Invalid {
                argument: "edge_type",
                expected: format!("relations below {num_relations}"),
                actual: format!("{r} at edge {e}"),
            });
        }
        Ok(Self {
            inner: Arc::new(Inner {
                edges: edges.clone(),
                edge_type: edge_type.to_vec(),
                num_relations,
                to_pairs: OnceLock::new(),
                from_pairs: OnceLock::new(),
                between_pairs: OnceLock::new(),
            }),
        })
    }

    /// These edges, then each of them backwards, by a relation of its own: the inverse of r is r + R, and there are 2R.
    ///
    /// ```
    /// use candle_geometric_graph::{EdgeIndex, Relations};
    /// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
    /// let facts = Relations::new(&EdgeIndex::new(vec![0], vec![1], 2)?, &[2], 3)?;
    /// let both = facts.with_inverses()?;
    /// assert_eq!(both.edges(), &EdgeIndex::new(vec![0, 1], vec![1, 0], 2)?);
    /// assert_eq!((both.edge_type(), both.num_relations()), (&[2, 5][..], 6));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the graph is bipartite, or there are too many edges or relations for 32 bits.
    pub fn with_inverses(&self) -> Result<Self> {
        let (edges, relations) = (self.edges(), self.num_relations());
        let n = edges.num_nodes()?;
        check_size("num_relations", relations.saturating_mul(2))?;
        check_size("num_edges", edges.num_edges().saturating_mul(2))?;
        let source = [edges.source(), edges.destination()].concat();
        let destination = [edges.destination(), edges.source()].concat();
        let inverse = self.edge_type().iter().map(|r| r + relations as u32);
        let edge_type: Vec<u32> = self.edge_type().iter().copied().chain(inverse).collect();
        Self::new(&EdgeIndex::new(source, destination, n)?, &edge_type, 2 * relations)
    }

    /// The edges.
    pub fn edges(&self) -> &EdgeIndex {
        &self.inner.edges
    }

    /// The relation of every edge.
    pub fn edge_type(&self) -> &[u32] {
        &self.inner.edge_type
    }

    /// R, the number of relations.
    pub fn num_relations(&self) -> usize {
        self.inner.num_relations
    }

    /// The edges in their order, from the source to the pair of the destination and the relation: what ends in one node
    /// is told apart by relation.
    ///
    /// # Errors
    /// If the number of pairs exceeds 32 bits.
    pub fn to_pairs(&self) -> Result<&EdgeIndex> {
        self.pairs(&self.inner.to_pairs, false, true)
    }

    /// The edges in their order, from the pair of the source and the relation to the destination.
    ///
    /// # Errors
    /// If the number of pairs exceeds 32 bits.
    pub fn from_pairs(&self) -> Result<&EdgeIndex> {
        self.pairs(&self.inner.from_pairs, true, false)
    }

    /// The edges in their order, from the pair of the source and the relation to that of the destination and the relation.
    ///
    /// # Errors
    /// If the number of pairs exceeds 32 bits.
    pub fn between_pairs(&self) -> Result<&EdgeIndex> {
        self.pairs(&self.inner.between_pairs, true, true)
    }

    fn pairs<'a>(
        &'a self,
        kept: &'a OnceLock<EdgeIndex>,
        of_source: bool,
        of_dst: bool,
    ) -> Result<&'a EdgeIndex> {
        if let Some(kept) = kept.get() {
            return Ok(kept);
        }
        let (edges, relations) = (self.edges(), self.num_relations());
        let side = |ids: &[u32], nodes: usize, paired: bool| -> Result<_> {
            if !paired {
                return Ok((ids.to_vec(), nodes));
            }
            let pairs = nodes.saturating_mul(relations);
            check_size("nodes · relations", pairs)?;
            let pair = |(&i, &r): (&u32, &u32)| i * relations as u32 + r;
            Ok((ids.iter().zip(self.edge_type()).map(pair).collect(), pairs))
        };
        let (source, num_src) = side(edges.source(), edges.num_src(), of_source)?;
        let (destination, num_dst) = side(edges.destination(), edges.num_dst(), of_dst)?;
        let made = EdgeIndex::trusted(source, destination, num_src, num_dst, true);
        Ok(kept.get_or_init(|| made))
    }
}

impl std::fmt::Debug for Relations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relations")
            .field("edges", self.edges())
            .field("num_relations", &self.num_relations())
            .finish_non_exhaustive()
    }
}
