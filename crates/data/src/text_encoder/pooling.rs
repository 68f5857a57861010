//! From the hidden states of tokens to a vector per text.

use candle_core::{D, DType, Tensor};

use super::Pooling;

/// The vectors `[B, D]` in f32 of texts with hidden states `[B, L, D]`. `mask` `[B, L]` is 1 for tokens, of which every text has
/// one, and 0 for padding.
pub(super) fn pool(pooling: Pooling, hidden: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
    let hidden = hidden.to_dtype(DType::F32)?;
    match pooling {
        Pooling::Cls => hidden.narrow(1, 0, 1)?.squeeze(1),
        Pooling::Mean => {
            // A choice and not a product: whatever stands at padding, even NaN, must not be seen.
            let tokens = tokens_or(0., &hidden, mask)?;
            tokens.sum(1)?.broadcast_div(&mask.sum_keepdim(1)?)
        }
        Pooling::Max => tokens_or(f32::NEG_INFINITY, &hidden, mask)?.max(1),
    }
}

/// The hidden states, with `padding` at padding.
fn tokens_or(padding: f32, hidden: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
    let padding = Tensor::new(padding, hidden.device())?.broadcast_as(hidden.shape())?;
    mask.gt(0f32)?.unsqueeze(D::Minus1)?.broadcast_as(hidden.shape())?.where_cond(hidden, &padding)
}

/// The rows of `x` `[B, D]`, divided by their length; rows of zeros stay.
pub(super) fn normalize(x: &Tensor) -> candle_core::Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?;
    x.broadcast_div(&length.maximum(1e-12)?)
}
