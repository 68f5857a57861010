use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, Relations};
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::{Result, init};

/// What an [`RgatConv`](super::RgatConv) makes of its weights so that they also tell how many neighbours there are (Zhang and Xie,
/// *Improving Attention Mechanism in Graph Neural Networks via Cardinality Preservation*, IJCAI 2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modulation {
    /// Σ α v + w ⊙ Σ v.
    Additive,
    /// ψ(d) ⊙ Σ α v, with ψ(d) = ReLU(d l₁ + b₁) l₂ + b₂ of the in-degree d.
    Scaled,
    /// Σ (α + 1) v, over the edges whose α is above 0.
    FAdditive,
    /// d Σ α v.
    FScaled,
}

impl Modulation {
    /// Whether it changes the weights, not the sums.
    pub(super) fn weighs(self) -> bool {
        matches!(self, Self::FAdditive | Self::FScaled)
    }

    /// What values are weighted by instead of α.
    pub(super) fn weights(self, alpha: Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        Ok(match self {
            Self::FAdditive => (&alpha + alpha.gt(0.0)?.to_dtype(alpha.dtype())?)?,
            Self::FScaled => {
                let degree = degrees(edges, &alpha)?;
                alpha.broadcast_mul(&ops::gather_dst(&degree, edges)?)?
            }
            Self::Additive | Self::Scaled => alpha,
        })
    }
}

/// The parameters of the modulations.
#[derive(Debug, Clone)]
pub(super) struct Cardinality {
    w: Tensor,
    l1: Tensor,
    b1: Tensor,
    l2: Tensor,
    b2: Tensor,
}

impl Cardinality {
    /// For heads of `o` channels.
    pub(super) fn new(o: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            w: vb.get_with_hints(o, "w", init::ONES)?,
            l1: vb.get_with_hints((1, o), "l1", init::ONES)?,
            b1: vb.get_with_hints((1, o), "b1", init::ZEROS)?,
            l2: vb.get_with_hints((o, o), "l2", Init::Const(1.0 / o as f64))?,
            b2: vb.get_with_hints((1, o), "b2", init::ZEROS)?,
        })
    }

    /// What becomes of the weighted sums of the values, `[N, H·D·C]`.
    pub(super) fn modulate(
        &self,
        modulation: Modulation,
        out: Tensor,
        values: &Tensor,
        relations: &Relations,
    ) -> Result<Tensor> {
        let ((n, columns), channels) = (out.dims2()?, self.w.dim(0)?);
        let by_head = (n, columns / channels, channels);
        match modulation {
            Modulation::Additive => {
                let sum = ops::spmm(relations.from_pairs()?, None, values)?.reshape(by_head)?;
                Ok((out + sum.broadcast_mul(&self.w)?.reshape((n, columns))?)?)
            }
            Modulation::Scaled => {
                let degree = degrees(relations.edges(), &out)?;
                let hidden = ops::relu(&degree.matmul(&self.l1)?.broadcast_add(&self.b1)?)?;
                let factor = hidden.matmul(&self.l2)?.broadcast_add(&self.b2)?.unsqueeze(1)?;
                Ok(out.reshape(by_head)?.broadcast_mul(&factor)?.reshape((n, columns))?)
            }
            Modulation::FAdditive | Modulation::FScaled => Ok(out),
        }
    }
}

/// The in-degrees `[N, 1]`.
fn degrees(edges: &EdgeIndex, like: &Tensor) -> Result<Tensor> {
    let ones = Tensor::ones((edges.num_edges(), 1), like.dtype(), like.device())?;
    Ok(ops::scatter(&ones, edges, Reduce::Sum)?)
}
