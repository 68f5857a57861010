use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::transforms;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::coarsen::coarsen;
use super::gnn::{Gnn, PoolingGnn};
use super::select::{Keep, Select};
use super::{Pooled, batch_of, check, scaled};
use crate::conv::{LeConv, LeConvConfig, remaining_self_loops};
use crate::{Activation, Error, Linear, Mode, Result, config, dropout};

const LAYER: &str = "AsapPooling";

/// The arguments of [`AsapPooling`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsapPoolingConfig {
    /// F.
    pub in_channels: usize,
    /// The share of the nodes of each graph whose clusters stay, rounded up; from 1 on their number. Default 0.5.
    #[serde(default = "config::half")]
    pub ratio: f64,
    /// The layer through which nodes look at each other before they attend, GraphConv or GCNConv. Default none.
    #[serde(default, rename = "GNN")]
    pub gnn: Option<PoolingGnn>,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The slope of the leaky ReLU on the scores. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// Whether the clusters have self-loops. Default false.
    #[serde(default)]
    pub add_self_loops: bool,
    /// Arguments of the layer (`**kwargs` of PyTorch Geometric), except its channels. Default none.
    #[serde(default)]
    pub gnn_kwargs: Map<String, Value>,
}

impl AsapPoolingConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self {
            in_channels,
            ratio: 0.5,
            gnn: None,
            dropout: 0.0,
            negative_slope: config::slope(),
            add_self_loops: false,
            gnn_kwargs: Map::new(),
        }
    }
}

/// Every node and its in-neighbours are a cluster; the fittest clusters stay (Ranjan, Sanyal, Talukdar, *ASAP:
/// Adaptive Structure Aware Pooling for Learning Hierarchical Graph Representations*, AAAI 2020, eq. 3 to 8).
///
/// With one self-loop at each node, h = GNN(x) (or x), and for every edge e from j to i:
///
/// > m_i = max h_j over the in-edges of i, α = softmaxᵢ(LeakyReLU(⟨a, \[W m_i + b ‖ h_j\]⟩ + b')), c_i = Σ α(e) x_j
/// >
/// > φ = sigmoid(LEConv(c)), i = the clusters with the highest φ in each graph, X' = (φ ⊙ c)ᵢ, A' = Sᵀ A S
///
/// where S holds the α of the edges into the clusters that stay, and LEConv is Σ (W₁ c_j + b₁ − W₂ c_i) + W₃ c_i + b₃.
/// The edges of the result are sorted by source. Gradients flow through its edge weights.
///
/// Shapes: x `[N, F]`, edge_weight `[E]`, result [`Pooled`] with the weights A' where weights came in and φ as the
/// score. Parameters `lin` {weight `[F, F]`, bias}, `att` {weight `[1, 2F]`, bias}, `gnn_score.lin1` {weight, bias},
/// `gnn_score.lin2.weight`, `gnn_score.lin3` {weight, bias}, `gnn_intra_cluster.…`, and `select.weight` `[1, 1]`, of
/// which only the sign counts.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, pool::{AsapPooling, AsapPoolingConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 1, 2, 2, 3], vec![1, 0, 2, 1, 3, 2], 4)?;
/// let x = Tensor::ones((4, 6), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pooled = AsapPooling::new(&AsapPoolingConfig::new(6), vb)?.forward(&x, &edges, None, None)?;
/// assert_eq!(pooled.x.dims(), [2, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AsapPooling {
    config: AsapPoolingConfig,
    lin: Linear,
    att: Linear,
    score: LeConv,
    gnn: Option<Gnn>,
    select: Select,
}

impl AsapPooling {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or not known to the layer of the clusters, or `vb` has no such parameters.
    pub fn new(config: &AsapPoolingConfig, vb: VarBuilder) -> Result<Self> {
        let (c, f) = (config.clone(), config.in_channels);
        let keep = Keep::new(LAYER, c.ratio, None)?;
        if !(0.0..=1.0).contains(&c.dropout) {
            return Err(Error::argument(LAYER, "dropout", "a probability in [0, 1]", c.dropout.to_string()));
        }
        if let Some(other @ (PoolingGnn::Gat | PoolingGnn::Sage)) = c.gnn {
            let expected = "GraphConv or GCNConv, which know edge weights";
            return Err(Error::argument(LAYER, "GNN", expected, format!("{other:?}")));
        }
        let gnn = |kind| Gnn::new(LAYER, kind, (f, f), &c.gnn_kwargs, vb.pp("gnn_intra_cluster"));
        Ok(Self {
            lin: Linear::new(f, f, true, vb.pp("lin"))?,
            att: Linear::new(f.saturating_mul(2), 1, true, vb.pp("att"))?,
            score: LeConv::new(&LeConvConfig::new(f, 1), vb.pp("gnn_score"))?,
            gnn: c.gnn.map(gnn).transpose()?,
            select: Select::new(1, keep, Activation::Tanh, vb.pp("select"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &AsapPoolingConfig {
        &self.config
    }

    /// The clusters that are left, in inference.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Pooled> {
        self.forward_t(x, edges, edge_weight, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout of the weights α in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Pooled> {
        let batch = check(LAYER, x, self.config.in_channels, edges, None, batch)?;
        if let Some(w) = edge_weight.filter(|w| w.dims() != [edges.num_edges()]) {
            let expected = format!("[{}] (one number per edge)", edges.num_edges());
            return Err(Error::argument(LAYER, "edge_weight", expected, format!("{:?}", w.dims())));
        }
        let (edges, weight) = match edge_weight {
            Some(w) => {
                let (edges, w) = remaining_self_loops(edges, w, 1.0)?;
                (edges, Some(w))
            }
            None => (transforms::with_self_loops(edges)?.edges.clone(), None),
        };
        let alpha = self.attention(x, &edges, weight.as_ref())?;
        let alpha = dropout(&alpha, self.config.dropout, mode)?.squeeze(1)?;
        let clusters = ops::spmm(&edges, Some(&alpha), x)?;
        let fitness = ops::sigmoid(&self.score.forward(&clusters, &edges)?)?;
        let (perm, _) = self.select.forward(&fitness, &batch)?;
        let (x, score) = scaled(&clusters, &perm, &fitness.squeeze(1)?, 1.0)?;
        let (edges, edge_attr) = self.connect(&edges, weight.as_ref(), &alpha, &perm)?;
        Ok(Pooled { x, edges, edge_attr, batch: batch_of(&perm, &batch)?, perm, score })
    }

    /// α `[E, 1]`.
    fn attention(&self, x: &Tensor, edges: &EdgeIndex, weight: Option<&Tensor>) -> Result<Tensor> {
        let h = match &self.gnn {
            Some(gnn) => gnn.forward_weighted(x, edges, weight)?,
            None => x.clone(),
        };
        let most = ops::scatter(&ops::gather_src(&h, edges)?, edges, Reduce::Max)?;
        // ⟨a, [m ‖ h]⟩ is a number of each end of an edge.
        let (f, a) = (self.config.in_channels, self.att.weight());
        let of_cluster = ops::linear(&self.lin.forward(&most)?, &a.narrow(1, 0, f)?, self.att.bias())?;
        let of_node = ops::linear(&h, &a.narrow(1, f, f)?, None)?;
        let slope = self.config.negative_slope;
        Ok(ops::additive_attention_weights(&of_node, Some(&of_cluster), None, edges, slope)?)
    }

    /// The edges between the clusters that stay.
    fn connect(
        &self,
        edges: &EdgeIndex,
        weight: Option<&Tensor>,
        alpha: &Tensor,
        perm: &[u32],
    ) -> Result<(EdgeIndex, Option<Tensor>)> {
        let (coarse, weight) = coarsen(edges, weight, alpha, perm)?;
        match (self.config.add_self_loops, weight) {
            (true, None) => Ok((transforms::with_self_loops(&coarse)?.edges.clone(), None)),
            (true, Some(w)) => {
                let (coarse, w) = remaining_self_loops(&coarse, &w, 1.0)?;
                Ok((coarse, Some(w)))
            }
            (false, w) => {
                let stay = (0u32..).zip(coarse.iter()).filter(|(_, (s, d))| s != d).map(|(e, _)| e);
                let w = w.map(|w| ops::edge_select(&w, &stay.collect::<Vec<_>>())).transpose()?;
                Ok((transforms::remove_self_loops(&coarse)?.edges, w))
            }
        }
    }
}
