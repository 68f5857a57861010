use std::fmt::Debug;

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::conv::{
    GatConv, GatedGraphConv, Gatv2Conv, GcnConv, GeneralConv, GinConv, GineConv, GraphConv, LeConv, PnaConv,
    ResGatedGraphConv, SageConv, SgConv, TransformerConv,
};
use crate::{Error, Mode, Result};

/// A layer over the edges of a graph that works beside a global attention: one of this crate, or your own.
pub trait LocalConv: Debug + Send + Sync {
    /// The new features of the nodes, as many as x has.
    ///
    /// # Errors
    /// If a shape does not fit, or `edge_attr` is given to a layer that takes none or lacking where one is wanted.
    fn forward_local(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor>;
}

macro_rules! local_conv {
    ($($layer:ty),*) => {$(
        impl LocalConv for $layer {
            fn forward_local(
                &self,
                x: &Tensor,
                edges: &EdgeIndex,
                edge_attr: Option<&Tensor>,
                mode: Mode,
            ) -> Result<Tensor> {
                self.forward_edges(x, edges, edge_attr, mode)
            }
        }
    )*};
}

local_conv!(GatConv, Gatv2Conv, TransformerConv, GeneralConv, ResGatedGraphConv);
local_conv!(GcnConv, GraphConv, GatedGraphConv, LeConv, PnaConv, SgConv);

macro_rules! local_conv_without_edge_attr {
    ($($layer:ident),*) => {$(
        impl LocalConv for $layer {
            fn forward_local(
                &self,
                x: &Tensor,
                edges: &EdgeIndex,
                edge_attr: Option<&Tensor>,
                mode: Mode,
            ) -> Result<Tensor> {
                let Some(attr) = edge_attr else { return self.forward_t(x, edges, mode) };
                Err(Error::argument(stringify!($layer), "edge_attr", "none", format!("{:?}", attr.dims())))
            }
        }
    )*};
}

local_conv_without_edge_attr!(GinConv, SageConv);

impl LocalConv for GineConv {
    fn forward_local(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let Some(edge_attr) = edge_attr else {
            let expected = format!("features of the {} edges, which this layer needs", edges.num_edges());
            return Err(Error::argument("GineConv", "edge_attr", expected, "none"));
        };
        self.forward_t(x, edges, edge_attr, mode)
    }
}
