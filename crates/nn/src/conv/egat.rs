use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, HeadVectors, check_numbers, destinations, edge_features};
use crate::config::{self, Channels};
use crate::{Error, Linear, Nodes, Result, init};

const LAYER: &str = "EgatConv";

/// The slope of the leaky ReLU, which is no argument in DGL.
const SLOPE: f64 = 0.01;

/// The arguments of [`EgatConv`], with DGL's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgatConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_node_feats: Channels,
    /// D, the number of edge features.
    pub in_edge_feats: usize,
    /// C, the channels of each head of a node.
    pub out_node_feats: usize,
    /// K, the channels of each head of an edge.
    pub out_edge_feats: usize,
    /// H, the number of heads.
    pub num_heads: usize,
    /// Whether a bias is added to the new features of edges. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

/// Graph attention that gives edges new features as well: DGL's `EGATConv` (Kamiński et al., *Rossmann-toolbox: a deep
/// learning-based protocol for the prediction and design of cofactor specificity in Rossmann fold proteins*, Briefings
/// in Bioinformatics 2022, supplement).
///
/// For every edge e from j to i and every head:
///
/// > f'_e = LeakyReLU(W_ni x_j + W_nj x_i + W_fij f_e + b), with the slope 0.01
/// >
/// > α(e) = w_e · exp ⟨a, f'_e⟩ / Σ exp ⟨a, f'_e'⟩ over the in-edges e' of i
/// >
/// > x'_i = Σ α(e) W_src x_j
///
/// where w_e is the edge's weight, 1 where there are no weights. A node without in-edges gets 0.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; edge_attr `[E, D]`; edge_weight `[E]`; result
/// x' `[N_dst, H·C]` and f' `[E, H·K]` (DGL gives the same numbers as `[N_dst, H, C]` and `[E, H, K]`).
///
/// Parameters, as in DGL: `fc_node_src.weight` `[H·C, I_src]`, `fc_ni.weight` `[H·K, I_src]`, `fc_nj.weight`
/// `[H·K, I_dst]`, `fc_fij.weight` `[H·K, D]`, `attn` `[1, H, K]`, `bias` `[H·K]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{EgatConv, EgatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let bonds = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = EgatConv::new(&EgatConvConfig::new(5, 6, 3, 4, 2), vb)?;
/// let (nodes, edges) = conv.forward(&x, &edges, &bonds)?;
/// assert_eq!((nodes.dims(), edges.dims()), (&[4, 6][..], &[3, 8][..]));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct EgatConv {
    config: EgatConvConfig,
    fc_node_src: Linear,
    fc_ni: Linear,
    fc_nj: Linear,
    /// With the bias of the sum.
    fc_fij: Linear,
    attn: HeadVectors,
}

impl EgatConvConfig {
    /// The arguments that DGL has no defaults for, and its default for the bias.
    pub fn new(
        in_node_feats: impl Into<Channels>,
        in_edge_feats: usize,
        out_node_feats: usize,
        out_edge_feats: usize,
        num_heads: usize,
    ) -> Self {
        let in_node_feats = in_node_feats.into();
        Self { in_node_feats, in_edge_feats, out_node_feats, out_edge_feats, num_heads, bias: true }
    }
}

impl EgatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &EgatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let named = [("out_node_feats", c.out_node_feats), ("out_edge_feats", c.out_edge_feats)];
        if let Some((argument, _)) = named.into_iter().find(|(_, n)| *n == 0) {
            return Err(Error::argument(LAYER, argument, "at least 1", "0"));
        }
        check_numbers(LAYER, c.num_heads, c.out_node_feats.max(c.out_edge_feats), 0.0)?;
        let (src, dst) = (c.in_node_feats.source(), c.in_node_feats.destination());
        let of_edges = c.num_heads * c.out_edge_feats;
        let map = |i, o, name| Linear::xavier_normal(i, o, vb.pp(name));
        let start = init::xavier_normal(&[1, c.num_heads, c.out_edge_feats]);
        let bias = c.bias.then(|| vb.get_with_hints(of_edges, "bias", init::ZEROS)).transpose()?;
        let fij = map(c.in_edge_feats, of_edges, "fc_fij")?;
        Ok(Self {
            fc_node_src: map(src, c.num_heads * c.out_node_feats, "fc_node_src")?,
            fc_ni: map(src, of_edges, "fc_ni")?,
            fc_nj: map(dst, of_edges, "fc_nj")?,
            fc_fij: Linear::from_tensors(fij.weight().clone(), bias),
            attn: HeadVectors::with_init(LAYER, (c.num_heads, c.out_edge_feats), "attn", start, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &EgatConvConfig {
        &self.config
    }

    /// The new features of the destinations and of the edges.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (values, f, scores) = self.terms(x.into(), edges, edge_attr)?;
        Ok((ops::attend(&scores, &values, edges)?, f))
    }

    /// As [`forward`](Self::forward), where the edges may have weights `[E]`, with the weights α (times these) and the
    /// edges they belong to, which are the caller's.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        edge_weight: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor, Attention)> {
        let (values, f, scores) = self.terms(x.into(), edges, edge_attr)?;
        let mut alpha = ops::segment_softmax(&scores, edges)?;
        if let Some(w) = edge_weight {
            if w.dims() != [edges.num_edges()] {
                let expected = format!("[{}] (one number per edge)", edges.num_edges());
                return Err(Error::argument(LAYER, "edge_weight", expected, format!("{:?}", w.dims())));
            }
            alpha = alpha.broadcast_mul(&w.unsqueeze(1)?)?;
        }
        let out = ops::spmm(edges, Some(&alpha), &values)?;
        Ok((out, f, Attention { edges: edges.clone(), alpha }))
    }

    /// W_src x, f' and the scores.
    fn terms(&self, x: Nodes, edges: &EdgeIndex, edge_attr: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let channels = self.config.in_node_feats;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let edge_attr = edge_features(LAYER, "in_edge_feats", self.config.in_edge_feats, edges, edge_attr)?;
        let (from_source, from_destination) = (self.fc_ni.forward(x.source())?, self.fc_nj.forward(x_dst)?);
        let of_edge = self.fc_fij.forward(&edge_attr)?;
        let f = ops::edge_sum(&from_source, Some(&from_destination), Some(&of_edge), edges)?;
        let f = ops::leaky_relu(&f, SLOPE)?;
        let scores = self.attn.scores(&f)?;
        Ok((self.fc_node_src.forward(x.source())?, f, scores))
    }
}
