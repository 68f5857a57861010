use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
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
        Backend::Cpu => Ok(scores.contiguous()?.apply_op1(SegmentSoftmax { edges: edges.clone() })?),
        Backend::Widened => backend::narrow(&segment_softmax(&backend::wide(scores)?, edges)?, scores),
        Backend::Reference => reference::segment_softmax(scores, edges),
    }
}

struct SegmentSoftmax {
    edges: EdgeIndex,
}

impl SegmentSoftmax {
    fn backward<T: Real>(&self, alpha: &Tensor, grad: &Tensor) -> candle_core::Result<Tensor> {
        let (a, g) = (Host::open(alpha), Host::open(grad));
        let width = check::width(alpha.dims());
        let ds = cpu::softmax::backward(&self.edges, a.slice::<T>()?, g.slice()?, width);
        Tensor::from_vec(ds, alpha.shape(), &Device::Cpu)
    }
}

impl CustomOp1 for SegmentSoftmax {
    fn name(&self) -> &'static str {
        "segment_softmax"
    }

    fn cpu_fwd(&self, s: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let width = check::width(layout.dims());
        let alpha = for_float!(s.dtype(), self.name(), T => {
            let alpha = cpu::softmax::forward::<T>(&self.edges, cpu::slice(s, layout)?, width);
            Ok(T::to_cpu_storage_owned(alpha))
        })?;
        Ok((alpha, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, alpha: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        for_float!(grad.dtype(), self.name(), T => self.backward::<T>(alpha, &grad)).map(Some)
    }
}
