use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use super::fused::{self, Terms};
use crate::backend::{self, Backend};
use crate::{Result, check, reference};

/// Attention with given scores: softmax over the in-edges, head by head, then the weighted sum of the sources'
/// values, `out[i, h] = Σ softmax(scores)[e, h] · values[source(e), h]` over the in-edges e of i.
///
/// `scores` `[E, H]`, `values` `[N_src, H·C]` (head-major), result `[N_dst, H·C]`; 0 for a node without in-edges.
///
/// # Errors
/// If a shape is another one, H does not divide the columns of `values`, or types or devices differ.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3)?;
/// let values = Tensor::new(&[[1f32, 2.], [3., 4.], [0., 0.]], &Device::Cpu)?;
/// let scores = Tensor::new(&[[5f32], [5.]], &Device::Cpu)?;
/// let out = candle_geometric_ops::attend(&scores, &values, &edges)?;
/// assert_eq!(out.to_vec2::<f32>()?, [[0., 0.], [0., 0.], [2., 3.]]);
/// # Ok(()) }
/// ```
pub fn attend(scores: &Tensor, values: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("scores", scores)?;
    let heads = check::matrix("scores", scores, edges.num_edges(), "E, H")?;
    let columns = check::matrix("values", values, edges.num_src(), "N_src, H·C")?;
    check::channels("values", columns, heads)?;
    check::like("values", values, scores)?;
    match backend::of(values) {
        Backend::Cpu => {
            let terms = Terms { src: None, dst: None, edge: Some(scores), negative_slope: 1.0 };
            Ok(fused::attention(values, terms, heads, edges, None)?)
        }
        Backend::Widened => {
            let out = attend(&backend::wide(scores)?, &backend::wide(values)?, edges)?;
            backend::narrow(&out, values)
        }
        Backend::Cuda => {
            let terms = Terms { src: None, dst: None, edge: Some(scores), negative_slope: 1.0 };
            Ok(fused::on_cuda(values, terms, heads, edges, None)?)
        }
        Backend::Reference => reference::attend(scores, values, edges),
    }
}
