//! Layers and models of graphs with types of nodes and edges.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use candle_geometric::graph::{EdgeIndex, EdgeType, HeteroGraph};
use candle_geometric::models::{Han, HanConfig, Hgt, HgtConfig};
use candle_geometric::nn::conv::{
    ChebConv, GatConv, GatedGraphConv, Gatv2Conv, GcnConv, GeneralConv, GinConv, GineConv, GraphConv, LeConv,
    PnaConv, ResGatedGraphConv, SageConv, SgConv, TransformerConv,
};
use candle_geometric::nn::hetero::{
    HanConv, HanConvConfig, HeteroAggr, HeteroConv, HgtConv, HgtConvConfig, MessagePassing, NodeTensors,
};
use candle_geometric::nn::{Error, Mode};
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Entry, Rows, Setting, Trial, config, nodes};
use crate::verify::Outputs;
use crate::verify::inputs::{Inputs, integers, narrow, rows};

/// Authors, papers and venues; two types of edges end in papers, none in venues.
const HETERO: Setting = Setting::new(
    &[(".author", 5), (".paper", 6), (".venue", 5)],
    &[(".author__writes__paper", 0, 1), (".paper__cites__paper", 1, 1), (".paper__by__author", 1, 0)],
);

/// Without the venues, whose features no layer would look at.
const PAPERS: Setting = Setting::new(
    &[(".author", 5), (".paper", 6)],
    &[(".author__writes__paper", 0, 1), (".paper__cites__paper", 1, 1), (".paper__by__author", 1, 0)],
);

/// Two meta-paths.
const MOVIES: Setting = Setting::new(
    &[(".movie", 5)],
    &[(".movie__by_actor__movie", 0, 0), (".movie__by_director__movie", 0, 0)],
);

pub(super) const LAYERS: &[Entry] = &[
    Entry::new(
        "HANConv",
        han,
        &[
            // Types are weighted by a mean over all nodes, also those of other graphs.
            Trial {
                kwargs: r#"{"in_channels": {"author": 5, "paper": 6, "venue": 5}, "out_channels": 4, "heads": 2,
                    "metadata": [["author", "paper", "venue"], [["author", "writes", "paper"],
                    ["paper", "cites", "paper"], ["paper", "by", "author"]]]}"#,
                setting: HETERO,
                rows: Rows::Other,
            },
            nodes(
                r#"{"in_channels": 5, "out_channels": 4,
                    "metadata": [["author", "paper"], [["author", "writes", "paper"]]]}"#,
                Setting::new(&[(".author", 5), (".paper", 5)], &[(".author__writes__paper", 0, 1)]),
            ),
        ],
    ),
    Entry::new(
        "HGTConv",
        hgt,
        &[
            nodes(
                r#"{"in_channels": {"author": 5, "paper": 6, "venue": 5}, "out_channels": 6, "heads": 2,
                    "metadata": [["author", "paper", "venue"], [["author", "writes", "paper"],
                    ["paper", "cites", "paper"], ["paper", "by", "author"]]]}"#,
                HETERO,
            ),
            nodes(
                r#"{"in_channels": 5, "out_channels": 4,
                    "metadata": [["author", "paper"], [["author", "writes", "paper"], ["paper", "by", "author"]]]}"#,
                Setting::new(&[(".author", 5), (".paper", 5)], &[(".author__writes__paper", 0, 1)]),
            ),
        ],
    ),
    Entry::new(
        "HeteroConv",
        hetero,
        &[
            nodes(
                r#"{"convs": {"author__writes__paper": {"SAGEConv": {"in_channels": [5, 6], "out_channels": 4}},
                    "paper__cites__paper": {"GATConv": {"in_channels": 6, "out_channels": 4}}}}"#,
                PAPERS,
            ),
            nodes(
                r#"{"convs": {"author__writes__paper": {"GeneralConv": {"in_channels": [5, 6], "out_channels": 4}},
                    "paper__cites__paper": {"ResGatedGraphConv": {"in_channels": 6, "out_channels": 4}}}}"#,
                PAPERS,
            ),
            nodes(
                r#"{"aggr": "max", "convs": {
                    "author__writes__paper": {"GraphConv": {"in_channels": [5, 6], "out_channels": 4}},
                    "paper__cites__paper": {"GraphConv": {"in_channels": 6, "out_channels": 4}},
                    "paper__by__author": {"GraphConv": {"in_channels": [6, 5], "out_channels": 3}}}}"#,
                PAPERS,
            ),
            nodes(
                r#"{"aggr": "mean", "convs": {
                    "author__writes__paper": {"GraphConv": {"in_channels": [5, 6], "out_channels": 4}},
                    "paper__cites__paper": {"GraphConv": {"in_channels": 6, "out_channels": 4}}}}"#,
                PAPERS,
            ),
            nodes(
                r#"{"aggr": "cat", "convs": {
                    "author__writes__paper": {"GraphConv": {"in_channels": [5, 6], "out_channels": 2}},
                    "paper__cites__paper": {"GraphConv": {"in_channels": 6, "out_channels": 4}}}}"#,
                PAPERS,
            ),
            nodes(
                r#"{"aggr": null, "convs": {
                    "author__writes__paper": {"GraphConv": {"in_channels": [5, 6], "out_channels": 4}},
                    "paper__cites__paper": {"GraphConv": {"in_channels": 6, "out_channels": 4}}}}"#,
                PAPERS,
            ),
        ],
    ),
    Entry::new(
        "HAN",
        han_model,
        &[
            Trial {
                kwargs: r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 3, "heads": 2, "target": "movie",
                    "metadata": [["movie"], [["movie", "by_actor", "movie"], ["movie", "by_director", "movie"]]]}"#,
                setting: MOVIES,
                rows: Rows::Other,
            },
            Trial {
                kwargs: r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 3, "heads": 2, "num_layers": 2,
                    "target": "movie",
                    "metadata": [["movie"], [["movie", "by_actor", "movie"], ["movie", "by_director", "movie"]]]}"#,
                setting: MOVIES,
                rows: Rows::Other,
            },
        ],
    ),
    Entry::new(
        "HGT",
        hgt_model,
        &[
            nodes(
                r#"{"in_channels": {"author": 5, "paper": 6}, "hidden_channels": 4, "out_channels": 3, "num_layers": 2,
                    "target": "paper", "metadata": [["author", "paper"], [["author", "writes", "paper"],
                    ["paper", "cites", "paper"], ["paper", "by", "author"]]]}"#,
                PAPERS,
            ),
            // No edges end in authors.
            nodes(
                r#"{"in_channels": 5, "hidden_channels": 4, "out_channels": 3, "num_heads": 1, "num_layers": 2,
                    "target": "paper", "metadata": [["author", "paper"], [["author", "writes", "paper"]]]}"#,
                Setting::new(&[(".author", 5), (".paper", 5)], &[(".author__writes__paper", 0, 1)]),
            ),
        ],
    ),
];

fn han(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let config = config::<HanConvConfig>(kwargs, inputs)?;
    let conv = HanConv::new(&config, vb)?;
    let (x, graph) = typed(inputs)?;
    Ok(by_type(conv.forward(&x, &graph)?, config.metadata.node_types.iter()))
}

fn hgt(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let config = config::<HgtConvConfig>(kwargs, inputs)?;
    let conv = HgtConv::new(&config, vb)?;
    let (x, graph) = typed(inputs)?;
    Ok(by_type(conv.forward(&x, &graph)?, config.metadata.node_types.iter()))
}

/// `kwargs`: `aggr`, and `convs` as `[[["author", "writes", "paper"], {"SAGEConv": kwargs}]]`, or where their order, which is that
/// of the results, says nothing, as `{"author__writes__paper": {"SAGEConv": kwargs}}`.
fn hetero(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let convs: Vec<(EdgeType, Value)> = match kwargs.get("convs") {
        Some(Value::Object(convs)) => {
            let each = convs.iter().map(|(name, layer)| Ok((name.parse()?, layer.clone())));
            each.collect::<Result<_>>()?
        }
        Some(list) => {
            let list: Vec<((String, String, String), Value)> =
                serde_json::from_value(list.clone()).context("kwargs: `convs`")?;
            list.into_iter().map(|(edge_type, layer)| (edge_type.into(), layer)).collect()
        }
        None => bail!("kwargs: no `convs`"),
    };
    let aggr = match kwargs.get("aggr") {
        None => HeteroAggr::Sum,
        Some(Value::Null) => HeteroAggr::Stack,
        Some(aggr) => serde_json::from_value(aggr.clone()).context("kwargs: `aggr`")?,
    };
    let types = convs.iter().map(|(edge_type, _)| edge_type.clone());
    let conv = HeteroConv::build(types, aggr, vb, |edge_type, vb| {
        let layer = convs.iter().find(|(other, _)| other == edge_type);
        one_conv(layer.map(|(_, layer)| layer.clone()).unwrap_or_default(), vb)
    })?;
    let (x, graph) = typed(inputs)?;
    let out = conv.forward(&x, &graph, &BTreeMap::new(), Mode::Eval)?;
    Ok(by_type(out, convs.iter().map(|(edge_type, _)| &edge_type.destination)))
}

fn one_conv(layer: Value, vb: VarBuilder<'_>) -> std::result::Result<Box<dyn MessagePassing>, Error> {
    fn arguments<T: DeserializeOwned>(kwargs: Value) -> std::result::Result<T, Error> {
        serde_json::from_value(kwargs).map_err(|e| candle_core::Error::wrap(e).into())
    }
    let (name, kwargs) = layer.as_object().and_then(|o| o.iter().next()).unzip();
    let kwargs = kwargs.cloned().unwrap_or_default();
    Ok(match name.map(String::as_str) {
        Some("SAGEConv") => Box::new(SageConv::new(&arguments(kwargs)?, vb)?),
        Some("GATConv") => Box::new(GatConv::new(&arguments(kwargs)?, vb)?),
        Some("GATv2Conv") => Box::new(Gatv2Conv::new(&arguments(kwargs)?, vb)?),
        Some("TransformerConv") => Box::new(TransformerConv::new(&arguments(kwargs)?, vb)?),
        Some("GraphConv") => Box::new(GraphConv::new(&arguments(kwargs)?, vb)?),
        Some("GCNConv") => Box::new(GcnConv::new(&arguments(kwargs)?, vb)?),
        Some("ChebConv") => Box::new(ChebConv::new(&arguments(kwargs)?, vb)?),
        Some("GINConv") => Box::new(GinConv::new(&arguments(kwargs)?, vb)?),
        Some("GINEConv") => Box::new(GineConv::new(&arguments(kwargs)?, vb)?),
        Some("GeneralConv") => Box::new(GeneralConv::new(&arguments(kwargs)?, vb)?),
        Some("ResGatedGraphConv") => Box::new(ResGatedGraphConv::new(&arguments(kwargs)?, vb)?),
        Some("LEConv") => Box::new(LeConv::new(&arguments(kwargs)?, vb)?),
        Some("SGConv") => Box::new(SgConv::new(&arguments(kwargs)?, vb)?),
        Some("PNAConv") => Box::new(PnaConv::new(&arguments(kwargs)?, vb)?),
        Some("GatedGraphConv") => Box::new(GatedGraphConv::new(&arguments(kwargs)?, vb)?),
        other => {
            let name = other.unwrap_or("without a name");
            return Err(candle_core::Error::Msg(format!("kwargs: `convs`: no layer {name} is known")).into());
        }
    })
}

fn han_model(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let model = Han::new(&config::<HanConfig>(kwargs, inputs)?, vb)?;
    let (x, graph) = typed(inputs)?;
    Ok(vec![("", model.forward(&x, &graph, Mode::Eval)?)])
}

fn hgt_model(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let model = Hgt::new(&config::<HgtConfig>(kwargs, inputs)?, vb)?;
    let (x, graph) = typed(inputs)?;
    Ok(vec![("", model.forward(&x, &graph, Mode::Eval)?)])
}

/// `x.<type>` and `edge_index.<source>__<relation>__<destination>`.
fn typed(inputs: &Inputs) -> Result<(NodeTensors, HeteroGraph)> {
    let under = |prefix: &str| {
        let named = inputs.tensors.iter();
        let all = named.filter_map(|(name, t)| Some((name.strip_prefix(prefix)?.to_string(), t.clone())));
        all.collect::<BTreeMap<String, Tensor>>()
    };
    let x = under("x.");
    let count =
        |name: &String| x.get(name).with_context(|| format!("`in.x.{name}`")).and_then(|x| rows(x, name));
    let nodes = x.keys().map(|name| Ok((name.clone(), count(name)?))).collect::<Result<Vec<_>>>()?;
    let edges = under("edge_index.").into_iter().map(|(name, ids)| {
        let edge_type: EdgeType = name.parse()?;
        let (n, m) = (count(&edge_type.source)?, count(&edge_type.destination)?);
        let side = |k, size| narrow(&integers(&ids.narrow(0, k, 1)?, &name)?, size, &name);
        let (source, destination) = (side(0, n)?, side(1, m)?);
        let edges = match edge_type.source == edge_type.destination {
            true => EdgeIndex::new(source, destination, n)?,
            false => EdgeIndex::bipartite(source, destination, n, m)?,
        };
        Ok((edge_type, edges))
    });
    let graph = HeteroGraph::new(nodes, edges.collect::<Result<Vec<_>>>()?)?;
    Ok((x, graph))
}

/// The results in the order of the peer: that of the types, each of which may stand more than once.
fn by_type<'a>(mut out: NodeTensors, types: impl Iterator<Item = &'a String>) -> Outputs {
    // A name for each type of a case, once.
    types.filter_map(|name| out.remove(name).map(|out| (&*name.clone().leak(), out))).collect()
}
