//! DGL's layers without attention between nodes, and its readouts: they are PyTorch Geometric's, with the importer's
//! names and shapes of parameters. What the two compute differently is refused here and told in the book's table of layers.

use anyhow::{Context, Result, bail, ensure};
use candle_core::Tensor;
use candle_geometric::nn::{Channels, SeededVarMap};
use candle_nn::VarBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::dgl::{converted, degree_weights, yes};
use super::{Entry, aggr, attention, baseline, relational};
use crate::verify::inputs::Inputs;
use crate::verify::{Layer, Outputs};

pub(super) const LAYERS: &[Entry] = &[
    Entry::imported("dgl.GINConv", gin, "GINConv"),
    Entry::imported("dgl.GINEConv", gine, "GINEConv"),
    Entry::imported("dgl.SGConv", sg, "SGConv"),
    Entry::imported("dgl.ChebConv", cheb, "ChebConv"),
    Entry::imported("dgl.APPNPConv", appnp, "APPNP"),
    Entry::imported("dgl.RelGraphConv", rel_graph, "RGCNConv"),
    Entry::imported("dgl.GMMConv", gmm, "GMMConv"),
    Entry::imported("dgl.GlobalAttentionPooling", attention_pooling, "AttentionalAggregation"),
    Entry::imported("dgl.Set2Set", set2set, "Set2Set"),
];

fn read<T: DeserializeOwned>(kwargs: &Value) -> Result<T> {
    serde_json::from_value(kwargs.clone()).context("kwargs")
}

/// A layer of PyTorch Geometric with the parameters of the case.
fn imported(layer: Layer, kwargs: &Value, vb: &VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    // Built once with any parameters, to see which there are.
    let map = SeededVarMap::new(0);
    layer(kwargs, map.var_builder(vb.dtype(), vb.device()), inputs)?;
    let expected = map.to_tensors()?.into_iter().map(|(name, t)| (name, t.dims().to_vec()));
    layer(kwargs, converted(vb, inputs, expected)?, inputs)
}

/// The inputs and one more.
fn with(inputs: &Inputs, name: &str, tensor: Tensor) -> Inputs {
    let mut tensors = inputs.tensors.clone();
    tensors.insert(name.to_string(), tensor);
    Inputs { tensors, parameters: inputs.parameters.clone(), outputs: inputs.outputs.clone() }
}

fn unweighted(inputs: &Inputs) -> Result<()> {
    ensure!(inputs.optional("edge_weight").is_none(), "`in.edge_weight` is not supported for this layer");
    Ok(())
}

fn plain(activation: Option<&str>) -> Result<()> {
    ensure!(activation.is_none(), "kwargs: an activation inside of the layer is not supported");
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gin {
    apply_func: Value,
    #[serde(default = "sum")]
    aggregator_type: String,
    #[serde(default)]
    init_eps: f64,
    #[serde(default)]
    learn_eps: bool,
    #[serde(default)]
    activation: Option<String>,
}

fn sum() -> String {
    "sum".into()
}

fn gin(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Gin = read(kwargs)?;
    plain(k.activation.as_deref())?;
    unweighted(inputs)?;
    let ours = json!({
        "nn": k.apply_func, "eps": k.init_eps, "train_eps": k.learn_eps, "aggr": k.aggregator_type
    });
    imported(baseline::gin, &ours, &vb, inputs)
}

fn gine(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Gin = read(kwargs)?;
    let ours = json!({"nn": k.apply_func, "eps": k.init_eps, "train_eps": k.learn_eps});
    imported(baseline::gine, &ours, &vb, inputs)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sg {
    in_feats: usize,
    out_feats: usize,
    #[serde(default = "one")]
    k: usize,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default)]
    norm: Option<Value>,
    #[serde(default, rename = "cached")]
    _cached: bool,
    #[serde(default, rename = "allow_zero_in_degree")]
    _allow_zero_in_degree: bool,
}

fn one() -> usize {
    1
}

fn sg(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Sg = read(kwargs)?;
    unweighted(inputs)?;
    ensure!(k.norm.is_none(), "kwargs: a norm inside of the layer is not supported");
    let edges = inputs.edges()?;
    let degrees = edges.in_degrees();
    let heard = edges.source().iter().all(|&j| degrees[j as usize] > 0);
    ensure!(heard, "a node with out-edges and without in-edges sends nothing in PyTorch Geometric's SGConv");
    let ours = json!({
        "in_channels": k.in_feats, "out_channels": k.out_feats, "K": k.k, "add_self_loops": false, "bias": k.bias
    });
    imported(baseline::sg, &ours, &vb, inputs)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cheb {
    in_feats: usize,
    out_feats: usize,
    k: usize,
    #[serde(default = "relu")]
    activation: Option<String>,
    #[serde(default = "yes")]
    bias: bool,
}

fn relu() -> Option<String> {
    Some("relu".into())
}

/// DGL counts in-edges and self-loops, PyTorch Geometric out-edges and no self-loops: they agree on undirected graphs without.
fn cheb(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Cheb = read(kwargs)?;
    let edges = inputs.edges()?;
    let mut forth: Vec<_> = edges.iter().collect();
    let mut back: Vec<_> = edges.reversed().iter().collect();
    forth.sort_unstable();
    back.sort_unstable();
    let loops = edges.iter().any(|(j, i)| j == i);
    ensure!(
        forth == back && !loops,
        "PyTorch Geometric's ChebConv is DGL's on undirected graphs without self-loops only"
    );
    let ours = json!({
        "in_channels": k.in_feats, "out_channels": k.out_feats, "K": k.k, "normalization": "sym", "bias": k.bias
    });
    let lambda_max = match inputs.optional("lambda_max") {
        Some(given) => given.clone(),
        None => Tensor::new(&[2f64], vb.device())?.to_dtype(vb.dtype())?,
    };
    let outputs = imported(baseline::cheb, &ours, &vb, &with(inputs, "lambda_max", lambda_max))?;
    match k.activation.as_deref() {
        None => Ok(outputs),
        Some("relu" | "ReLU") => outputs.into_iter().map(|(name, out)| Ok((name, out.relu()?))).collect(),
        Some(other) => bail!("kwargs: activation `{other}` is not supported"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Appnp {
    k: usize,
    alpha: f64,
    #[serde(default, rename = "edge_drop")]
    _edge_drop: f64,
}

/// As DGL weighs edges: by the out-degree of the source and the in-degree of the destination.
fn appnp(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Appnp = read(kwargs)?;
    unweighted(inputs)?;
    let weight = degree_weights(&inputs.edges()?, "both", &vb)?;
    let ours = json!({"K": k.k, "alpha": k.alpha, "normalize": false, "add_self_loops": false});
    imported(baseline::appnp, &ours, &vb, &with(inputs, "edge_weight", weight))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelGraph {
    in_feat: usize,
    out_feat: usize,
    num_rels: usize,
    #[serde(default)]
    regularizer: Option<String>,
    #[serde(default)]
    num_bases: Option<usize>,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default)]
    activation: Option<String>,
    #[serde(default = "yes")]
    self_loop: bool,
    #[serde(default, rename = "dropout")]
    _dropout: f64,
    #[serde(default)]
    layer_norm: bool,
}

fn rel_graph(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: RelGraph = read(kwargs)?;
    plain(k.activation.as_deref())?;
    ensure!(!k.layer_norm, "kwargs: a norm inside of the layer is not supported");
    ensure!(inputs.optional("norm").is_none(), "`in.norm` is not supported for this layer");
    let parts = k.num_bases.unwrap_or(k.num_rels);
    let (num_bases, num_blocks) = match k.regularizer.as_deref() {
        None => (None, None),
        Some("basis") => (Some(parts), None),
        Some("bdd") => (None, Some(parts)),
        Some(other) => bail!("kwargs: regularizer `{other}` is neither basis nor bdd"),
    };
    let ours = json!({
        "in_channels": k.in_feat, "out_channels": k.out_feat, "num_relations": k.num_rels, "num_bases": num_bases,
        "num_blocks": num_blocks, "aggr": "add", "root_weight": k.self_loop, "bias": k.bias
    });
    imported(relational::rgcn, &ours, &vb, inputs)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gmm {
    in_feats: Channels,
    out_feats: usize,
    dim: usize,
    n_kernels: usize,
    #[serde(default = "sum")]
    aggregator_type: String,
    #[serde(default)]
    residual: bool,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default, rename = "allow_zero_in_degree")]
    _allow_zero_in_degree: bool,
}

/// DGL aggregates kernel by kernel and then adds: that is the aggregation of their sum unless it is a maximum.
fn gmm(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Gmm = read(kwargs)?;
    let linear = matches!(k.aggregator_type.as_str(), "sum" | "mean") || k.n_kernels == 1;
    ensure!(linear, "kwargs: aggregator_type `{}` of several kernels is not supported", k.aggregator_type);
    let ours = json!({
        "in_channels": k.in_feats, "out_channels": k.out_feats, "dim": k.dim, "kernel_size": k.n_kernels,
        "aggr": k.aggregator_type, "root_weight": k.residual, "bias": k.bias
    });
    imported(attention::gmm, &ours, &vb, inputs)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttentionPooling {
    gate_nn: Value,
    #[serde(default)]
    feat_nn: Value,
}

fn attention_pooling(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: AttentionPooling = read(kwargs)?;
    imported(aggr::attentional, &json!({"gate_nn": k.gate_nn, "nn": k.feat_nn}), &vb, inputs)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetToSet {
    input_dim: usize,
    n_iters: usize,
    n_layers: usize,
}

fn set2set(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: SetToSet = read(kwargs)?;
    let ours = json!({"in_channels": k.input_dim, "processing_steps": k.n_iters, "num_layers": k.n_layers});
    imported(aggr::set2set, &ours, &vb, inputs)
}
