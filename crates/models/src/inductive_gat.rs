use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::conv::{Attention, GatConv, GatConvConfig};
use candle_geometric_nn::{Activation, Linear, Mode};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::check_sizes;
use crate::config::Architecture;
use crate::{GraphModel, Result};

const ELU: Activation = Activation::Elu { alpha: 1.0 };

/// What leads around the attention of an [`InductiveGat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skip {
    /// A linear map without bias around the second layer, as in the paper.
    #[default]
    Intermediate,
    /// A linear map with bias around every layer, as in PyTorch Geometric's `examples/ppi.py`.
    Every,
}

/// The arguments of [`InductiveGat`]; the defaults are the paper's for PPI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InductiveGatConfig {
    /// The number of features of a node.
    pub in_channels: usize,
    /// The number of labels.
    pub out_channels: usize,
    /// The width of each head of the first two layers. Default 256.
    #[serde(default = "hidden_channels")]
    pub hidden_channels: usize,
    /// The number of heads of the first two layers, which are concatenated. Default 4.
    #[serde(default = "heads")]
    pub heads: usize,
    /// The number of heads of the last layer, which are averaged. Default 6.
    #[serde(default = "out_heads")]
    pub out_heads: usize,
    /// What leads around the attention. Default `intermediate`.
    #[serde(default)]
    pub skip: Skip,
}

fn hidden_channels() -> usize {
    256
}

fn heads() -> usize {
    4
}

fn out_heads() -> usize {
    6
}

impl InductiveGatConfig {
    /// The paper's model for PPI, with other numbers of features and labels.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            hidden_channels: hidden_channels(),
            heads: heads(),
            out_heads: out_heads(),
            skip: Skip::default(),
        }
    }
}

/// The inductive model of Veličković et al., *Graph Attention Networks* (ICLR 2018, section 3.3).
///
/// > h¹ = ELU(GATConv₁(x)), h² = ELU(GATConv₂(h¹) + W h¹), heads concatenated
/// >
/// > y = GATConv₃(h²), heads averaged
///
/// or, with [`Skip::Every`], h' = GATConvₗ(h) + Wₗ h + bₗ in all three layers.
///
/// Shapes: x `[N, in_channels]`, result: logits `[N, out_channels]`. It takes no edge features. Parameters: `conv1`, `conv2`,
/// `conv3`, with [`Skip::Every`] `lin1`, `lin2`, `lin3` too, as in PyTorch Geometric's `examples/ppi.py`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{GraphModel, InductiveGat, InductiveGatConfig};
/// use candle_geometric_nn::SeededVarMap;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = InductiveGatConfig { hidden_channels: 8, ..InductiveGatConfig::new(50, 121) };
/// let weights = SeededVarMap::new(0);
/// let model = InductiveGat::new(&config, weights.var_builder(DType::F32, &Device::Cpu))?;
/// let edges = EdgeIndex::from_pairs([(0, 1), (1, 2)], 3)?;
/// let x = Tensor::ones((3, 50), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward(&x, &edges)?.dims(), [3, 121]);
/// # Ok(()) }
/// ```
pub struct InductiveGat {
    layers: [Layer; 3],
}

struct Layer {
    conv: GatConv,
    lin: Option<Linear>,
}

impl Layer {
    /// What becomes of the result of the attention.
    fn skip(&self, x: &Tensor, attended: Tensor) -> Result<Tensor> {
        match &self.lin {
            Some(lin) => Ok((attended + lin.forward(x)?)?),
            None => Ok(attended),
        }
    }
}

impl InductiveGat {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &InductiveGatConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let InductiveGatConfig { in_channels, out_channels, hidden_channels, heads, out_heads, skip } =
            *config;
        let sizes = [
            ("in_channels", in_channels),
            ("out_channels", out_channels),
            ("hidden_channels", hidden_channels),
            ("heads", heads),
            ("out_heads", out_heads),
        ];
        check_sizes("InductiveGAT", &sizes)?;
        let width = heads * hidden_channels;
        let layer = |number: usize, inputs: usize, conv: GatConvConfig, outputs: usize| -> Result<Layer> {
            let residual = skip == Skip::Intermediate && number == 2;
            let conv = GatConvConfig { residual, ..conv };
            let lin = match skip {
                Skip::Intermediate => None,
                Skip::Every => Some(Linear::new(inputs, outputs, true, vb.pp(format!("lin{number}")))?),
            };
            Ok(Layer { conv: GatConv::new(&conv, vb.pp(format!("conv{number}")))?, lin })
        };
        let hidden = |inputs: usize| GatConvConfig { heads, ..GatConvConfig::new(inputs, hidden_channels) };
        let last =
            GatConvConfig { heads: out_heads, concat: false, ..GatConvConfig::new(width, out_channels) };
        Ok(Self {
            layers: [
                layer(1, in_channels, hidden(in_channels), width)?,
                layer(2, width, hidden(width), width)?,
                layer(3, width, last, out_channels)?,
            ],
        })
    }

    /// All layers, each by `conv`, which gives the result of its attention.
    fn run(&self, x: &Tensor, mut conv: impl FnMut(&GatConv, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let [first, second, third] = &self.layers;
        let x = ELU.forward(&first.skip(x, conv(&first.conv, x)?)?)?;
        let x = ELU.forward(&second.skip(&x, conv(&second.conv, &x)?)?)?;
        third.skip(&x, conv(&third.conv, &x)?)
    }
}

impl GraphModel for InductiveGat {
    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        self.run(x, |conv, x| Ok(conv.forward_edges(x, edges, edge_attr, mode)?))
    }

    fn forward_masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        self.run(x, |conv, x| Ok(conv.forward_masked(x, edges, edge_attr, edge_mask)?))
    }

    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        let mut all = Vec::new();
        self.run(x, |conv, x| {
            let (x, attention) = conv.forward_with_attention(x, edges, edge_attr, Mode::Eval)?;
            all.push(attention);
            Ok(x)
        })?;
        Ok(all)
    }
}

impl Architecture for InductiveGatConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(InductiveGat::new(self, vb)?))
    }
}
