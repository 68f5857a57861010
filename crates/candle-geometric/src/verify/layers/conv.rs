//! Layers over the edges of a graph.

use anyhow::Result;
use candle_core::{DType, Tensor};
use candle_geometric::nn::Mode;
use candle_geometric::nn::conv::{
    Attention, GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, GcnConv, GcnConvConfig, SageConv,
    SageConvConfig, TransformerConv, TransformerConvConfig,
};
use candle_geometric::ops;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, config, nodes};
use crate::verify::Outputs;
use crate::verify::gauntlet::Setting;
use crate::verify::inputs::Inputs;

const GRAPH: Setting = Setting::graph();

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "GATConv",
        gat,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2}"#, GRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "concat": false, "edge_dim": 4, "residual": true}"#,
                GRAPH.edge_attr(4),
            ),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "add_self_loops": false}"#, GRAPH),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "heads": 2, "add_self_loops": false}"#,
                Setting::bipartite(),
            ),
        ],
    ),
    Entry::new(
        "GATv2Conv",
        gatv2,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "share_weights": true}"#, GRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "concat": false, "edge_dim": 4, "residual": true}"#,
                GRAPH.edge_attr(4),
            ),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "heads": 2, "add_self_loops": false}"#,
                Setting::bipartite(),
            ),
        ],
    ),
    Entry::new(
        "GCNConv",
        gcn,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, GRAPH),
            // Of several loops at a node the last one counts, and all get its gradient, as in PyTorch.
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "improved": true}"#,
                GRAPH.edge_weight().other_gradients(&["in.edge_weight"]),
            ),
        ],
    ),
    Entry::new(
        "SAGEConv",
        sage,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "aggr": "max", "project": true}"#, GRAPH),
            nodes(r#"{"in_channels": [5, 4], "out_channels": 3, "normalize": true}"#, Setting::bipartite()),
        ],
    ),
    Entry::new(
        "TransformerConv",
        transformer,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "beta": true}"#, GRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "concat": false, "edge_dim": 4}"#,
                GRAPH.edge_attr(4),
            ),
            nodes(r#"{"in_channels": [5, 4], "out_channels": 3, "heads": 2}"#, Setting::bipartite()),
        ],
    ),
];

pub(super) fn gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GatConv::new(&config::<GatConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_attr"));
    if inputs.wants("y") {
        return attended(conv.forward_with_attention(x, &edges, edge_attr, Mode::Eval)?);
    }
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}

pub(super) fn gatv2(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = Gatv2Conv::new(&config::<Gatv2ConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_attr"));
    if inputs.wants("y") {
        return attended(conv.forward_with_attention(x, &edges, edge_attr, Mode::Eval)?);
    }
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}

pub(super) fn gcn(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GcnConv::new(&config::<GcnConvConfig>(kwargs, inputs)?, vb)?;
    let out =
        conv.forward_edges(inputs.get("x")?, &inputs.edges()?, inputs.optional("edge_weight"), Mode::Eval)?;
    Ok(vec![("", out)])
}

pub(super) fn sage(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = SageConv::new(&config::<SageConvConfig>(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

pub(super) fn transformer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = TransformerConv::new(&config::<TransformerConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_attr"));
    if inputs.wants("y") {
        return attended(conv.forward_with_attention(x, &edges, edge_attr, Mode::Eval)?);
    }
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}

/// What PyG returns with `return_attention_weights=True`.
fn attended((y, attention): (Tensor, Attention)) -> Result<Outputs> {
    let edges = ops::edge_index_tensor(&attention.edges, y.device())?.to_dtype(DType::I64)?;
    Ok(vec![("y", y), ("alpha_edge_index", edges), ("alpha", attention.alpha)])
}
