use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::{GcnConv, GcnConvConfig};
use candle_nn::VarBuilder;

use crate::Result;
use crate::basic_gnn::{BasicGnn, Convolution, basic_gnn_config, basic_gnn_model};

basic_gnn_config! {
    /// The arguments of [`Gcn`], with PyTorch Geometric's names and defaults.
    GcnConfig {
        /// Whether added self-loops weigh 2 instead of 1 in a weighted graph. Default false.
        #[serde(default)]
        improved: bool = false,
        /// Taken and without effect: the normalisation is kept with the graph. Default false.
        #[serde(default)]
        cached: bool = false,
        /// Whether every node gets a self-loop that has none. Default the value of `normalize`.
        #[serde(default)]
        add_self_loops: Option<bool> = None,
        /// Whether edges are weighted by the degrees of their ends. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        normalize: bool = true,
        /// Whether convolutions have a bias. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        bias: bool = true,
    }
}

/// A stack of graph convolutions (Kipf and Welling 2017): PyTorch Geometric's `GCN`, made of [`GcnConv`].
///
/// Shapes: x `[N, in_channels]`, edge_attr: a weight for each edge `[E]`, result `[N, out_channels]`. Parameters:
/// `convs.i`, `norms.i`, `jk`, `lin`.
pub struct Gcn(BasicGnn<GcnConv>);

impl Gcn {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or not supported, or `vb` has no such parameters.
    pub fn new(config: &GcnConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let GcnConfig { improved, cached, add_self_loops, normalize, bias, .. } = *config;
        let conv = |inputs: usize, outputs: usize, _: bool, vb: VarBuilder<'_>| {
            let config = GcnConvConfig {
                improved,
                cached,
                add_self_loops,
                normalize,
                bias,
                ..GcnConvConfig::new(inputs, outputs)
            };
            Ok(GcnConv::new(&config, vb)?)
        };
        BasicGnn::new(&config.shared("GCN"), vb, conv).map(Self)
    }
}

impl Convolution for GcnConv {
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        Ok(self.forward_edges(x, edges, edge_weight, mode)?)
    }

    fn masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        Ok(self.forward_masked(x, edges, edge_weight, edge_mask)?)
    }
}

basic_gnn_model!(Gcn, GcnConfig);
