//! DGL's names: `GATConv`, `GATv2Conv`, `SAGEConv`, `SGConv`. (`GraphConv` has the names of an older `GCNConv`.)
//!
//! DGL's attention layers add no self-loops: a model that is to agree with DGL's has `add_self_loops = false`, and the graph
//! the self-loops that were added by hand. They give `[N, H, C]`; the last layer of DGL's examples averages heads after
//! residual and bias, ours before, which is the same once those are averaged too.

use candle_core::{D, Tensor};

use super::layer::{Kind, Layer, mean_of_heads};
use crate::Result;

/// Whether the layer has DGL's names.
pub(super) fn wrote(layer: &Layer<'_>) -> bool {
    ["fc.weight", "fc_src.weight", "fc_neigh.weight"].into_iter().any(|name| layer.has(name))
}

/// The tensor for our name `local`, of shape `shape`.
pub(super) fn find(layer: &mut Layer<'_>, local: &str, shape: &[usize]) -> Result<Option<Tensor>> {
    match (layer.kind, local) {
        (Kind::Gat, "lin.weight") => Ok(layer.take("fc.weight")),
        (Kind::Gat, "lin_src.weight") | (Kind::Gatv2, "lin_l.weight") => Ok(layer.take("fc_src.weight")),
        (Kind::Gat, "lin_dst.weight") | (Kind::Gatv2, "lin_r.weight") => Ok(layer.take("fc_dst.weight")),
        (Kind::Gat, "att_src") => Ok(layer.take("attn_l")),
        (Kind::Gat, "att_dst") => Ok(layer.take("attn_r")),
        (Kind::Gatv2, "lin_l.bias") => Ok(layer.take("fc_src.bias")),
        (Kind::Gatv2, "lin_r.bias") => Ok(layer.take("fc_dst.bias")),
        (Kind::Gatv2, "att") => Ok(layer.take("attn")),
        (Kind::Gat | Kind::Gatv2, "res.weight") => residual(layer, shape),
        (Kind::Gat | Kind::Gatv2, "bias") => bias(layer, shape),
        (Kind::Other, "lin.weight") => Ok(layer.take("fc.weight")),
        (Kind::Other, "lin.bias") => Ok(layer.take("fc.bias")),
        (Kind::Other, "lin_l.weight") => Ok(layer.take("fc_neigh.weight")),
        (Kind::Other, "lin_r.weight") => Ok(layer.take("fc_self.weight")),
        (Kind::Other, "lin_l.bias") => sum(layer, &["fc_neigh.bias", "fc_self.bias", "bias"]),
        _ => Ok(None),
    }
}

/// `res_fc`, or where DGL adds x as it is (it has as many features as the layer has outputs) the identity.
fn residual(layer: &mut Layer<'_>, shape: &[usize]) -> Result<Option<Tensor>> {
    if let Some(weight) = layer.take("res_fc.weight") {
        return Ok(Some(mean_of_heads(weight, shape)?));
    }
    // Seen, not taken: the linear map itself is asked for under its own name.
    let Some(map) = layer.peek("fc.weight").or_else(|| layer.peek("fc_src.weight")) else { return Ok(None) };
    let features = map.dim(D::Minus1)?;
    if map.dims() != [features, features] {
        return Ok(None);
    }
    let identity = Tensor::eye(features, map.dtype(), map.device())?;
    Ok(Some(mean_of_heads(identity, shape)?))
}

/// `bias`, or that of `res_fc`, which stands for it. GATv2Conv has none where it has no residual map: zeros.
fn bias(layer: &mut Layer<'_>, shape: &[usize]) -> Result<Option<Tensor>> {
    let bias = sum(layer, &["bias", "res_fc.bias"])?;
    match (bias, layer.peek("fc_src.weight")) {
        (Some(bias), _) => Ok(Some(mean_of_heads(bias, shape)?)),
        (None, Some(map)) if layer.kind == Kind::Gatv2 => {
            Ok(Some(Tensor::zeros(shape, map.dtype(), map.device())?))
        }
        (None, _) => Ok(None),
    }
}

/// The sum of those that the layer has: versions differ in which of its maps have the bias.
fn sum(layer: &mut Layer<'_>, names: &[&str]) -> Result<Option<Tensor>> {
    let mut total: Option<Tensor> = None;
    for name in names {
        let Some(tensor) = layer.take(name) else { continue };
        total = Some(match total {
            Some(other) if other.dims() == tensor.dims() => (other + tensor)?,
            Some(other) => other,
            None => tensor,
        });
    }
    Ok(total)
}
