use std::collections::BTreeMap;

use candle_geometric_graph::{EdgeType, HeteroGraph};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The types of nodes and of edges that a layer is made for, in the order of its parameters. In JSON as in PyTorch
/// Geometric: `[["paper", "author"], [["author", "writes", "paper"]]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Lists", into = "Lists")]
pub struct Metadata {
    /// The types of nodes.
    pub node_types: Vec<String>,
    /// The types of edges.
    pub edge_types: Vec<EdgeType>,
}

type Lists = (Vec<String>, Vec<(String, String, String)>);

impl From<Lists> for Metadata {
    fn from((node_types, edge_types): Lists) -> Self {
        Self { node_types, edge_types: edge_types.into_iter().map(EdgeType::from).collect() }
    }
}

impl From<Metadata> for Lists {
    fn from(metadata: Metadata) -> Self {
        let triple = |t: EdgeType| (t.source, t.relation, t.destination);
        (metadata.node_types, metadata.edge_types.into_iter().map(triple).collect())
    }
}

impl From<&HeteroGraph> for Metadata {
    fn from(graph: &HeteroGraph) -> Self {
        Self {
            node_types: graph.nodes().map(|(name, _)| name.to_string()).collect(),
            edge_types: graph.edges().map(|(edge_type, _)| edge_type.clone()).collect(),
        }
    }
}

/// The number of input channels: one for all types of nodes, or one for each. In JSON `5` or `{"paper": 5, "author": 7}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TypedChannels {
    /// The same for all types.
    One(usize),
    /// By type.
    Each(BTreeMap<String, usize>),
}

impl From<usize> for TypedChannels {
    fn from(channels: usize) -> Self {
        Self::One(channels)
    }
}

impl<N: Into<String>, const K: usize> From<[(N, usize); K]> for TypedChannels {
    fn from(each: [(N, usize); K]) -> Self {
        Self::Each(each.into_iter().map(|(name, channels)| (name.into(), channels)).collect())
    }
}

impl TypedChannels {
    /// The channels of every type of nodes, in the order of the metadata; `layer` is for messages.
    ///
    /// # Errors
    /// If a type has none.
    pub fn resolve(&self, layer: &'static str, metadata: &Metadata) -> Result<Vec<(String, usize)>> {
        let of = |name: &String| match self {
            Self::One(channels) => Ok((name.clone(), *channels)),
            Self::Each(each) => match each.get(name) {
                Some(channels) => Ok((name.clone(), *channels)),
                None => {
                    let expected = format!("channels of every type of nodes, also of {name}");
                    Err(Error::argument(layer, "in_channels", expected, format!("{each:?}")))
                }
            },
        };
        metadata.node_types.iter().map(of).collect()
    }
}
