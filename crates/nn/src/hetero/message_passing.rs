use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::conv::{
    Appnp, ChebConv, GatConv, GatedGraphConv, Gatv2Conv, GcnConv, GeneralConv, GinConv, GineConv, GraphConv,
    LeConv, PnaConv, ResGatedGraphConv, SageConv, SgConv, TransformerConv,
};
use crate::{Error, Mode, Nodes, Result};

/// A layer over the edges of a graph, whichever it is: what [`HeteroConv`](super::HeteroConv) is made of.
pub trait MessagePassing: std::fmt::Debug + Send + Sync {
    /// The new features of the destinations. `edge_attr` are the features of edges, or their weights, as the layer takes them.
    ///
    /// # Errors
    /// If a shape does not fit, the layer needs edge features and there are none, or the reverse, or the graph is
    /// bipartite and the layer is not made for it.
    fn pass(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>, mode: Mode) -> Result<Tensor>;

    /// Whether the layer adds self-loops, which make no sense between two sets of nodes.
    fn adds_self_loops(&self) -> bool {
        false
    }
}

/// The features of the one set of nodes.
fn one_set<'a>(layer: &'static str, x: Nodes<'a>) -> Result<&'a Tensor> {
    match x {
        Nodes::One(x) => Ok(x),
        Nodes::Pair(..) => Err(Error::argument(layer, "x", "features of one set of nodes", "a pair")),
    }
}

/// That there are no edge features.
fn no_edges(layer: &'static str, edge_attr: Option<&Tensor>) -> Result<()> {
    match edge_attr {
        None => Ok(()),
        Some(a) => Err(Error::argument(
            layer,
            "edge_attr",
            "none, which the layer cannot use",
            format!("{:?}", a.dims()),
        )),
    }
}

/// Layers with `forward_edges`, of any graph or of one set of nodes, and whether they add self-loops.
macro_rules! message_passing {
    ($($layer:ident($x:ident => $nodes:expr) $(loops($config:ident => $loops:expr))?;)*) => {$(
        impl MessagePassing for $layer {
            fn pass(&self, $x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>, mode: Mode) -> Result<Tensor> {
                self.forward_edges($nodes, edges, edge_attr, mode)
            }

            $(fn adds_self_loops(&self) -> bool {
                let $config = self.config();
                $loops
            })?
        }
    )*};
}

message_passing! {
    GatConv(x => x) loops(c => c.add_self_loops);
    Gatv2Conv(x => x) loops(c => c.add_self_loops);
    TransformerConv(x => x);
    GeneralConv(x => x);
    ResGatedGraphConv(x => x);
    GraphConv(x => x);
    LeConv(x => x);
    GcnConv(x => one_set("GcnConv", x)?) loops(c => c.add_self_loops.unwrap_or(c.normalize));
    SgConv(x => one_set("SgConv", x)?) loops(c => c.add_self_loops);
    Appnp(x => one_set("Appnp", x)?) loops(c => c.normalize && c.add_self_loops);
    GatedGraphConv(x => one_set("GatedGraphConv", x)?);
    PnaConv(x => one_set("PnaConv", x)?);
}

impl MessagePassing for SageConv {
    fn pass(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>, _mode: Mode) -> Result<Tensor> {
        no_edges("SageConv", edge_attr)?;
        self.forward(x, edges)
    }
}

impl MessagePassing for GinConv {
    fn pass(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>, _mode: Mode) -> Result<Tensor> {
        no_edges("GinConv", edge_attr)?;
        self.forward(x, edges)
    }
}

impl MessagePassing for ChebConv {
    fn pass(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>, _mode: Mode) -> Result<Tensor> {
        self.forward_scaled(one_set("ChebConv", x)?, edges, edge_attr, None, None)
    }
}

impl MessagePassing for GineConv {
    fn pass(&self, x: Nodes, edges: &EdgeIndex, edge_attr: Option<&Tensor>, _mode: Mode) -> Result<Tensor> {
        match edge_attr {
            Some(edge_attr) => self.forward(x, edges, edge_attr),
            None => Err(Error::argument("GineConv", "edge_attr", "features of the edges", "none")),
        }
    }
}
