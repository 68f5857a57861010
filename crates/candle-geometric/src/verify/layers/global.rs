//! Attention of every node to every node of its graph.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use candle_core::Tensor;
use candle_geometric::graph::EdgeIndex;
use candle_geometric::nn::Mode;
use candle_geometric::nn::conv::{
    GatConv, Gatv2Conv, GcnConv, GeneralConv, GinConv, GineConv, GraphConv, LeConv, ResGatedGraphConv,
    SageConv, SgConv, TransformerConv,
};
use candle_geometric::nn::global::{
    GpsConv, LocalConv, MultiheadAttention, PerformerAttention, Polynormer, PolynormerAttention, SgFormer,
    SgFormerAttention,
};
use candle_nn::VarBuilder;
use serde_json::{Map, Value};

use super::{Entry, Setting, config, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

/// Channels for two heads.
const NODES: Setting = Setting::new(&[("", 6)], &[]).batch();
const GRAPH: Setting = Setting::new(&[("", 6)], &[("", 0, 0)]).batch();
/// The projection matrix is a constant.
const PERFORMER: Setting = NODES.other_gradients(&["param.fast_attn.projection_matrix"]);

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "MultiheadAttention",
        multihead,
        &[
            nodes(r#"{"embed_dim": 6, "num_heads": 2}"#, NODES),
            nodes(r#"{"embed_dim": 6, "num_heads": 1, "bias": false}"#, NODES),
        ],
    ),
    Entry::new(
        "PerformerAttention",
        performer,
        &[
            nodes(r#"{"channels": 6, "heads": 2, "head_channels": 4}"#, PERFORMER),
            nodes(
                r#"{"channels": 6, "heads": 2, "head_channels": null, "kernel": "softplus", "qkv_bias": true, "attn_out_bias": false}"#,
                PERFORMER,
            ),
        ],
    ),
    Entry::new(
        "SGFormerAttention",
        sgformer_attention,
        &[
            nodes(r#"{"channels": 6, "heads": 2, "head_channels": 4}"#, NODES),
            nodes(r#"{"channels": 6, "head_channels": null, "qkv_bias": true}"#, NODES),
        ],
    ),
    Entry::new(
        "PolynormerAttention",
        polynormer_attention,
        &[
            nodes(r#"{"channels": 6, "heads": 2, "head_channels": 4}"#, NODES),
            nodes(
                r#"{"channels": 6, "heads": 2, "head_channels": 3, "qk_shared": false, "qkv_bias": true, "beta": 0.5}"#,
                NODES,
            ),
        ],
    ),
    Entry::new(
        "GPSConv",
        gps,
        &[
            nodes(r#"{"channels": 6, "heads": 2, "conv": "GATConv(6, 3, heads=2)"}"#, GRAPH),
            nodes(
                r#"{"channels": 6, "heads": 2, "conv": "GATv2Conv(6, 6, edge_dim=3)", "norm": "layer_norm", "act": "gelu"}"#,
                GRAPH.edge_attr(3),
            ),
            nodes(r#"{"channels": 6, "heads": 2, "conv": "GraphConv(6, 6)"}"#, GRAPH),
            nodes(
                r#"{"channels": 6, "heads": 2, "conv": "ResGatedGraphConv(6, 6, edge_dim=3)"}"#,
                GRAPH.edge_attr(3),
            ),
            nodes(
                r#"{"channels": 6, "heads": 2, "conv": "GINEConv(Sequential(Linear(6, 5), Tanh(), Linear(5, 6)), train_eps=True, edge_dim=3)"}"#,
                GRAPH.edge_attr(3),
            ),
            nodes(
                r#"{"channels": 6, "attn_type": "performer", "attn_kwargs": {"head_channels": 4}, "conv": "SAGEConv(6, 6)", "norm": "graph_norm"}"#,
                GRAPH.other_gradients(&["param.attn.fast_attn.projection_matrix"]),
            ),
            nodes(r#"{"channels": 6, "conv": null, "norm": null, "attn_kwargs": {"bias": false}}"#, GRAPH),
        ],
    ),
    Entry::new(
        "SGFormer",
        sgformer,
        &[
            nodes(
                r#"{"in_channels": 6, "hidden_channels": 4, "out_channels": 3, "trans_num_heads": 2, "gnn_num_layers": 1, "graph_weight": 0.3}"#,
                GRAPH,
            ),
            nodes(
                r#"{"in_channels": 6, "hidden_channels": 4, "out_channels": 3, "aggregate": "cat"}"#,
                GRAPH,
            ),
        ],
    ),
    Entry::new(
        "Polynormer",
        polynormer,
        &[
            nodes(
                r#"{"in_channels": 6, "hidden_channels": 4, "out_channels": 3, "local_layers": 2, "heads": 2, "pre_ln": true}"#,
                GRAPH,
            ),
            nodes(
                r#"{"in_channels": 6, "hidden_channels": 4, "out_channels": 3, "local_layers": 2, "local_attn": true, "post_bn": false, "_global": true}"#,
                GRAPH,
            ),
            nodes(
                r#"{"in_channels": 6, "hidden_channels": 4, "out_channels": 3, "local_layers": 1, "qk_shared": true, "beta": 0.5, "_global": true}"#,
                GRAPH,
            ),
        ],
    ),
];

fn multihead(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let layer = MultiheadAttention::new(&config(kwargs, inputs)?, vb)?;
    attention(inputs, |x, batch| Ok(layer.forward(x, Some(batch))?))
}

fn performer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let layer = PerformerAttention::new(&config(kwargs, inputs)?, vb)?;
    attention(inputs, |x, batch| Ok(layer.forward(x, Some(batch))?))
}

fn sgformer_attention(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let layer = SgFormerAttention::new(&config(kwargs, inputs)?, vb)?;
    attention(inputs, |x, batch| Ok(layer.forward(x, Some(batch))?))
}

fn polynormer_attention(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let layer = PolynormerAttention::new(&config(kwargs, inputs)?, vb)?;
    attention(inputs, |x, batch| Ok(layer.forward(x, Some(batch))?))
}

fn gps(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let mut kwargs = kwargs.as_object().cloned().unwrap_or_default();
    let conv = match kwargs.remove("conv") {
        Some(Value::String(text)) => Some(local(&text, vb.pp("conv"))?),
        Some(Value::Null) | None => None,
        Some(other) => bail!("kwargs: `conv` is {other}, expected text such as GATConv(8, 4, heads=2)"),
    };
    let layer = GpsConv::new(&config(&Value::Object(kwargs), inputs)?, conv, vb)?;
    let (x, edges) = (inputs.get("x")?, inputs.edges()?);
    let edge_attr = inputs.optional("edge_attr").or(inputs.optional("edge_weight"));
    let batch = graphs(inputs)?;
    Ok(vec![("", layer.forward_edges(x, &edges, edge_attr, batch.as_ref(), Mode::Eval)?)])
}

fn sgformer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let model = SgFormer::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", model.forward(inputs.get("x")?, &inputs.edges()?, graphs(inputs)?.as_ref())?)])
}

fn polynormer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let mut kwargs = kwargs.as_object().cloned().unwrap_or_default();
    // An attribute that PyG's model has besides its arguments.
    let global = kwargs.remove("_global").is_some_and(|value| value == true);
    let mut model = Polynormer::new(&config(&Value::Object(kwargs), inputs)?, vb)?;
    model.set_global(global)?;
    Ok(vec![("", model.forward(inputs.get("x")?, &inputs.edges()?, graphs(inputs)?.as_ref())?)])
}

fn graphs(inputs: &Inputs) -> Result<Option<EdgeIndex>> {
    match inputs.optional("batch") {
        Some(_) => inputs.graphs(rows(inputs.get("x")?, "x")?, None).map(Some),
        None => Ok(None),
    }
}

/// A layer in the words of Python: `GATConv(8, 4, heads=2)`, or `GINEConv(Sequential(Linear(8, 8), ReLU()), edge_dim=3)`,
/// whose network may also stand as a list of modules.
fn local(text: &str, vb: VarBuilder<'_>) -> Result<Arc<dyn LocalConv>> {
    let parts = text.trim().strip_suffix(')').and_then(|t| t.split_once('('));
    let (name, arguments) = parts.with_context(|| format!("kwargs: `{text}` is no layer"))?;
    let (mut kwargs, mut unnamed) = (Map::new(), Vec::new());
    for argument in split(arguments) {
        match argument.split_once('=').filter(|(key, _)| !key.contains('(')) {
            Some((key, text)) => drop(kwargs.insert(key.trim().to_string(), value(text.trim())?)),
            None => unnamed.push(argument),
        }
    }
    if ["GINConv", "GINEConv"].contains(&name) && !unnamed.is_empty() {
        kwargs.insert("nn".to_string(), value(&unnamed.join(","))?);
    } else {
        for (key, text) in ["in_channels", "out_channels"].into_iter().zip(unnamed) {
            kwargs.insert(key.to_string(), value(text)?);
        }
    }
    let kwargs = Value::Object(kwargs);
    Ok(match name {
        "GATConv" => Arc::new(GatConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "GATv2Conv" => Arc::new(Gatv2Conv::new(&serde_json::from_value(kwargs)?, vb)?),
        "TransformerConv" => Arc::new(TransformerConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "GCNConv" => Arc::new(GcnConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "SAGEConv" => Arc::new(SageConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "GINConv" => Arc::new(GinConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "GINEConv" => Arc::new(GineConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "GeneralConv" => Arc::new(GeneralConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "ResGatedGraphConv" => Arc::new(ResGatedGraphConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "GraphConv" => Arc::new(GraphConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "LEConv" => Arc::new(LeConv::new(&serde_json::from_value(kwargs)?, vb)?),
        "SGConv" => Arc::new(SgConv::new(&serde_json::from_value(kwargs)?, vb)?),
        other => bail!("kwargs: `{other}` is no local layer that is known"),
    })
}

/// The parts between the commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

/// A value in the words of Python; a network as text.
fn value(text: &str) -> Result<Value> {
    Ok(match text {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "None" => Value::Null,
        _ if text.starts_with("Linear(") => text.into(),
        _ => match text.strip_prefix("Sequential(").and_then(|modules| modules.strip_suffix(')')) {
            Some(modules) => modules.replace("()", "").into(),
            None => serde_json::from_str(&text.replace('\'', "\""))
                .with_context(|| format!("kwargs: `{text}`"))?,
        },
    })
}

/// A layer on nodes and their graphs. PyG's layers take `[B, N, F]`: graphs of equal size side by side.
fn attention(inputs: &Inputs, layer: impl FnOnce(&Tensor, &EdgeIndex) -> Result<Tensor>) -> Result<Outputs> {
    let x = inputs.get("x")?;
    let &[graphs, size, channels] = x.dims() else {
        return Ok(vec![("", layer(x, &inputs.graphs(rows(x, "x")?, None)?)?)]);
    };
    ensure!(inputs.optional("mask").is_none(), "`in.mask` is not supported: graphs are not padded here");
    let batch: Vec<u32> = (0..graphs as u32).flat_map(|graph| (0..size).map(move |_| graph)).collect();
    let out = layer(&x.reshape((graphs * size, channels))?, &EdgeIndex::from_batch(&batch, graphs)?)?;
    Ok(vec![("", out.reshape((graphs, size, ()))?)])
}
