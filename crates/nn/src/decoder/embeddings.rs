//! What the models of knowledge graphs share: tables of embeddings, losses.

use candle_core::{D, Tensor};
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};

use crate::{Error, Result, init};

/// A table of embeddings, `name.weight` `[rows, C]`, that starts as PyTorch Geometric starts it: by
/// [`init::glorot_uniform`].
pub(super) fn table(vb: &VarBuilder, name: &str, rows: usize, channels: usize) -> Result<Tensor> {
    table_from(vb, name, rows, channels, init::glorot_uniform(&[rows, channels]))
}

/// As [`table`], where it starts otherwise.
pub(super) fn table_from(
    vb: &VarBuilder,
    name: &str,
    rows: usize,
    channels: usize,
    start: Init,
) -> Result<Tensor> {
    Ok(vb.pp(name).get_with_hints((rows, channels), "weight", start)?)
}

/// That embeddings have channels.
pub(super) fn check_channels(layer: &'static str, hidden_channels: usize) -> Result<()> {
    if hidden_channels > 0 {
        return Ok(());
    }
    Err(Error::argument(layer, "hidden_channels", "at least 1", "0"))
}

/// Σ x ⊙ y ⊙ z over the channels, `[K, C] → [K]`.
pub(super) fn triple_dot(x: &Tensor, y: &Tensor, z: &Tensor) -> Result<Tensor> {
    Ok(((x * y)? * z)?.sum(D::Minus1)?)
}

/// The mean of −log σ(s) over positive and of −log σ(−s) over negative scores, all together.
pub(super) fn logistic_loss(positive: &Tensor, negative: &Tensor) -> Result<Tensor> {
    let x = Tensor::cat(&[&positive.neg()?, negative], 0)?;
    // log(1 + exp x) = max(x, 0) + log(1 + exp −|x|): finite for every x.
    let rest = (x.abs()?.neg()?.exp()? + 1.0)?.log()?;
    Ok((ops::relu(&x)? + rest)?.mean_all()?)
}
