//! The layers that can be verified, family by family. **A new layer is registered in its family**, under the class name
//! of its peer and with [`Trial`]s for the gauntlet.

mod aggr;
mod attention;
mod baseline;
mod conv;
mod dense;
mod dgl;
mod dgl_companions;
mod edge;
mod function;
mod global;
mod graph_model;
mod hetero;
mod model;
mod norm;
mod pool;
mod relational;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Layer;
use super::gauntlet::{Rows, Setting, Trial};
use super::inputs::Inputs;

const FAMILIES: &[&[Entry]] = &[
    conv::LAYERS,
    attention::LAYERS,
    function::LAYERS,
    model::LAYERS,
    graph_model::LAYERS,
    aggr::LAYERS,
    norm::LAYERS,
    dgl::LAYERS,
    dgl_companions::LAYERS,
    dense::LAYERS,
    edge::LAYERS,
    baseline::LAYERS,
    relational::LAYERS,
    hetero::LAYERS,
    pool::LAYERS,
    global::LAYERS,
];

/// A layer.
struct Entry {
    /// The peer's class name.
    name: &'static str,
    /// How the layer is built and applied here.
    layer: Layer,
    trials: Trials,
}

/// How a layer runs the gauntlet.
#[derive(Clone, Copy)]
enum Trials {
    Of(&'static [Trial]),
    /// It is the layer of that name, with another peer's names of parameters.
    As(&'static str),
}

impl Entry {
    const fn new(name: &'static str, layer: Layer, trials: &'static [Trial]) -> Self {
        assert!(!trials.is_empty(), "a layer needs trials");
        Self { name, layer, trials: Trials::Of(trials) }
    }

    const fn imported(name: &'static str, layer: Layer, ours: &'static str) -> Self {
        Self { name, layer, trials: Trials::As(ours) }
    }
}

/// A trial whose rows are nodes.
const fn nodes(kwargs: &'static str, setting: Setting) -> Trial {
    Trial { kwargs, setting, rows: Rows::Nodes }
}

/// A trial whose rows are graphs.
const fn graphs(kwargs: &'static str, setting: Setting) -> Trial {
    Trial { kwargs, setting, rows: Rows::Graphs }
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

/// The layer of that name, if it exists.
pub(super) fn find(layer: &str) -> Option<Layer> {
    entries().find(|entry| entry.name == layer).map(|entry| entry.layer)
}

/// The layer of that name, or all where it is empty, with what each is tried on.
pub(super) fn trials(layer: &str) -> impl Iterator<Item = (&'static str, Layer, &'static [Trial])> + use<> {
    let alias = entries().find(|entry| entry.name == layer).and_then(|entry| match entry.trials {
        Trials::Of(_) => None,
        Trials::As(ours) => Some(ours),
    });
    let wanted = alias.unwrap_or(layer).to_string();
    entries().filter(move |entry| wanted.is_empty() || entry.name == wanted).filter_map(|entry| {
        match entry.trials {
            Trials::Of(trials) => Some((entry.name, entry.layer, trials)),
            Trials::As(_) => None,
        }
    })
}

/// A layer's configuration from the peer's keyword arguments.
///
/// What PyG's base class `MessagePassing` takes and what changes no result is left out where it has its default; the
/// channels `-1`, which PyG fills in when it first sees the data, are filled in from the inputs.
fn config<T: DeserializeOwned>(kwargs: &Value, inputs: &Inputs) -> Result<T> {
    let mut kwargs = kwargs.clone();
    if let Value::Object(arguments) = &mut kwargs {
        let default = |name: &str, value: &Value| match name {
            "flow" => value == "source_to_target",
            "node_dim" => value == 0 || value == -2,
            "cached" => true,
            _ => false,
        };
        arguments.retain(|name, value| !default(name, value));
        for name in ["in_channels", "channels"] {
            if let Some(channels) = arguments.get_mut(name) {
                fill_in(channels, inputs);
            }
        }
    }
    // A layer that always sums has no such argument.
    let sums = kwargs.as_object().filter(|arguments| arguments.get("aggr").is_some_and(|a| a == "add"));
    if let Some(mut rest) = sums.cloned()
        && let Err(_) = serde_json::from_value::<T>(kwargs.clone())
    {
        rest.remove("aggr");
        kwargs = Value::Object(rest);
    }
    serde_json::from_value(kwargs).context("kwargs")
}

fn fill_in(channels: &mut Value, inputs: &Inputs) {
    let columns = |name: &str| inputs.optional(name).and_then(|x| x.dims().last().copied());
    if *channels == -1 && inputs.optional("x").is_none() {
        let types = inputs.tensors.keys().filter_map(|name| name.strip_prefix("x."));
        *channels = types.map(|name| (name.to_string(), Value::from(-1))).collect();
    }
    let sides = match channels {
        Value::Array(pair) => {
            pair.iter_mut().zip(["x_src".to_string(), "x_dst".to_string()]).collect::<Vec<_>>()
        }
        Value::Object(types) => types.iter_mut().map(|(name, value)| (value, format!("x.{name}"))).collect(),
        one => vec![(one, "x".to_string())],
    };
    for (value, name) in sides {
        if let (true, Some(columns)) = (*value == -1, columns(&name)) {
            *value = columns.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_imported_layers_exist() {
        for (k, entry) in entries().enumerate() {
            assert!(
                entries().skip(k + 1).all(|other| other.name != entry.name),
                "{} stands twice",
                entry.name
            );
            if let Trials::As(ours) = entry.trials {
                assert!(trials(ours).next().is_some(), "{} is as {ours}, which has no trials", entry.name);
            }
        }
    }
}
