//! Norms.

use anyhow::Result;
use candle_geometric::graph::EdgeIndex;
use candle_geometric::nn::Mode;
use candle_geometric::nn::norm::{BatchNorm, GraphNorm, InstanceNorm, LayerNorm, PairNorm};
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Setting, config, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

pub(super) const LAYERS: &[Entry] = &[
    Entry::new("BatchNorm", batch, &[nodes(r#"{"in_channels": 5}"#, Setting::graph())]),
    Entry::new(
        "LayerNorm",
        layer,
        &[
            nodes(r#"{"in_channels": 5}"#, Setting::nodes()),
            nodes(r#"{"in_channels": 5, "mode": "node"}"#, Setting::nodes()),
        ],
    ),
    Entry::new("InstanceNorm", instance, &[nodes(r#"{"in_channels": 5, "affine": true}"#, Setting::nodes())]),
    Entry::new("GraphNorm", graph, &[nodes(r#"{"in_channels": 5}"#, Setting::nodes())]),
    Entry::new("PairNorm", pair, &[nodes("{}", Setting::nodes().any_width())]),
];

pub(super) fn batch(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let norm = BatchNorm::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", norm.forward(inputs.get("x")?)?)])
}

pub(super) fn layer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let norm = LayerNorm::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", norm.forward(inputs.get("x")?, graphs(inputs)?.as_ref())?)])
}

pub(super) fn instance(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let norm = InstanceNorm::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", norm.forward_t(inputs.get("x")?, graphs(inputs)?.as_ref(), Mode::Eval)?)])
}

pub(super) fn graph(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let norm = GraphNorm::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", norm.forward(inputs.get("x")?, graphs(inputs)?.as_ref())?)])
}

pub(super) fn pair(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let norm = PairNorm::new(&config(kwargs, inputs)?);
    Ok(vec![("", norm.forward(inputs.get("x")?, graphs(inputs)?.as_ref())?)])
}

/// Which rows belong to which graph, where the case says so.
fn graphs(inputs: &Inputs) -> Result<Option<EdgeIndex>> {
    match inputs.optional("batch") {
        Some(_) => inputs.graphs(rows(inputs.get("x")?, "x")?, None).map(Some),
        None => Ok(None),
    }
}
