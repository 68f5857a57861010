//! Finds the parameters in what was saved: a bare `state_dict`, or one among epochs, options and optimiser states.

use std::collections::BTreeMap;
use std::path::Path;

use candle_geometric_pickle::Value;
use serde_json::{Map, json};

use super::storage::{Problem, StorageRef, TensorRef, is_tensor, sizes};
use crate::Result;
use crate::error::Error;
use crate::import::Checkpoint;
use crate::weights::Tensors;

/// The names under which programs save a model's parameters, the most telling first.
const KEYS: [&str; 6] = ["state_dict", "model_state_dict", "model_state", "model", "net", "weights"];

/// Where the bytes of storages come from.
pub(super) trait Storages {
    /// All bytes of a storage.
    fn bytes(&mut self, storage: &StorageRef<'_>) -> Result<&[u8], Problem>;
}

/// Loads the parameters in `root`; `file_len` bounds what they may take.
pub(super) fn load(
    path: &Path,
    root: Value<'_>,
    storages: &mut dyn Storages,
    file_len: usize,
) -> Result<Checkpoint> {
    let state = find(root).map_err(|problem| Error::file(path, problem))?;
    let mut tensors = Tensors::new();
    // Views repeat elements of a storage; without a bound, a small file could ask for any amount of memory.
    let mut budget = file_len.saturating_mul(16);
    for (name, value) in state.entries().into_iter().flatten() {
        let Some(name) = name.as_str().filter(|_| is_tensor(value)) else { continue };
        let tensor = one(value, storages, &mut budget)
            .map_err(|problem| Error::file(path, format!("tensor `{name}`: {problem}")))?;
        tensors.insert(name.to_string(), tensor);
    }
    Ok(Checkpoint { tensors, metadata: metadata(root, state) })
}

fn one(
    value: Value<'_>,
    storages: &mut dyn Storages,
    budget: &mut usize,
) -> Result<candle_core::Tensor, Problem> {
    let tensor = TensorRef::of(value)?;
    let left = budget.checked_sub(tensor.bytes()?);
    *budget = left.ok_or("the tensors are many times larger than the file")?;
    tensor.load(storages.bytes(&tensor.storage)?)
}

/// A dictionary that holds tensors, and the keys that lead to it.
struct Found<'p> {
    keys: Vec<&'p str>,
    value: Value<'p>,
}

fn find(root: Value<'_>) -> Result<Value<'_>, Problem> {
    if is_tensor(root) {
        return Err("holds a single tensor, not a model's state_dict".into());
    }
    let mut found = Vec::new();
    search(root, &mut Vec::new(), &mut found);
    // The outermost of that name: Lightning keeps the state of its loops and callbacks further in.
    let named =
        |key: &str| found.iter().filter(|f| f.keys.last().copied() == Some(key)).min_by_key(|f| f.keys.len());
    if let Some(named) = KEYS.into_iter().find_map(named) {
        return Ok(named.value);
    }
    found.retain(|f| !f.keys.iter().any(|k| k.contains("optim")));
    match found.as_slice() {
        [] => Err("holds no state_dict: no dictionary of tensors".into()),
        [only] => Ok(only.value),
        [first, ..] if first.keys.is_empty() => Ok(first.value),
        several => {
            let names: Vec<_> = several.iter().map(|f| f.keys.join(".")).collect();
            Err(format!(
                "holds several dictionaries of tensors ({}); save only the model's",
                names.join(", ")
            ))
        }
    }
}

/// Dictionaries with text keys and at least one tensor, an outer one before those in it.
fn search<'p>(value: Value<'p>, keys: &mut Vec<&'p str>, found: &mut Vec<Found<'p>>) {
    let Some(entries) = value.entries() else { return };
    if entries.clone().any(|(key, value)| key.as_str().is_some() && is_tensor(value)) {
        found.push(Found { keys: keys.clone(), value });
    }
    for (key, value) in entries {
        if let Some(key) = key.as_str() {
            keys.push(key);
            search(value, keys, found);
            keys.pop();
        }
    }
}

/// Everything but the parameters.
fn metadata(value: Value<'_>, state: Value<'_>) -> serde_json::Value {
    if value.is(state) {
        return serde_json::Value::Null;
    }
    if value.is_none() {
        return serde_json::Value::Null;
    }
    if is_tensor(value) {
        return TensorRef::of(value).map_or(serde_json::Value::Null, |t| json!({ "tensor": t.shape }));
    }
    if let Some(call) = value.as_call()
        && call.global.1 == "scalar"
    {
        return numpy_scalar(call.args).unwrap_or_default();
    }
    if let Some(sizes) = sizes(value).filter(|_| value.as_call().is_some_and(|c| c.global.1 == "Size")) {
        return json!(sizes);
    }
    if let Some(text) = value.as_str() {
        return json!(text);
    }
    if value.kind() == "bool" {
        return json!(value.as_bool());
    }
    if let Some(i) = value.as_i64() {
        return json!(i);
    }
    if let Some(f) = value.as_f64() {
        return json!(f);
    }
    if matches!(value.kind(), "list" | "tuple" | "set") {
        return value.items().into_iter().flatten().map(|v| metadata(v, state)).collect();
    }
    let mut object = Map::new();
    for (key, inner) in value.entries().into_iter().flatten() {
        let key = key.as_str().map(String::from).or_else(|| key.as_i64().map(|i| i.to_string()));
        if let Some(key) = key.filter(|_| !inner.is(state)) {
            object.insert(key, metadata(inner, state));
        }
    }
    object.into()
}

/// `numpy.core.multiarray.scalar(dtype, bytes)`.
fn numpy_scalar(args: Value<'_>) -> Option<serde_json::Value> {
    let mut args = args.items()?;
    let dtype = args.next()?.as_call()?.args.items()?.next()?.as_str()?;
    let bytes = args.next()?.as_bytes()?;
    Some(match dtype {
        "f8" => json!(f64::from_le_bytes(bytes.as_ref().try_into().ok()?)),
        "f4" => json!(f32::from_le_bytes(bytes.as_ref().try_into().ok()?)),
        "i8" => json!(i64::from_le_bytes(bytes.as_ref().try_into().ok()?)),
        "i4" => json!(i32::from_le_bytes(bytes.as_ref().try_into().ok()?)),
        "b1" => json!(bytes.first()? != &0),
        _ => return None,
    })
}

/// Every storage that is referred to anywhere in a value: its key, and the reference.
pub(super) fn storages<'p>(
    value: Value<'p>,
    all: &mut BTreeMap<&'p str, StorageRef<'p>>,
) -> Result<(), Problem> {
    if value.as_persistent_id().is_some() {
        let storage = StorageRef::of(value)?;
        if let Some(other) = all.insert(storage.key, storage)
            && (other.kind, other.len) != (storage.kind, storage.len)
        {
            return Err(format!("storage `{}` is described in two ways", storage.key));
        }
        return Ok(());
    }
    if let Some(call) = value.as_call() {
        storages(call.args, all)?;
        call.state.map_or(Ok(()), |state| storages(state, all))?;
    }
    value.items().into_iter().flatten().try_for_each(|v| storages(v, all))?;
    value.entries().into_iter().flatten().try_for_each(|(_, v)| storages(v, all))
}
