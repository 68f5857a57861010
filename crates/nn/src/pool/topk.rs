use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::select::{Keep, Select};
use super::{Pooled, check, check_attn, keep};
use crate::{Result, config};

const LAYER: &str = "TopKPooling";

/// The arguments of [`TopKPooling`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopKPoolingConfig {
    /// F.
    pub in_channels: usize,
    /// The share of the nodes of each graph that stays, rounded up; from 1 on their number. Default 0.5.
    #[serde(default = "config::half")]
    pub ratio: f64,
    /// The score that nodes must exceed to stay, instead of a share of them. Default none.
    #[serde(default)]
    pub min_score: Option<f64>,
    /// What the features are multiplied by in the end. Default 1.
    #[serde(default = "config::unit")]
    pub multiplier: f64,
    /// The activation of the scores where there is no `min_score`. Default tanh.
    #[serde(default = "config::tanh")]
    pub nonlinearity: String,
}

impl TopKPoolingConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self { in_channels, ratio: 0.5, min_score: None, multiplier: 1.0, nonlinearity: config::tanh() }
    }
}

/// Keeps the nodes with the highest projection on a learnt vector p (Gao and Ji, *Graph U-Nets*, ICML 2019, eq. 2;
/// Knyazev et al., *Understanding Attention and Generalization in Graph Neural Networks*, NeurIPS 2019, for the form
/// with a smallest score).
///
/// > y = tanh(X p / ‖p‖), i = the nodes with the highest y in each graph, X' = (X ⊙ y)ᵢ, A' = A_{i,i}
/// >
/// > with `min_score`: y = softmax(X p) over the nodes of each graph, i = those with y > min_score
///
/// As in PyTorch Geometric a `ratio` of 1 or more is a number of nodes (1.0 keeps one, not all), and the node with the
/// highest score stays even below `min_score`. Equal scores stay in the order of the nodes.
///
/// Shapes: x `[N, F]`, edge_attr `[E, …]`, result [`Pooled`]. Parameter `select.weight` `[1, F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, pool::{TopKPooling, TopKPoolingConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 3], 4)?;
/// let x = Tensor::new(&[[1f32], [4.], [3.], [2.]], &Device::Cpu)?;
/// let vb = SeededVarMap::new(1).var_builder(DType::F32, &Device::Cpu);
/// let pooled = TopKPooling::new(&TopKPoolingConfig::new(1), vb)?.forward(&x, &edges, None, None)?;
/// assert_eq!(pooled.x.dims(), [2, 1]);
/// assert_eq!(pooled.perm.len(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TopKPooling {
    config: TopKPoolingConfig,
    select: Select,
}

impl TopKPooling {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &TopKPoolingConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let keep = Keep::new(LAYER, c.ratio, c.min_score)?;
        let select = Select::new(c.in_channels, keep, c.nonlinearity.parse()?, vb.pp("select"))?;
        Ok(Self { config: c, select })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &TopKPoolingConfig {
        &self.config
    }

    /// What is left of the graphs.
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
        let batch = check(LAYER, x, self.config.in_channels, edges, edge_attr, batch)?;
        self.pool((x, x), edges, edge_attr, &batch)
    }

    /// As [`forward`](Self::forward), where the scores come from `attn` `[N, in_channels]`; x then may have any number
    /// of columns.
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
    ) -> Result<Pooled> {
        let batch = check_attn(LAYER, (x, attn), self.config.in_channels, edges, edge_attr, batch)?;
        self.pool((x, attn), edges, edge_attr, &batch)
    }

    fn pool(
        &self,
        (x, attn): (&Tensor, &Tensor),
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: &EdgeIndex,
    ) -> Result<Pooled> {
        let chosen = self.select.forward(attn, batch)?;
        keep(x, edges, edge_attr, batch, chosen, self.config.multiplier)
    }
}
