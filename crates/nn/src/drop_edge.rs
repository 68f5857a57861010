use candle_core::Tensor;
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::{EdgeIndex, Origin, Transformed, transforms};
use candle_geometric_ops as ops;
use serde::{Deserialize, Serialize};

use crate::{Error, Mode, Result};

/// Drops edges in training (Rong, Huang, Xu, Huang, *DropEdge: Towards Deep Graph Convolutional Networks on Node
/// Classification*, ICLR 2020), as `torch_geometric.utils.dropout_edge` does. No parameters.
///
/// ```
/// use candle_geometric_graph::{EdgeIndex, rng::Generator};
/// use candle_geometric_nn::{DropEdge, Mode};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::from_pairs((0..100).map(|i| (i, i + 1)), 101)?;
/// let drop = DropEdge { p: 0.5, force_undirected: false };
/// assert_eq!(drop.forward(&edges, Mode::Eval)?.edges, edges);
/// let fewer = drop.forward(&edges, Mode::Train(&Generator::new(1)))?.edges;
/// assert!((30..70).contains(&fewer.num_edges()));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropEdge {
    /// The probability with which an edge is dropped. Default 0.5.
    #[serde(default = "half")]
    pub p: f64,
    /// Whether an edge and its reverse stay or go together, see
    /// [`dropout_edge`](candle_geometric_graph::transforms::dropout_edge). Default false.
    #[serde(default)]
    pub force_undirected: bool,
}

fn half() -> f64 {
    0.5
}

impl Default for DropEdge {
    fn default() -> Self {
        Self { p: half(), force_undirected: false }
    }
}

impl DropEdge {
    /// The edges that stay, and where each came from. In [`Mode::Eval`] all stay.
    ///
    /// # Errors
    /// If `p` is not a probability, or the graph is bipartite and `force_undirected`.
    pub fn forward(&self, edges: &EdgeIndex, mode: Mode) -> Result<Transformed> {
        if !(0.0..=1.0).contains(&self.p) {
            return Err(Error::argument("DropEdge", "p", "a probability in [0, 1]", self.p.to_string()));
        }
        let (p, stream) = match mode.dropout(self.p) {
            Some(d) => (d.p, d.stream),
            None => (0.0, Stream::new(0, 0)),
        };
        Ok(transforms::dropout_edge(edges, p, self.force_undirected, stream)?)
    }

    /// As [`forward`](Self::forward), with edge features `[E, …]`, which follow their edges.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if there is not one row per edge.
    pub fn forward_edges(
        &self,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        mode: Mode,
    ) -> Result<(EdgeIndex, Tensor)> {
        if edge_attr.dims().first() != Some(&edges.num_edges()) {
            let expected = format!("[{}, …] (one row per edge)", edges.num_edges());
            return Err(Error::argument(
                "DropEdge",
                "edge_attr",
                expected,
                format!("{:?}", edge_attr.dims()),
            ));
        }
        let left = self.forward(edges, mode)?;
        let row = |origin: &Origin| match origin {
            Origin::Edge(e) | Origin::Reversed(e) | Origin::SelfLoop(e) => *e,
        };
        let rows: Vec<u32> = left.origin().iter().map(row).collect();
        Ok((left.edges.clone(), ops::edge_select(edge_attr, &rows)?))
    }
}
