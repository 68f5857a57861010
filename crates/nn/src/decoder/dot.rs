use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;

use crate::conv::attention::destinations;
use crate::{Nodes, Result};

/// The dot product of the ends of an edge (Kipf and Welling, *Variational Graph Auto-Encoders*, 2016; the
/// `InnerProductDecoder` of PyTorch Geometric without the sigmoid).
///
/// > s(e) = ⟨z_j, z_i⟩ for every edge e from j to i
///
/// Shapes: z `[N, C]`, or z_src `[N_src, C]` and z_dst `[N_dst, C]`; result `[E]`. It has no parameters.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::decoder::DotDecoder;
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let z = Tensor::new(&[[1f32, 2.], [3., 4.], [5., 6.]], &Device::Cpu)?;
/// let candidates = EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?;
/// assert_eq!(DotDecoder.forward(&z, &candidates)?.to_vec1::<f32>()?, [11., 39.]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DotDecoder;

impl DotDecoder {
    /// A score for every edge.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, z: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        let z = z.into();
        let channels = z.source().dims().last().copied().unwrap_or(0);
        z.check("DotDecoder", edges, channels, channels)?;
        let dst = destinations("DotDecoder", z)?;
        Ok(ops::sddmm(z.source(), dst, edges)?)
    }
}
