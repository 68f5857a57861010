//! Layers of one set of nodes with several relations.

use anyhow::Result;
use candle_core::DType;
use candle_geometric::graph::{EdgeIndex, Relations};
use candle_geometric::models::{RelationalGat, RelationalGatConfig};
use candle_geometric::nn::Mode;
use candle_geometric::nn::conv::{RgatConv, RgatConvConfig, RgcnConv, RgcnConvConfig};
use candle_geometric::nn::decoder::Triples;
use candle_geometric::ops;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, Rows, Setting, Trial, config, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, integers, narrow};

const TYPED: Setting = Setting::graph().edge_types(3);
const SIX: Setting = Setting::new(&[("", 6)], &[("", 0, 0)]).edge_types(3);

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "RGCNConv",
        rgcn,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 4, "num_relations": 3}"#, TYPED),
            nodes(
                r#"{"in_channels": 5, "out_channels": 4, "num_relations": 3, "num_bases": 2, "aggr": "add"}"#,
                TYPED,
            ),
            nodes(
                r#"{"in_channels": 6, "out_channels": 4, "num_relations": 3, "num_blocks": 2, "bias": false}"#,
                SIX,
            ),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "num_relations": 3, "aggr": "max"}"#,
                Setting::bipartite().edge_types(3),
            ),
            nodes(
                r#"{"in_channels": [5, 4], "out_channels": 3, "num_relations": 3, "root_weight": false}"#,
                Setting::bipartite().edge_types(3),
            ),
        ],
    ),
    Entry::new(
        "RGATConv",
        rgat,
        &[
            nodes(r#"{"in_channels": 5, "out_channels": 3, "num_relations": 3, "heads": 2}"#, TYPED),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "num_relations": 3, "heads": 2, "edge_dim": 2,
                    "attention_mechanism": "within-relation", "concat": false, "num_bases": 2}"#,
                TYPED.edge_attr(2),
            ),
            nodes(
                r#"{"in_channels": 6, "out_channels": 3, "num_relations": 3, "heads": 2, "dim": 2, "num_blocks": 2,
                    "edge_dim": 2, "attention_mode": "multiplicative-self-attention"}"#,
                SIX.edge_attr(2),
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "num_relations": 3, "heads": 2, "dim": 2, "concat": false,
                    "attention_mode": "multiplicative-self-attention", "mod": "additive"}"#,
                TYPED,
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "num_relations": 3, "heads": 2, "mod": "scaled",
                    "bias": false}"#,
                TYPED,
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "num_relations": 3, "heads": 2, "mod": "f-additive"}"#,
                TYPED,
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 3, "num_relations": 3, "heads": 2, "mod": "f-scaled",
                    "attention_mechanism": "within-relation"}"#,
                TYPED,
            ),
        ],
    ),
    // Rows are the scores of triples, between nodes that the model knows by their place.
    Entry::new(
        "RelationalGAT",
        relational_gat,
        &[
            Trial {
                kwargs: r#"{"convs": [{"in_channels": 4, "out_channels": 3, "num_relations": 6, "heads": 2},
                    {"in_channels": 6, "out_channels": 4, "num_relations": 6, "attention_mechanism": "within-relation"}],
                    "decoder": {"DistMult": {"num_nodes": 14, "num_relations": 6, "hidden_channels": 4}}}"#,
                setting: TYPED.any_width(),
                rows: Rows::Other,
            },
            Trial {
                kwargs: r#"{"convs": [{"in_channels": 6, "out_channels": 6, "num_relations": 6}], "residual": true,
                    "decoder": {"ConvE": {"num_nodes": 14, "num_relations": 6, "hidden_channels": 6, "height": 2,
                    "filters": 2}}}"#,
                setting: TYPED.any_width(),
                rows: Rows::Other,
            },
        ],
    ),
];

pub(super) fn rgcn(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let config = config::<RgcnConvConfig>(kwargs, inputs)?;
    let conv = RgcnConv::new(&config, vb)?;
    // Nodes without features: `x` holds numbers of nodes, or is not there.
    let ids = |name: &str| match inputs.optional(name) {
        Some(x) if !x.dtype().is_float() => {
            integers(x, name).and_then(|ids| narrow(&ids, config.in_channels.source(), name)).map(Some)
        }
        _ => Ok(None),
    };
    let (one, pair) = (ids("x")?, (ids("x_src")?, ids("x_dst")?));
    let out = match (one, pair) {
        (Some(ids), _) => {
            conv.forward_ids(&ids, &ids, &relations(inputs, inputs.edges()?, config.num_relations)?)?
        }
        (None, (Some(source), Some(destination))) => {
            let edges = inputs.edges()?;
            conv.forward_ids(&source, &destination, &relations(inputs, edges, config.num_relations)?)?
        }
        _ if inputs.optional("x").is_none() && inputs.optional("x_src").is_none() => {
            let edges = ops::edge_index(inputs.get("edge_index")?, config.in_channels.source())?;
            conv.forward_all(&relations(inputs, edges, config.num_relations)?)?
        }
        _ => conv.forward(inputs.nodes()?, &relations(inputs, inputs.edges()?, config.num_relations)?)?,
    };
    Ok(vec![("", out)])
}

fn rgat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let config = config::<RgatConvConfig>(kwargs, inputs)?;
    let conv = RgatConv::new(&config, vb)?;
    let (x, edge_attr) = (inputs.get("x")?, inputs.optional("edge_attr"));
    let relations = relations(inputs, inputs.edges()?, config.num_relations)?;
    if inputs.wants("y") {
        let (y, attention) = conv.forward_with_attention(x, &relations, edge_attr, Mode::Eval)?;
        let edges = ops::edge_index_tensor(&attention.edges, y.device())?.to_dtype(DType::I64)?;
        return Ok(vec![("y", y), ("alpha_edge_index", edges), ("alpha", attention.alpha)]);
    }
    Ok(vec![("", conv.forward_edges(x, &relations, edge_attr, Mode::Eval)?)])
}

/// The edges with their `edge_type`.
fn relations(inputs: &Inputs, edges: EdgeIndex, num_relations: usize) -> Result<Relations> {
    let types = narrow(&integers(inputs.get("edge_type")?, "edge_type")?, num_relations, "edge_type")?;
    Ok(Relations::new(&edges, &types, num_relations)?)
}

/// The scores of the edges, and of all tails, by an encoder of the very same edges: `edge_index` and `edge_type`.
fn relational_gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let model = RelationalGat::new(&config::<RelationalGatConfig>(kwargs, inputs)?, vb)?;
    let (nodes, r) = (model.num_nodes(), model.num_relations());
    let ends = inputs.get("edge_index")?;
    let end = |row| narrow(&integers(&ends.narrow(0, row, 1)?, "edge_index")?, nodes, "edge_index");
    let (head, tail) = (end(0)?, end(1)?);
    let facts = relations(inputs, EdgeIndex::new(head.clone(), tail.clone(), nodes)?, r)?;
    let z = model.encode(&facts.with_inverses()?, Mode::Eval)?;
    let triples = Triples::new(head.clone(), facts.edge_type().to_vec(), tail, nodes, 2 * r)?;
    let scores = model.score(&z, &triples, Mode::Eval)?;
    let all = model.score_tails(&z, &head, facts.edge_type(), Mode::Eval)?;
    Ok(if inputs.wants("tails") {
        vec![("scores", scores), ("tails", all)]
    } else {
        vec![("", scores), ("all", all)]
    })
}
