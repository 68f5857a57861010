//! Aggregations: many rows become one per group.

use anyhow::{Context, Result};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::nn::aggr::{
    AggrKwargs, Aggregation, Aggrs, AttentionalAggregation, MaxAggregation, MeanAggregation, MinAggregation,
    MulAggregation, PowerMeanAggregation, Set2Set, SetTransformerAggregation, SoftmaxAggregation,
    StdAggregation, SumAggregation, VarAggregation,
};
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Setting, config, graphs};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

const NODES: Setting = Setting::nodes();
const ANY: Setting = NODES.any_width();

pub(super) const LAYERS: &[Entry] = &[
    Entry::new("SumAggregation", sum, &[graphs("{}", ANY)]),
    Entry::new("MeanAggregation", mean, &[graphs("{}", ANY)]),
    Entry::new("MaxAggregation", max, &[graphs("{}", ANY)]),
    Entry::new("MinAggregation", min, &[graphs("{}", ANY)]),
    Entry::new("MulAggregation", mul, &[graphs("{}", ANY)]),
    Entry::new("VarAggregation", var, &[graphs("{}", ANY)]),
    Entry::new("StdAggregation", std, &[graphs("{}", ANY)]),
    Entry::new("MultiAggregation", multi, &[graphs(r#"{"aggrs": ["mean", "max", "std"]}"#, ANY)]),
    Entry::new("PowerMeanAggregation", power_mean, &[graphs(r#"{"learn": true}"#, ANY.small())]),
    Entry::new("SoftmaxAggregation", softmax, &[graphs(r#"{"learn": true}"#, ANY)]),
    Entry::new(
        "AttentionalAggregation",
        attentional,
        &[graphs(r#"{"gate_nn": "Linear(5,4),ReLU,Linear(4,1)", "nn": "Linear(5,3)"}"#, NODES)],
    ),
    Entry::new("Set2Set", set2set, &[graphs(r#"{"in_channels": 5, "processing_steps": 3}"#, NODES)]),
    Entry::new(
        "SetTransformerAggregation",
        set_transformer,
        &[graphs(r#"{"channels": 5, "num_seed_points": 2, "layer_norm": true, "heads": 1}"#, NODES)],
    ),
];

pub(super) fn sum(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: SumAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn mean(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: MeanAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn max(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: MaxAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn min(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: MinAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn mul(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: MulAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn var(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: VarAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn std(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation: StdAggregation = config(kwargs, inputs)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn multi(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let mut kwargs: AggrKwargs = config(kwargs, inputs)?;
    let aggrs: Aggrs = serde_json::from_value(kwargs.remove("aggrs").unwrap_or_default()).context("aggrs")?;
    let aggregation = Aggregation::resolve(&aggrs, &kwargs, vb)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn power_mean(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation = PowerMeanAggregation::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn softmax(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation = SoftmaxAggregation::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn attentional(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation = AttentionalAggregation::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn set2set(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation = Set2Set::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

pub(super) fn set_transformer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let aggregation = SetTransformerAggregation::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", aggregation.forward(inputs.get("x")?, &groups(inputs)?)?)])
}

/// The rows of each group: as many groups as the peer's output has rows, as the last ones may be empty.
fn groups(inputs: &Inputs) -> Result<EdgeIndex> {
    inputs.graphs(rows(inputs.get("x")?, "x")?, Some(inputs.output_rows()?))
}
