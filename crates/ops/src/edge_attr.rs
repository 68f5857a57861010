use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, GraphError};

use crate::{Error, Result, gather_src};

/// The rows `ids` of a tensor with one row per edge: `out[k] = edge_attr[ids[k]]`, `[E, …] → [K, …]`.
///
/// This is how edge features follow a transform of the graph. Rows may be left out or repeated.
///
/// # Errors
/// If `edge_attr` is a scalar or does not hold floating-point numbers, or an id is not below E.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edge_attr = Tensor::new(&[[1f32], [2.], [3.]], &Device::Cpu)?;
/// let kept = candle_geometric_ops::edge_select(&edge_attr, &[2, 0])?;
/// assert_eq!(kept.to_vec2::<f32>()?, [[3.], [1.]]);
/// # Ok(()) }
/// ```
pub fn edge_select(edge_attr: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let Some(&e) = edge_attr.dims().first() else {
        return Err(Error::Shape { argument: "edge_attr", expected: "[E, …]".into(), actual: vec![] });
    };
    let rows = (0..ids.len() as u32).collect();
    let selection = EdgeIndex::bipartite(ids.to_vec(), rows, e, ids.len()).map_err(|error| match error {
        GraphError::IndexOutOfRange { edge, index, .. } => Error::Invalid {
            argument: "ids",
            expected: format!("indices of the {e} rows of edge_attr"),
            actual: format!("{index} at position {edge}"),
        },
        other => other.into(),
    })?;
    gather_src(edge_attr, &selection)
}
