//! `model.safetensors`: the tensors of the encoder, under the names of BERT or ModernBERT.

use std::collections::HashMap;

use candle_core::safetensors::{Load, SliceSafetensors};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::config::Architecture;
use crate::{Error, Result};

/// What models with a head put before the names of their encoder.
const PREFIXES: [&str; 6] = ["bert.", "roberta.", "distilbert.", "mpnet.", "electra.", "model."];

/// How DistilBERT and MPNet call what BERT has too, and how early checkpoints call parts of a normalisation.
const NAMES: [(&str, &str); 16] = [
    ("transformer.layer.", "encoder.layer."),
    (".attention.q_lin.", ".attention.self.query."),
    (".attention.k_lin.", ".attention.self.key."),
    (".attention.v_lin.", ".attention.self.value."),
    (".attention.out_lin.", ".attention.output.dense."),
    (".sa_layer_norm.", ".attention.output.LayerNorm."),
    (".ffn.lin1.", ".intermediate.dense."),
    (".ffn.lin2.", ".output.dense."),
    (".output_layer_norm.", ".output.LayerNorm."),
    (".attention.attn.q.", ".attention.self.query."),
    (".attention.attn.k.", ".attention.self.key."),
    (".attention.attn.v.", ".attention.self.value."),
    (".attention.attn.o.", ".attention.output.dense."),
    (".attention.LayerNorm.", ".attention.output.LayerNorm."),
    ("LayerNorm.gamma", "LayerNorm.weight"),
    ("LayerNorm.beta", "LayerNorm.bias"),
];

/// The tensors in the contents of the file, which messages call `path`.
pub(super) fn load(
    path: &str,
    bytes: &[u8],
    architecture: &Architecture,
    dtype: DType,
    device: &Device,
) -> Result<VarBuilder<'static>> {
    let bad = |problem: String| Error::format(path, problem);
    let file = SliceSafetensors::new(bytes).map_err(|e| bad(format!("not a safetensors file: {e}")))?;
    let mut tensors = HashMap::new();
    for (name, view) in file.tensors() {
        let Some(known) = rename(&name, architecture) else { continue };
        let tensor = view.load(&Device::Cpu).map_err(|e| bad(format!("{name}: {e}")))?;
        // Positions, which some files keep, are integers that nobody asks for.
        if !tensor.dtype().is_float() {
            continue;
        }
        let tensor: Tensor = tensor.to_device(device)?;
        if tensors.insert(known, tensor).is_some() {
            return Err(bad(format!("{name} is there twice, under two names")));
        }
    }
    Ok(VarBuilder::from_tensors(tensors, dtype, device))
}

/// The name by which the model asks for a tensor; `None` for those of heads.
fn rename(name: &str, architecture: &Architecture) -> Option<String> {
    let name = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if let Architecture::Modern(_) = architecture {
        let wanted = ["embeddings.", "layers.", "final_norm."].iter().any(|part| name.starts_with(part));
        return wanted.then(|| format!("model.{name}"));
    }
    if !["embeddings", "encoder.", "transformer."].iter().any(|part| name.starts_with(part)) {
        return None;
    }
    Some(NAMES.iter().fold(name.to_string(), |name, (theirs, ours)| name.replace(theirs, ours)))
}
