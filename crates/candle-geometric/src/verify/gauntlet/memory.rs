//! How much memory a layer takes on a graph of many edges, forward and backward, counted by the allocator.
//!
//! An array with a row of messages per edge, `[E, H·C]`, is what fused primitives are there to avoid: a layer that makes one
//! exceeds the bound. Where a layer is defined by a function of such rows, as an MLP of each edge is, its case says how many
//! there may be at once, and why.

#[path = "../../../../train/tests/common/counting.rs"]
mod counting;

use candle_geometric::ops::release_memory;

use super::checks::Bench;
use super::sample::Kind;
use super::{Rows, Setting, Trial};
use crate::verify::layers;
use counting::{counted, peak_of};

/// Nodes, edges, columns of a message (in all heads together), heads, and edge features, at the most.
const N: usize = 1000;
const E: usize = 100_000;
const W: usize = 256;
const H: usize = 4;
const D: usize = 4;

/// A layer, and what it may take.
struct Case {
    layer: &'static str,
    trial: Trial,
    /// Arrays `[E, W]`, at most so many at once.
    messages: usize,
}

/// A layer that makes no array `[E, W]`.
const fn fused(layer: &'static str, kwargs: &'static str, setting: Setting) -> Case {
    messages(layer, kwargs, setting, 0, "")
}

/// A layer that is defined by functions of messages, for a reason.
const fn messages(
    layer: &'static str,
    kwargs: &'static str,
    setting: Setting,
    count: usize,
    _because: &'static str,
) -> Case {
    Case { layer, trial: Trial { kwargs, setting, rows: Rows::Other }, messages: count }
}

/// The most bytes that a layer may take in f64, with its inputs and their gradients, the structure of the graph in every
/// form, and what the layer keeps with it.
fn bound(messages: usize) -> usize {
    let of_nodes = 24 * W + 32 * H;
    let of_edges = 48 + 8 * (H + D) + messages * W;
    8 * (N * of_nodes + E * of_edges)
}

const GRAPH: Setting = Setting::new(&[("", 64)], &[("", 0, 0)]);
const WIDE: Setting = Setting::new(&[("", W)], &[("", 0, 0)]);
const HYPERGRAPH: Setting = Setting::new(&[(".nodes", 64), (".hyperedges", 64)], &[("", 0, 1)]);
const HETERO: Setting = Setting::new(
    &[(".author", 64), (".paper", 64)],
    &[(".author__writes__paper", 0, 1), (".paper__by__author", 1, 0)],
);

const CASES: &[Case] = &[
    fused("GATConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4}"#, GRAPH),
    fused(
        "GATConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "edge_dim": 4}"#,
        GRAPH.edge_attr(4),
    ),
    fused("GATv2Conv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4}"#, GRAPH),
    messages(
        "GATv2Conv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "edge_dim": 4}"#,
        GRAPH.edge_attr(4),
        4,
        "a leaky ReLU of W_e f added to those of both ends",
    ),
    fused("TransformerConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4}"#, GRAPH),
    messages(
        "TransformerConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "edge_dim": 4}"#,
        GRAPH.edge_attr(4),
        4,
        "W_e f is added to keys and values",
    ),
    fused("GCNConv", r#"{"in_channels": 64, "out_channels": 256}"#, GRAPH),
    fused("SAGEConv", r#"{"in_channels": 256, "out_channels": 256}"#, WIDE),
    messages(
        "SAGEConv",
        r#"{"in_channels": 256, "out_channels": 256, "aggr": "max"}"#,
        WIDE,
        3,
        "the largest message is sought",
    ),
    fused("SuperGATConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4}"#, GRAPH),
    fused(
        "SuperGATConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "attention_type": "SD"}"#,
        GRAPH,
    ),
    fused("AGNNConv", "{}", WIDE),
    messages(
        "ResGatedGraphConv",
        r#"{"in_channels": 64, "out_channels": 256}"#,
        GRAPH,
        4,
        "the gate is a sigmoid of each channel of an edge",
    ),
    messages(
        "ResGatedGraphConv",
        r#"{"in_channels": 64, "out_channels": 256, "edge_dim": 4}"#,
        GRAPH.edge_attr(4),
        7,
        "the gate is a sigmoid of each channel of an edge",
    ),
    fused("FeaStConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4}"#, GRAPH),
    fused("GeneralConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "aggr": "mean"}"#, GRAPH),
    fused("GeneralConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "attention": true}"#, GRAPH),
    fused(
        "GeneralConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "in_edge_channels": 4}"#,
        GRAPH.edge_attr(4),
    ),
    fused(
        "GeneralConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "attention": true, "in_edge_channels": 4}"#,
        GRAPH.edge_attr(4),
    ),
    fused(
        "GeneralConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "attention": true, "attention_type": "dot_product"}"#,
        GRAPH,
    ),
    messages(
        "GeneralConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "aggr": "max"}"#,
        GRAPH,
        3,
        "the largest message is sought",
    ),
    fused("FAConv", r#"{"channels": 256}"#, WIDE.node_rows(&[("x_0", W)])),
    messages(
        "PointTransformerConv",
        r#"{"in_channels": 64, "out_channels": 256}"#,
        GRAPH.pos(3),
        6,
        "a network of each edge, a softmax of each channel",
    ),
    messages(
        "PointTransformerConv",
        r#"{"in_channels": 64, "out_channels": 256, "pos_nn": "Linear(3,256),ReLU,Linear(256,256)"}"#,
        GRAPH.pos(3),
        9,
        "a network of each edge, a softmax of each channel",
    ),
    fused(
        "GMMConv",
        r#"{"in_channels": 64, "out_channels": 64, "dim": 2, "kernel_size": 4}"#,
        GRAPH.edge_attr(2),
    ),
    messages(
        "GMMConv",
        r#"{"in_channels": 64, "out_channels": 64, "dim": 2, "kernel_size": 4, "aggr": "max"}"#,
        GRAPH.edge_attr(2),
        3,
        "the largest message is sought",
    ),
    fused("dgl.DotGatConv", r#"{"in_feats": 64, "out_feats": 64, "num_heads": 4}"#, GRAPH),
    fused(
        "dgl.EdgeGATConv",
        r#"{"in_feats": 64, "edge_feats": 4, "out_feats": 64, "num_heads": 4}"#,
        GRAPH.edge_attr(4),
    ),
    messages(
        "dgl.EGATConv",
        r#"{"in_node_feats": 64, "in_edge_feats": 4, "out_node_feats": 64, "out_edge_feats": 64, "num_heads": 4}"#,
        GRAPH.edge_attr(4),
        12,
        "it returns features of edges",
    ),
    fused(
        "HypergraphConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "use_attention": true}"#,
        HYPERGRAPH,
    ),
    fused(
        "EdgeAttentionConv",
        r#"{"in_channels": 64, "out_channels": 64, "heads": 4, "edge_dim": 4}"#,
        GRAPH.edge_attr(4).batch(),
    ),
    fused("DotEdgeAttentionConv", r#"{"in_channels": 64, "out_channels": 64, "heads": 4}"#, GRAPH.batch()),
    fused("DotDecoder", "{}", WIDE),
    fused("BilinearDecoder", r#"{"in_channels": 256}"#, WIDE),
    fused("GINConv", r#"{"nn": "Linear(256,256)"}"#, WIDE),
    messages(
        "GINEConv",
        r#"{"nn": "Linear(256,256)", "edge_dim": 4}"#,
        WIDE.edge_attr(4),
        4,
        "a ReLU of each channel of an edge",
    ),
    fused("LEConv", r#"{"in_channels": 256, "out_channels": 256}"#, WIDE.edge_weight()),
    fused("GraphConv", r#"{"in_channels": 256, "out_channels": 256}"#, WIDE.edge_weight()),
    fused("SGConv", r#"{"in_channels": 256, "out_channels": 256, "K": 2}"#, WIDE),
    fused("APPNP", r#"{"K": 3, "alpha": 0.2}"#, WIDE),
    fused("GatedGraphConv", r#"{"out_channels": 256, "num_layers": 2}"#, WIDE),
    fused("ChebConv", r#"{"in_channels": 256, "out_channels": 256, "K": 3}"#, WIDE.edge_weight()),
    messages(
        "PNAConv",
        r#"{"in_channels": 256, "out_channels": 256, "aggregators": ["mean", "max", "std"], "scalers": ["identity", "amplification"], "deg": [1, 2, 3]}"#,
        WIDE,
        10,
        "a network of each edge, several aggregations",
    ),
    fused("RGCNConv", r#"{"in_channels": 256, "out_channels": 256, "num_relations": 3}"#, WIDE.edge_types(3)),
    fused(
        "RGCNConv",
        r#"{"in_channels": 256, "out_channels": 256, "num_relations": 3, "num_blocks": 4}"#,
        WIDE.edge_types(3),
    ),
    fused(
        "RGATConv",
        r#"{"in_channels": 64, "out_channels": 64, "num_relations": 3, "heads": 4}"#,
        GRAPH.edge_types(3),
    ),
    fused(
        "HANConv",
        r#"{"in_channels": 64, "out_channels": 256, "heads": 4, "metadata": [["author", "paper"], [["author", "writes", "paper"], ["paper", "by", "author"]]]}"#,
        HETERO,
    ),
    fused(
        "HGTConv",
        r#"{"in_channels": 64, "out_channels": 256, "heads": 4, "metadata": [["author", "paper"], [["author", "writes", "paper"], ["paper", "by", "author"]]]}"#,
        HETERO,
    ),
    fused(
        "HeteroConv",
        r#"{"convs": {"author__writes__paper": {"SAGEConv": {"in_channels": [64, 64], "out_channels": 256}}, "paper__by__author": {"SAGEConv": {"in_channels": [64, 64], "out_channels": 256}}}}"#,
        HETERO,
    ),
    fused("TopKPooling", r#"{"in_channels": 256}"#, WIDE.batch().edge_attr(3)),
    fused("SAGPooling", r#"{"in_channels": 256}"#, WIDE.batch().edge_attr(3)),
    messages(
        "ASAPooling",
        r#"{"in_channels": 256, "ratio": 0.1}"#,
        WIDE.batch(),
        3,
        "the largest feature of a cluster is sought",
    ),
];

/// What is made of layers in [`CASES`]; scorers of triples, which embed each of them; what looks at no edges, or at all
/// pairs of nodes.
const OTHERS: &[&str] = &[
    "BatchNorm",
    "GPSConv",
    "SGFormer",
    "Polynormer",
    "GAT",
    "GCN",
    "GraphSAGE",
    "AttentiveFP",
    "AttentionGraphClassifier",
    "GraphTransformer",
    "GAE",
    "VGAE",
    "SAGPoolNet",
    "GMT",
    "GPS",
    "RelationalGAT",
    "HAN",
    "HGT",
    "MaskLabel",
    "MlpDecoder",
    "DistMult",
    "ComplEx",
    "RotatE",
    "ConvE",
    "TransE",
    "DenseGATConv",
];

#[test]
fn layers_take_memory_for_nodes_and_little_for_edges() {
    let mut failures = Vec::new();
    for case in CASES {
        let layer = layers::find(case.layer).unwrap();
        let bench = Bench::new(layer, &case.trial).unwrap();
        let sample = bench.sample(Kind::Many, 1);
        let step = || drop(bench.with_gradients(&sample).unwrap());
        let peak = counted(|| {
            step();
            release_memory();
            peak_of(step)
        });
        let bound = bound(case.messages);
        let text = format!(
            "{} {}: {} MB of {} MB, {:.2} arrays [E, W]",
            case.layer,
            case.trial.kwargs,
            peak >> 20,
            bound >> 20,
            peak as f64 / (8 * E * W) as f64
        );
        println!("{text}");
        if peak > bound {
            failures.push(text);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_layer_on_edges_has_a_case() {
    let on_edges = |trials: &[Trial]| trials.iter().any(|trial| !trial.setting.relations.is_empty());
    let known = |name| CASES.iter().any(|case| case.layer == name) || OTHERS.contains(&name);
    let missing: Vec<_> = layers::trials("")
        .filter(|(name, _, t)| on_edges(t) && !known(name))
        .map(|(name, ..)| name)
        .collect();
    assert!(missing.is_empty(), "no case in {} for {missing:?}", file!());
}
