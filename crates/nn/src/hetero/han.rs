use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_geometric_graph::{EdgeType, HeteroGraph};
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{Metadata, NodeTensors, TypedChannels, check_edges, check_nodes, head_channels};
use crate::config;
use crate::conv::{Attention, HeadVectors, check_numbers, check_slope};
use crate::{Linear, Mode, Result, init};

const LAYER: &str = "HanConv";

/// The arguments of [`HanConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HanConvConfig {
    /// I, for all types of nodes or for each.
    pub in_channels: TypedChannels,
    /// O.
    pub out_channels: usize,
    /// The types of nodes and edges.
    pub metadata: Metadata,
    /// H, the number of heads, which divides O. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// The slope of the leaky ReLU. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

impl HanConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(
        in_channels: impl Into<TypedChannels>,
        out_channels: usize,
        metadata: impl Into<Metadata>,
    ) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            metadata: metadata.into(),
            heads: 1,
            negative_slope: config::slope(),
            dropout: 0.0,
        }
    }
}

/// Heterogeneous graph attention (Wang, Ji, Shi, Wang, Cui, Yu, Ye, *Heterogeneous Graph Attention Network*, WWW 2019,
/// eqs. 1 to 9): over the neighbours of each type of edges, then over the types.
///
/// With h = W_t x + b_t of a node of type t, for each type Φ of edges that end in nodes of type t:
///
/// > z^Φ_i = ReLU(Σ α(e) h_j), α(e) = softmax LeakyReLU(⟨a_src^Φ, h_j⟩ + ⟨a_dst^Φ, h_i⟩) over the in-edges of i
/// >
/// > β = softmax over Φ of ⟨q, mean_i tanh(W_k z^Φ_i + b_k)⟩, x'_i = Σ β_Φ z^Φ_i
///
/// The mean goes over all nodes of the type, so in a batch over those of all its graphs.
///
/// Shapes: x `[N_t, I_t]`, result `[N_t, O]` for every type that edges of the graph end in. Parameters `proj.t` (weight
/// `[O, I_t]`, bias), `lin_src.s__r__d`, `lin_dst.s__r__d` `[1, H, O/H]`, `k_lin` (weight `[O, O]`, bias), `q` `[1, O]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, HeteroGraph};
/// use candle_geometric_nn::{SeededVarMap, hetero::{HanConv, HanConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let writes = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
/// let graph = HeteroGraph::new([("author", 3), ("paper", 2)], [(("author", "writes", "paper"), writes)])?;
/// let features = |n, c| Tensor::ones((n, c), DType::F32, &Device::Cpu);
/// let x = [("author".to_string(), features(3, 5)?), ("paper".to_string(), features(2, 7)?)].into();
/// let config = HanConvConfig { heads: 2, ..HanConvConfig::new([("author", 5), ("paper", 7)], 8, &graph) };
/// let conv = HanConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &graph)?["paper"].dims(), [2, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct HanConv {
    config: HanConvConfig,
    channels: BTreeMap<String, usize>,
    proj: BTreeMap<String, Linear>,
    /// a_src and a_dst.
    vectors: BTreeMap<EdgeType, [HeadVectors; 2]>,
    k_lin: Linear,
    q: Tensor,
}

impl HanConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &HanConvConfig, vb: VarBuilder) -> Result<Self> {
        let (c, o) = (config.clone(), config.out_channels);
        check_numbers(LAYER, c.heads, o, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        let sizes = (c.heads, head_channels(LAYER, o, c.heads)?);
        let channels = c.in_channels.resolve(LAYER, &c.metadata)?;
        let project = |(name, i): &(String, usize)| {
            Ok((name.clone(), Linear::new(*i, o, true, vb.pp("proj").pp(name))?))
        };
        let vectors = |edge_type: &EdgeType| -> Result<_> {
            let of = |side| HeadVectors::new(LAYER, sizes, &edge_type.to_string(), &vb.pp(side));
            Ok((edge_type.clone(), [of("lin_src")?, of("lin_dst")?]))
        };
        Ok(Self {
            proj: channels.iter().map(project).collect::<Result<_>>()?,
            channels: channels.into_iter().collect(),
            vectors: c.metadata.edge_types.iter().map(vectors).collect::<Result<_>>()?,
            k_lin: Linear::new(o, o, true, vb.pp("k_lin"))?,
            q: vb.get_with_hints((1, o), "q", init::glorot_uniform(&[1, o]))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &HanConvConfig {
        &self.config
    }

    /// The new features of every type of nodes that edges of the graph end in, in inference.
    ///
    /// # Errors
    /// If a shape does not fit, features of a type are missing, or the graph has a type that is not in the metadata.
    pub fn forward(&self, x: &NodeTensors, graph: &HeteroGraph) -> Result<NodeTensors> {
        self.forward_t(x, graph, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &NodeTensors, graph: &HeteroGraph, mode: Mode) -> Result<NodeTensors> {
        Ok(self.forward_with_semantic_attention(x, graph, mode)?.0)
    }

    /// As [`forward_t`](Self::forward_t), with the weights β `[types of edges]` by type of nodes, in the order in which the
    /// graph has the types of edges that end in it.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_semantic_attention(
        &self,
        x: &NodeTensors,
        graph: &HeteroGraph,
        mode: Mode,
    ) -> Result<(NodeTensors, NodeTensors)> {
        self.run(x, graph, mode, None)
    }

    /// As [`forward_with_semantic_attention`](Self::forward_with_semantic_attention), and with the weights α (before dropout)
    /// of every type of edges.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention(
        &self,
        x: &NodeTensors,
        graph: &HeteroGraph,
        mode: Mode,
    ) -> Result<(NodeTensors, BTreeMap<EdgeType, Attention>, NodeTensors)> {
        let mut alpha = BTreeMap::new();
        let (out, beta) = self.run(x, graph, mode, Some(&mut alpha))?;
        Ok((out, alpha, beta))
    }

    fn run(
        &self,
        x: &NodeTensors,
        graph: &HeteroGraph,
        mode: Mode,
        mut alpha: Option<&mut BTreeMap<EdgeType, Attention>>,
    ) -> Result<(NodeTensors, NodeTensors)> {
        check_edges(LAYER, graph, &self.config.metadata)?;
        let x = check_nodes(LAYER, x, graph, |name| self.channels.get(name).copied())?;
        let mut h = BTreeMap::new();
        for (name, x) in x {
            if let Some(proj) = self.proj.get(name) {
                h.insert(name, proj.forward(x)?);
            }
        }
        let slope = self.config.negative_slope;
        let mut of_types = BTreeMap::<&str, Vec<Tensor>>::new();
        for (edge_type, edges) in graph.edges() {
            let ends = (h.get(edge_type.source.as_str()), h.get(edge_type.destination.as_str()));
            let (Some([a_src, a_dst]), (Some(src), Some(dst))) = (self.vectors.get(edge_type), ends) else {
                continue; // checked above
            };
            let (src_scores, dst_scores) = (a_src.scores(src)?, a_dst.scores(dst)?);
            if let Some(all) = &mut alpha {
                let alpha =
                    ops::additive_attention_weights(&src_scores, Some(&dst_scores), None, edges, slope)?;
                all.insert(edge_type.clone(), Attention { edges: edges.clone(), alpha });
            }
            let dropout = mode.dropout(self.config.dropout);
            let out =
                ops::additive_attention(src, &src_scores, Some(&dst_scores), None, edges, slope, dropout)?;
            of_types.entry(&edge_type.destination).or_default().push(ops::relu(&out)?);
        }
        let (mut out, mut attention) = (NodeTensors::new(), NodeTensors::new());
        for (name, each) in of_types {
            let (sum, beta) = self.semantic(&each)?;
            out.insert(name.to_string(), sum);
            attention.insert(name.to_string(), beta);
        }
        Ok((out, attention))
    }

    /// Σ β_Φ z^Φ and β, of at least one z `[N, O]`.
    fn semantic(&self, each: &[Tensor]) -> Result<(Tensor, Tensor)> {
        let n = each[0].dim(0)?;
        if n == 0 || each.len() == 1 {
            let equal = Tensor::ones(each.len(), self.q.dtype(), self.q.device())?;
            return Ok((each[0].clone(), (equal / each.len() as f64)?));
        }
        // A mean as a product: sums over rows are slow.
        let mean = (Tensor::ones((1, n), self.q.dtype(), self.q.device())? / n as f64)?;
        let score = |z: &Tensor| -> Result<Tensor> {
            let key = mean.matmul(&self.k_lin.forward(z)?.tanh()?)?;
            Ok(ops::linear(&key, &self.q, None)?.reshape(1)?)
        };
        let scores = Tensor::cat(&each.iter().map(score).collect::<Result<Vec<_>>>()?, 0)?;
        let beta = candle_nn::ops::softmax(&scores, 0)?;
        let mut sum = each[0].broadcast_mul(&beta.narrow(0, 0, 1)?)?;
        for (k, z) in each.iter().enumerate().skip(1) {
            sum = (sum + z.broadcast_mul(&beta.narrow(0, k, 1)?)?)?;
        }
        Ok((sum, beta))
    }
}
