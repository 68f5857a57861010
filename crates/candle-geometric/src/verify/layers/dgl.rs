//! DGL's layers: its names and shapes are mapped to ours by the importer that loads its checkpoints, tensor by tensor
//! and linearly, so the gradients arrive under DGL's names.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use candle_core::Tensor;
use candle_geometric::graph::EdgeIndex;
use candle_geometric::models::{Parameter, import};
use candle_geometric::nn::aggr::Aggr;
use candle_geometric::nn::conv::{
    DotGatConv, DotGatConvConfig, EdgeGatConv, EdgeGatConvConfig, EgatConv, EgatConvConfig, GatConv,
    GatConvConfig, Gatv2Conv, Gatv2ConvConfig, GcnConv, GcnConvConfig, SageConv, SageConvConfig,
};
use candle_geometric::nn::{Channels, Mode};
use candle_nn::VarBuilder;
use serde::Deserialize;
use serde_json::Value;

use super::{Entry, config, nodes};
use crate::verify::Outputs;
use crate::verify::gauntlet::Setting;
use crate::verify::inputs::Inputs;
use crate::verify::parameters::Parameters;

/// What DGL's layers take. What has no effect in evaluation mode (dropout, whether isolated nodes are allowed) is
/// read and left.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kwargs {
    in_feats: Channels,
    out_feats: usize,
    #[serde(default = "one")]
    num_heads: usize,
    #[serde(default = "slope")]
    negative_slope: f64,
    #[serde(default)]
    residual: bool,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default)]
    share_weights: bool,
    #[serde(default = "both")]
    norm: Option<String>,
    #[serde(default = "yes")]
    weight: bool,
    #[serde(default = "mean")]
    aggregator_type: String,
    #[serde(default, rename = "feat_drop")]
    _feat_drop: f64,
    #[serde(default, rename = "attn_drop")]
    _attn_drop: f64,
    #[serde(default, rename = "allow_zero_in_degree")]
    _allow_zero_in_degree: bool,
    #[serde(default)]
    activation: Option<String>,
}

fn one() -> usize {
    1
}
fn slope() -> f64 {
    0.2
}
pub(super) fn yes() -> bool {
    true
}
fn both() -> Option<String> {
    Some("both".into())
}
fn mean() -> String {
    "mean".into()
}

impl Kwargs {
    fn read(kwargs: &Value, inputs: &Inputs) -> Result<Self> {
        let read: Self = serde_json::from_value(kwargs.clone()).context("kwargs")?;
        ensure!(read.activation.is_none(), "kwargs: an activation inside of the layer is not supported");
        ensure!(inputs.optional("edge_weight").is_none(), "`in.edge_weight` is not supported for this layer");
        Ok(read)
    }

    /// The tensors that end an attention layer of ours, with their shapes.
    fn residual_and_bias(&self) -> impl Iterator<Item = (&'static str, Vec<usize>)> {
        let hc = self.num_heads * self.out_feats;
        let residual = self.residual.then(|| ("res.weight", vec![hc, self.in_feats.destination()]));
        residual.into_iter().chain(self.bias.then(|| ("bias", vec![hc])))
    }
}

pub(super) const LAYERS: &[Entry] = &[
    Entry::imported("dgl.GATConv", gat, "GATConv"),
    Entry::imported("dgl.GATv2Conv", gatv2, "GATv2Conv"),
    Entry::imported("dgl.GraphConv", graph, "GCNConv"),
    Entry::imported("dgl.SAGEConv", sage, "SAGEConv"),
    Entry::new(
        "dgl.DotGatConv",
        dot_gat,
        &[
            nodes(r#"{"in_feats": 5, "out_feats": 3, "num_heads": 2}"#, Setting::graph()),
            nodes(r#"{"in_feats": [5, 4], "out_feats": 3, "num_heads": 1}"#, Setting::bipartite()),
        ],
    ),
    Entry::new(
        "dgl.EdgeGATConv",
        edge_gat,
        &[
            nodes(
                r#"{"in_feats": 5, "edge_feats": 4, "out_feats": 3, "num_heads": 2}"#,
                Setting::graph().edge_attr(4),
            ),
            nodes(
                r#"{"in_feats": [5, 4], "edge_feats": 1, "out_feats": 3, "num_heads": 1, "residual": false, "bias": false, "negative_slope": 0.01}"#,
                Setting::bipartite().edge_attr(1),
            ),
        ],
    ),
    Entry::new(
        "dgl.EGATConv",
        egat,
        &[
            nodes(
                r#"{"in_node_feats": 5, "in_edge_feats": 4, "out_node_feats": 3, "out_edge_feats": 2, "num_heads": 2}"#,
                Setting::graph().edge_attr(4),
            ),
            nodes(
                r#"{"in_node_feats": [5, 4], "in_edge_feats": 2, "out_node_feats": 2, "out_edge_feats": 3, "num_heads": 1, "bias": false}"#,
                Setting::bipartite().edge_attr(2).edge_weight(),
            ),
        ],
    ),
];

/// Layers that PyTorch Geometric has not: their names and shapes are DGL's here as well.
pub(super) fn dot_gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = DotGatConv::new(&config::<DotGatConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, heads) = (inputs.nodes()?, inputs.edges()?, conv.config().num_heads);
    if inputs.wants("y") {
        let (y, attention) = conv.forward_with_attention(x, &edges)?;
        return Ok(vec![("y", split(&y, heads)?), ("alpha", attention.alpha.unsqueeze(2)?)]);
    }
    Ok(vec![("", split(&conv.forward(x, &edges)?, heads)?)])
}

pub(super) fn edge_gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = EdgeGatConv::new(&config::<EdgeGatConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, heads) = (inputs.nodes()?, inputs.edges()?, conv.config().num_heads);
    let (y, attention) = conv.forward_with_attention(x, &edges, inputs.get("edge_attr")?, Mode::Eval)?;
    if inputs.wants("y") {
        return Ok(vec![("y", split(&y, heads)?), ("alpha", attention.alpha.unsqueeze(2)?)]);
    }
    Ok(vec![("", split(&y, heads)?)])
}

pub(super) fn egat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = EgatConv::new(&config::<EgatConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, heads) = (inputs.nodes()?, inputs.edges()?, conv.config().num_heads);
    let (edge_attr, edge_weight) = (inputs.get("edge_attr")?, inputs.optional("edge_weight"));
    if edge_weight.is_none() && !inputs.wants("alpha") {
        let (nodes, edges) = conv.forward(x, &edges, edge_attr)?;
        return Ok(vec![("nodes", split(&nodes, heads)?), ("edges", split(&edges, heads)?)]);
    }
    let (nodes, edges, attention) = conv.forward_with_attention(x, &edges, edge_attr, edge_weight)?;
    let alpha = attention.alpha.unsqueeze(2)?;
    Ok(vec![("nodes", split(&nodes, heads)?), ("edges", split(&edges, heads)?), ("alpha", alpha)])
}

pub(super) fn gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k = Kwargs::read(kwargs, inputs)?;
    let config = GatConvConfig {
        heads: k.num_heads,
        negative_slope: k.negative_slope,
        add_self_loops: false,
        residual: k.residual,
        bias: k.bias,
        ..GatConvConfig::new(k.in_feats, k.out_feats)
    };
    let (h, c, hc) = (k.num_heads, k.out_feats, k.num_heads * k.out_feats);
    let mut expected = match k.in_feats {
        Channels::One(i) => vec![("lin.weight", vec![hc, i])],
        Channels::Pair(i, j) => vec![("lin_src.weight", vec![hc, i]), ("lin_dst.weight", vec![hc, j])],
    };
    expected.extend([("att_src", vec![1, h, c]), ("att_dst", vec![1, h, c])]);
    expected.extend(k.residual_and_bias());
    let vb = converted(&vb, inputs, expected)?;
    let out = GatConv::new(&config, vb)?.forward(inputs.nodes()?, &inputs.edges()?)?;
    by_head(&out, &k)
}

pub(super) fn gatv2(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k = Kwargs::read(kwargs, inputs)?;
    let config = Gatv2ConvConfig {
        heads: k.num_heads,
        negative_slope: k.negative_slope,
        add_self_loops: false,
        residual: k.residual,
        share_weights: k.share_weights,
        bias: k.bias,
        ..Gatv2ConvConfig::new(k.in_feats, k.out_feats)
    };
    let (h, c, hc) = (k.num_heads, k.out_feats, k.num_heads * k.out_feats);
    let mut maps = vec![("lin_l.weight", vec![hc, k.in_feats.source()]), ("lin_l.bias", vec![hc])];
    if !k.share_weights {
        maps.extend([("lin_r.weight", vec![hc, k.in_feats.destination()]), ("lin_r.bias", vec![hc])]);
    }
    maps.retain(|(name, _)| k.bias || !name.ends_with("bias"));
    let expected = maps.into_iter().chain([("att", vec![1, h, c])]).chain(k.residual_and_bias());
    let vb = converted(&vb, inputs, expected)?;
    let out = Gatv2Conv::new(&config, vb)?.forward(inputs.nodes()?, &inputs.edges()?)?;
    by_head(&out, &k)
}

/// DGL weighs an edge by the degrees of its own two ends (out-degree of the source, in-degree of the destination), and
/// adds no self-loops.
pub(super) fn graph(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let k: Kwargs = serde_json::from_value(kwargs.clone()).context("kwargs")?;
    ensure!(k.activation.is_none(), "kwargs: an activation inside of the layer is not supported");
    ensure!(k.weight, "kwargs: a GraphConv without weight is not supported");
    let Channels::One(in_channels) = k.in_feats else { bail!("a bipartite GraphConv is not supported") };
    let config =
        GcnConvConfig { normalize: false, bias: k.bias, ..GcnConvConfig::new(in_channels, k.out_feats) };
    let edges = inputs.edges()?;
    let mut weight = degree_weights(&edges, k.norm.as_deref().unwrap_or("none"), &vb)?;
    if let Some(given) = inputs.optional("edge_weight") {
        weight = (weight * given)?;
    }
    let mut expected = vec![("lin.weight", vec![k.out_feats, in_channels])];
    expected.extend(k.bias.then(|| ("bias", vec![k.out_feats])));
    let vb = converted(&vb, inputs, expected)?;
    let out =
        GcnConv::new(&config, vb)?.forward_edges(inputs.get("x")?, &edges, Some(&weight), Mode::Eval)?;
    Ok(vec![("", out)])
}

pub(super) fn sage(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let mut k = Kwargs::read(kwargs, inputs)?;
    let mut edges = inputs.edges()?;
    let mut config = SageConvConfig { bias: k.bias, ..SageConvConfig::new(k.in_feats, k.out_feats) };
    match std::mem::take(&mut k.aggregator_type).as_str() {
        "mean" => {}
        // The mean over the neighbours and the node itself.
        "gcn" => {
            config.root_weight = false;
            let nodes = 0..edges.num_nodes()? as u32;
            edges = EdgeIndex::from_pairs(edges.iter().chain(nodes.map(|i| (i, i))), edges.num_dst())?;
        }
        "pool" => (config.aggr, config.project) = (Aggr::Max.into(), true),
        other => bail!("kwargs: aggregator_type `{other}` is not supported"),
    }
    let mut expected = vec![("lin_l.weight", vec![k.out_feats, k.in_feats.source()])];
    expected.extend(k.bias.then(|| ("lin_l.bias", vec![k.out_feats])));
    expected
        .extend(config.root_weight.then(|| ("lin_r.weight", vec![k.out_feats, k.in_feats.destination()])));
    let vb = converted(&vb, inputs, expected)?;
    Ok(vec![("", SageConv::new(&config, vb)?.forward(inputs.nodes()?, &edges)?)])
}

/// The parameters of the case under our names and in our shapes, as tensors that gradients flow through to those of
/// the case.
pub(super) fn converted<N: Into<String>>(
    vb: &VarBuilder<'_>,
    inputs: &Inputs,
    expected: impl IntoIterator<Item = (N, Vec<usize>)>,
) -> Result<VarBuilder<'static>> {
    let expected: Vec<_> =
        expected.into_iter().map(|(name, shape)| Parameter { name: name.into(), shape }).collect();
    let mut tensors = inputs.parameters.clone();
    // The importer takes a layer to have one map of its neighbours; the one before the pooling is a second.
    let mut converted = BTreeMap::new();
    for (theirs, ours) in [("fc_pool.weight", "lin.weight"), ("fc_pool.bias", "lin.bias")] {
        if let Some(tensor) = tensors.remove(theirs) {
            converted.insert(ours.to_string(), tensor);
        }
    }
    converted.extend(import::convert(tensors, &expected, "the file")?);
    Ok(VarBuilder::from_backend(Box::new(Parameters(converted)), vb.dtype(), vb.device().clone()))
}

fn by_head(out: &Tensor, k: &Kwargs) -> Result<Outputs> {
    Ok(vec![("", split(out, k.num_heads)?)])
}

/// `[N, H·C]` as DGL gives it: `[N, H, C]`.
fn split(out: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = out.dims2()?;
    Ok(out.reshape((rows, heads, columns / heads))?)
}

pub(super) fn degree_weights(edges: &EdgeIndex, norm: &str, like: &VarBuilder<'_>) -> Result<Tensor> {
    let (of_source, of_destination) = match norm {
        "both" => (-0.5, -0.5),
        "left" => (-1.0, 0.0),
        "right" => (0.0, -1.0),
        "none" => (0.0, 0.0),
        other => bail!("kwargs: norm `{other}` is none of both, left, right, none"),
    };
    let factor = |degree: u32, power: f64| f64::from(degree.max(1)).powf(power);
    let (outward, inward) = (edges.out_degrees(), edges.in_degrees());
    let weights: Vec<f64> = edges
        .iter()
        .map(|(j, i)| factor(outward[j as usize], of_source) * factor(inward[i as usize], of_destination))
        .collect();
    Ok(Tensor::from_vec(weights, edges.num_edges(), like.device())?.to_dtype(like.dtype())?)
}
