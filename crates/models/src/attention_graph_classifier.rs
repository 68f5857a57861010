use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::MeanAggregation;
use candle_geometric_nn::conv::Attention;
use candle_geometric_nn::edge::{
    DotEdgeAttentionConv, DotEdgeAttentionConvConfig, EdgeAttentionConv, EdgeAttentionConvConfig,
};
use candle_geometric_nn::{Activation, Error as LayerError, Linear, Mode, dropout, graphs};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::{check_dropout, check_sizes, one};
use crate::config::Architecture;
use crate::{Error, GraphModel, Level, Result};

const MODEL: &str = "AttentionGraphClassifier";

/// How an [`AttentionGraphClassifier`] scores an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeScore {
    /// Σ h_i ⊙ a ⊙ h_j, by [`DotEdgeAttentionConv`].
    #[default]
    Dot,
    /// LeakyReLU(aᵀ W \[h_i ‖ h_j\]), by [`EdgeAttentionConv`], which also takes edge features.
    Additive,
}

/// The arguments of [`AttentionGraphClassifier`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionGraphClassifierConfig {
    /// The number of features of a node.
    pub in_channels: usize,
    /// C, the width of the layers.
    pub hidden_channels: usize,
    /// K, the number of classes of graphs.
    pub out_channels: usize,
    /// How edges are scored. Default `dot`.
    #[serde(default)]
    pub score: EdgeScore,
    /// The number of heads: concatenated after the first layer, averaged after the second. Default 1.
    #[serde(default = "one")]
    pub heads: usize,
    /// The probability with which attention weights and hidden features are dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The number of edge features, which only additive scores take; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
}

impl AttentionGraphClassifierConfig {
    /// The defaults.
    pub fn new(in_channels: usize, hidden_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            hidden_channels,
            out_channels,
            score: EdgeScore::Dot,
            heads: 1,
            dropout: 0.0,
            edge_dim: None,
        }
    }
}

/// A classifier of graphs by edge-level attention: two layers whose softmax runs over all edges of a graph
/// ([`DotEdgeAttentionConv`], or [`EdgeAttentionConv`]), the mean over the nodes of each graph, and two linear maps.
///
/// > h = ReLU(conv₂(ReLU(conv₁(x))))
/// >
/// > y = W₂ ReLU(W₁ mean h_i + b₁) + b₂, the mean over the nodes i of the graph
///
/// Shapes: x `[N, in_channels]`, edge_attr `[E, edge_dim]`, result: logits `[B, K]`; a graph without nodes has the mean 0.
/// Parameters: `conv1`, `conv2`, `lin1`, `lin2`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{AttentionGraphClassifier, AttentionGraphClassifierConfig, GraphModel};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// // Two graphs: nodes 0, 1 and nodes 2, 3.
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 3], 4)?;
/// let graphs = EdgeIndex::from_batch(&[0, 0, 1, 1], 2)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = AttentionGraphClassifier::new(&AttentionGraphClassifierConfig::new(5, 8, 3), vb)?;
/// assert_eq!(model.forward_batch(&x, &edges, None, Some(&graphs), Mode::Eval)?.dims(), [2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AttentionGraphClassifier {
    config: AttentionGraphClassifierConfig,
    conv1: Layer,
    conv2: Layer,
    lin1: Linear,
    lin2: Linear,
}

impl AttentionGraphClassifier {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, there is an `edge_dim` without additive scores, or `vb` has no such parameters.
    pub fn new(config: &AttentionGraphClassifierConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let c = config.clone();
        let sizes = [
            ("in_channels", c.in_channels),
            ("hidden_channels", c.hidden_channels),
            ("out_channels", c.out_channels),
            ("heads", c.heads),
            ("edge_dim", c.edge_dim.unwrap_or(1)),
        ];
        check_sizes(MODEL, &sizes)?;
        check_dropout(MODEL, "dropout", c.dropout)?;
        if let (EdgeScore::Dot, Some(d)) = (c.score, c.edge_dim) {
            let problem = format!("edge_dim is {d}, expected none: score = \"dot\" takes no edge features");
            return Err(Error::config(MODEL, problem));
        }
        Ok(Self {
            conv1: Layer::new(&c, c.in_channels, true, vb.pp("conv1"))?,
            conv2: Layer::new(&c, c.heads * c.hidden_channels, false, vb.pp("conv2"))?,
            lin1: Linear::new(c.hidden_channels, c.hidden_channels, true, vb.pp("lin1"))?,
            lin2: Linear::new(c.hidden_channels, c.out_channels, true, vb.pp("lin2"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &AttentionGraphClassifierConfig {
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
        let (h, first) = self.conv1.forward(x, edges, edge_attr, batch, mode)?;
        let h = dropout(&Activation::Relu.forward(&h)?, p, mode)?;
        let (h, second) = self.conv2.forward(&h, edges, edge_attr, batch, mode)?;
        let h = Activation::Relu.forward(&h)?;
        let pooled = MeanAggregation::default().forward(&h, &graphs(MODEL, h.dim(0)?, batch)?)?;
        let hidden = dropout(&Activation::Relu.forward(&self.lin1.forward(&pooled)?)?, p, mode)?;
        Ok((self.lin2.forward(&hidden)?, [first, second]))
    }
}

#[derive(Debug, Clone)]
enum Layer {
    Dot(DotEdgeAttentionConv),
    Additive(EdgeAttentionConv),
}

impl Layer {
    fn new(
        c: &AttentionGraphClassifierConfig,
        inputs: usize,
        concat: bool,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let AttentionGraphClassifierConfig { hidden_channels, heads, dropout, edge_dim, .. } = *c;
        Ok(match c.score {
            EdgeScore::Dot => {
                let new = DotEdgeAttentionConvConfig::new(inputs, hidden_channels);
                let config = DotEdgeAttentionConvConfig { heads, concat, dropout, ..new };
                Self::Dot(DotEdgeAttentionConv::new(&config, vb)?)
            }
            EdgeScore::Additive => {
                let new = EdgeAttentionConvConfig::new(inputs, hidden_channels);
                let config = EdgeAttentionConvConfig { heads, concat, dropout, edge_dim, ..new };
                Self::Additive(EdgeAttentionConv::new(&config, vb)?)
            }
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<(Tensor, Attention)> {
        Ok(match (self, edge_attr) {
            (Self::Additive(conv), _) => conv.forward_with_attention(x, edges, edge_attr, batch, mode)?,
            (Self::Dot(conv), None) => conv.forward_with_attention(x, edges, batch, mode)?,
            (Self::Dot(_), Some(attr)) => {
                let expected = "none, because score = \"dot\" takes no edge features";
                let actual = format!("{:?}", attr.dims());
                return Err(LayerError::argument(MODEL, "edge_attr", expected, actual).into());
            }
        })
    }
}

impl GraphModel for AttentionGraphClassifier {
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

impl Architecture for AttentionGraphClassifierConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(AttentionGraphClassifier::new(self, vb)?))
    }
}
