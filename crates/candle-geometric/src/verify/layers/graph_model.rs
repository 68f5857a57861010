//! Whole models of graphs, made of layers of PyTorch Geometric.

use anyhow::Result;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::model::model;
use super::{Entry, Setting, graphs, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::Inputs;

const BATCH: Setting = Setting::graph().batch();

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "SAGPoolNet",
        sag_pool_net,
        &[
            graphs(r#"{"in_channels": 5, "hidden_channels": 6, "out_channels": 2}"#, BATCH),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 3, "ratio": 0.7, "GNN": "GraphConv"}"#,
                BATCH,
            ),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 2, "architecture": "global"}"#,
                BATCH,
            ),
        ],
    ),
    Entry::new(
        "GMT",
        gmt,
        &[
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 2, "k": 3, "heads": 4}"#,
                BATCH,
            ),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 3, "out_channels": 2, "k": 2, "num_layers": 2, "num_encoder_blocks": 2, "layer_norm": true}"#,
                BATCH,
            ),
        ],
    ),
    Entry::new(
        "GPS",
        gps,
        &[
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 12, "out_channels": 2, "num_layers": 2, "heads": 2, "edge_dim": 3, "pe_channels": 2, "pe_dim": 3}"#,
                BATCH.edge_attr(3).other_gradients(&["param.convs.0.conv.eps", "param.convs.1.conv.eps"]),
            ),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 12, "out_channels": 2, "num_layers": 1, "pooling": "mean", "norm": "layer_norm", "act": "gelu"}"#,
                BATCH.other_gradients(&["param.convs.0.conv.eps"]),
            ),
            nodes(
                r#"{"in_channels": 5, "hidden_channels": 12, "out_channels": 3, "num_layers": 1, "level": "node", "attn_type": "performer", "attn_kwargs": {"head_channels": 3}}"#,
                BATCH.other_gradients(&[
                    "param.convs.0.conv.eps",
                    "param.convs.0.attn.fast_attn.projection_matrix",
                ]),
            ),
        ],
    ),
];

fn sag_pool_net(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("SAGPoolNet", kwargs, vb, inputs)
}

fn gmt(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("GMT", kwargs, vb, inputs)
}

fn gps(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("GPS", kwargs, vb, inputs)
}
