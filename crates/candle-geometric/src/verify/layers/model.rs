//! Whole models.

use anyhow::Result;
use candle_geometric::models::{Level, ModelConfig};
use candle_geometric::nn::Mode;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Setting, config, graphs, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "GAT",
        gat,
        &[nodes(
            r#"{"in_channels": 5, "hidden_channels": 4, "num_layers": 2, "out_channels": 3, "heads": 2, "jk": "cat"}"#,
            Setting::graph(),
        )],
    ),
    Entry::new(
        "GCN",
        gcn,
        &[nodes(
            r#"{"in_channels": 5, "hidden_channels": 4, "num_layers": 2, "out_channels": 3}"#,
            Setting::graph(),
        )],
    ),
    Entry::new(
        "GraphSAGE",
        graph_sage,
        &[nodes(
            r#"{"in_channels": 5, "hidden_channels": 4, "num_layers": 2, "out_channels": 3, "jk": "lstm"}"#,
            Setting::graph(),
        )],
    ),
    Entry::new(
        "AttentiveFP",
        attentive_fp,
        &[
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 2, "edge_dim": 3, "num_layers": 2, "num_timesteps": 2}"#,
                Setting::graph().edge_attr(3).batch(),
            ),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 2, "edge_dim": 1, "num_layers": 1, "num_timesteps": 1}"#,
                Setting::graph().edge_attr(1).batch(),
            ),
        ],
    ),
];

pub(super) fn gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("GAT", kwargs, vb, inputs)
}

pub(super) fn gcn(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("GCN", kwargs, vb, inputs)
}

pub(super) fn graph_sage(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("GraphSAGE", kwargs, vb, inputs)
}

fn attentive_fp(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("AttentiveFP", kwargs, vb, inputs)
}

/// A model of the zoo, of nodes or of graphs.
pub(super) fn model(
    architecture: &str,
    kwargs: &Value,
    vb: VarBuilder<'_>,
    inputs: &Inputs,
) -> Result<Outputs> {
    let model = ModelConfig::new(architecture, config(kwargs, inputs)?)?.build(vb)?;
    let edge_attr = inputs.optional("edge_attr").or(inputs.optional("edge_weight"));
    let x = inputs.get("x")?;
    let batch = match (model.level(), inputs.optional("batch")) {
        (Level::Graph, _) => Some(inputs.graphs(rows(x, "x")?, Some(inputs.output_rows()?))?),
        (Level::Node, Some(_)) => Some(inputs.graphs(rows(x, "x")?, None)?),
        (Level::Node, None) => None,
    };
    Ok(vec![("", model.forward_batch(x, &inputs.edges()?, edge_attr, batch.as_ref(), Mode::Eval)?)])
}
