use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::{Result, check, reference};

/// How the messages of one destination become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// Their sum.
    Sum,
    /// Their sum over their number.
    Mean,
    /// The largest, element by element. Equal ones share the gradient evenly, as in PyTorch's `scatter_reduce`.
    Max,
    /// The smallest, element by element. Equal ones share the gradient evenly, as in PyTorch's `scatter_reduce`.
    Min,
    /// Their product. That of no messages is 1, as in PyTorch Geometric.
    Mul,
}

/// Reduces the messages of every destination: `out[i] = reduce { messages[e] : destination(e) = i }`,
/// `[E, …] → [N_dst, …]`. A destination without in-edges gets 0 (1 with [`Reduce::Mul`]).
///
/// The gradient of the product is exact where messages are 0. A maximum of exactly 0 gives its whole gradient to
/// the messages; PyTorch Geometric loses a share of it to the zeros that it starts from.
///
/// # Errors
/// If `messages` does not hold floating-point numbers or has not one row per edge.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_ops::{Reduce, scatter};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 0], 3)?;
/// let messages = Tensor::new(&[1f32, 5., -2.], &Device::Cpu)?;
/// assert_eq!(scatter(&messages, &edges, Reduce::Mean)?.to_vec1::<f32>()?, [-2., 3., 0.]);
/// assert_eq!(scatter(&messages, &edges, Reduce::Max)?.to_vec1::<f32>()?, [-2., 5., 0.]);
/// # Ok(()) }
/// ```
pub fn scatter(messages: &Tensor, edges: &EdgeIndex, reduce: Reduce) -> Result<Tensor> {
    check::float("messages", messages)?;
    check::rows("messages", messages, edges.num_edges(), "edge")?;
    reference::scatter(messages, edges, reduce)
}
