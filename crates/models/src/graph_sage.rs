use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Mode;
use candle_geometric_nn::aggr::{AggrKwargs, Aggrs};
use candle_geometric_nn::conv::{SageConv, SageConvConfig};
use candle_nn::VarBuilder;

use crate::Result;
use crate::basic_gnn::{BasicGnn, Convolution, basic_gnn_config, basic_gnn_model, no_edge_attr};

basic_gnn_config! {
    /// The arguments of [`GraphSage`], with PyTorch Geometric's names and defaults.
    GraphSageConfig {
        /// How neighbours are combined. Default `mean`.
        #[serde(default)]
        aggr: Aggrs = Aggrs::default(),
        /// Arguments of the aggregation. Default none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aggr_kwargs: Option<AggrKwargs> = None,
        /// Whether results are scaled to length 1. Default false.
        #[serde(default)]
        normalize: bool = false,
        /// Whether a linear map of the node itself is added. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        root_weight: bool = true,
        /// Whether neighbours pass a linear map and a ReLU before they are combined. Default false.
        #[serde(default)]
        project: bool = false,
        /// Whether convolutions have a bias. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        bias: bool = true,
    }
}

const NAME: &str = "GraphSAGE";

/// A stack of GraphSAGE convolutions (Hamilton, Ying, Leskovec 2017): PyTorch Geometric's `GraphSAGE`, made of [`SageConv`].
///
/// Shapes: x `[N, in_channels]`, result `[N, out_channels]`. It takes nothing with an edge. Parameters: `convs.i`,
/// `norms.i`, `jk`, `lin`.
pub struct GraphSage(BasicGnn<SageConv>);

impl GraphSage {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or not supported, or `vb` has no such parameters.
    pub fn new(config: &GraphSageConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let conv = |inputs: usize, outputs: usize, _: bool, vb: VarBuilder<'_>| {
            let config = SageConvConfig {
                aggr: config.aggr.clone(),
                aggr_kwargs: config.aggr_kwargs.clone(),
                normalize: config.normalize,
                root_weight: config.root_weight,
                project: config.project,
                bias: config.bias,
                ..SageConvConfig::new(inputs, outputs)
            };
            Ok(SageConv::new(&config, vb)?)
        };
        BasicGnn::new(&config.shared(NAME), vb, conv).map(Self)
    }
}

impl Convolution for SageConv {
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        no_edge_attr(NAME, edge_attr)?;
        Ok(self.forward_t(x, edges, mode)?)
    }

    fn masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        no_edge_attr(NAME, edge_attr)?;
        Ok(self.forward_masked(x, edges, edge_mask)?)
    }
}

basic_gnn_model!(GraphSage, GraphSageConfig);
