use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::cuda::columns::{Column, Found};
use crate::cuda::graph::Side;
use crate::cuda::sum::{Of, Sum};
use crate::link::Gradient;
use crate::node::{self, node_of_result};
use crate::{Result, check, reference};

/// The softmax of the scores over the in-edges of every destination, column by column, `[E, …] → [E, …]`:
/// `out[e] = exp(s[e] − m) / Σ exp(s[e'] − m)` over the edges e' with the destination of e, m the largest of them.
///
/// Where all scores of a segment are −∞, all its weights are 0; they are never NaN for finite scores.
///
/// # Errors
/// If `scores` does not hold floating-point numbers or has not one row per edge.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 0], 3)?;
/// let scores = Tensor::new(&[7f32, 7., -3.], &Device::Cpu)?;
/// let alpha = candle_geometric_ops::segment_softmax(&scores, &edges)?;
/// assert_eq!(alpha.to_vec1::<f32>()?, [0.5, 0.5, 1.]);
/// # Ok(()) }
/// ```
pub fn segment_softmax(scores: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    check::float("scores", scores)?;
    check::rows("scores", scores, edges.num_edges(), "edge")?;
    match backend::of(scores) {
        Backend::Cpu => {
            Ok(for_float!(scores.dtype(), "segment_softmax", T => softmax::<T>(scores, edges.clone()))?)
        }
        Backend::Widened => backend::narrow(&segment_softmax(&backend::wide(scores)?, edges)?, scores),
        Backend::Cuda => Ok(on_cuda(scores, edges.clone())?),
        Backend::Reference => reference::segment_softmax(scores, edges),
    }
}

fn softmax<T: Real>(scores: &Tensor, edges: EdgeIndex) -> candle_core::Result<Tensor> {
    let scores = scores.contiguous()?;
    let width = check::width(scores.dims());
    let alpha = cpu::softmax::forward::<T>(&edges, Host::open(&scores).slice()?, width);
    node_of_result(&[&scores], node::value(alpha, scores.shape()), move |alpha, grad| {
        let (a, g) = (Host::open(alpha), Host::open(grad.tensor()));
        let ds = cpu::softmax::backward::<T>(&edges, a.slice()?, g.slice()?, width);
        Ok(vec![Some(Gradient::own(ds, alpha.shape())?)])
    })
}

/// [`segment_softmax`] on a GPU.
fn on_cuda(scores: &Tensor, edges: EdgeIndex) -> candle_core::Result<Tensor> {
    let scores = scores.contiguous()?;
    let width = check::width(scores.dims());
    if scores.elem_count() == 0 {
        return Ok(scores);
    }
    let Found { first: largest, second: inverse, .. } =
        cuda::columns::find(&edges, &scores, width, Column::Softmax)?;
    let (largest, inverse) = (largest.into_tensor(), inverse.into_tensor());
    let alpha = cuda::edges::softmax(&edges, &scores, [&largest, &inverse], width)?;
    node_of_result(&[&scores], alpha.into_value(), move |alpha, grad| {
        // Every column is a head of one channel, which α weighs.
        let (weights, of) = (Some(alpha), Of::Edges(grad.tensor()));
        let inner = Sum { edges: &edges, side: Side::Destination, weights, heads: width, of, mean: false };
        let inner = inner.run_exact(width)?.into_tensor();
        let ds = cuda::edges::softmax_backward(&edges, [alpha, grad.tensor()], &inner, width)?;
        Ok(vec![Some(ds.into_gradient())])
    })
}
