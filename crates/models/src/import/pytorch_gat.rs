//! The names of gordicaleksa/pytorch-GAT, a widely used implementation of the paper.

use candle_core::Tensor;

use super::layer::{Layer, mean_of_heads};
use crate::Result;

/// Whether the layer has these names.
pub(super) fn wrote(layer: &Layer<'_>) -> bool {
    layer.has("linear_proj.weight")
}

/// The tensor for our name `local`, of shape `shape`.
pub(super) fn find(layer: &mut Layer<'_>, local: &str, shape: &[usize]) -> Result<Option<Tensor>> {
    match local {
        "lin.weight" => Ok(layer.take("linear_proj.weight")),
        "att_src" => Ok(layer.take("scoring_fn_source")),
        "att_dst" => Ok(layer.take("scoring_fn_target")),
        "bias" => Ok(layer.take("bias")),
        // Added head by head, before heads are averaged.
        "res.weight" => layer.take("skip_proj.weight").map(|w| mean_of_heads(w, shape)).transpose(),
        _ => Ok(None),
    }
}
