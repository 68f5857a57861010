//! DGL's layers that keep their parameters as PyTorch Geometric's do, but under other names or in other shapes. They are
//! given the latter's names before layers are matched:
//!
//! | layer of DGL | its tensors | in PyTorch Geometric |
//! |---|---|---|
//! | GINConv, GINEConv, GlobalAttentionPooling | `apply_func.…`, `feat_nn.…` | `nn.…` |
//! | ChebConv | `linear` `[O, K·I]` | `lins.k.weight` `[O, I]`, `bias` |
//! | RelGraphConv | `linear_r.W`, `linear_r.coeff`, `loop_weight`, `h_bias` | `weight`, `comp`, `root`, `bias` |
//! | GMMConv | `fc.weight` `[K·O, I]`, `inv_sigma`, `res_fc.weight` | `g` `[I, K·O]`, `sigma` = 1 / inv_sigma, `root.weight` |
//!
//! Set2Set has the same names in both, and APPNPConv has none.

use candle_core::Tensor;

use super::layer::transposed;
use crate::Result;
use crate::weights::{Parameter, Tensors};

/// What only has another name.
const RENAMED: [(&str, &str); 3] = [("linear_r.coeff", "comp"), ("loop_weight", "root"), ("h_bias", "bias")];

/// The tensors under the names, and in the shapes, that PyTorch Geometric gives them; those of all other layers as they are.
pub(super) fn adapt(tensors: Tensors, expected: &[Parameter]) -> Result<Tensors> {
    let mut adapted = Tensors::new();
    for (name, tensor) in &tensors {
        let known = expected.iter().any(|p| p.name == *name);
        let ours = if known { None } else { renamed(name, tensor, &tensors, expected)? };
        // What would take another's name keeps its own, and is found to be one too many.
        let free = |(name, _): &(String, _)| !tensors.contains_key(name) && !adapted.contains_key(name);
        match ours.filter(|ours| ours.iter().all(free)) {
            Some(ours) => adapted.extend(ours),
            None => drop(adapted.insert(name.clone(), tensor.clone())),
        }
    }
    Ok(adapted)
}

/// What becomes of a tensor of one of these layers; nothing of any other.
fn renamed(
    name: &str,
    tensor: &Tensor,
    all: &Tensors,
    expected: &[Parameter],
) -> Result<Option<Vec<(String, Tensor)>>> {
    if !tensor.dtype().is_float() {
        return Ok(None);
    }
    let of = |local: &str| layer_of(name, local);
    let of_gmm = |local: &str| of(local).and_then(|p| Some((p, all.get(&format!("{p}inv_sigma"))?)));
    let of_cheb =
        |local: &str| of(local).map(|prefix| (prefix, terms(prefix, expected))).filter(|(_, k)| *k > 0);
    let tensor = tensor.clone();
    for (theirs, ours) in RENAMED {
        if let Some(prefix) = of(theirs) {
            return Ok(Some(vec![(format!("{prefix}{ours}"), tensor)]));
        }
    }
    if let Some(prefix) = of("linear_r.W") {
        return Ok(Some(vec![(format!("{prefix}weight"), in_blocks(tensor, expected)?)]));
    }
    if let Some(prefix) = of("inv_sigma") {
        return Ok(Some(vec![(format!("{prefix}sigma"), tensor.recip()?)]));
    }
    if let Some((prefix, _)) = of_gmm("res_fc.weight") {
        return Ok(Some(vec![(format!("{prefix}root.weight"), tensor)]));
    }
    if let Some((prefix, inv_sigma)) = of_gmm("fc.weight") {
        let mapped = all.contains_key(&format!("{prefix}res_fc.weight"));
        let identity = if mapped { None } else { identity(&tensor, inv_sigma, expected)? };
        let identity = identity.map(|identity| (format!("{prefix}root.weight"), identity));
        let g = (format!("{prefix}g"), transposed(tensor)?);
        return Ok(Some(identity.into_iter().chain([g]).collect()));
    }
    if let (Some((prefix, k)), 2) = (of_cheb("linear.weight"), tensor.rank()) {
        let terms = tensor.chunk(k, 1)?.into_iter().enumerate();
        let named = |(i, term): (usize, Tensor)| Ok((format!("{prefix}lins.{i}.weight"), term.contiguous()?));
        return terms.map(named).collect::<Result<_>>().map(Some);
    }
    if let Some((prefix, _)) = of_cheb("linear.bias") {
        return Ok(Some(vec![(format!("{prefix}bias"), tensor)]));
    }
    Ok(network(name, expected).map(|ours| vec![(ours, tensor)]))
}

/// What stands before `local` in `name`: nothing, or something that ends in a dot.
fn layer_of<'a>(name: &'a str, local: &str) -> Option<&'a str> {
    name.strip_suffix(local).filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// `[R, B·i·o]`, as DGL keeps the blocks of relations, as `[R, B, i, o]` where that is what the model has.
fn in_blocks(tensor: Tensor, expected: &[Parameter]) -> Result<Tensor> {
    let blocks = |p: &&Parameter| {
        let [relations, blocks @ ..] = p.shape.as_slice() else { return false };
        let elements = blocks.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        blocks.len() == 3
            && layer_of(&p.name, "weight").is_some()
            && elements.is_some_and(|n| tensor.dims() == [*relations, n])
    };
    match expected.iter().find(blocks) {
        Some(parameter) => Ok(tensor.reshape(parameter.shape.as_slice())?),
        None => Ok(tensor),
    }
}

/// Where DGL adds x as it is (it has as many features as the layer has outputs) and the model has a map for it.
fn identity(fc: &Tensor, inv_sigma: &Tensor, expected: &[Parameter]) -> Result<Option<Tensor>> {
    let rows = |t: &Tensor| t.dims().first().copied().unwrap_or(0);
    let outputs = rows(fc).checked_div(rows(inv_sigma)).unwrap_or(0);
    let wanted = |p: &Parameter| layer_of(&p.name, "root.weight").is_some() && p.shape == [outputs, outputs];
    let identity = || Tensor::eye(outputs, fc.dtype(), fc.device());
    Ok(expected.iter().any(wanted).then(identity).transpose()?)
}

/// K of the model's ChebConv of that name, 0 where it has none.
fn terms(prefix: &str, expected: &[Parameter]) -> usize {
    let has = |k: &usize| expected.iter().any(|p| p.name == format!("{prefix}lins.{k}.weight"));
    (0..).take_while(has).count()
}

/// The name of what is in a network inside of a layer, where the model calls that `nn`.
fn network(name: &str, expected: &[Parameter]) -> Option<String> {
    let theirs = |part: &str| matches!(part, "apply_func" | "feat_nn");
    let wanted = expected.iter().any(|p| p.name.split('.').any(|part| part == "nn"));
    if !wanted || !name.split('.').any(theirs) {
        return None;
    }
    Some(name.split('.').map(|part| if theirs(part) { "nn" } else { part }).collect::<Vec<_>>().join("."))
}
