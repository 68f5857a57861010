//! The layers that can be verified. **A new layer is registered here**, under the class name of its peer.

mod aggr;
mod conv;
mod dgl;
mod function;
mod model;
mod norm;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Layer;
use super::inputs::Inputs;

/// Peer's class name → how the layer is built and applied here.
const LAYERS: &[(&str, Layer)] = &[
    ("GATConv", conv::gat),
    ("GATv2Conv", conv::gatv2),
    ("GCNConv", conv::gcn),
    ("SAGEConv", conv::sage),
    ("TransformerConv", conv::transformer),
    ("softmax", function::softmax),
    ("GAT", model::gat),
    ("GCN", model::gcn),
    ("GraphSAGE", model::graph_sage),
    ("SumAggregation", aggr::sum),
    ("MeanAggregation", aggr::mean),
    ("MaxAggregation", aggr::max),
    ("MinAggregation", aggr::min),
    ("MulAggregation", aggr::mul),
    ("VarAggregation", aggr::var),
    ("StdAggregation", aggr::std),
    ("MultiAggregation", aggr::multi),
    ("PowerMeanAggregation", aggr::power_mean),
    ("SoftmaxAggregation", aggr::softmax),
    ("AttentionalAggregation", aggr::attentional),
    ("Set2Set", aggr::set2set),
    ("SetTransformerAggregation", aggr::set_transformer),
    ("BatchNorm", norm::batch),
    ("LayerNorm", norm::layer),
    ("InstanceNorm", norm::instance),
    ("GraphNorm", norm::graph),
    ("PairNorm", norm::pair),
    ("dgl.GATConv", dgl::gat),
    ("dgl.GATv2Conv", dgl::gatv2),
    ("dgl.GraphConv", dgl::graph),
    ("dgl.SAGEConv", dgl::sage),
];

/// The entry of a layer, if it exists.
pub(super) fn find(layer: &str) -> Option<Layer> {
    LAYERS.iter().find(|(name, _)| *name == layer).map(|&(_, build)| build)
}

/// A layer's configuration from the peer's keyword arguments.
///
/// What PyG's base class `MessagePassing` takes and what changes no result is left out where it has its default; the
/// channels `-1`, which PyG fills in when it first sees the data, are filled in from the inputs.
fn config<T: DeserializeOwned>(kwargs: &Value, inputs: &Inputs) -> Result<T> {
    let mut kwargs = kwargs.clone();
    if let Value::Object(arguments) = &mut kwargs {
        let default = |name: &str, value: &Value| match name {
            "flow" => value == "source_to_target",
            "node_dim" => value == 0 || value == -2,
            "cached" => true,
            _ => false,
        };
        arguments.retain(|name, value| !default(name, value));
        if let Some(channels) = arguments.get_mut("in_channels") {
            fill_in(channels, inputs);
        }
    }
    serde_json::from_value(kwargs).context("kwargs")
}

fn fill_in(channels: &mut Value, inputs: &Inputs) {
    let sides = match channels {
        Value::Array(pair) => pair.iter_mut().zip(["x_src", "x_dst"]).collect::<Vec<_>>(),
        one => vec![(one, "x")],
    };
    for (value, name) in sides {
        let columns = inputs.optional(name).and_then(|x| x.dims().last().copied());
        if let (true, Some(columns)) = (*value == -1, columns) {
            *value = columns.into();
        }
    }
}
