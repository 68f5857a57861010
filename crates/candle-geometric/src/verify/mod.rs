//! `verify`: every layer against what its peers computed.
//!
//! A case file holds a layer of PyTorch Geometric or DGL, its parameters, inputs, outputs and gradients, all computed
//! in float64. Each case runs here in f64 and in f32, forward and backward (of Σ out ⊙ cotangent), and the largest
//! relative error of any output or gradient is what counts. Which layers there are is a table in `layers/mod.rs`.

mod case;
mod compare;
mod gauntlet;
mod inputs;
mod layers;
mod parameters;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use serde_json::Value;

use case::Case;
use compare::{relative_error, same_bits};
use inputs::Inputs;
use parameters::Parameters;

/// The largest relative error allowed in f64.
pub(crate) const TOLERANCE_F64: f64 = 1e-10;
/// The largest relative error allowed in f32.
pub(crate) const TOLERANCE_F32: f64 = 2e-5;

/// What a layer returns: outputs in the order of the peer, under their names (`""` where there is only one).
pub(crate) type Outputs = Vec<(&'static str, Tensor)>;

/// Builds a layer from the peer's constructor arguments and parameters and applies it.
pub(crate) type Layer = fn(&Value, VarBuilder<'_>, &Inputs) -> Result<Outputs>;

/// Where and how often cases run.
pub(crate) struct On {
    pub(crate) device: Device,
    /// More than once, to see whether the bits are the same.
    pub(crate) times: usize,
}

/// How a case ended.
pub(crate) enum Outcome {
    /// Both errors are within their tolerances.
    Passed { f64: Worst, f32: Worst },
    /// The case ran, and one of the errors is too large.
    Off { f64: Worst, f32: Worst },
    /// The case could not be run.
    Broken(anyhow::Error),
    /// The registry knows no such layer.
    Skipped,
}

/// The tensor that is farthest from the peer's.
pub(crate) struct Worst {
    /// The relative error.
    pub(crate) error: f64,
    /// The tensor's name in the file.
    pub(crate) tensor: String,
}

impl Worst {
    /// Whether the error is at most the tolerance; NaN is not.
    pub(crate) fn within(&self, tolerance: f64) -> bool {
        self.error <= tolerance
    }
}

/// The case files of a path: the file itself, or every `*.safetensors` below a folder, sorted.
///
/// # Errors
/// If there is no such path, a folder cannot be read, or there are no cases.
pub(crate) fn find(path: &Path) -> Result<Vec<PathBuf>> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if about.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            // The type of the entry itself: a link to a folder above would never end.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|e| e == "safetensors") {
                found.push(entry.path());
            }
        }
    }
    ensure!(!found.is_empty(), "no case files (*.safetensors) below {}", path.display());
    found.sort();
    Ok(found)
}

/// Runs one case file: the layer's name, as far as the file tells it, and the outcome.
pub(crate) fn check(path: &Path, on: &On) -> (String, Outcome) {
    let named = case::read(path).and_then(|bytes| Ok((case::layer_name(&bytes)?, bytes)));
    match named {
        Err(error) => ("?".to_string(), Outcome::Broken(error)),
        Ok((name, bytes)) => {
            let outcome = match layers::find(&name) {
                None => Outcome::Skipped,
                Some(layer) => compare_case(layer, &bytes, on).unwrap_or_else(Outcome::Broken),
            };
            (name, outcome)
        }
    }
}

/// What became of a trial: the layer's name, the constructor's arguments, and each check with how it ended.
pub(crate) type Tried = (&'static str, &'static str, Vec<(&'static str, Result<()>)>);

/// Runs the gauntlet on the layer of that name, or on all layers where it is empty, as the result is asked for.
///
/// # Errors
/// If there is no layer of that name.
pub(crate) fn gauntlet(layer: &str) -> Result<impl Iterator<Item = Tried>> {
    let chosen: Vec<_> = layers::trials(layer).collect();
    ensure!(!chosen.is_empty(), "no layer `{layer}`; names are those of PyTorch Geometric, such as GATConv");
    let each = |(name, layer, trials): (_, Layer, &'static [gauntlet::Trial])| {
        trials.iter().map(move |trial| (name, trial.kwargs, gauntlet::run(layer, trial)))
    };
    Ok(chosen.into_iter().flat_map(each))
}

fn compare_case(layer: Layer, bytes: &[u8], on: &On) -> Result<Outcome> {
    let case = Case::parse(bytes, &on.device)?;
    let f64 = worst(layer, &case, DType::F64, on)?;
    let f32 = worst(layer, &case, DType::F32, on)?;
    let close = f64.within(TOLERANCE_F64) && f32.within(TOLERANCE_F32);
    Ok(if close { Outcome::Passed { f64, f32 } } else { Outcome::Off { f64, f32 } })
}

/// Runs a case in one precision and compares every output and every gradient: with those of the peer, and from the second
/// time on with the bits of the first.
fn worst(layer: Layer, case: &Case, dtype: DType, on: &On) -> Result<Worst> {
    let mut worst = Worst { error: 0.0, tensor: String::new() };
    let mut first: Vec<Tensor> = vec![];
    for time in 0..on.times.max(1) {
        for (k, (name, actual, expected)) in results(layer, case, dtype, &on.device)?.into_iter().enumerate()
        {
            let about = || format!("`{name}`");
            if time > 0 {
                let same = first.get(k).map(|before| same_bits(before, &actual)).transpose()?;
                ensure!(same == Some(true), "`{name}` has other bits when it runs again");
                continue;
            }
            let error = relative_error(&actual, &expected).with_context(about)?;
            if worst.tensor.is_empty() || error.is_nan() || error > worst.error {
                worst = Worst { error, tensor: name };
            }
            first.push(actual);
        }
    }
    Ok(worst)
}

/// Every output and every gradient by name, beside what the peer computed.
fn results(
    layer: Layer,
    case: &Case,
    dtype: DType,
    device: &Device,
) -> Result<Vec<(String, Tensor, Tensor)>> {
    let variables = variables(case, dtype)?;
    let named = |prefix: &str| -> BTreeMap<String, Tensor> {
        let under = case.under(prefix).into_iter();
        under
            .map(|(name, tensor)| match variables.get(&format!("{prefix}{name}")) {
                Some(variable) => (name, variable.as_tensor().clone()),
                None => (name, tensor),
            })
            .collect()
    };
    let expected = case.outputs();
    let shapes = expected.iter().map(|(name, t)| (name.clone(), t.dims().to_vec())).collect();
    let parameters = named("param.");
    let inputs = Inputs { tensors: named("in."), parameters: parameters.clone(), outputs: shapes };
    let vb = VarBuilder::from_backend(Box::new(Parameters(parameters)), dtype, device.clone());
    let outputs = layer(&case.kwargs, vb, &inputs)?;

    let mut results = vec![];
    for (name, expected) in expected {
        let name = name.as_str();
        let found = outputs.iter().find(|(n, _)| *n == name);
        let (_, actual) = found.with_context(|| format!("the layer returns no output `out.{name}`"))?;
        let shown = if name.is_empty() { "out".into() } else { format!("out.{name}") };
        results.push((shown, actual.clone(), expected));
    }
    let gradients = gradients(&outputs, case, dtype)?;
    for (name, expected) in case.under("grad.") {
        let variable = variables.get(&name).with_context(|| format!("`{name}` holds integers"))?;
        let actual = match gradients.as_ref().and_then(|g| g.get(variable)) {
            Some(gradient) => gradient.clone(),
            None => variable.zeros_like()?,
        };
        results.push((format!("grad.{name}"), actual, expected));
    }
    Ok(results)
}

/// The floating-point inputs and parameters of a case, under their full names.
fn variables(case: &Case, dtype: DType) -> Result<BTreeMap<String, Var>> {
    let sides = case
        .tensors
        .iter()
        .filter(|(n, t)| (n.starts_with("in.") || n.starts_with("param.")) && t.dtype().is_float());
    sides.map(|(name, tensor)| Ok((name.clone(), Var::from_tensor(&tensor.to_dtype(dtype)?)?))).collect()
}

/// The gradients of Σ out ⊙ cotangent, where `out` is the first output that holds floating-point numbers; none where
/// there is no such output or it has no elements.
fn gradients(
    outputs: &Outputs,
    case: &Case,
    dtype: DType,
) -> Result<Option<candle_core::backprop::GradStore>> {
    let Some((name, out)) = outputs.iter().find(|(_, t)| t.dtype().is_float()) else { return Ok(None) };
    let cotangent = case.tensors.get("cotangent").context("the file lacks the tensor `cotangent`")?;
    ensure!(
        out.dims() == cotangent.dims(),
        "`cotangent` has shape {:?}, the output {name} {:?}",
        cotangent.dims(),
        out.dims()
    );
    if out.elem_count() == 0 {
        return Ok(None);
    }
    let loss = (out * cotangent.to_dtype(dtype)?)?.sum_all()?;
    Ok(Some(loss.backward().context("backward")?))
}
