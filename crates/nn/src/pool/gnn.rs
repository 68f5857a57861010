//! The layers that poolings look at a graph with.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::conv::{GatConv, GcnConv, SageConv};
use crate::{Error, Linear, Mode, Result, config};

/// A layer of a pooling, under PyTorch Geometric's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PoolingGnn {
    /// W₁ Σ x_j + b + W₂ x_i (Morris et al., *Weisfeiler and Leman Go Neural*, AAAI 2019, eq. 5).
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
    Graph { lin_rel: Linear, lin_root: Linear },
    Gcn(GcnConv),
    Gat(GatConv),
    Sage(SageConv),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphArguments {
    in_channels: usize,
    out_channels: usize,
    #[serde(default = "config::yes")]
    bias: bool,
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
            PoolingGnn::Graph => {
                let c: GraphArguments = read(layer, &kwargs)?;
                Self::Graph {
                    lin_rel: Linear::new(c.in_channels, c.out_channels, c.bias, vb.pp("lin_rel"))?,
                    lin_root: Linear::new(c.in_channels, c.out_channels, false, vb.pp("lin_root"))?,
                }
            }
            PoolingGnn::Gcn => Self::Gcn(GcnConv::new(&read(layer, &kwargs)?, vb)?),
            PoolingGnn::Gat => Self::Gat(GatConv::new(&read(layer, &kwargs)?, vb)?),
            PoolingGnn::Sage => Self::Sage(SageConv::new(&read(layer, &kwargs)?, vb)?),
        })
    }

    pub(super) fn forward(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Graph { .. } | Self::Gcn(_) => self.forward_weighted(x, edges, None),
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
            Self::Graph { lin_rel, lin_root } => {
                let neighbours = ops::spmm(edges, weight, &ops::linear(x, lin_rel.weight(), None)?)?;
                Ok((neighbours + ops::linear(x, lin_root.weight(), lin_rel.bias())?)?)
            }
            Self::Gcn(conv) => conv.forward_edges(x, edges, weight, Mode::Eval),
            Self::Gat(_) | Self::Sage(_) => self.forward(x, edges, Mode::Eval),
        }
    }
}

fn read<T: DeserializeOwned>(layer: &'static str, kwargs: &Value) -> Result<T> {
    serde_json::from_value(kwargs.clone())
        .map_err(|e| Error::argument(layer, "gnn_kwargs", "arguments of the GNN", format!("{kwargs}: {e}")))
}
