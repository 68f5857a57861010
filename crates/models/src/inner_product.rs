//! What the autoencoders decode with: the inner product of latent features.

use candle_core::{D, DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::decoder::DotDecoder;
use candle_nn::ops::sigmoid;

use crate::{Error, Result};

/// ε, which PyTorch Geometric adds to probabilities before their logarithm.
const EPS: f64 = 1e-15;
/// From here on −ln(e⁻ᵗ + ε) is −ln ε to the last bit, and eᵗ still is a number of f32.
const FLAT: f64 = 80.0;

/// σ⟨z_j, z_i⟩ for every pair (j, i).
pub(crate) fn decode(z: &Tensor, pairs: &EdgeIndex) -> Result<Tensor> {
    Ok(sigmoid(&DotDecoder.forward(z, pairs)?)?)
}

/// σ(Z Zᵀ).
pub(crate) fn decode_all(architecture: &str, z: &Tensor) -> Result<Tensor> {
    if z.rank() != 2 {
        return Err(Error::config(architecture, format!("z: expected [N, C], got {:?}", z.dims())));
    }
    Ok(sigmoid(&z.matmul(&z.t()?.contiguous()?)?)?)
}

/// The loss of [`Gae::recon_loss`](crate::Gae::recon_loss), of latent features `z` `[N, C]` from any encoder:
/// `mean −ln(σ(s) + ε)` over the positive pairs, plus `mean −ln(1 − σ(s) + ε)` over the negative ones, with s the inner
/// product of a pair's features.
///
/// # Errors
/// If `z` has not one row per node.
pub fn recon_loss(z: &Tensor, positive: &EdgeIndex, negative: &EdgeIndex) -> Result<Tensor> {
    let positive = surprise(&DotDecoder.forward(z, positive)?.neg()?)?;
    let negative = surprise(&DotDecoder.forward(z, negative)?)?;
    Ok((positive + negative)?)
}

/// The mean of `−ln(σ(−s) + ε)`, 0 where there are no scores.
///
/// With t = −ln σ(−s) = softplus(s) it is −ln(e⁻ᵗ + ε) = t − ln(1 + ε eᵗ): no probability near 1 is rounded away.
fn surprise(s: &Tensor) -> Result<Tensor> {
    // The range of f16 is too small for ε.
    let s = if s.dtype() == DType::F64 { s.clone() } else { s.to_dtype(DType::F32)? };
    if s.elem_count() == 0 {
        return Ok(Tensor::zeros((), s.dtype(), s.device())?);
    }
    let t = softplus(&s)?.minimum(FLAT)?;
    let beyond = ((t.exp()? * EPS)? + 1.0)?.log()?;
    Ok((t - beyond)?.mean(D::Minus1)?)
}

/// ln(1 + eˢ). Both terms take |s| from one tensor, so that at 0 the gradient is ½ whatever that of |s| is.
fn softplus(s: &Tensor) -> Result<Tensor> {
    let magnitude = s.abs()?;
    let positive = ((s + &magnitude)? * 0.5)?;
    Ok((positive + (magnitude.neg()?.exp()? + 1.0)?.log()?)?)
}
