use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::{Reduce, Result, gather_dst, gather_src, scatter};

/// What a message is made of: for every edge the rows of its two ends.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    /// `[E, …]`, the row of every edge's source.
    pub source: Tensor,
    /// `[E, …]`, the row of every edge's destination.
    pub destination: Tensor,
    /// The edges, in the order of the rows.
    pub edges: &'a EdgeIndex,
}

/// One step of message passing with a message of your own:
/// `out[i] = reduce { message(x[source(e)], x[destination(e)], e) : destination(e) = i }`.
///
/// This writes the messages `[E, …]` to memory. Where the layer is an attention or a weighted sum, the fused
/// functions of this crate do the same without.
///
/// # Errors
/// If `x` has not one row per node, `message` fails, or what it returns has not one row per edge. The graph must be
/// on one set of nodes; for a bipartite one call [`gather_src`], [`gather_dst`] and [`scatter`] yourself.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::{Reduce, propagate};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// // The largest difference to a neighbour.
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 1], 3)?;
/// let x = Tensor::new(&[[1f32], [2.], [5.]], &Device::Cpu)?;
/// let out = propagate(&x, &edges, Reduce::Max, |m| Ok((m.source - m.destination)?))?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0.], [3.], [-3.]]);
/// # Ok(()) }
/// ```
pub fn propagate<F>(x: &Tensor, edges: &EdgeIndex, reduce: Reduce, message: F) -> Result<Tensor>
where
    F: FnOnce(Messages<'_>) -> Result<Tensor>,
{
    edges.num_nodes()?;
    let messages =
        message(Messages { source: gather_src(x, edges)?, destination: gather_dst(x, edges)?, edges })?;
    scatter(&messages, edges, reduce)
}
