//! The layer.

use candle_geometric::nn::init::{ZEROS, glorot_uniform};
use candle_geometric::nn::{Linear, Result};
use candle_geometric::ops::{self, Reduce};
use candle_geometric::prelude::*;

/// Attention over the in-edges of each node, as in GAT: with h = W x, the score of an edge from j to i is
/// LeakyReLU(⟨a_src, h_j⟩ + ⟨a_dst, h_i⟩), α is its softmax over the in-edges of i, and the output is Σ α h_j + b.
pub(crate) struct AttentionLayer {
    lin: Linear,
    /// `[1, H, C]`.
    att_src: Tensor,
    /// `[1, H, C]`.
    att_dst: Tensor,
    /// `[H·C]`.
    bias: Tensor,
}

impl AttentionLayer {
    /// A layer with the names that PyTorch Geometric gives to the parameters of its `GATConv`.
    pub(crate) fn new(features: usize, channels: usize, heads: usize, vb: VarBuilder<'_>) -> Result<Self> {
        let shape = [1, heads, channels];
        Ok(Self {
            lin: Linear::glorot(features, heads * channels, false, vb.pp("lin"))?,
            att_src: vb.get_with_hints(&shape, "att_src", glorot_uniform(&shape))?,
            att_dst: vb.get_with_hints(&shape, "att_dst", glorot_uniform(&shape))?,
            bias: vb.get_with_hints(heads * channels, "bias", ZEROS)?,
        })
    }

    /// `[N, F]` → `[N, H·C]`.
    pub(crate) fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let (_, heads, channels) = self.att_src.dims3()?;
        let h = self.lin.forward(x)?.reshape(((), heads, channels))?;
        let out = ops::propagate(&h, edges, Reduce::Sum, |m| {
            // A row per edge: [E, H, C] at both ends, hence scores [E, H].
            let source = m.source.broadcast_mul(&self.att_src)?.sum(2)?;
            let destination = m.destination.broadcast_mul(&self.att_dst)?.sum(2)?;
            let scores = ops::leaky_relu(&(source + destination)?, 0.2)?;
            let alpha = ops::segment_softmax(&scores, m.edges)?;
            Ok(m.source.broadcast_mul(&alpha.unsqueeze(2)?)?)
        })?;
        Ok(out.flatten_from(1)?.broadcast_add(&self.bias)?)
    }
}
