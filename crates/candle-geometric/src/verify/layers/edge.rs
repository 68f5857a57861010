//! Layers whose attention is over hyperedges or over all edges of a graph, and scorers of edges.

use anyhow::{Context, Result};
use candle_core::Tensor;
use candle_geometric::graph::EdgeIndex;
use candle_geometric::nn::Mode;
use candle_geometric::nn::conv::{HypergraphConv, HypergraphConvConfig};
use candle_geometric::nn::decoder::{
    BilinearDecoder, ComplEx, ComplExConfig, ConvE, ConvEConfig, DistMult, DistMultConfig, DotDecoder,
    MlpDecoder, RotatE, RotatEConfig, TransE, TransEConfig, Triples,
};
use candle_geometric::nn::edge::{
    DotEdgeAttentionConv, DotEdgeAttentionConvConfig, EdgeAttentionConv, EdgeAttentionConvConfig,
};
use candle_nn::VarBuilder;
use serde_json::Value;

use super::model::model;
use super::{Entry, Rows, Setting, Trial, config, graphs, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, integers, rows};

const GRAPH: Setting = Setting::graph();
const BATCH: Setting = GRAPH.batch();
const HYPERGRAPH: Setting = Setting::new(&[(".nodes", 5), (".hyperedges", 5)], &[("", 0, 1)]);

/// A trial whose rows are edges.
const fn edges(kwargs: &'static str, setting: Setting) -> Trial {
    Trial { kwargs, setting, rows: Rows::Edges }
}

/// A trial of a model that knows each node by its place: another order is another graph.
const fn embedded(kwargs: &'static str, setting: Setting) -> Trial {
    Trial { kwargs, setting, rows: Rows::Other }
}

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "HypergraphConv",
        hypergraph,
        &[
            // Of hyperedges it takes the weights alone, which the features stand for.
            nodes(r#"{"in_channels": 5, "out_channels": 3}"#, HYPERGRAPH.any_width()),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "use_attention": true, "heads": 2}"#, HYPERGRAPH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "use_attention": true, "attention_mode": "edge", "heads": 2, "concat": false, "bias": false}"#,
                HYPERGRAPH,
            ),
        ],
    ),
    Entry::new(
        "EdgeAttentionConv",
        edge_attention,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2}"#, BATCH),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "concat": false, "edge_dim": 4}"#,
                BATCH.edge_attr(4),
            ),
        ],
    ),
    Entry::new(
        "DotEdgeAttentionConv",
        dot_edge_attention,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2}"#, BATCH),
            nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "concat": false}"#, BATCH),
        ],
    ),
    Entry::new(
        "AttentionGraphClassifier",
        classifier,
        &[
            graphs(r#"{"in_channels": 5, "hidden_channels": 3, "out_channels": 2, "heads": 2}"#, BATCH),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 3, "out_channels": 2, "score": "additive"}"#,
                BATCH,
            ),
            graphs(
                r#"{"in_channels": 5, "hidden_channels": 3, "out_channels": 2, "score": "additive", "heads": 2, "edge_dim": 4}"#,
                BATCH.edge_attr(4),
            ),
        ],
    ),
    Entry::new("DotDecoder", dot, &[edges("{}", GRAPH.any_width())]),
    Entry::new(
        "BilinearDecoder",
        bilinear,
        &[edges(r#"{"in_channels": 5}"#, GRAPH), edges(r#"{"in_channels": [5, 4]}"#, Setting::bipartite())],
    ),
    Entry::new(
        "MlpDecoder",
        mlp,
        &[
            edges(r#"{"in_channels": 5, "hidden_channels": 4}"#, GRAPH),
            edges(
                r#"{"in_channels": [5, 4], "hidden_channels": 3, "out_channels": 2}"#,
                Setting::bipartite(),
            ),
        ],
    ),
    Entry::new(
        "DistMult",
        dist_mult,
        &[embedded(
            r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 4}"#,
            GRAPH.edge_types(3).any_width(),
        )],
    ),
    Entry::new(
        "ComplEx",
        complex,
        &[embedded(
            r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 4}"#,
            GRAPH.edge_types(3).any_width(),
        )],
    ),
    Entry::new(
        "RotatE",
        rotate,
        &[embedded(
            r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 4}"#,
            GRAPH.edge_types(3).any_width(),
        )],
    ),
    Entry::new(
        "TransE",
        trans_e,
        &[
            embedded(
                r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 4}"#,
                GRAPH.edge_types(3).any_width(),
            ),
            embedded(
                r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 4, "p_norm": 2}"#,
                GRAPH.edge_types(3).any_width(),
            ),
            embedded(
                r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 4, "p_norm": 3}"#,
                GRAPH.edge_types(3).any_width(),
            ),
        ],
    ),
    Entry::new(
        "ConvE",
        conv_e,
        &[embedded(
            r#"{"num_nodes": 14, "num_relations": 3, "hidden_channels": 12, "height": 3, "filters": 2}"#,
            GRAPH.edge_types(3).any_width(),
        )],
    ),
];

/// With `hyperedge_index` as in PyG, or with the graphs of the gauntlet, whose destinations are the hyperedges.
pub(super) fn hypergraph(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = HypergraphConv::new(&config::<HypergraphConvConfig>(kwargs, inputs)?, vb)?;
    let weight = inputs.optional("hyperedge_weight");
    if let Some(x) = inputs.optional("x.nodes") {
        let f = inputs.get("x.hyperedges")?;
        let hyperedges = incidence(inputs.get("edge_index")?, rows(x, "x.nodes")?, rows(f, "x.hyperedges")?)?;
        // Weights that depend on what there is.
        let weight = (f.sqr()?.mean(1)? + 0.5)?;
        let f = conv.config().use_attention.then_some(f);
        let out = conv.forward_hyperedges(x, &hyperedges, Some(&weight), f, Mode::Eval)?;
        return Ok(vec![("nodes", out)]);
    }
    let (x, index, f) = (inputs.get("x")?, inputs.get("hyperedge_index")?, inputs.optional("hyperedge_attr"));
    let given = f.or(weight).map(|t| rows(t, "hyperedge_attr")).transpose()?;
    let largest = || integers(&index.narrow(0, 1, 1)?, "hyperedge_index").map(|ids| ids.into_iter().max());
    let count = given.map_or_else(|| Ok(largest()?.map_or(0, |m| m as usize + 1)), anyhow::Ok)?;
    let hyperedges = incidence(index, rows(x, "x")?, count)?;
    Ok(vec![("", conv.forward_hyperedges(x, &hyperedges, weight, f, Mode::Eval)?)])
}

fn incidence(index: &Tensor, num_nodes: usize, num_hyperedges: usize) -> Result<EdgeIndex> {
    let row = |i| ids(&index.narrow(0, i, 1)?, "hyperedge_index");
    Ok(EdgeIndex::bipartite(row(0)?, row(1)?, num_nodes, num_hyperedges)?)
}

fn ids(t: &Tensor, name: &str) -> Result<Vec<u32>> {
    integers(t, name)?.into_iter().map(|i| u32::try_from(i).with_context(|| format!("`in.{name}`"))).collect()
}

pub(super) fn edge_attention(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = EdgeAttentionConv::new(&config::<EdgeAttentionConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.get("x")?, inputs.edges()?, inputs.optional("edge_attr"));
    let graphs = inputs.graphs(rows(x, "x")?, None)?;
    let (out, attention) = conv.forward_with_attention(x, &edges, edge_attr, Some(&graphs), Mode::Eval)?;
    Ok(vec![("", out), ("edges", attention.alpha)])
}

pub(super) fn dot_edge_attention(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = DotEdgeAttentionConv::new(&config::<DotEdgeAttentionConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges) = (inputs.get("x")?, inputs.edges()?);
    let graphs = inputs.graphs(rows(x, "x")?, None)?;
    let (out, attention) = conv.forward_with_attention(x, &edges, Some(&graphs), Mode::Eval)?;
    Ok(vec![("", out), ("edges", attention.alpha)])
}

pub(super) fn classifier(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    model("AttentionGraphClassifier", kwargs, vb, inputs)
}

pub(super) fn dot(_: &Value, _: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    Ok(vec![("", DotDecoder.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

pub(super) fn bilinear(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let decoder = BilinearDecoder::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", decoder.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

pub(super) fn mlp(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let decoder = MlpDecoder::new(&config(kwargs, inputs)?, vb)?;
    Ok(vec![("", decoder.forward(inputs.nodes()?, &inputs.edges()?, Mode::Eval)?)])
}

pub(super) fn dist_mult(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let c: DistMultConfig = config(kwargs, inputs)?;
    let triples = triples(inputs, c.num_nodes, c.num_relations)?;
    Ok(vec![("", DistMult::new(&c, vb)?.forward(&triples)?)])
}

pub(super) fn complex(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let c: ComplExConfig = config(kwargs, inputs)?;
    let triples = triples(inputs, c.num_nodes, c.num_relations)?;
    Ok(vec![("", ComplEx::new(&c, vb)?.forward(&triples)?)])
}

pub(super) fn rotate(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let c: RotatEConfig = config(kwargs, inputs)?;
    let triples = triples(inputs, c.num_nodes, c.num_relations)?;
    Ok(vec![("", RotatE::new(&c, vb)?.forward(&triples)?)])
}

pub(super) fn trans_e(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let c: TransEConfig = config(kwargs, inputs)?;
    let triples = triples(inputs, c.num_nodes, c.num_relations)?;
    Ok(vec![("", TransE::new(&c, vb)?.forward(&triples)?)])
}

pub(super) fn conv_e(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let c: ConvEConfig = config(kwargs, inputs)?;
    let triples = triples(inputs, c.num_nodes, c.num_relations)?;
    Ok(vec![("", ConvE::new(&c, vb)?.forward(&triples, Mode::Eval)?)])
}

/// `head_index`, `rel_type` and `tail_index`, or the edges of a graph and their types.
fn triples(inputs: &Inputs, num_nodes: usize, num_relations: usize) -> Result<Triples> {
    let named = |name| ids(inputs.get(name)?, name);
    let (head, rel, tail) = match inputs.optional("edge_index") {
        None => (named("head_index")?, named("rel_type")?, named("tail_index")?),
        Some(edges) => {
            let row = |i| ids(&edges.narrow(0, i, 1)?, "edge_index");
            (row(0)?, named("edge_type")?, row(1)?)
        }
    };
    Ok(Triples::new(head, rel, tail, num_nodes, num_relations)?)
}
