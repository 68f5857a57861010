//! PyTorch Geometric's names, from its first version to the present one.

use candle_core::{D, Tensor};

use super::layer::{Kind, Layer, transposed};
use crate::Result;

/// Why `lin_dst` must repeat `lin_src`.
const ONE_MAP: &str = "but the model has one linear map for sources and destinations";

/// The tensor for our name `local`, which is the name in PyTorch Geometric ≥ 2.5.
pub(super) fn find(layer: &mut Layer<'_>, local: &str) -> Result<Option<Tensor>> {
    if let Some(tensor) = layer.take(local) {
        return Ok(Some(tensor));
    }
    match (layer.kind, local) {
        (Kind::Gat, "lin.weight") => {
            for (source, destination) in
                [("lin_src.weight", "lin_dst.weight"), ("lin_l.weight", "lin_r.weight")]
            {
                if layer.has(source) {
                    return layer.take_shared(source, destination, ONE_MAP);
                }
            }
            layer.take("weight").map(transposed).transpose()
        }
        // A bipartite layer.
        (Kind::Gat, "lin_src.weight") => Ok(layer.take("lin_l.weight")),
        (Kind::Gat, "lin_dst.weight") => Ok(layer.take("lin_r.weight")),
        (Kind::Gat, "att_src") => match layer.take("att_l") {
            None => half_of_att(layer, 1),
            source => Ok(source),
        },
        (Kind::Gat, "att_dst") => match layer.take("att_r") {
            None => half_of_att(layer, 0),
            destination => Ok(destination),
        },
        // GCNConv ≤ 1.7, and DGL's GraphConv.
        (Kind::Other, "lin.weight") => layer.take("weight").map(transposed).transpose(),
        // SAGEConv 1.5.
        (Kind::Other, "lin_l.weight") => Ok(layer.take("lin_rel.weight")),
        (Kind::Other, "lin_l.bias") => Ok(layer.take("lin_rel.bias")),
        (Kind::Other, "lin_r.weight") => Ok(layer.take("lin_root.weight")),
        _ => Ok(None),
    }
}

/// `att` `[1, H, 2C]` of versions up to 1.5 scored `[x_i, x_j]`: destination first, source second.
fn half_of_att(layer: &mut Layer<'_>, half: usize) -> Result<Option<Tensor>> {
    let Some(att) = layer.take("att") else { return Ok(None) };
    let width = att.dim(D::Minus1)?;
    if !width.is_multiple_of(2) {
        return Ok(Some(att));
    }
    Ok(Some(att.narrow(D::Minus1, half * width / 2, width / 2)?.contiguous()?))
}
