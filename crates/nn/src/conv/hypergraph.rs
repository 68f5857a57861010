use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{HeadVectors, Output, check_blocks, check_numbers, check_slope};
use super::weights;
use crate::config;
use crate::{Error, Linear, Mode, Nodes, Result, dropout, init};

const LAYER: &str = "HypergraphConv";

/// Over what the attention of a [`HypergraphConv`] is a softmax. In JSON `"node"` or `"edge"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HypergraphAttentionMode {
    /// Over the nodes of each hyperedge.
    #[default]
    Node,
    /// Over the hyperedges of each node.
    Edge,
}

/// The arguments of [`HypergraphConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HypergraphConvConfig {
    /// I, the features of nodes, and of hyperedges with attention.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub out_channels: usize,
    /// Whether the incidence is weighted by attention; the arguments after it but `bias` are without effect where it is
    /// false. Default false.
    #[serde(default)]
    pub use_attention: bool,
    /// Over what the attention is a softmax. Default the nodes of each hyperedge.
    #[serde(default)]
    pub attention_mode: HypergraphAttentionMode,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether heads are concatenated (H·C outputs) or averaged (C outputs). Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// The slope of the leaky ReLU on the scores. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl HypergraphConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            use_attention: false,
            attention_mode: HypergraphAttentionMode::Node,
            heads: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            bias: true,
        }
    }
}

/// Convolution and attention on hypergraphs (Bai, Zhang, Torr, *Hypergraph Convolution and Hypergraph Attention*,
/// Pattern Recognition 2021, eq. 6 and 8).
///
/// A hypergraph is a bipartite [`EdgeIndex`] from its N nodes to its M hyperedges, with an edge wherever a node is in a
/// hyperedge. With the weight w_m of hyperedge m, the number B_m of its nodes, and D_i = Σ w_m over the hyperedges of i:
///
/// > h_m = 1/B_m Σ α_im W x_i over the nodes i of m
/// >
/// > x'_i = 1/D_i Σ α_im h_m + b over the hyperedges m of i
///
/// where α is 1, or with `use_attention`, for every head,
///
/// > α_im = softmax LeakyReLU(⟨a, \[W x_i ‖ W f_m\]⟩)
///
/// over the nodes of m or over the hyperedges of i, with the hyperedges' features f. A node in no hyperedge gets the bias
/// alone.
///
/// Shapes: x `[N, I]`, hyperedge_weight `[M]`, hyperedge_attr `[M, I]`; result `[N, H·C]`, or `[N, C]` where heads are
/// averaged.
///
/// Parameters, as in PyTorch Geometric: `lin.weight` `[H·C, I]`, `att` `[1, H, 2·C]` (with `use_attention`), `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{HypergraphConv, HypergraphConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// // Nodes 0, 1, 2 are in hyperedge 0, nodes 2, 3 in hyperedge 1.
/// let hyperedges = EdgeIndex::bipartite(vec![0, 1, 2, 2, 3], vec![0, 0, 0, 1, 1], 4, 2)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = HypergraphConv::new(&HypergraphConvConfig::new(5, 3), vb)?;
/// assert_eq!(conv.forward(&x, &hyperedges)?.dims(), [4, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct HypergraphConv {
    config: HypergraphConvConfig,
    lin: Linear,
    /// `[1, H, 2·C]`.
    att: Option<Tensor>,
    output: Output,
}

impl HypergraphConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &HypergraphConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        let (heads, concat) = if c.use_attention { (c.heads, c.concat) } else { (1, true) };
        let att = || -> Result<_> {
            check_blocks(LAYER, (heads, c.out_channels))?;
            let shape = [1, heads, c.out_channels.saturating_mul(2)];
            Ok(vb.get_with_hints(&shape, "att", init::glorot_uniform(&shape))?)
        };
        Ok(Self {
            lin: Linear::glorot(c.in_channels, heads * c.out_channels, false, vb.pp("lin"))?,
            att: c.use_attention.then(att).transpose()?,
            output: Output::new(LAYER, (heads, c.out_channels, concat), None, c.bias, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &HypergraphConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference, where hyperedges have neither weights nor features.
    ///
    /// # Errors
    /// If a shape does not fit, or the layer has attention, which needs features of hyperedges.
    pub fn forward(&self, x: &Tensor, hyperedges: &EdgeIndex) -> Result<Tensor> {
        self.forward_hyperedges(x, hyperedges, None, None, Mode::Eval)
    }

    /// The new features of the nodes, with weights `[M]` and features `[M, I]` of the hyperedges.
    ///
    /// # Errors
    /// If a shape does not fit, the layer has attention and there is no `hyperedge_attr`, or the reverse.
    pub fn forward_hyperedges(
        &self,
        x: &Tensor,
        hyperedges: &EdgeIndex,
        hyperedge_weight: Option<&Tensor>,
        hyperedge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor> {
        let (m, channels) = (hyperedges.num_dst(), self.config.in_channels);
        Nodes::Pair(x, None).check(LAYER, hyperedges, channels, channels)?;
        if let Some(w) = hyperedge_weight.filter(|w| w.dims() != [m]) {
            let expected = format!("[{m}] (one number per hyperedge)");
            return Err(Error::argument(LAYER, "hyperedge_weight", expected, format!("{:?}", w.dims())));
        }
        /// The way back, from hyperedges to nodes.
        struct Back(EdgeIndex);
        let back = hyperedges.attachment(|| Back(hyperedges.reversed()));
        let back = &back.0;
        let h = self.lin.forward(x)?;
        let alpha = self.attention(&h, (hyperedges, back), hyperedge_attr, mode)?;
        let to_hyperedges = weights::mean(hyperedges, &h)?;
        let to_nodes = match hyperedge_weight {
            None => weights::mean(back, &h)?,
            Some(w) => ops::gather_src(&inverse_degree(back, w)?, hyperedges)?,
        };
        let weighted = |norm: Tensor| match &alpha {
            Some(alpha) => alpha.broadcast_mul(&norm.unsqueeze(1)?),
            None => Ok(norm),
        };
        let h = ops::spmm(hyperedges, Some(&weighted(to_hyperedges)?), &h)?;
        let out = ops::spmm(back, Some(&weighted(to_nodes)?), &h)?;
        self.output.finish(out, None)
    }

    /// α `[E, H]` after dropout.
    fn attention(
        &self,
        h: &Tensor,
        (hyperedges, back): (&EdgeIndex, &EdgeIndex),
        hyperedge_attr: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Option<Tensor>> {
        let expected = || format!("[{}, {}]", hyperedges.num_dst(), self.config.in_channels);
        let (att, f) = match (&self.att, hyperedge_attr) {
            (None, None) => return Ok(None),
            (Some(att), Some(f)) => (att, f),
            (None, Some(f)) => {
                let expected = "none, because the layer has use_attention = false";
                return Err(Error::argument(LAYER, "hyperedge_attr", expected, format!("{:?}", f.dims())));
            }
            (Some(_), None) => {
                let expected = format!("{}, because the layer has use_attention = true", expected());
                return Err(Error::argument(LAYER, "hyperedge_attr", expected, "none"));
            }
        };
        if f.dims() != [hyperedges.num_dst(), self.config.in_channels] {
            let actual = format!("{:?}", f.dims());
            return Err(Error::argument(LAYER, "hyperedge_attr", expected(), actual));
        }
        let (c, slope) = (self.config.out_channels, self.config.negative_slope);
        let part = |start, x: &Tensor| HeadVectors::from(att.narrow(2, start, c)?).scores(x);
        let (of_nodes, of_hyperedges) = (part(0, h)?, part(c, &self.lin.forward(f)?)?);
        let alpha = match self.config.attention_mode {
            HypergraphAttentionMode::Node => {
                let (from, to) = (&of_nodes, Some(&of_hyperedges));
                ops::additive_attention_weights(from, to, None, hyperedges, slope)?
            }
            HypergraphAttentionMode::Edge => {
                let (from, to) = (&of_hyperedges, Some(&of_nodes));
                ops::additive_attention_weights(from, to, None, back, slope)?
            }
        };
        Ok(Some(dropout(&alpha, self.config.dropout, mode)?))
    }
}

/// 1 / D `[N]`, and 0 where D is 0.
fn inverse_degree(back: &EdgeIndex, hyperedge_weight: &Tensor) -> Result<Tensor> {
    let degree = ops::spmm(back, None, &hyperedge_weight.unsqueeze(1)?)?.squeeze(1)?;
    // The 1 keeps the gradient of the reciprocal finite.
    let zero = degree.eq(0.0)?.to_dtype(degree.dtype())?;
    Ok(((&degree + &zero)?.recip()? * (1.0 - zero)?)?)
}
