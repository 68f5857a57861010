use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::gcn_norm::gcn_norm;
use super::neighbours::{check_edge_weight, check_nodes};
use crate::config;
use crate::{Linear, Mode, Result};

const LAYER: &str = "SgConv";

/// The arguments of [`SgConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgConvConfig {
    /// I.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// K, the number of hops. Default 1.
    #[serde(default = "config::one", rename = "K")]
    pub k: usize,
    /// Taken and without effect: what PyTorch Geometric keeps is wrong for the features of another graph. Default false.
    #[serde(default)]
    pub cached: bool,
    /// Whether every node gets a self-loop that has none. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl SgConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, k: 1, cached: false, add_self_loops: true, bias: true }
    }
}

/// Simple graph convolution (Wu, Zhang, de Souza, Fifty, Yu, Weinberger, *Simplifying Graph Convolutional Networks*, ICML
/// 2019, eq. 8, before the softmax).
///
/// > X' = Sᴷ X Wᵀ + b
///
/// with the normalised adjacency S of [`GcnConv`](super::GcnConv). Shapes: x `[N, I]`, edge_weight `[E]` (1 where there
/// is none), result `[N, O]`. Parameters `lin` (weight `[O, I]`, bias `[O]`).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{SgConv, SgConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = SgConv::new(&SgConvConfig { k: 2, ..SgConvConfig::new(5, 2) }, vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SgConv {
    config: SgConvConfig,
    lin: Linear,
}

impl SgConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &SgConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        Ok(Self { lin: Linear::new(c.in_channels, c.out_channels, c.bias, vb.pp("lin"))?, config: c })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &SgConvConfig {
        &self.config
    }

    /// The new features of the nodes, without edge weights.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_edges(x, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, edges, None, mode)
    }

    /// As [`forward`](Self::forward), with edge weights `[E]`, as [`GcnConv`](super::GcnConv) takes them.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward_edges(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        _mode: Mode,
    ) -> Result<Tensor> {
        let c = &self.config;
        check_nodes(LAYER, x, c.in_channels, edges)?;
        check_edge_weight(LAYER, edges, edge_weight)?;
        let (edges, weight) = gcn_norm(edges, edge_weight, x, c.add_self_loops.then_some(1.0))?;
        let hops = |x: Tensor| (0..c.k).try_fold(x, |x, _| ops::spmm(&edges, Some(&weight), &x));
        if c.in_channels <= c.out_channels {
            return self.lin.forward(&hops(x.clone())?);
        }
        // Hops and the linear map may change places: the fewer channels hop.
        let out = hops(ops::linear(x, self.lin.weight(), None)?)?;
        match self.lin.bias() {
            Some(bias) => Ok(ops::bias_add(&out, bias)?),
            None => Ok(out),
        }
    }
}
