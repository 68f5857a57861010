//! One case file: what a peer was given and what it computed.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A case as it stands in its file.
pub(crate) struct Case {
    /// The constructor's arguments, a JSON object.
    pub(crate) kwargs: Value,
    /// Every tensor of the file under its full name.
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

/// The `layer` of a case file, read from its header alone, so that a layer that is unknown costs no more than that.
pub(crate) fn layer_name(bytes: &[u8]) -> Result<String> {
    Ok(metadata(bytes)?.0)
}

impl Case {
    /// Parses the bytes of a case file; its tensors are on `device`.
    ///
    /// # Errors
    /// If the file is not safetensors, or lacks the metadata, an output, or what the backward pass needs.
    pub(crate) fn parse(bytes: &[u8], device: &Device) -> Result<Self> {
        let (_, kwargs) = metadata(bytes)?;
        let file = SafeTensors::deserialize(bytes).context("not a valid safetensors file")?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let tensor = load(&view).with_context(|| format!("tensor `{name}`"))?.to_device(device)?;
            tensors.insert(name, tensor);
        }
        let case = Self { kwargs, tensors };
        case.check()?;
        Ok(case)
    }

    /// The tensors whose names start with `prefix`, without it. `out` itself has the empty name under `out`.
    pub(crate) fn under(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        self.tensors
            .iter()
            .filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_string(), tensor.clone())))
            .collect()
    }

    /// The peer's outputs: `""` where there is one, else by name.
    pub(crate) fn outputs(&self) -> BTreeMap<String, Tensor> {
        match self.tensors.get("out") {
            Some(out) => BTreeMap::from([(String::new(), out.clone())]),
            None => self.under("out."),
        }
    }

    fn check(&self) -> Result<()> {
        const KNOWN: [&str; 4] = ["param.", "in.", "out.", "grad."];
        for name in self.tensors.keys() {
            let known = name == "out" || name == "cotangent" || KNOWN.iter().any(|p| name.starts_with(p));
            ensure!(known, "tensor `{name}` is none of param.*, in.*, out, out.*, cotangent, grad.*");
        }
        let outputs = self.outputs();
        ensure!(!outputs.is_empty(), "the file lacks the tensor `out` (or `out.*`)");
        ensure!(self.tensors.keys().any(|n| n.starts_with("in.")), "the file lacks the tensors `in.*`");
        let gradients = self.under("grad.");
        for name in gradients.keys() {
            ensure!(self.tensors.contains_key(name), "`grad.{name}` has no `{name}` in the file");
        }
        if outputs.values().any(|t| t.dtype().is_float()) {
            ensure!(self.tensors.contains_key("cotangent"), "the file lacks the tensor `cotangent`");
            ensure!(!gradients.is_empty(), "the file lacks the tensors `grad.*`");
        }
        Ok(())
    }
}

/// Reads a file of cases.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn metadata(bytes: &[u8]) -> Result<(String, Value)> {
    let (_, header) = SafeTensors::read_metadata(bytes).context("not a valid safetensors file")?;
    let Some(metadata) = header.metadata() else { bail!("the header holds no `__metadata__`") };
    let Some(layer) = metadata.get("layer") else { bail!("the metadata lack `layer`") };
    let kwargs = match metadata.get("kwargs") {
        Some(text) => serde_json::from_str(text).context("the metadata `kwargs` are not JSON")?,
        None => bail!("the metadata lack `kwargs`"),
    };
    let kwargs: Value = kwargs;
    ensure!(kwargs.is_object(), "the metadata `kwargs` are no JSON object");
    ensure!(small(&kwargs), "the metadata `kwargs` hold a number above {LARGEST}");
    Ok((layer.clone(), kwargs))
}

/// The largest number that an argument of a case may be: a damaged one must not ask for all memory there is.
const LARGEST: f64 = 1e6;

fn small(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(small),
        Value::Object(values) => values.values().all(small),
        Value::Number(number) => number.as_f64().is_some_and(|n| n.abs() <= LARGEST),
        _ => true,
    }
}

/// Candle knows no booleans: they become `u8`. An empty tensor has no bytes that could be converted.
fn load(view: &safetensors::tensor::TensorView<'_>) -> Result<Tensor> {
    let device = &Device::Cpu;
    if view.dtype() == Dtype::BOOL {
        return Ok(Tensor::from_slice(view.data(), view.shape(), device)?);
    }
    if view.data().is_empty() {
        return Ok(Tensor::zeros(view.shape(), DType::try_from(view.dtype())?, device)?);
    }
    Ok(view.load(device)?)
}
