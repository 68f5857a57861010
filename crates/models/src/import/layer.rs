//! Which tensors make up a layer, and who wrote them.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Tensor};

use super::{dgl, pyg, pytorch_gat};
use crate::Result;
use crate::weights::{Parameter, Problem, Tensors};

/// The names that tensors have within a layer, in all schemes; a name that ends in another stands before it.
const LOCAL: [&str; 46] = [
    "lin.weight",
    "lin.bias",
    "lin_src.weight",
    "lin_dst.weight",
    "lin_l.weight",
    "lin_l.bias",
    "lin_r.weight",
    "lin_r.bias",
    "lin_rel.weight",
    "lin_rel.bias",
    "lin_root.weight",
    "lin_edge.weight",
    "res.weight",
    "att_src",
    "att_dst",
    "att_edge",
    "att_l",
    "att_r",
    "att",
    "fc.weight",
    "fc.bias",
    "fc_src.weight",
    "fc_src.bias",
    "fc_dst.weight",
    "fc_dst.bias",
    "fc_neigh.weight",
    "fc_neigh.bias",
    "fc_self.weight",
    "fc_self.bias",
    "res_fc.weight",
    "res_fc.bias",
    "attn_l",
    "attn_r",
    "attn",
    "linear_proj.weight",
    "scoring_fn_source",
    "scoring_fn_target",
    "skip_proj.weight",
    "g",
    "mu",
    "sigma",
    "root.weight",
    "root",
    "comp",
    "weight",
    "bias",
];

/// The names of which every layer has one: its linear map.
const MAPS: [&str; 10] = [
    "lin.weight",
    "lin_src.weight",
    "lin_l.weight",
    "lin_rel.weight",
    "fc.weight",
    "fc_src.weight",
    "fc_neigh.weight",
    "linear_proj.weight",
    "g",
    "weight",
];

/// A name as the prefix of its layer, and the name within the layer.
pub(super) fn split(name: &str) -> (&str, &str) {
    let local = LOCAL.into_iter().find(|local| {
        name.strip_suffix(local).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
    });
    name.split_at(name.len() - local.map_or(0, str::len))
}

/// The prefixes of layers, in the order of the numbers in them.
pub(super) struct Layers<'a>(Vec<&'a str>);

impl<'a> Layers<'a> {
    /// From names and numbers of axes.
    pub(super) fn of(names: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let mut prefixes: Vec<&str> = names
            .map(|(name, rank)| (split(name), rank))
            // A relation each: `weight` has more axes.
            .filter(|((_, local), rank)| {
                MAPS.contains(local) && (*rank == 2 || *rank > 2 && *local == "weight")
            })
            .map(|((prefix, _), _)| prefix)
            .collect();
        prefixes.sort_by_key(|p| natural(p));
        prefixes.dedup();
        if prefixes.len() > 1 {
            // The map behind the layers of a model (`lin`), not a layer.
            prefixes.retain(|p| !p.is_empty());
        }
        Self(prefixes)
    }

    /// For each of `ours`, the layer of these that it is: the one of the same name, or else the one at its place.
    pub(super) fn matched_to<'b>(&self, ours: &Layers<'b>) -> BTreeMap<&'b str, &'a str> {
        if self.0.len() == ours.0.len() {
            return ours.0.iter().copied().zip(self.0.iter().copied()).collect();
        }
        ours.0.iter().filter_map(|o| Some((*o, *self.0.iter().find(|t| *t == o)?))).collect()
    }
}

/// A key that orders `convs.10` behind `convs.9`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let parts = name.split('.').map(|part| {
        let digits = part.len() - part.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (text, number) = part.split_at(part.len() - digits);
        (text.to_string(), number.parse().unwrap_or(0))
    });
    parts.collect()
}

/// What a layer of ours is, as far as it decides what another's names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `GatConv`: `att_src`.
    Gat,
    /// `Gatv2Conv`: `att`.
    Gatv2,
    /// Without attention.
    Other,
}

impl Kind {
    pub(super) fn of(prefix: &str, expected: &[Parameter]) -> Self {
        let has = |local: &str| expected.iter().any(|p| p.name.strip_prefix(prefix) == Some(local));
        if has("att_src") {
            Self::Gat
        } else if has("att") {
            Self::Gatv2
        } else {
            Self::Other
        }
    }
}

/// A layer of a checkpoint, while its tensors are taken out.
pub(super) struct Layer<'a> {
    tensors: &'a Tensors,
    prefix: &'a str,
    /// What it is to become.
    pub(super) kind: Kind,
    used: &'a mut BTreeSet<String>,
    conflicts: &'a mut Vec<Problem>,
}

impl<'a> Layer<'a> {
    pub(super) fn new(
        tensors: &'a Tensors,
        prefix: &'a str,
        kind: Kind,
        used: &'a mut BTreeSet<String>,
        conflicts: &'a mut Vec<Problem>,
    ) -> Self {
        Self { tensors, prefix, kind, used, conflicts }
    }

    /// The tensor for our name `local`, of which our shape is `shape`.
    pub(super) fn find(&mut self, local: &str, shape: &[usize]) -> Result<Option<Tensor>> {
        if dgl::wrote(self) {
            dgl::find(self, local, shape)
        } else if pytorch_gat::wrote(self) {
            pytorch_gat::find(self, local, shape)
        } else {
            pyg::find(self, local)
        }
    }

    /// Whether the layer has a tensor of this name.
    pub(super) fn has(&self, local: &str) -> bool {
        self.tensors.contains_key(&self.name(local))
    }

    /// A tensor that is only looked at.
    pub(super) fn peek(&self, local: &str) -> Option<&'a Tensor> {
        self.tensors.get(&self.name(local))
    }

    /// Takes a tensor out.
    pub(super) fn take(&mut self, local: &str) -> Option<Tensor> {
        let name = self.name(local);
        let tensor = self.tensors.get(&name)?.clone();
        self.used.insert(name);
        Some(tensor)
    }

    /// Takes a tensor out that is saved under two names; the two must be equal.
    pub(super) fn take_shared(&mut self, local: &str, again: &str, why: &str) -> Result<Option<Tensor>> {
        let (first, second) = (self.take(local), self.take(again));
        if let (Some(a), Some(b)) = (&first, &second)
            && !equal(a, b)?
        {
            let (name, other) = (self.name(local), self.name(again));
            self.conflicts.push(Problem::Conflict { name, other, why: why.to_string() });
        }
        Ok(first.or(second))
    }

    /// Drops what a layer that shares its weights between source and destination saves a second time.
    pub(super) fn drop_repeated(&mut self) -> Result<()> {
        if self.kind != Kind::Gatv2 {
            return Ok(());
        }
        for (first, again) in [
            ("lin_l.weight", "lin_r.weight"),
            ("lin_l.bias", "lin_r.bias"),
            ("fc_src.weight", "fc_dst.weight"),
            ("fc_src.bias", "fc_dst.bias"),
        ] {
            let (name, repeated) = (self.name(first), self.name(again));
            if let (Some(a), Some(b)) = (self.tensors.get(&name), self.tensors.get(&repeated))
                && !self.used.contains(&repeated)
                && equal(a, b)?
            {
                self.used.insert(repeated);
            }
        }
        Ok(())
    }

    fn name(&self, local: &str) -> String {
        format!("{}{local}", self.prefix)
    }
}

/// Whether two tensors have the same shape and values.
fn equal(a: &Tensor, b: &Tensor) -> Result<bool> {
    let values = |t: &Tensor| t.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>();
    Ok(a.dims() == b.dims() && values(a)? == values(b)?)
}

/// A matrix with its axes exchanged: `[I, O]`, as older layers keep it, to `[O, I]`.
pub(super) fn transposed(matrix: Tensor) -> Result<Tensor> {
    if matrix.rank() == 2 { Ok(matrix.t()?.contiguous()?) } else { Ok(matrix) }
}

/// The mean over heads of a tensor `[H·C, …]`, where our layer averages heads before it adds this tensor (`[C, …]`) and
/// theirs adds it first. Any other shape stays as it is.
pub(super) fn mean_of_heads(tensor: Tensor, shape: &[usize]) -> Result<Tensor> {
    let (Some((&rows, rest)), Some((&channels, inner))) = (tensor.dims().split_first(), shape.split_first())
    else {
        return Ok(tensor);
    };
    if rest != inner || channels == 0 || rows == channels || rows % channels != 0 {
        return Ok(tensor);
    }
    let heads = [&[rows / channels, channels], rest].concat();
    Ok(tensor.reshape(heads)?.mean(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_into_layer_and_local() {
        assert_eq!(split("convs.0.lin_edge.weight"), ("convs.0.", "lin_edge.weight"));
        assert_eq!(split("lin.weight"), ("", "lin.weight"));
        assert_eq!(split("convs.0.weight"), ("convs.0.", "weight"));
        assert_eq!(split("jk.lstm.weight_ih_l0"), ("jk.lstm.weight_ih_l0", ""));
        assert_eq!(split("gat_layers.1.res_fc.bias"), ("gat_layers.1.", "res_fc.bias"));
        for (i, local) in LOCAL.iter().enumerate() {
            let hidden = LOCAL[..i].iter().find(|&&earlier| local.ends_with(&format!(".{earlier}")));
            assert_eq!(hidden, None, "`{local}` is never found");
        }
    }

    #[test]
    fn layers_are_ordered_by_number() {
        let names = ["convs.10.lin.weight", "convs.9.lin.weight", "convs.9.res.weight", "lin.weight"];
        assert_eq!(Layers::of(names.iter().map(|n| (*n, 2))).0, ["convs.9.", "convs.10."]);
        assert_eq!(Layers::of([("lin.weight", 2), ("bias", 1)].into_iter()).0, [""]);
    }
}
