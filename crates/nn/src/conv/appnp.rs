use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Linked};
use serde::{Deserialize, Serialize};

use super::gcn_norm::gcn_norm;
use super::neighbours::{check_edge_weight, check_nodes};
use crate::config;
use crate::{Error, Mode, Result, dropout};

const LAYER: &str = "Appnp";

/// The arguments of [`Appnp`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppnpConfig {
    /// K, the number of steps.
    #[serde(rename = "K")]
    pub k: usize,
    /// α, the probability to start again at the node itself.
    pub alpha: f64,
    /// The probability with which an edge is dropped in a step, in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Taken and without effect: the normalisation of a graph without edge weights is always kept with the graph.
    /// Default false.
    #[serde(default)]
    pub cached: bool,
    /// Whether every node gets a self-loop that has none, if the layer normalises. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// Whether edges are weighted by the degrees of their ends. Default true.
    #[serde(default = "config::yes")]
    pub normalize: bool,
}

impl AppnpConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(k: usize, alpha: f64) -> Self {
        Self { k, alpha, dropout: 0.0, cached: false, add_self_loops: true, normalize: true }
    }
}

/// Personalised PageRank by power iteration (Gasteiger, Bojchevski, Günnemann, *Predict then Propagate*, ICLR 2019,
/// eq. 5).
///
/// > Z⁰ = X, Zᵏ⁺¹ = (1 − α) S Zᵏ + α X, X' = Zᴷ
///
/// with the normalised adjacency S of [`GcnConv`](super::GcnConv). Every step drops edges anew; PyTorch Geometric drops
/// in each step from what the steps before left.
///
/// Shapes: x `[N, F]`, edge_weight `[E]` (1 where there is none), result `[N, F]`. No parameters.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::conv::{Appnp, AppnpConfig};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// assert_eq!(Appnp::new(&AppnpConfig::new(10, 0.1))?.forward(&x, &edges)?.dims(), [3, 5]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Appnp {
    config: AppnpConfig,
}

impl Appnp {
    /// A layer; it has no parameters.
    ///
    /// # Errors
    /// If an argument is out of range.
    pub fn new(config: &AppnpConfig) -> Result<Self> {
        let c = config.clone();
        if !c.alpha.is_finite() {
            return Err(Error::argument(LAYER, "alpha", "a finite number", c.alpha.to_string()));
        }
        if !(0.0..=1.0).contains(&c.dropout) {
            return Err(Error::argument(LAYER, "dropout", "a probability in [0, 1]", c.dropout.to_string()));
        }
        Ok(Self { config: c })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &AppnpConfig {
        &self.config
    }

    /// The new features of the nodes, in inference, without edge weights.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_edges(x, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, edges, None, mode)
    }

    /// As [`forward_t`](Self::forward_t), with edge weights `[E]`, as [`GcnConv`](super::GcnConv) takes them.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_edges(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let c = &self.config;
        check_nodes(LAYER, x, x.dims().last().copied().unwrap_or(0), edges)?;
        check_edge_weight(LAYER, edges, edge_weight)?;
        let (edges, weight) = match (c.normalize, edge_weight) {
            (true, weight) => gcn_norm(edges, weight, x, c.add_self_loops.then_some(1.0))?,
            (false, Some(weight)) => (edges.clone(), weight.clone()),
            (false, None) => (edges.clone(), Tensor::ones(edges.num_edges(), x.dtype(), x.device())?),
        };
        let weight = (weight * (1.0 - c.alpha))?;
        let start = Linked::from((x * c.alpha)?);
        (0..c.k).try_fold(x.clone(), |z, _| {
            let weight = dropout(&weight, c.dropout, mode)?;
            Ok(ops::spmm_plus(&edges, Some(&weight), z, None, Some(&start))?)
        })
    }
}
