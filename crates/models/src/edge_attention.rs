use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::MeanAggregation;
use candle_geometric_nn::conv::Attention;
use candle_geometric_nn::edge::{EdgeAttentionConv, EdgeAttentionConvConfig};
use candle_geometric_nn::{Activation, Linear, Mode, dropout, graphs};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::{check_sizes, one};
use crate::config::Architecture;
use crate::{Error, GraphModel, Level, Result};

const MODEL: &str = "EdgeAttentionClassifier";

/// The arguments of [`EdgeAttentionClassifier`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeAttentionClassifierConfig {
    /// The number of features of a node.
    pub in_channels: usize,
    /// C, the width of the layers.
    pub hidden_channels: usize,
    /// The number of classes of graphs.
    pub out_channels: usize,
    /// The number of heads: concatenated after the first layer, averaged after the second. Default 1.
    #[serde(default = "one")]
    pub heads: usize,
    /// The probability with which attention weights and hidden features are dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
}

impl EdgeAttentionClassifierConfig {
    /// The defaults.
    pub fn new(in_channels: usize, hidden_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, hidden_channels, out_channels, heads: 1, dropout: 0.0, edge_dim: None }
    }
}

/// A classifier of graphs by edge-level attention: two [`EdgeAttentionConv`], the mean over the nodes of each graph, and
/// two linear maps.
///
/// > h = ReLU(conv₂(ReLU(conv₁(x))))
/// >
/// > y = W₂ ReLU(W₁ mean h_i + b₁) + b₂, the mean over the nodes i of the graph
///
/// Shapes: x `[N, in_channels]`, edge_attr `[E, edge_dim]`, result: logits `[B, out_channels]`; a graph without nodes has the
/// mean 0. Parameters: `conv1`, `conv2`, `lin1`, `lin2`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{EdgeAttentionClassifier, EdgeAttentionClassifierConfig, GraphModel};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// // Two graphs: nodes 0, 1 and nodes 2, 3.
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 3], 4)?;
/// let graphs = EdgeIndex::from_batch(&[0, 0, 1, 1], 2)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = EdgeAttentionClassifier::new(&EdgeAttentionClassifierConfig::new(5, 8, 3), vb)?;
/// assert_eq!(model.forward_batch(&x, &edges, None, Some(&graphs), Mode::Eval)?.dims(), [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct EdgeAttentionClassifier {
    config: EdgeAttentionClassifierConfig,
    conv1: EdgeAttentionConv,
    conv2: EdgeAttentionConv,
    lin1: Linear,
    lin2: Linear,
}

impl EdgeAttentionClassifier {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &EdgeAttentionClassifierConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let c = config.clone();
        let sizes = [
            ("in_channels", c.in_channels),
            ("hidden_channels", c.hidden_channels),
            ("out_channels", c.out_channels),
            ("heads", c.heads),
        ];
        check_sizes(MODEL, &sizes)?;
        if !(0.0..=1.0).contains(&c.dropout) {
            let message = format!("dropout is {}, expected a probability in [0, 1]", c.dropout);
            return Err(Error::config(MODEL, message));
        }
        let layer = |inputs, concat, name| {
            let config = EdgeAttentionConvConfig {
                heads: c.heads,
                concat,
                dropout: c.dropout,
                edge_dim: c.edge_dim,
                ..EdgeAttentionConvConfig::new(inputs, c.hidden_channels)
            };
            EdgeAttentionConv::new(&config, vb.pp(name))
        };
        Ok(Self {
            conv1: layer(c.in_channels, true, "conv1")?,
            conv2: layer(c.heads * c.hidden_channels, false, "conv2")?,
            lin1: Linear::new(c.hidden_channels, c.hidden_channels, true, vb.pp("lin1"))?,
            lin2: Linear::new(c.hidden_channels, c.out_channels, true, vb.pp("lin2"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &EdgeAttentionClassifierConfig {
        &self.config
    }

    fn run(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<(Tensor, [Attention; 2])> {
        let p = self.config.dropout;
        let (h, first) = self.conv1.forward_with_attention(x, edges, edge_attr, batch, mode)?;
        let h = dropout(&Activation::Relu.forward(&h)?, p, mode)?;
        let (h, second) = self.conv2.forward_with_attention(&h, edges, edge_attr, batch, mode)?;
        let h = Activation::Relu.forward(&h)?;
        let pooled = MeanAggregation::default().forward(&h, &graphs(MODEL, h.dim(0)?, batch)?)?;
        let hidden = dropout(&Activation::Relu.forward(&self.lin1.forward(&pooled)?)?, p, mode)?;
        Ok((self.lin2.forward(&hidden)?, [first, second]))
    }
}

impl GraphModel for EdgeAttentionClassifier {
    fn level(&self) -> Level {
        Level::Graph
    }

    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        Ok(self.run(x, edges, edge_attr, batch, mode)?.0)
    }

    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        Ok(self.run(x, edges, edge_attr, batch, Mode::Eval)?.1.into())
    }
}

impl Architecture for EdgeAttentionClassifierConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(EdgeAttentionClassifier::new(self, vb)?))
    }
}
