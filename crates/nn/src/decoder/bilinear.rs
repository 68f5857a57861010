use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::config::Channels;
use crate::conv::attention::destinations;
use crate::{Linear, Nodes, Result};

/// The arguments of [`BilinearDecoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BilinearDecoderConfig {
    /// C: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
}

/// A bilinear form of the ends of an edge, which need not be symmetric (Nickel, Tresp, Kriegel, *A Three-Way Model for
/// Collective Learning on Multi-Relational Data*, ICML 2011, with one relation).
///
/// > s(e) = z_iᵀ W z_j for every edge e from j to i
///
/// Shapes: z `[N, C]`, or z_src `[N_src, C_src]` and z_dst `[N_dst, C_dst]`; result `[E]`. Parameter `weight`
/// `[C_dst, C_src]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, decoder::{BilinearDecoder, BilinearDecoderConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let z = Tensor::ones((3, 4), DType::F32, &Device::Cpu)?;
/// let candidates = EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let decoder = BilinearDecoder::new(&BilinearDecoderConfig { in_channels: 4.into() }, vb)?;
/// assert_eq!(decoder.forward(&z, &candidates)?.dims(), [2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BilinearDecoder {
    in_channels: Channels,
    map: Linear,
}

impl BilinearDecoder {
    /// A decoder with the parameter that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameter.
    pub fn new(config: &BilinearDecoderConfig, vb: VarBuilder) -> Result<Self> {
        let in_channels = config.in_channels;
        let map = Linear::glorot(in_channels.source(), in_channels.destination(), false, vb)?;
        Ok(Self { in_channels, map })
    }

    /// A score for every edge.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, z: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        const LAYER: &str = "BilinearDecoder";
        let z = z.into();
        z.check(LAYER, edges, self.in_channels.source(), self.in_channels.destination())?;
        let dst = destinations(LAYER, z)?;
        Ok(ops::sddmm(&self.map.forward(z.source())?, dst, edges)?)
    }
}
