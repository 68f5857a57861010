use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, looped};
use super::weights;
use crate::{Error, Linear, Mode, Nodes, Result, config};

const LAYER: &str = "FaConv";

/// The arguments of [`FaConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaConvConfig {
    /// F.
    pub channels: usize,
    /// ε, the weight of the initial features. Default 0.1.
    #[serde(default = "tenth")]
    pub eps: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Taken and without effect: the normalisation is always kept with the graph, so a layer cannot use the one of another
    /// graph. Default false.
    #[serde(default)]
    pub cached: bool,
    /// Whether every node gets one self-loop; without effect where `normalize` is false. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// Whether edges are weighted by the degrees of their ends; if not, the weights must be given. Default true.
    #[serde(default = "config::yes")]
    pub normalize: bool,
}

fn tenth() -> f64 {
    0.1
}

impl FaConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize) -> Self {
        Self { channels, eps: tenth(), dropout: 0.0, cached: false, add_self_loops: true, normalize: true }
    }
}

/// Convolution that adapts to frequencies: weights may be negative (Bo, Wang, Shi, Shen, *Beyond Low-frequency Information
/// in Graph Convolutional Networks*, AAAI 2021, eqs. 7 to 9).
///
/// > α(e) = tanh(⟨a_l, x_j⟩ + ⟨a_r, x_i⟩) for the edge e from j to i
/// >
/// > x'_i = ε x⁰_i + Σ α(e) w(e) x_j, with w(e) = 1 / √(d_i d_j), d the in-degree, where every node has one self-loop
///
/// Shapes: x and x_0 `[N, F]`, edge_weight `[E]` (w, where `normalize` is false), result `[N, F]`. Parameters, as in
/// PyTorch Geometric: `att_l.weight` and `att_r.weight` `[1, F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{Mode, SeededVarMap, conv::{FaConv, FaConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x_0 = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let conv = FaConv::new(&FaConvConfig::new(5), SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let x = conv.forward(&x_0, &x_0, &edges)?;
/// let (x, attention) = conv.forward_with_attention(&x, &x_0, &edges, None, Mode::Eval)?;
/// assert_eq!(x.dims(), [3, 5]);
/// assert_eq!(attention.alpha.dims(), [5, 1]); // two edges and three self-loops
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct FaConv {
    config: FaConvConfig,
    att_l: Linear,
    att_r: Linear,
}

impl FaConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &FaConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        if !(0.0..=1.0).contains(&c.dropout) {
            let got = c.dropout.to_string();
            return Err(Error::argument(LAYER, "dropout", "a probability in [0, 1]", got));
        }
        if !c.eps.is_finite() {
            return Err(Error::argument(LAYER, "eps", "a finite number", c.eps.to_string()));
        }
        Ok(Self {
            att_l: Linear::new(c.channels, 1, false, vb.pp("att_l"))?,
            att_r: Linear::new(c.channels, 1, false, vb.pp("att_r"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &FaConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference, without edge weights; `x_0` are those that the first layer had.
    ///
    /// # Errors
    /// If a shape does not fit, the graph is bipartite, or the layer has `normalize = false`.
    pub fn forward(&self, x: &Tensor, x_0: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_edges(x, x_0, edges, None, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, x_0: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        self.forward_edges(x, x_0, edges, None, mode)
    }

    /// As [`forward_t`](Self::forward_t), with edge weights `[E]`.
    ///
    /// # Errors
    /// If a shape does not fit, the graph is bipartite, the layer normalises and there are weights, or neither.
    pub fn forward_edges(
        &self,
        x: &Tensor,
        x_0: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        Ok(self.forward_with_attention(x, x_0, edges, edge_weight, mode)?.0)
    }

    /// As [`forward_edges`](Self::forward_edges), with the weights α `[E', 1]`, between −1 and 1, before dropout, and the
    /// edges they belong to.
    ///
    /// # Errors
    /// As [`forward_edges`](Self::forward_edges).
    pub fn forward_with_attention(
        &self,
        x: &Tensor,
        x_0: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        edges.num_nodes()?;
        let channels = self.config.channels;
        Nodes::One(x).check(LAYER, edges, channels, channels)?;
        if x_0.dims() != x.dims() {
            let expected = format!("{:?}, the shape of x", x.dims());
            return Err(Error::argument(LAYER, "x_0", expected, format!("{:?}", x_0.dims())));
        }
        let (edges, weight) = self.weighted(x, edges, edge_weight)?;
        let (src, dst) = (self.att_l.forward(x)?, self.att_r.forward(x)?);
        let alpha = (ops::gather_src(&src, &edges)? + ops::gather_dst(&dst, &edges)?)?.tanh()?;
        let kept = crate::dropout(&alpha, self.config.dropout, mode)?;
        let mut out = ops::spmm(&edges, Some(&(kept.squeeze(1)? * weight)?), x)?;
        if self.config.eps != 0.0 {
            out = (out + (x_0 * self.config.eps)?)?;
        }
        Ok((out, Attention { edges, alpha }))
    }

    /// The edges that the layer works on, and their weights w.
    fn weighted(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
    ) -> Result<(EdgeIndex, Tensor)> {
        let (e, got) = (edges.num_edges(), edge_weight.map(|w| format!("{:?}", w.dims())));
        match (self.config.normalize, edge_weight) {
            (true, None) => {
                let edges = looped(edges, self.config.add_self_loops)?;
                let weight = weights::symmetric(&edges, x)?;
                Ok((edges, weight))
            }
            (false, Some(w)) if w.dims() == [e] => Ok((edges.clone(), w.clone())),
            (normalize, _) => {
                let expected = match normalize {
                    true => "none, because the layer has normalize = true".to_string(),
                    false => format!("[{e}], because the layer has normalize = false"),
                };
                let got = got.unwrap_or_else(|| "none".into());
                Err(Error::argument(LAYER, "edge_weight", expected, got))
            }
        }
    }
}
