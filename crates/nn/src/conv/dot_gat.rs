use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Extras, Linked};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, check_numbers, destinations};
use super::fc::Fc;
use crate::config::Channels;
use crate::{Linear, Mode, Nodes, Result};

const LAYER: &str = "DotGatConv";

/// The arguments of [`DotGatConv`], with DGL's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DotGatConvConfig {
    /// I: one number, or a pair for a bipartite graph, which then has weights for each side.
    pub in_feats: Channels,
    /// C, the channels of each head.
    pub out_feats: usize,
    /// H, the number of heads.
    pub num_heads: usize,
    /// Taken and without effect: a node without in-edges has a result here, which is 0. Default false.
    #[serde(default)]
    pub allow_zero_in_degree: bool,
}

impl DotGatConvConfig {
    /// The arguments that DGL has no defaults for.
    pub fn new(in_feats: impl Into<Channels>, out_feats: usize, num_heads: usize) -> Self {
        Self { in_feats: in_feats.into(), out_feats, num_heads, allow_zero_in_degree: false }
    }
}

/// Graph attention whose scores are dot products: DGL's `DotGatConv`, after Veličković et al., *Graph Attention
/// Networks* (ICLR 2018), and Vaswani et al., *Attention Is All You Need* (NeurIPS 2017).
///
/// For every edge e from j to i and every head:
///
/// > s(e) = ⟨W x_i, W x_j⟩ / √C
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i
/// >
/// > x'_i = Σ α(e) W x_j
///
/// One map gives query, key and value. Self-loops are not added; a node without in-edges gets 0.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; result `[N_dst, H·C]` (DGL gives the same
/// numbers as `[N_dst, H, C]`).
///
/// Parameters, as in DGL: `fc.weight` `[H·C, I]` (or `fc_src.weight`, `fc_dst.weight`).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{DotGatConv, DotGatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = DotGatConv::new(&DotGatConvConfig::new(5, 3, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [4, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DotGatConv {
    config: DotGatConvConfig,
    fc: Fc,
}

impl DotGatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &DotGatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.num_heads, c.out_feats, 0.0)?;
        let outputs = c.num_heads * c.out_feats;
        let fc = Fc::new(c.in_feats, &vb, |i, vb| Linear::new(i, outputs, false, vb))?;
        Ok(Self { config: c, fc })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &DotGatConvConfig {
        &self.config
    }

    /// The new features of the destinations.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        let (src, dst) = self.project(x.into(), edges)?;
        Ok(self.attend(&src, &dst, edges)?)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex, _: Mode) -> Result<Tensor> {
        self.forward(x, edges)
    }

    /// As [`forward`](Self::forward), with the weights α and the edges they belong to, which are the caller's.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
    ) -> Result<(Tensor, Attention)> {
        let (src, dst) = self.project(x.into(), edges)?;
        let alpha = ops::dot_product_attention_weights(&dst, &src, None, self.config.num_heads, edges)?;
        Ok((self.attend(&src, &dst, edges)?, Attention { edges: edges.clone(), alpha }))
    }

    fn project(&self, x: Nodes, edges: &EdgeIndex) -> Result<(Linked, Linked)> {
        let channels = self.config.in_feats;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        self.fc.apply(x, destinations(LAYER, x)?, Linear::project)
    }

    fn attend(&self, src: &Linked, dst: &Linked, edges: &EdgeIndex) -> ops::Result<Tensor> {
        let heads = self.config.num_heads;
        ops::dot_product_attention(dst, src, src, None, heads, edges, Extras::default())
    }
}
