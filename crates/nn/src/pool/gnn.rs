//! The layers that poolings look at a graph with.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::conv::{GatConv, GcnConv, GraphConv, SageConv};
use crate::{Error, Mode, Result};

/// A layer of a pooling, under PyTorch Geometric's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PoolingGnn {
    /// [`GraphConv`].
    #[default]
    #[serde(rename = "GraphConv")]
    Graph,
    /// [`GcnConv`].
    #[serde(rename = "GCNConv")]
    Gcn,
    /// [`GatConv`].
    #[serde(rename = "GATConv")]
    Gat,
    /// [`SageConv`].
    #[serde(rename = "SAGEConv")]
    Sage,
}

/// The arguments of such a layer, except its channels.
pub(super) type GnnKwargs = Map<String, Value>;

/// Such a layer.
#[derive(Debug, Clone)]
pub(super) enum Gnn {
    Graph(GraphConv),
    Gcn(GcnConv),
    Gat(GatConv),
    Sage(SageConv),
}

impl Gnn {
    pub(super) fn new(
        layer: &'static str,
        kind: PoolingGnn,
        (in_channels, out_channels): (usize, usize),
        kwargs: &GnnKwargs,
        vb: VarBuilder,
    ) -> Result<Self> {
        let mut kwargs = kwargs.clone();
        kwargs.insert("in_channels".into(), in_channels.into());
        kwargs.insert("out_channels".into(), out_channels.into());
        let kwargs = Value::Object(kwargs);
        Ok(match kind {
            PoolingGnn::Graph => Self::Graph(GraphConv::new(&read(layer, &kwargs)?, vb)?),
            PoolingGnn::Gcn => Self::Gcn(GcnConv::new(&read(layer, &kwargs)?, vb)?),
            PoolingGnn::Gat => Self::Gat(GatConv::new(&read(layer, &kwargs)?, vb)?),
            PoolingGnn::Sage => Self::Sage(SageConv::new(&read(layer, &kwargs)?, vb)?),
        })
    }

    pub(super) fn forward(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Graph(_) | Self::Gcn(_) => self.forward_weighted(x, edges, None),
            Self::Gat(conv) => conv.forward_t(x, edges, mode),
            Self::Sage(conv) => conv.forward_t(x, edges, mode),
        }
    }

    /// With weights of the edges, where the layer knows what to do with them; else they count as not there.
    pub(super) fn forward_weighted(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        match self {
            Self::Graph(conv) => conv.forward_edges(x, edges, weight, Mode::Eval),
            Self::Gcn(conv) => conv.forward_edges(x, edges, weight, Mode::Eval),
            Self::Gat(_) | Self::Sage(_) => self.forward(x, edges, Mode::Eval),
        }
    }
}

fn read<T: DeserializeOwned>(layer: &'static str, kwargs: &Value) -> Result<T> {
    serde_json::from_value(kwargs.clone())
        .map_err(|e| Error::argument(layer, "gnn_kwargs", "arguments of the GNN", format!("{kwargs}: {e}")))
}
