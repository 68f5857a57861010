use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, HeadVectors, check_numbers, check_slope, destinations, edge_features};
use super::fc::Fc;
use super::neighbours::sum_of_maps;
use crate::config::{self, Channels};
use crate::{Error, Linear, Mode, Nodes, Result, dropout, init};

const LAYER: &str = "EdgeGatConv";

/// The arguments of [`EdgeGatConv`], with DGL's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeGatConvConfig {
    /// I: one number, or a pair for a bipartite graph, which then has weights for each side.
    pub in_feats: Channels,
    /// D, the number of edge features.
    pub edge_feats: usize,
    /// C, the channels of each head.
    pub out_feats: usize,
    /// H, the number of heads.
    pub num_heads: usize,
    /// The probability with which a feature of a node is dropped in training. Default 0.
    #[serde(default)]
    pub feat_drop: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub attn_drop: f64,
    /// The slope of the leaky ReLU on the scores. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// Whether a linear map of the destinations' features is added. Default true.
    #[serde(default = "config::yes")]
    pub residual: bool,
    /// Taken and without effect: a node without in-edges has a result here. Default false.
    #[serde(default)]
    pub allow_zero_in_degree: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl EdgeGatConvConfig {
    /// The arguments that DGL has no defaults for, and its defaults for the others.
    pub fn new(in_feats: impl Into<Channels>, edge_feats: usize, out_feats: usize, num_heads: usize) -> Self {
        Self {
            in_feats: in_feats.into(),
            edge_feats,
            out_feats,
            num_heads,
            feat_drop: 0.0,
            attn_drop: 0.0,
            negative_slope: config::slope(),
            residual: true,
            allow_zero_in_degree: false,
            bias: true,
        }
    }
}

/// Graph attention with edge features in scores and messages: DGL's `EdgeGATConv` (Monninger et al., *SCENE: Reasoning
/// about Traffic Scenes using Heterogeneous Graph Neural Networks*, RA-L 2023).
///
/// For every edge e from j to i and every head:
///
/// > s(e) = LeakyReLU(⟨a_l, W x_j⟩ + ⟨a_r, W x_i⟩ + ⟨a_e, W_e f_e⟩)
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i
/// >
/// > x'_i = Σ α(e) (W x_j + W_e f_e) \[+ W_res x_i\] + b
///
/// Edge features are summed before they are mapped, Σ α(e) W_e f_e = W_e Σ α(e) f_e, so nothing of size E × H·C is made.
/// A node without in-edges gets the bias (and the residual) alone.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; result `[N_dst, H·C]`
/// (DGL gives the same numbers as `[N_dst, H, C]`).
///
/// Parameters, as in DGL: `fc.weight` `[H·C, I]` (or `fc_src.weight`, `fc_dst.weight`), `attn_l`, `attn_r`, `attn_edge`
/// `[1, H, C]`, `fc_edge.weight` `[H·C, D]`, `res_fc.weight` `[H·C, I_dst]`, `bias` `[H·C]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{Mode, SeededVarMap, conv::{EdgeGatConv, EdgeGatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let bonds = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = EdgeGatConv::new(&EdgeGatConvConfig::new(5, 6, 3, 2), vb)?;
/// assert_eq!(conv.forward(&x, &edges, &bonds, Mode::Eval)?.dims(), [4, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EdgeGatConv {
    config: EdgeGatConvConfig,
    fc: Fc,
    attn_l: HeadVectors,
    attn_r: HeadVectors,
    attn_edge: HeadVectors,
    fc_edge: Linear,
    res_fc: Option<Linear>,
    bias: Option<Tensor>,
}

impl EdgeGatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &EdgeGatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.num_heads, c.out_feats, 0.0)?;
        check_slope(LAYER, c.negative_slope)?;
        for (argument, p) in [("feat_drop", c.feat_drop), ("attn_drop", c.attn_drop)] {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::argument(LAYER, argument, "a probability in [0, 1]", p.to_string()));
            }
        }
        let (heads, hc) = ((c.num_heads, c.out_feats), c.num_heads * c.out_feats);
        let start = init::xavier_normal(&[1, c.num_heads, c.out_feats]);
        let vectors = |name| HeadVectors::with_init(LAYER, heads, name, start, &vb);
        let residual = || Linear::xavier_normal(c.in_feats.destination(), hc, vb.pp("res_fc"));
        Ok(Self {
            fc: Fc::new(c.in_feats, &vb, |i, vb| Linear::xavier_normal(i, hc, vb))?,
            attn_l: vectors("attn_l")?,
            attn_r: vectors("attn_r")?,
            attn_edge: vectors("attn_edge")?,
            fc_edge: Linear::xavier_normal(c.edge_feats, hc, vb.pp("fc_edge"))?,
            res_fc: c.residual.then(residual).transpose()?,
            bias: c.bias.then(|| vb.get_with_hints(hc, "bias", init::ZEROS)).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &EdgeGatConvConfig {
        &self.config
    }

    /// The new features of the destinations.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        mode: Mode,
    ) -> Result<Tensor> {
        Ok(self.forward_with_attention(x, edges, edge_attr, mode)?.0)
    }

    /// As [`forward`](Self::forward), with the weights α (before dropout) and the edges they belong to, which are the
    /// caller's.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let (x, channels) = (x.into(), self.config.in_feats);
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let edge_attr = edge_features(LAYER, "edge_feats", self.config.edge_feats, edges, edge_attr)?;
        let dropped = |x: &Tensor| dropout(x, self.config.feat_drop, mode);
        match x {
            Nodes::One(x) => {
                let x = dropped(x)?;
                self.attend(&x, Nodes::One(&x), edges, &edge_attr, mode)
            }
            Nodes::Pair(x_src, _) => {
                let (x_src, x_dst) = (dropped(x_src)?, dropped(x_dst)?);
                self.attend(&x_dst, Nodes::Pair(&x_src, Some(&x_dst)), edges, &edge_attr, mode)
            }
        }
    }

    fn attend(
        &self,
        x_dst: &Tensor,
        x: Nodes,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let (src, dst) = self.fc.apply(x, x_dst, Linear::forward)?;
        let alpha = ops::additive_attention_weights(
            &self.attn_l.scores(&src)?,
            Some(&self.attn_r.scores(&dst)?),
            Some(&self.attn_edge.scores_of(&self.fc_edge, edge_attr)?),
            edges,
            self.config.negative_slope,
        )?;
        let dropped = dropout(&alpha, self.config.attn_drop, mode)?;
        let mut out = ops::spmm(edges, Some(&dropped), &src)?;
        if edges.num_edges() > 0 {
            out = (out + sum_of_maps(&dropped, edge_attr, self.fc_edge.weight(), edges)?)?;
        }
        if let Some(res_fc) = &self.res_fc {
            out = (out + res_fc.forward(x_dst)?)?;
        }
        if let Some(bias) = &self.bias {
            out = ops::bias_add(&out, bias)?;
        }
        Ok((out, Attention { edges: edges.clone(), alpha }))
    }
}
