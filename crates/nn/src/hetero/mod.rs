//! Layers of graphs with types of nodes and edges ([`candle_geometric_graph::HeteroGraph`]).
//!
//! Features come and go by type of nodes, as PyTorch Geometric's `x_dict`.

mod han;
mod hetero_conv;
mod hgt;
mod message_passing;
mod metadata;

pub use han::{HanConv, HanConvConfig};
pub use hetero_conv::{HeteroAggr, HeteroConv};
pub use hgt::{HgtConv, HgtConvConfig};
pub use message_passing::MessagePassing;
pub use metadata::{Metadata, TypedChannels};

use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_geometric_graph::HeteroGraph;

use crate::{Error, Result};

/// A tensor for every type of nodes, by its name.
pub type NodeTensors = BTreeMap<String, Tensor>;

/// The features of every type of nodes of the graph: each `[nodes, in_channels]`, as `channels` says for the type; `layer` is
/// for messages.
///
/// # Errors
/// If the graph has a type that `channels` does not know, or its features are missing or of another shape.
pub fn check_nodes<'x>(
    layer: &'static str,
    x: &'x NodeTensors,
    graph: &HeteroGraph,
    channels: impl Fn(&str) -> Option<usize>,
) -> Result<BTreeMap<&'x str, &'x Tensor>> {
    let each = graph.nodes().map(|(node_type, n)| {
        let wrong = |expected, actual| Err(Error::argument(layer, "x_dict", expected, actual));
        let Some(c) = channels(node_type) else {
            return wrong("types of nodes of the layer's metadata".to_string(), node_type.to_string());
        };
        match x.get_key_value(node_type) {
            Some((name, x)) if x.dims() == [n, c] => Ok((name.as_str(), x)),
            found => {
                let actual = found.map_or("none".to_string(), |(_, x)| format!("{:?}", x.dims()));
                wrong(format!("{node_type}: [{n}, {c}] ([nodes, in_channels])"), actual)
            }
        }
    });
    each.collect()
}

/// That the layer has parameters for all types of edges of the graph.
fn check_edges(layer: &'static str, graph: &HeteroGraph, metadata: &Metadata) -> Result<()> {
    match graph.edges().find(|(edge_type, _)| !metadata.edge_types.contains(edge_type)) {
        None => Ok(()),
        Some((edge_type, _)) => {
            let expected = "types of edges of the layer's metadata";
            Err(Error::argument(layer, "edge_index_dict", expected, edge_type.to_string()))
        }
    }
}

/// That heads divide the channels; returns the channels of a head.
fn head_channels(layer: &'static str, out_channels: usize, heads: usize) -> Result<usize> {
    if heads > 0 && out_channels > 0 && out_channels.is_multiple_of(heads) {
        return Ok(out_channels / heads);
    }
    if heads == 0 {
        return Err(Error::argument(layer, "heads", "at least 1", "0"));
    }
    let expected = format!("a positive multiple of the {heads} heads");
    Err(Error::argument(layer, "out_channels", expected, out_channels.to_string()))
}
