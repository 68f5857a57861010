//! Pooling: a graph becomes a smaller graph.
//!
//! Pools that keep nodes return a [`Pooled`]: the kept nodes of a batch are a batch again, so pools and convolutions
//! alternate. `batch` is [`EdgeIndex::from_batch`](candle_geometric_graph::EdgeIndex::from_batch): node i belongs to
//! graph `batch.destination()[i]`; without one all nodes are one graph. What a graph becomes does not depend on the
//! other graphs of the batch.

mod asap;
mod coarsen;
mod gnn;
mod mem;
mod sag;
mod select;
mod topk;

pub use asap::{AsapPooling, AsapPoolingConfig};
pub use gnn::PoolingGnn;
pub use mem::{MemPooling, MemPoolingConfig};
pub use sag::{SagPooling, SagPoolingConfig};
pub use topk::{TopKPooling, TopKPoolingConfig};

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::transforms::{self, Origin};
use candle_geometric_ops as ops;

use crate::batch::graphs;
use crate::{Error, Result};

/// What is left of a graph after a pooling.
#[derive(Debug, Clone)]
pub struct Pooled {
    /// The features of the nodes that are left, `[K, F]`.
    pub x: Tensor,
    /// The edges between them.
    pub edges: EdgeIndex,
    /// The features of these edges, where features came in.
    pub edge_attr: Option<Tensor>,
    /// The graph of each node that is left, as it came in: graphs keep their numbers, also those without nodes.
    pub batch: EdgeIndex,
    /// The nodes that are left, by their numbers before.
    pub perm: Vec<u32>,
    /// The score of each of them, `[K]`.
    pub score: Tensor,
}

/// Checks the shapes of a pooling's arguments; gives the graph of each node.
fn check(
    layer: &'static str,
    x: &Tensor,
    channels: usize,
    edges: &EdgeIndex,
    edge_attr: Option<&Tensor>,
    batch: Option<&EdgeIndex>,
) -> Result<EdgeIndex> {
    let (n, e) = (edges.num_nodes()?, edges.num_edges());
    if x.dims() != [n, channels] {
        let expected = format!("[{n}, {channels}] ([nodes, in_channels])");
        return Err(Error::argument(layer, "x", expected, format!("{:?}", x.dims())));
    }
    if let Some(attr) = edge_attr.filter(|a| a.dims().first() != Some(&e)) {
        let expected = format!("[{e}, …] (a row per edge)");
        return Err(Error::argument(layer, "edge_attr", expected, format!("{:?}", attr.dims())));
    }
    graphs(layer, n, batch)
}

/// As [`check`], where `attn` has the channels of the layer and x any.
fn check_attn(
    layer: &'static str,
    (x, attn): (&Tensor, &Tensor),
    channels: usize,
    edges: &EdgeIndex,
    edge_attr: Option<&Tensor>,
    batch: Option<&EdgeIndex>,
) -> Result<EdgeIndex> {
    let expected = [edges.num_nodes()?, channels];
    if attn.dims() != expected {
        let expected = format!("{expected:?} ([nodes, in_channels])");
        return Err(Error::argument(layer, "attn", expected, format!("{:?}", attn.dims())));
    }
    let columns = x.dims().get(1).copied().unwrap_or(channels);
    check(layer, x, columns, edges, edge_attr, batch)
}

/// The subgraph of the nodes `perm`, each multiplied by its score (the scores are those of all nodes, `[N]`) and a
/// constant.
fn keep(
    x: &Tensor,
    edges: &EdgeIndex,
    edge_attr: Option<&Tensor>,
    batch: &EdgeIndex,
    (perm, score): (Vec<u32>, Tensor),
    multiplier: f64,
) -> Result<Pooled> {
    let part = transforms::subgraph(edges, &perm)?;
    let select = |attr: &Tensor| -> Result<Tensor> {
        let ids = part.origin().iter().filter_map(|origin| match origin {
            Origin::Edge(e) => Some(*e),
            _ => None,
        });
        Ok(ops::edge_select(attr, &ids.collect::<Vec<_>>())?)
    };
    let edge_attr = edge_attr.map(select).transpose()?;
    let (x, score) = scaled(x, &perm, &score, multiplier)?;
    Ok(Pooled { x, edges: part.edges, edge_attr, batch: batch_of(&perm, batch)?, perm, score })
}

/// The rows `perm` of x, each multiplied by its score and a constant, and the scores `[K]`.
fn scaled(x: &Tensor, perm: &[u32], score: &Tensor, multiplier: f64) -> Result<(Tensor, Tensor)> {
    let rows = EdgeIndex::bipartite(perm.to_vec(), (0..perm.len() as u32).collect(), x.dim(0)?, perm.len())?;
    let score = ops::gather_src(score, &rows)?;
    let factor = if multiplier == 1.0 { score.clone() } else { (&score * multiplier)? };
    // Selection and product in one pass.
    Ok((ops::spmm(&rows, Some(&factor), x)?, score))
}

/// The graphs of the nodes `perm`.
fn batch_of(perm: &[u32], batch: &EdgeIndex) -> Result<EdgeIndex> {
    let graphs: Vec<u32> = perm.iter().map(|&i| batch.destination()[i as usize]).collect();
    Ok(EdgeIndex::from_batch(&graphs, batch.num_dst())?)
}
