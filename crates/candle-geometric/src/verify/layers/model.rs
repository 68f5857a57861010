//! Whole models.

use anyhow::Result;
use candle_geometric::models::{GraphTransformer, Level, MaskLabel, ModelConfig, Vgae};
use candle_geometric::nn::Mode;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Setting, config, graphs, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, integers, rows};

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
    Entry::new(
        "MaskLabel",
        mask_label,
        &[
            nodes(r#"{"num_classes": 3, "out_channels": 5}"#, Setting::graph().labels(3)),
            nodes(
                r#"{"num_classes": 2, "out_channels": 4, "method": "concat"}"#,
                Setting::graph().labels(2).any_width(),
            ),
        ],
    ),
    Entry::new(
        "GraphTransformer",
        graph_transformer,
        &[
            nodes(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 3, "num_layers": 2}"#,
                Setting::graph().labels(3),
            ),
            nodes(
                r#"{"in_channels": 5, "hidden_channels": 3, "out_channels": 2, "num_layers": 3, "heads": 1, "edge_dim": 2, "label_method": "concat", "label_channels": 4}"#,
                Setting::graph().labels(2).edge_attr(2).batch(),
            ),
            nodes(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 2, "num_layers": 1, "beta": false, "label_method": null}"#,
                Setting::graph(),
            ),
        ],
    ),
    Entry::new(
        "GAE",
        gae,
        &[nodes(
            r#"{"encoder": {"architecture": "GAT", "config": {"in_channels": 5, "hidden_channels": 4, "num_layers": 2, "out_channels": 3, "heads": 2}}}"#,
            Setting::graph(),
        )],
    ),
    Entry::new(
        "VGAE",
        vgae,
        &[
            nodes(r#"{"encoder": {"in_channels": 5, "out_channels": 3, "heads": 2}}"#, Setting::graph()),
            nodes(
                r#"{"encoder": {"in_channels": 5, "out_channels": 2, "hidden_channels": 3, "edge_dim": 2}}"#,
                Setting::graph().edge_attr(2),
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

fn gae(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("GAE", kwargs, vb, inputs)
}

/// The distributions, not what is drawn from them.
fn vgae(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let model = Vgae::new(&config(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_attr"));
    let (_, latent) = model.encode(x, &edges, edge_attr, Mode::Eval)?;
    Ok(vec![("mu", latent.mu), ("logstd", latent.logstd)])
}

fn mask_label(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let (y, mask) = labels(inputs)?;
    Ok(vec![("", MaskLabel::new(&config(kwargs, inputs)?, vb)?.forward(inputs.get("x")?, &y, &mask)?)])
}

fn graph_transformer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    if inputs.optional("y").is_none() {
        return model("GraphTransformer", kwargs, vb, inputs);
    }
    let model = GraphTransformer::new(&config(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_attr"));
    let (y, mask) = labels(inputs)?;
    Ok(vec![("", model.forward_labels(x, &edges, edge_attr, (&y, &mask), Mode::Eval)?)])
}

/// The labels of all nodes, and which are known; those that are not may be any number.
fn labels(inputs: &Inputs) -> Result<(Vec<u32>, Vec<bool>)> {
    let of = |name| integers(inputs.get(name)?, name);
    let y = of("y")?.into_iter().map(|y| u32::try_from(y).unwrap_or(u32::MAX)).collect();
    Ok((y, of("mask")?.into_iter().map(|known| known != 0).collect()))
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
