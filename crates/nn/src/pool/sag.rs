use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::gnn::{Gnn, PoolingGnn};
use super::select::{Keep, Select};
use super::{Pooled, check, check_attn, keep};
use crate::{Activation, Mode, Result, config};

const LAYER: &str = "SagPooling";

/// The arguments of [`SagPooling`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SagPoolingConfig {
    /// F.
    pub in_channels: usize,
    /// The share of the nodes of each graph that stays, rounded up; from 1 on their number. Default 0.5.
    #[serde(default = "config::half")]
    pub ratio: f64,
    /// The layer that scores the nodes. Default GraphConv.
    #[serde(default, rename = "GNN")]
    pub gnn: PoolingGnn,
    /// The score that nodes must exceed to stay, instead of a share of them. Default none.
    #[serde(default)]
    pub min_score: Option<f64>,
    /// What the features are multiplied by in the end. Default 1.
    #[serde(default = "config::unit")]
    pub multiplier: f64,
    /// The activation of the scores where there is no `min_score`. Default tanh.
    #[serde(default = "config::tanh")]
    pub nonlinearity: String,
    /// Arguments of the layer that scores (`**kwargs` of PyTorch Geometric), except its channels. Default none.
    #[serde(default)]
    pub gnn_kwargs: Map<String, Value>,
}

impl SagPoolingConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self {
            in_channels,
            ratio: 0.5,
            gnn: PoolingGnn::Graph,
            min_score: None,
            multiplier: 1.0,
            nonlinearity: config::tanh(),
            gnn_kwargs: Map::new(),
        }
    }
}

/// Keeps the nodes that a graph layer scores highest (Lee, Lee, Kang, *Self-Attention Graph Pooling*, ICML 2019, eq. 3
/// to 7).
///
/// > y = tanh(GNN(X, A)), i = the nodes with the highest y in each graph, X' = (X ⊙ y)ᵢ, A' = A_{i,i}
/// >
/// > with `min_score`: y = softmax(GNN(X, A)) over the nodes of each graph, i = those with y > min_score
///
/// `ratio`, `min_score` and equal scores are as in [`TopKPooling`](super::TopKPooling). As in PyTorch Geometric the
/// score passes through a selection with a weight w of its own: its sign counts, and with `min_score` its size.
///
/// Shapes: x `[N, F]`, edge_attr `[E, …]` (which the scores do not see), result [`Pooled`]. Parameters `gnn.…` as the
/// layer (GraphConv: `lin_rel` {weight `[1, F]`, bias}, `lin_root.weight`), `select.weight` `[1, 1]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, pool::{SagPooling, SagPoolingConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 0], 4)?;
/// let x = Tensor::ones((4, 6), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = SagPooling::new(&SagPoolingConfig::new(6), vb)?;
/// assert_eq!(pool.forward(&x, &edges, None, None)?.x.dims(), [2, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SagPooling {
    config: SagPoolingConfig,
    gnn: Gnn,
    select: Select,
}

impl SagPooling {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or not known to the layer that scores, or `vb` has no such parameters.
    pub fn new(config: &SagPoolingConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let keep = Keep::new(LAYER, c.ratio, c.min_score)?;
        let act: Activation = c.nonlinearity.parse()?;
        let gnn = Gnn::new(LAYER, c.gnn, (c.in_channels, 1), &c.gnn_kwargs, vb.pp("gnn"))?;
        Ok(Self { gnn, select: Select::new(1, keep, act, vb.pp("select"))?, config: c })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &SagPoolingConfig {
        &self.config
    }

    /// What is left of the graphs, in inference.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Pooled> {
        self.forward_t(x, edges, edge_attr, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with the dropout of the layer that scores in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Pooled> {
        let batch = check(LAYER, x, self.config.in_channels, edges, edge_attr, batch)?;
        self.pool((x, x), edges, edge_attr, &batch, mode)
    }

    /// As [`forward_t`](Self::forward_t), where the scores come from `attn` `[N, in_channels]`; x then may have any
    /// number of columns.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_attn(
        &self,
        x: &Tensor,
        attn: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Pooled> {
        let batch = check_attn(LAYER, (x, attn), self.config.in_channels, edges, edge_attr, batch)?;
        self.pool((x, attn), edges, edge_attr, &batch, mode)
    }

    fn pool(
        &self,
        (x, attn): (&Tensor, &Tensor),
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: &EdgeIndex,
        mode: Mode,
    ) -> Result<Pooled> {
        let score = self.gnn.forward(attn, edges, mode)?;
        let chosen = self.select.forward(&score, batch)?;
        keep(x, edges, edge_attr, batch, chosen, self.config.multiplier)
    }
}
