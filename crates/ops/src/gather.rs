use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::{Result, check, reference};

/// The row of every edge's source: `out[e] = x[source(e)]`, `[N_src, …] → [E, …]`.
///
/// The gradient of a row is the sum over the out-edges of its node.
///
/// # Errors
/// If `x` does not hold floating-point numbers or has not one row per source node.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![1, 0], vec![0, 1], 2)?;
/// let x = Tensor::new(&[[1f32], [2.]], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::gather_src(&x, &edges)?.to_vec2::<f32>()?, [[2.], [1.]]);
/// # Ok(()) }
/// ```
pub fn gather_src(x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("x", x)?;
    check::rows("x", x, edges.num_src(), "source node")?;
    reference::gather_src(x, edges)
}

/// The row of every edge's destination: `out[e] = x[destination(e)]`, `[N_dst, …] → [E, …]`.
///
/// The gradient of a row is the sum over the in-edges of its node.
///
/// # Errors
/// If `x` does not hold floating-point numbers or has not one row per destination node.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![1, 0], vec![1, 1], 2)?;
/// let x = Tensor::new(&[1f32, 2.], &Device::Cpu)?;
/// assert_eq!(candle_geometric_ops::gather_dst(&x, &edges)?.to_vec1::<f32>()?, [2., 2.]);
/// # Ok(()) }
/// ```
pub fn gather_dst(x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("x", x)?;
    check::rows("x", x, edges.num_dst(), "destination node")?;
    reference::gather_dst(x, edges)
}
