use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, Forbidden, batched_negative_sampling, negative_sampling};
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{HeadVectors, Output, check_numbers, check_slope, looped};
use crate::activation::softplus;
use crate::config;
use crate::{Error, Linear, Mode, Nodes, Result};

const LAYER: &str = "SuperGatConv";

/// How the scores of [`SuperGatConv`] are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SuperGatAttention {
    /// Mixed: GAT's score, times the probability of the edge.
    #[default]
    MX,
    /// The scaled dot product.
    SD,
}

/// The arguments of [`SuperGatConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuperGatConvConfig {
    /// I.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub out_channels: usize,
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
    /// Whether self-loops are removed and then added to every node. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
    /// How scores are made. Default MX.
    #[serde(default)]
    pub attention_type: SuperGatAttention,
    /// The number of sampled negative edges over that of positive ones. Default 0.5.
    #[serde(default = "half")]
    pub neg_sample_ratio: f64,
    /// The part of the edges that the attention is trained on, in (0, 1]. Default 1.
    #[serde(default = "config::unit")]
    pub edge_sample_ratio: f64,
    /// Whether every edge is known to have its reverse. Where it is not, the reverse of an edge is no negative edge
    /// either. Default false.
    #[serde(default)]
    pub is_undirected: bool,
}

fn half() -> f64 {
    0.5
}

impl SuperGatConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            heads: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            add_self_loops: true,
            bias: true,
            attention_type: SuperGatAttention::MX,
            neg_sample_ratio: half(),
            edge_sample_ratio: 1.0,
            is_undirected: false,
        }
    }
}

/// Where the negative edges come from that the attention of [`SuperGatConv`] is trained on.
#[derive(Debug, Clone, Copy)]
pub enum Negatives<'a> {
    /// Sampled among all nodes.
    Sampled,
    /// Sampled within each graph of a batch ([`EdgeIndex::from_batch`]).
    Batched(&'a EdgeIndex),
    /// Given.
    Given(&'a EdgeIndex),
}

/// Graph attention that is taught which edges there are (Kim and Oh, *How to Find Your Friendly Neighborhood: Graph
/// Attention Design with Self-Supervision*, ICLR 2021, eqs. 1 to 6).
///
/// With h = W x split into heads, for every edge e from j to i and every head:
///
/// > MX: s(e) = LeakyReLU((⟨a_l, h_j⟩ + ⟨a_r, h_i⟩) · sigmoid ⟨h_i, h_j⟩)
/// >
/// > SD: s(e) = LeakyReLU(⟨h_i, h_j⟩ / √C)
/// >
/// > α(e) = exp s(e) / Σ exp s(e') over the in-edges e' of i
/// >
/// > x'_i = Σ α(e) h_j + b
///
/// In training there is a loss beside it: the binary cross-entropy of the mean over the heads of ⟨h_i, h_j⟩ (SD: over √C)
/// as the logit of an edge from j to i, on the edges of the graph and on pairs without an edge. It is to be added to the
/// loss of the task.
///
/// Shapes: x `[N, I]`, result `[N, H·C]`, or `[N, C]` where heads are averaged. Parameters, as in PyTorch Geometric:
/// `lin.weight` `[H·C, I]`, with MX `att_l` (source) and `att_r` `[1, H, C]`, `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, rng::Generator};
/// use candle_geometric_nn::{Mode, SeededVarMap, conv::{SuperGatConv, SuperGatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let config = SuperGatConvConfig { heads: 2, ..SuperGatConvConfig::new(5, 3) };
/// let conv = SuperGatConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let (out, loss) = conv.forward_t(&x, &edges, Mode::Train(&Generator::new(1)))?;
/// assert_eq!(out.dims(), [4, 6]);
/// assert!(loss.to_scalar::<f32>()? > 0.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SuperGatConv {
    config: SuperGatConvConfig,
    lin: Linear,
    /// `att_l` and `att_r`.
    att: Option<(HeadVectors, HeadVectors)>,
    output: Output,
}

impl SuperGatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &SuperGatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        if !(c.neg_sample_ratio > 0.0 && c.neg_sample_ratio.is_finite()) {
            let got = c.neg_sample_ratio.to_string();
            return Err(Error::argument(LAYER, "neg_sample_ratio", "a number above 0", got));
        }
        if !(c.edge_sample_ratio > 0.0 && c.edge_sample_ratio <= 1.0) {
            let got = c.edge_sample_ratio.to_string();
            return Err(Error::argument(LAYER, "edge_sample_ratio", "a number in (0, 1]", got));
        }
        let vectors = |name| HeadVectors::new(LAYER, (c.heads, c.out_channels), name, &vb);
        let att = match c.attention_type {
            SuperGatAttention::MX => Some((vectors("att_l")?, vectors("att_r")?)),
            SuperGatAttention::SD => None,
        };
        Ok(Self {
            lin: Linear::glorot(c.in_channels, c.heads * c.out_channels, false, vb.pp("lin"))?,
            att,
            output: Output::new(LAYER, (c.heads, c.out_channels, c.concat), None, c.bias, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &SuperGatConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        Ok(self.forward_t(x, edges, Mode::Eval)?.0)
    }

    /// The new features, with dropout in training, and the loss of the attention on sampled edges: a scalar, 0 in
    /// [`Mode::Eval`].
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<(Tensor, Tensor)> {
        self.forward_supervised(x, edges, Negatives::Sampled, mode)
    }

    /// As [`forward_t`](Self::forward_t), with a choice of the negative edges.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if the negative edges or the batch are on another number of nodes.
    pub fn forward_supervised(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        negatives: Negatives,
        mode: Mode,
    ) -> Result<(Tensor, Tensor)> {
        let h = self.project(x, edges)?;
        let edges = looped(edges, self.config.add_self_loops)?;
        let scores = self.scores(&h, &edges)?;
        // The slope and the dropout are those of GAT's attention; these scores stand where it has those of edges.
        let none = Tensor::zeros((edges.num_src(), self.config.heads), h.dtype(), h.device())?;
        let (slope, dropout) = (self.config.negative_slope, mode.dropout(self.config.dropout));
        let out = ops::additive_attention(&h, &none, None, Some(&scores), &edges, slope, dropout)?;
        let loss = match mode {
            Mode::Eval => Tensor::zeros((), h.dtype(), h.device())?,
            Mode::Train(_) => {
                let (positive, negative) = self.sample(&edges, negatives, mode)?;
                self.loss(&h, &positive, &negative)?
            }
        };
        Ok((self.output.finish(out, None)?, loss))
    }

    /// The loss of the attention, a scalar, where `positive` are edges and `negative` are not; 0 where there are neither.
    ///
    /// # Errors
    /// If `x` is not `[N, I]`, or the edges are not all on N nodes.
    pub fn get_attention_loss(
        &self,
        x: &Tensor,
        positive: &EdgeIndex,
        negative: &EdgeIndex,
    ) -> Result<Tensor> {
        self.loss(&self.project(x, positive)?, positive, negative)
    }

    fn project(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        edges.num_nodes()?;
        let channels = self.config.in_channels;
        Nodes::One(x).check(LAYER, edges, channels, channels)?;
        self.lin.forward(x)
    }

    /// `[E, H]`, before the leaky ReLU.
    fn scores(&self, h: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let products = ops::sddmm_heads(h, h, self.config.heads, edges)?;
        match &self.att {
            Some((att_l, att_r)) => {
                let ends = ops::edge_sum(&att_l.scores(h)?, Some(&att_r.scores(h)?), None, edges)?;
                Ok((ends * ops::sigmoid(&products)?)?)
            }
            None => Ok((products * (self.config.out_channels as f64).sqrt().recip())?),
        }
    }

    fn sample(&self, edges: &EdgeIndex, negatives: Negatives, mode: Mode) -> Result<(EdgeIndex, EdgeIndex)> {
        let Mode::Train(generator) = mode else { return Ok((edges.clone(), edges.clone())) };
        let c = &self.config;
        let positive = if c.edge_sample_ratio < 1.0 {
            let stream = generator.stream();
            let kept = |&(e, _): &(u64, _)| f64::from(stream.uniform(e)) < c.edge_sample_ratio;
            EdgeIndex::from_pairs(
                (0..).zip(edges.iter()).filter(kept).map(|(_, ends)| ends),
                edges.num_nodes()?,
            )?
        } else {
            edges.clone()
        };
        let ratio = c.neg_sample_ratio * c.edge_sample_ratio;
        let forbidden = if c.is_undirected { Forbidden::Edges } else { Forbidden::EdgesAndReverses };
        let negative = match negatives {
            Negatives::Given(negative) => negative.clone(),
            Negatives::Sampled => {
                let wanted = (ratio * edges.num_edges() as f64) as usize;
                negative_sampling(edges, wanted, forbidden, generator.stream())?
            }
            Negatives::Batched(batch) => {
                batched_negative_sampling(edges, batch, ratio, forbidden, generator.stream())?
            }
        };
        Ok((positive, negative))
    }

    fn loss(&self, h: &Tensor, positive: &EdgeIndex, negative: &EdgeIndex) -> Result<Tensor> {
        let n = h.dim(0)?;
        if (negative.num_src(), negative.num_dst()) != (n, n) {
            let got = format!("edges from {} to {} nodes", negative.num_src(), negative.num_dst());
            return Err(Error::argument(LAYER, "neg_edge_index", format!("edges on {n} nodes"), got));
        }
        // The mean over the heads of their products is the product of all columns, over H.
        let mut scale = (self.config.heads as f64).recip();
        if self.config.attention_type == SuperGatAttention::SD {
            scale /= (self.config.out_channels as f64).sqrt();
        }
        let count = positive.num_edges() + negative.num_edges();
        let mut sum = Tensor::zeros((), h.dtype(), h.device())?;
        for (edges, sign) in [(positive, -1.0), (negative, 1.0)] {
            if edges.num_edges() > 0 {
                sum = (sum + softplus(&(ops::sddmm(h, h, edges)? * (sign * scale))?)?.sum_all()?)?;
            }
        }
        Ok((sum / count.max(1) as f64)?)
    }
}
