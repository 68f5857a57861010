//! Layers that attention is compared with.

use anyhow::Result;
use candle_geometric::nn::Mode;
use candle_geometric::nn::conv::{
    Appnp, ChebConv, ChebConvConfig, GatedGraphConv, GatedGraphConvConfig, GinConv, GinConvConfig, GineConv,
    GineConvConfig, GraphConv, GraphConvConfig, LeConv, LeConvConfig, PnaConv, PnaConvConfig, SgConv,
    SgConvConfig,
};
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Rows, Setting, Trial, config, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, rows};

const GRAPH: Setting = Setting::graph();
/// Where ε is no parameter, though it is saved.
const EPS: &[&str] = &["param.eps"];
/// As many features on both sides.
const PAIR: Setting = Setting::new(&[("_src", 5), ("_dst", 5)], &[("", 0, 1)]);

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "GINConv",
        gin,
        &[
            nodes(r#"{"nn": "Linear(5,4),Tanh,Linear(4,3)", "eps": 0.5}"#, GRAPH.other_gradients(EPS)),
            nodes(r#"{"nn": "Linear(5,4)", "train_eps": true, "aggr": "max"}"#, GRAPH),
            nodes(r#"{"nn": "Linear(5,3)"}"#, PAIR.other_gradients(EPS)),
        ],
    ),
    Entry::new(
        "GINEConv",
        gine,
        &[
            nodes(r#"{"nn": "Linear(5,3)"}"#, GRAPH.edge_attr(5).other_gradients(EPS)),
            nodes(
                r#"{"nn": "Linear(5,4),Tanh,Linear(4,3)", "eps": 0.5, "train_eps": true, "edge_dim": 4}"#,
                GRAPH.edge_attr(4),
            ),
            nodes(
                r#"{"nn": "Linear(5,3)", "edge_dim": 2, "aggr": "mean"}"#,
                PAIR.edge_attr(2).other_gradients(EPS),
            ),
        ],
    ),
    Entry::new(
        "GraphConv",
        graph,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 7, "aggr": "mean"}"#, GRAPH.edge_weight()),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "aggr": "max", "bias": false}"#,
                GRAPH.edge_weight(),
            ),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "aggr": "mean"}"#,
                Setting::bipartite().edge_weight(),
            ),
        ],
    ),
    Entry::new(
        "LEConv",
        le,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 7, "bias": false}"#, GRAPH.edge_weight()),
            nodes(r#"{"in_channels": [5, 4], "out_channels": 3}"#, Setting::bipartite().edge_weight()),
        ],
    ),
    Entry::new(
        "SGConv",
        sg,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "K": 3}"#, GRAPH),
            // As in GCNConv: of several loops at a node the last one counts, and all get its gradient.
            nodes(
                r#"{"in_channels": 5, "out_channels": 7, "K": 2}"#,
                GRAPH.edge_weight().other_gradients(&["in.edge_weight"]),
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "K": 2, "add_self_loops": false, "bias": false}"#,
                GRAPH.edge_weight(),
            ),
        ],
    ),
    Entry::new(
        "APPNP",
        appnp,
        &[
            nodes(r#"{"K": 3, "alpha": 0.2}"#, GRAPH.any_width()),
            nodes(r#"{"K": 2, "alpha": 0.1, "add_self_loops": false}"#, GRAPH.any_width().edge_weight()),
            nodes(r#"{"K": 2, "alpha": 0.1, "normalize": false}"#, GRAPH.any_width()),
            nodes(r#"{"K": 2, "alpha": 0.1, "normalize": false}"#, GRAPH.any_width().edge_weight()),
        ],
    ),
    Entry::new(
        "GatedGraphConv",
        gated_graph,
        &[
            nodes(r#"{"out_channels": 6, "num_layers": 2}"#, GRAPH.any_width().edge_weight()),
            nodes(r#"{"out_channels": 5, "num_layers": 2, "aggr": "max", "bias": false}"#, GRAPH),
        ],
    ),
    Entry::new(
        "ChebConv",
        cheb,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "K": 1, "bias": false}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "K": 4}"#, GRAPH),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "K": 3}"#, GRAPH.edge_weight()),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "K": 3, "normalization": "rw"}"#,
                GRAPH.edge_weight(),
            ),
            // Without normalisation the largest degree of a batch scales all of it.
            Trial {
                kwargs: r#"{"in_channels": 5, "out_channels": 3, "K": 2, "normalization": null}"#,
                setting: GRAPH.edge_weight(),
                rows: Rows::Other,
            },
        ],
    ),
    Entry::new(
        "PNAConv",
        pna,
        &[
            nodes(
                r#"{"in_channels": 5, "out_channels": 4, "aggregators": ["mean", "max", "std", "var"],
                    "scalers": ["identity", "amplification", "attenuation", "linear", "inverse_linear"],
                    "deg": [1, 2, 3], "train_norm": true}"#,
                GRAPH,
            ),
            nodes(
                r#"{"in_channels": 6, "out_channels": 4, "aggregators": ["sum", "min"], "scalers": ["identity"],
                    "deg": [1, 2], "edge_dim": 3, "towers": 2, "pre_layers": 2, "post_layers": 2,
                    "divide_input": true, "act": "tanh"}"#,
                Setting::new(&[("", 6)], &[("", 0, 0)]).edge_attr(3),
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 4, "aggregators": ["mean"], "scalers": ["linear"],
                    "deg": [1, 2], "towers": 2, "post_layers": 2, "act": null}"#,
                GRAPH.other_gradients(&["param.aggr_module.avg_deg_lin"]),
            ),
        ],
    ),
];

pub(super) fn gin(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GinConv::new(&config::<GinConvConfig>(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

pub(super) fn gine(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GineConv::new(&config::<GineConvConfig>(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?, inputs.get("edge_attr")?)?)])
}

fn graph(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GraphConv::new(&config::<GraphConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, weight) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_weight"));
    Ok(vec![("", conv.forward_edges(x, &edges, weight, Mode::Eval)?)])
}

fn le(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = LeConv::new(&config::<LeConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, weight) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_weight"));
    Ok(vec![("", conv.forward_edges(x, &edges, weight, Mode::Eval)?)])
}

pub(super) fn sg(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = SgConv::new(&config::<SgConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, weight) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_weight"));
    Ok(vec![("", conv.forward_edges(x, &edges, weight, Mode::Eval)?)])
}

pub(super) fn appnp(kwargs: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = Appnp::new(&config(kwargs, inputs)?)?;
    let (x, edges, weight) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_weight"));
    Ok(vec![("", conv.forward_edges(x, &edges, weight, Mode::Eval)?)])
}

fn gated_graph(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GatedGraphConv::new(&config::<GatedGraphConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, weight) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_weight"));
    Ok(vec![("", conv.forward_edges(x, &edges, weight, Mode::Eval)?)])
}

pub(super) fn cheb(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = ChebConv::new(&config::<ChebConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, weight) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_weight"));
    let batch = match inputs.optional("batch") {
        Some(_) => Some(inputs.graphs(rows(x, "x")?, None)?),
        None => None,
    };
    let lambda_max = inputs.optional("lambda_max");
    Ok(vec![("", conv.forward_scaled(x, &edges, weight, lambda_max, batch.as_ref())?)])
}

fn pna(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = PnaConv::new(&config::<PnaConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_attr"));
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}
