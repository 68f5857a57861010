//! Tensors on their way from a file into a model: read, compared with what the model wants, checked for NaN.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use crate::{Configuration, Error, Result};

/// Named tensors, ordered by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// A tensor of a model: its name, as in PyTorch Geometric's `state_dict`, and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
}

/// What is wrong with one tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The model has it, the checkpoint does not.
    Missing {
        /// Name and shape wanted.
        parameter: Parameter,
    },
    /// The checkpoint has it, the model does not.
    Extra {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The shapes differ.
    Shape {
        /// Name and shape wanted.
        parameter: Parameter,
        /// The shape in the checkpoint.
        actual: Vec<usize>,
    },
    /// Its elements are not floating-point numbers.
    DType {
        /// Its name.
        name: String,
        /// What they are.
        actual: DType,
    },
    /// Some of its elements are NaN or infinite.
    NotFinite {
        /// Its name.
        name: String,
        /// How many.
        count: usize,
        /// Of how many.
        elements: usize,
        /// The position of the first in row-major order.
        first: usize,
    },
    /// Two tensors that say the same thing twice disagree.
    Conflict {
        /// The one.
        name: String,
        /// The other.
        other: String,
        /// Why they should be equal.
        why: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { parameter: Parameter { name, shape } } => {
                write!(f, "missing: `{name}` {shape:?}")
            }
            Self::Extra { name, shape } => {
                write!(f, "extra: `{name}` {shape:?}, which the model does not have")
            }
            Self::Shape { parameter: Parameter { name, shape }, actual } => {
                write!(f, "shape: `{name}` is {actual:?}, expected {shape:?}")
            }
            Self::DType { name, actual } => {
                write!(f, "type: `{name}` is {}, expected f16, bf16, f32 or f64", actual.as_str())
            }
            Self::NotFinite { name, count, elements, first } => {
                write!(f, "values: `{name}` has {count} NaN or infinite of {elements}, the first at {first}")
            }
            Self::Conflict { name, other, why } => {
                write!(f, "conflict: `{name}` and `{other}` differ, {why}")
            }
        }
    }
}

/// The tensors that a model of this configuration has: a dry run of its constructor.
pub(crate) fn parameters<C: Configuration>(config: &C) -> Result<Vec<Parameter>> {
    let recorder = Recorder::default();
    config.build_model(VarBuilder::from_backend(Box::new(&recorder), DType::F32, Device::Cpu))?;
    let seen = recorder.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(seen.into_iter().map(|(name, shape)| Parameter { name, shape }).collect())
}

/// Writes down what is asked for, and answers with zeros.
#[derive(Default)]
struct Recorder(Mutex<BTreeMap<String, Vec<usize>>>);

impl SimpleBackend for &Recorder {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: candle_nn::Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let elements = shape.dims().iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if elements.is_none_or(|n| n > 1 << 31) {
            candle_core::bail!("`{name}` would have the shape {shape:?}, more than 2^31 elements");
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(name.to_string(), shape.dims().to_vec());
        // One zero, seen everywhere: no memory for a model that may be of any size.
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("the shape of `{name}` is not known before its checkpoint")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Compares tensors with what a model wants. Nothing wrong gives an empty list.
pub(crate) fn check(expected: &[Parameter], tensors: &Tensors) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for parameter in expected {
        match tensors.get(&parameter.name) {
            None => problems.push(Problem::Missing { parameter: parameter.clone() }),
            Some(t) if t.dims() != parameter.shape => {
                let (parameter, actual) = (parameter.clone(), t.dims().to_vec());
                problems.push(Problem::Shape { parameter, actual });
            }
            Some(_) => {}
        }
    }
    for (name, tensor) in tensors {
        if !expected.iter().any(|p| p.name == *name) {
            problems.push(Problem::Extra { name: name.clone(), shape: tensor.dims().to_vec() });
        } else if !tensor.dtype().is_float() {
            problems.push(Problem::DType { name: name.clone(), actual: tensor.dtype() });
        } else if let Some((count, first)) = not_finite(tensor)? {
            let elements = tensor.elem_count();
            problems.push(Problem::NotFinite { name: name.clone(), count, elements, first });
        }
    }
    Ok(problems)
}

/// How many elements are NaN or infinite, and where the first is.
fn not_finite(tensor: &Tensor) -> Result<Option<(usize, usize)>> {
    // Widening loses nothing, so what was finite stays finite.
    let wide = if tensor.dtype() == DType::F64 { tensor.clone() } else { tensor.to_dtype(DType::F32)? };
    let flat = wide.flatten_all()?;
    let bad: Vec<usize> = if flat.dtype() == DType::F64 {
        positions(&flat.to_vec1::<f64>()?, |v| !v.is_finite())
    } else {
        positions(&flat.to_vec1::<f32>()?, |v| !v.is_finite())
    };
    Ok(bad.first().map(|&first| (bad.len(), first)))
}

fn positions<T>(values: &[T], bad: impl Fn(&T) -> bool) -> Vec<usize> {
    values.iter().enumerate().filter(|(_, v)| bad(v)).map(|(i, _)| i).collect()
}

/// Builds the model on `device` with these tensors, converted to `dtype`, after comparing them with what it wants.
pub(crate) fn build<C: Configuration>(
    config: &C,
    tensors: &Tensors,
    origin: &str,
    dtype: DType,
    device: &Device,
) -> Result<C::Model> {
    let problems = check(&config.tensors()?, tensors)?;
    if !problems.is_empty() {
        return Err(Error::Weights { origin: origin.to_string(), problems });
    }
    let tensors: HashMap<_, _> = tensors.iter().map(|(name, t)| (name.clone(), t.clone())).collect();
    config.build_model(VarBuilder::from_tensors(tensors, dtype, device))
}

/// Reads a file, with its name in the error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Io { path: path.to_path_buf(), source })
}

/// The tensors of a safetensors file, on the CPU.
pub(crate) fn read_safetensors(path: &Path, bytes: &[u8]) -> Result<Tensors> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        Error::file(path, format!("not a whole safetensors file ({e}): it is truncated or damaged"))
    })?;
    let load =
        |view: &safetensors::tensor::TensorView<'_>| candle_core::safetensors::Load::load(view, &Device::Cpu);
    file.iter()
        .map(|(name, view)| {
            let tensor =
                load(&view).map_err(|e| Error::file(path, format!("tensor `{name}` cannot be read: {e}")))?;
            Ok((name.to_string(), tensor))
        })
        .collect()
}

/// The SHA-256 of some bytes, in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Compares the SHA-256 of a file's contents with what it should be.
pub(crate) fn verify_sha256(path: &Path, bytes: &[u8], expected: &str) -> Result<()> {
    let actual = sha256(bytes);
    if actual.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Error::Sha256 { path: path.to_path_buf(), expected: expected.to_string(), actual })
}
