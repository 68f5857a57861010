//! Models of graphs with types of nodes and edges: they answer for the nodes of one type, the target.

mod config;
mod han;
mod hgt;

pub use config::{HeteroModel, HeteroModelConfig, TypedAttention};
pub use han::{Han, HanConfig};
pub use hgt::{Hgt, HgtConfig};

use candle_core::Tensor;
use candle_geometric_nn::Linear;
use candle_geometric_nn::hetero::{Metadata, NodeTensors, TypedChannels};

use crate::basic_gnn::check_sizes;
use crate::{Error, Result};

/// The channels of every type of nodes, after checking them, that edges join types of the metadata, and that some end in the
/// target: else no layer has a result for it.
fn check_types(
    model: &'static str,
    in_channels: &TypedChannels,
    metadata: &Metadata,
    target: &str,
) -> Result<Vec<(String, usize)>> {
    let Metadata { node_types, edge_types } = metadata;
    let unknown =
        edge_types.iter().find(|e| [&e.source, &e.destination].iter().any(|t| !node_types.contains(t)));
    if let Some(edges) = unknown {
        let known = node_types.join(", ");
        return Err(Error::config(model, format!("metadata: {edges} does not join types among {known}")));
    }
    if !edge_types.iter().any(|edges| edges.destination == target) {
        let problem = format!("target is `{target}`, expected a type of nodes that a type of edges ends in");
        return Err(Error::config(model, problem));
    }
    let channels = in_channels.resolve(model, metadata)?;
    for (name, channels) in &channels {
        check_sizes(model, &[(&format!("in_channels of {name}"), *channels)])?;
    }
    Ok(channels)
}

/// The classifier on what the layers made of the target.
fn classify(model: &str, lin: &Linear, x: &NodeTensors, target: &str) -> Result<Tensor> {
    match x.get(target) {
        Some(x) => Ok(lin.forward(x)?),
        None => Err(Error::config(model, format!("graph: no type of edges ends in the target `{target}`"))),
    }
}
