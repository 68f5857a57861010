//! Poolings of graphs.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use candle_geometric::nn::pool::{Pooled, SagPooling, SagPoolingConfig, TopKPooling};
use candle_geometric::ops;
use candle_nn::VarBuilder;
use serde_json::{Map, Value};

use super::{Entry, Rows, Setting, Trial, config};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

const GRAPHS: Setting = Setting::graph().batch();

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "TopKPooling",
        topk,
        &[
            kept(r#"{"in_channels": 5, "ratio": 0.6, "multiplier": 2}"#, GRAPHS),
            kept(r#"{"in_channels": 5, "ratio": 2, "nonlinearity": "sigmoid"}"#, GRAPHS.edge_attr(3)),
            kept(r#"{"in_channels": 5, "min_score": 0.1}"#, GRAPHS),
        ],
    ),
    Entry::new(
        "SAGPooling",
        sag,
        &[
            kept(r#"{"in_channels": 5, "ratio": 0.6}"#, GRAPHS.edge_attr(3)),
            kept(r#"{"in_channels": 5, "GNN": "GCNConv", "min_score": 0.1, "multiplier": 2}"#, GRAPHS),
            kept(r#"{"in_channels": 5, "GNN": "GATConv", "heads": 2, "concat": false}"#, GRAPHS),
            kept(r#"{"in_channels": 5, "GNN": "SAGEConv"}"#, GRAPHS),
        ],
    ),
];

/// A trial whose rows are the nodes that were kept.
const fn kept(kwargs: &'static str, setting: Setting) -> Trial {
    Trial { kwargs, setting, rows: Rows::Other }
}

fn topk(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let pool = TopKPooling::new(&config(kwargs, inputs)?, vb)?;
    let (x, edge_attr) = (inputs.get("x")?, inputs.optional("edge_attr"));
    let batch = inputs.graphs(rows(x, "x")?, None)?;
    let pooled = match inputs.optional("attn") {
        Some(attn) => pool.forward_attn(x, attn, &inputs.edges()?, edge_attr, Some(&batch))?,
        None => pool.forward(x, &inputs.edges()?, edge_attr, Some(&batch))?,
    };
    outputs(pooled)
}

fn sag(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let own = ["in_channels", "ratio", "GNN", "min_score", "multiplier", "nonlinearity"];
    let arguments = kwargs.as_object().cloned().unwrap_or_default();
    let (mut ours, of_gnn): (Map<_, _>, Map<_, _>) =
        arguments.into_iter().partition(|(name, _)| own.contains(&name.as_str()));
    ours.insert("gnn_kwargs".into(), Value::Object(of_gnn));
    let pool = SagPooling::new(&config::<SagPoolingConfig>(&Value::Object(ours), inputs)?, vb)?;
    let (x, edge_attr) = (inputs.get("x")?, inputs.optional("edge_attr"));
    let batch = inputs.graphs(rows(x, "x")?, None)?;
    let pooled = match inputs.optional("attn") {
        Some(attn) => {
            let mode = candle_geometric::nn::Mode::Eval;
            pool.forward_attn(x, attn, &inputs.edges()?, edge_attr, Some(&batch), mode)?
        }
        None => pool.forward(x, &inputs.edges()?, edge_attr, Some(&batch))?,
    };
    outputs(pooled)
}

/// What PyG returns.
fn outputs(pooled: Pooled) -> Result<Outputs> {
    let device = Device::Cpu;
    let ids = |ids: &[u32]| -> Result<Tensor> {
        Ok(Tensor::from_slice(ids, ids.len(), &device)?.to_dtype(DType::I64)?)
    };
    let edge_index = ops::edge_index_tensor(&pooled.edges, &device)?.to_dtype(DType::I64)?;
    let mut all = vec![("x", pooled.x), ("edge_index", edge_index)];
    all.extend(pooled.edge_attr.map(|attr| ("edge_attr", attr)));
    all.extend([
        ("batch", ids(pooled.batch.destination())?),
        ("perm", ids(&pooled.perm)?),
        ("score", pooled.score),
    ]);
    Ok(all)
}
