//! Layers over the edges of a graph that weigh them by attention or by gates, beside those of `conv`.

use anyhow::Result;
use candle_core::DType;
use candle_geometric::nn::conv::{
    AgnnConv, AgnnConvConfig, FaConv, FeaStConv, GeneralConv, GeneralConvConfig, GmmConv,
    PointTransformerConv, ResGatedGraphConv, SuperGatConv,
};
use candle_geometric::nn::{Mode, Nodes};
use candle_geometric::ops;
use candle_nn::VarBuilder;
use serde::Deserialize;
use serde_json::Value;

use super::{Entry, Setting, config, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::Inputs;

const GRAPH: Setting = Setting::graph();
const BIPARTITE: Setting = Setting::bipartite();
/// Both sides with as many features.
const EQUAL: Setting = Setting::new(&[("_src", 5), ("_dst", 5)], &[("", 0, 1)]);

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "SuperGATConv",
        supergat,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2}"#, GRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "attention_type": "SD", "concat": false}"#,
                GRAPH,
            ),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "add_self_loops": false, "bias": false}"#, GRAPH),
        ],
    ),
    Entry::new(
        "AGNNConv",
        agnn,
        &[
            nodes("{}", GRAPH.any_width()),
            nodes(
                r#"{"requires_grad": false, "add_self_loops": false}"#,
                GRAPH.any_width().other_gradients(&["param.beta"]),
            ),
            nodes(r#"{"add_self_loops": false}"#, EQUAL.any_width()),
        ],
    ),
    Entry::imported("dgl.AGNNConv", agnn_of_dgl, "AGNNConv"),
    Entry::new(
        "ResGatedGraphConv",
        res_gated,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, GRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "edge_dim": 2, "act": "Tanh", "root_weight": false}"#,
                GRAPH.edge_attr(2),
            ),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "edge_dim": 1, "act": "PReLU", "bias": false}"#,
                BIPARTITE.edge_attr(1),
            ),
        ],
    ),
    Entry::new(
        "FeaStConv",
        feast,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 4}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "add_self_loops": false, "bias": false}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "add_self_loops": false}"#, EQUAL),
        ],
    ),
    Entry::new(
        "GeneralConv",
        general,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 5, "heads": 2, "aggr": "mean"}"#, GRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "attention": true, "l2_normalize": true}"#,
                GRAPH,
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "attention": true, "attention_type": "dot_product"}"#,
                GRAPH.other_gradients(&["param.scaler"]),
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 5, "in_edge_channels": 2, "aggr": "max", "skip_linear": true,
                    "directed_msg": false, "heads": 2, "attention": true}"#,
                GRAPH.edge_attr(2),
            ),
            nodes(
                r#"{"in_channels": [5, 5], "out_channels": 3, "in_edge_channels": 1, "directed_msg": false, "heads": 2,
                    "attention": true, "attention_type": "dot_product", "bias": false}"#,
                EQUAL.edge_attr(1).other_gradients(&["param.scaler"]),
            ),
            nodes(r#"{"in_channels": [5, 4], "out_channels": 3, "heads": 3}"#, BIPARTITE),
        ],
    ),
    Entry::new(
        "FAConv",
        fa,
        &[
            nodes(r#"{"channels": 5}"#, GRAPH.node_rows(&[("x_0", 5)])),
            nodes(r#"{"channels": 5, "eps": 0.0, "add_self_loops": false}"#, GRAPH.node_rows(&[("x_0", 5)])),
            nodes(r#"{"channels": 5, "normalize": false}"#, GRAPH.node_rows(&[("x_0", 5)]).edge_weight()),
        ],
    ),
    Entry::new(
        "PointTransformerConv",
        point_transformer,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, GRAPH.pos(3)),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "pos_nn": "Linear(2,4),Tanh,Linear(4,3)",
                    "attn_nn": "Linear(3,3),Tanh", "add_self_loops": false}"#,
                BIPARTITE.pos(2),
            ),
        ],
    ),
    Entry::new(
        "GMMConv",
        gmm,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "dim": 2, "kernel_size": 4}"#, GRAPH.edge_attr(2)),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "dim": 1, "kernel_size": 2, "aggr": "max"}"#,
                GRAPH.edge_attr(1),
            ),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "dim": 3, "kernel_size": 2, "aggr": "add", "bias": false}"#,
                BIPARTITE.edge_attr(3),
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "dim": 2, "kernel_size": 2, "separate_gaussians": true,
                    "root_weight": false}"#,
                GRAPH.edge_attr(2),
            ),
        ],
    ),
];

fn supergat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = SuperGatConv::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.get("x")?, &inputs.edges()?)?)])
}

fn agnn(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = AgnnConv::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

/// DGL adds no self-loops, and calls the parameter by the same name.
fn agnn_of_dgl(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Kwargs {
        #[serde(default = "yes")]
        learn_beta: bool,
        #[serde(default, rename = "init_beta")]
        _init_beta: f64,
        #[serde(default, rename = "allow_zero_in_degree")]
        _allow_zero_in_degree: bool,
    }
    fn yes() -> bool {
        true
    }
    let kwargs: Kwargs = config(kwargs, inputs)?;
    let config = AgnnConvConfig { requires_grad: kwargs.learn_beta, add_self_loops: false };
    Ok(vec![("", AgnnConv::new(&config, vb)?.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

fn res_gated(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = ResGatedGraphConv::new(&config(kwargs, inputs)?, vb)?;
    let edge_attr = inputs.optional("edge_attr");
    Ok(vec![("", conv.forward_edges(inputs.nodes()?, &inputs.edges()?, edge_attr, Mode::Eval)?)])
}

fn feast(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = FeaStConv::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

fn general(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let mut config: GeneralConvConfig = config(kwargs, inputs)?;
    // PyG compares the channels of both sides before it has seen the data.
    config.skip_linear |= kwargs.get("in_channels").is_some_and(|channels| *channels == -1);
    let conv = GeneralConv::new(&config, vb)?;
    let edge_attr = inputs.optional("edge_attr");
    Ok(vec![("", conv.forward_edges(inputs.nodes()?, &inputs.edges()?, edge_attr, Mode::Eval)?)])
}

fn fa(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = FaConv::new(&config(kwargs, inputs)?, vb)?;
    let (x, x_0, weight) = (inputs.get("x")?, inputs.get("x_0")?, inputs.optional("edge_weight"));
    let (y, attention) = conv.forward_with_attention(x, x_0, &inputs.edges()?, weight, Mode::Eval)?;
    if !inputs.wants("y") {
        return Ok(vec![("", y)]);
    }
    // One head, which PyG leaves out.
    let edges = ops::edge_index_tensor(&attention.edges, y.device())?.to_dtype(DType::I64)?;
    Ok(vec![("y", y), ("alpha_edge_index", edges), ("alpha", attention.alpha.squeeze(1)?)])
}

fn point_transformer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = PointTransformerConv::new(&config(kwargs, inputs)?, vb)?;
    let pos: Nodes<'_> = match inputs.optional("pos_src") {
        Some(source) => (source, inputs.optional("pos_dst")).into(),
        None => inputs.get("pos")?.into(),
    };
    Ok(vec![("", conv.forward(inputs.nodes()?, pos, &inputs.edges()?)?)])
}

pub(super) fn gmm(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GmmConv::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?, inputs.get("edge_attr")?)?)])
}
