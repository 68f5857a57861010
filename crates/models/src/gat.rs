use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, FillValue};
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::{Attention, GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig};
use candle_nn::VarBuilder;

use crate::Result;
use crate::basic_gnn::{BasicGnn, Convolution, basic_gnn_config, basic_gnn_model, check_sizes};

basic_gnn_config! {
    /// The arguments of [`Gat`], with PyTorch Geometric's names and defaults.
    GatConfig {
        /// Whether the convolutions are `Gatv2Conv`. Default false.
        #[serde(default)]
        v2: bool = false,
        /// H, the number of heads. Default 1.
        #[serde(default = "crate::basic_gnn::one")]
        heads: usize = 1,
        /// Whether the heads of hidden layers are concatenated, each `hidden_channels / heads` wide, or averaged.
        /// Those of a convolution that gives the output are always averaged. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        concat: bool = true,
        /// The slope of the leaky ReLU in the attention. Default 0.2.
        #[serde(default = "slope")]
        negative_slope: f64 = slope(),
        /// Whether self-loops are removed and then added to every node. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        add_self_loops: bool = true,
        /// The number of edge features; none if edges have no features. Default none.
        #[serde(default)]
        edge_dim: Option<usize> = None,
        /// What the features of added self-loops are. Default `mean`.
        #[serde(default = "mean", with = "candle_geometric_nn::fill_value")]
        fill_value: FillValue = FillValue::Mean,
        /// Whether convolutions have a bias. Default true.
        #[serde(default = "crate::basic_gnn::yes")]
        bias: bool = true,
        /// Whether each convolution adds a linear map of its input. Default false.
        #[serde(default)]
        residual: bool = false,
        /// Whether sources and destinations share a linear map; only with `v2`. Default false.
        #[serde(default)]
        share_weights: bool = false,
    }
}

fn slope() -> f64 {
    0.2
}

fn mean() -> FillValue {
    FillValue::Mean
}

/// A stack of graph attention layers: PyTorch Geometric's `GAT`, with [`GatConv`] (Veličković et al. 2018) or [`Gatv2Conv`]
/// (Brody et al. 2022).
///
/// As there, `dropout` holds for the outputs of hidden layers and for the attention.
///
/// Shapes: x `[N, in_channels]`, edge_attr `[E, edge_dim]`, result `[N, out_channels]`. Parameters: `convs.i`, `norms.i`,
/// `jk`, `lin`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{Gat, GatConfig, GraphModel};
/// use candle_geometric_nn::SeededVarMap;
/// let config = GatConfig { heads: 4, out_channels: Some(3), ..GatConfig::new(5, 8, 2) };
/// let model = Gat::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let edges = EdgeIndex::from_pairs([(0, 1), (1, 2), (2, 3)], 4)?;
/// assert_eq!(model.forward(&x, &edges)?.dims(), [4, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Gat(BasicGnn<Layer>);

enum Layer {
    V1(GatConv),
    V2(Gatv2Conv),
}

impl Gat {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or not supported, `hidden_channels` is not a multiple of `heads` where heads are
    /// concatenated, or `vb` has no such parameters.
    pub fn new(config: &GatConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let shared = config.shared("GAT");
        if config.share_weights && !config.v2 {
            return Err(shared.error("share_weights is an argument of v2 only"));
        }
        check_sizes("GAT", &[("heads", config.heads), ("edge_dim", config.edge_dim.unwrap_or(1))])?;
        let conv = |inputs: usize, outputs: usize, is_output: bool, vb: VarBuilder<'_>| {
            let concat = config.concat && !is_output;
            let heads = config.heads;
            if concat && !outputs.is_multiple_of(heads) {
                let problem = format!("hidden_channels is {outputs}, expected a multiple of heads ({heads})");
                return Err(shared.error(problem));
            }
            config.layer(inputs, if concat { outputs / heads } else { outputs }, concat, vb)
        };
        BasicGnn::new(&shared, vb, conv).map(Self)
    }
}

impl GatConfig {
    fn layer(
        &self,
        in_channels: usize,
        out_channels: usize,
        concat: bool,
        vb: VarBuilder<'_>,
    ) -> Result<Layer> {
        let Self {
            heads, dropout, negative_slope, add_self_loops, edge_dim, fill_value, bias, residual, ..
        } = *self;
        if self.v2 {
            let config = Gatv2ConvConfig {
                heads,
                concat,
                negative_slope,
                dropout,
                add_self_loops,
                edge_dim,
                fill_value,
                bias,
                residual,
                share_weights: self.share_weights,
                ..Gatv2ConvConfig::new(in_channels, out_channels)
            };
            return Ok(Layer::V2(Gatv2Conv::new(&config, vb)?));
        }
        let config = GatConvConfig {
            heads,
            concat,
            negative_slope,
            dropout,
            add_self_loops,
            edge_dim,
            fill_value,
            bias,
            residual,
            ..GatConvConfig::new(in_channels, out_channels)
        };
        Ok(Layer::V1(GatConv::new(&config, vb)?))
    }
}

impl Convolution for Layer {
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::V1(conv) => conv.forward_edges(x, edges, edge_attr, mode)?,
            Self::V2(conv) => conv.forward_edges(x, edges, edge_attr, mode)?,
        })
    }

    fn masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::V1(conv) => conv.forward_masked(x, edges, edge_attr, edge_mask)?,
            Self::V2(conv) => conv.forward_masked(x, edges, edge_attr, edge_mask)?,
        })
    }

    fn with_attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
    ) -> Result<(Tensor, Option<Attention>)> {
        let (x, attention) = match self {
            Self::V1(conv) => conv.forward_with_attention(x, edges, edge_attr, Mode::Eval)?,
            Self::V2(conv) => conv.forward_with_attention(x, edges, edge_attr, Mode::Eval)?,
        };
        Ok((x, Some(attention)))
    }
}

basic_gnn_model!(Gat, GatConfig);
