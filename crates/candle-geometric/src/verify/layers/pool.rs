//! Poolings of graphs.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::nn::aggr::{AttentionReadout, GraphMultisetTransformer};
use candle_geometric::nn::pool::{AsapPooling, MemPooling, Pooled, SagPooling, TopKPooling};
use candle_geometric::ops::{self, Reduce};
use candle_nn::VarBuilder;
use serde_json::{Map, Value};

use super::{Entry, Rows, Setting, Trial, config, graphs};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

/// Channels for two heads.
const SIX: Setting = Setting::new(&[("", 6)], &[]).batch();
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
    Entry::new(
        "GraphMultisetTransformer",
        multiset,
        &[
            graphs(r#"{"channels": 5, "k": 3, "num_encoder_blocks": 2}"#, Setting::nodes()),
            graphs(r#"{"channels": 6, "k": 2, "heads": 2, "layer_norm": true}"#, SIX),
        ],
    ),
    Entry::new(
        "MemPooling",
        memory,
        &[
            graphs(
                r#"{"in_channels": 5, "out_channels": 4, "heads": 2, "num_clusters": 3}"#,
                Setting::nodes(),
            ),
            graphs(
                r#"{"in_channels": 5, "out_channels": 4, "heads": 1, "num_clusters": 2, "tau": 10}"#,
                Setting::nodes(),
            ),
        ],
    ),
    Entry::new(
        "ASAPooling",
        asap,
        &[
            kept(r#"{"in_channels": 5, "ratio": 0.6}"#, GRAPHS),
            kept(
                r#"{"in_channels": 5, "GNN": "GCNConv", "add_self_loops": true, "negative_slope": 0.1}"#,
                // Of several loops at a node the last one counts, and all get its gradient, as in PyTorch.
                GRAPHS.edge_weight().other_gradients(&["in.edge_weight"]),
            ),
            kept(r#"{"in_channels": 5, "GNN": "GraphConv", "ratio": 2}"#, GRAPHS),
        ],
    ),
    // Not a layer of a peer.
    Entry::new(
        "AttentionReadout",
        readout,
        &[
            graphs(r#"{"in_channels": 5, "out_channels": 3}"#, Setting::nodes()),
            graphs(
                r#"{"in_channels": 5, "out_channels": 3, "act": "sigmoid", "negative_slope": 0.01}"#,
                Setting::nodes(),
            ),
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
    let kwargs = with_gnn_kwargs(kwargs, &own);
    let pool = SagPooling::new(&config(&kwargs, inputs)?, vb)?;
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

fn asap(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let own = ["in_channels", "ratio", "GNN", "dropout", "negative_slope", "add_self_loops"];
    let pool = AsapPooling::new(&config(&with_gnn_kwargs(kwargs, &own), inputs)?, vb)?;
    let (x, weight) = (inputs.get("x")?, inputs.optional("edge_weight"));
    let batch = inputs.graphs(rows(x, "x")?, None)?;
    let mut all = outputs(pool.forward(x, &inputs.edges()?, weight, Some(&batch))?)?;
    for (name, _) in &mut all {
        *name = if *name == "edge_attr" { "edge_weight" } else { name };
    }
    Ok(all)
}

/// What is not the pooling's `own` argument goes to its layer.
fn with_gnn_kwargs(kwargs: &Value, own: &[&str]) -> Value {
    let arguments = kwargs.as_object().cloned().unwrap_or_default();
    let (mut ours, of_gnn): (Map<_, _>, Map<_, _>) =
        arguments.into_iter().partition(|(name, _)| own.contains(&name.as_str()));
    ours.insert("gnn_kwargs".into(), Value::Object(of_gnn));
    Value::Object(ours)
}

fn multiset(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let pool = GraphMultisetTransformer::new(&config(kwargs, inputs)?, vb)?;
    let x = inputs.get("x")?;
    let groups = inputs.graphs(rows(x, "x")?, Some(inputs.output_rows()?))?;
    Ok(vec![("", pool.forward(x, &groups)?)])
}

fn readout(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let readout = AttentionReadout::new(&config(kwargs, inputs)?, vb)?;
    let x = inputs.get("x")?;
    let groups = inputs.graphs(rows(x, "x")?, Some(inputs.output_rows()?))?;
    Ok(vec![("", readout.forward(x, &groups)?)])
}

fn memory(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let pool = MemPooling::new(&config(kwargs, inputs)?, vb)?;
    let x = inputs.get("x")?;
    let groups = inputs.graphs(rows(x, "x")?, inputs.wants("").then(|| inputs.output_rows()).transpose()?)?;
    let (pooled, s) = pool.forward(x, Some(&groups))?;
    if !inputs.wants("s") {
        return Ok(vec![("", pooled)]);
    }
    // PyG pads the nodes of each graph to the largest.
    let largest = groups.in_degrees().into_iter().max().unwrap_or(0) as usize;
    let mut filled = vec![0; groups.num_dst()];
    let place = |&graph: &u32| {
        let slot = graph as usize * largest + filled[graph as usize];
        filled[graph as usize] += 1;
        slot as u32
    };
    let slots: Vec<u32> = groups.destination().iter().map(place).collect();
    let (clusters, graphs) = (s.dim(1)?, groups.num_dst());
    let padded = ops::scatter(&s, &EdgeIndex::from_batch(&slots, graphs * largest)?, Reduce::Sum)?;
    Ok(vec![("x", pooled), ("s", padded.reshape((graphs, largest, clusters))?)])
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
