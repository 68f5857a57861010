use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Extras, Linked};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{check, check_heads};
use crate::multihead::MultiheadMaps;
use crate::{Attention, Error, Mode, Result, config};

const LAYER: &str = "MultiheadAttention";

/// The arguments of [`MultiheadAttention`], with the names and defaults of `torch.nn.MultiheadAttention`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiheadAttentionConfig {
    /// C.
    pub embed_dim: usize,
    /// H, the number of heads, which divides C.
    pub num_heads: usize,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Whether the linear maps have a bias. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl MultiheadAttentionConfig {
    /// The defaults of PyTorch.
    pub fn new(embed_dim: usize, num_heads: usize) -> Self {
        Self { embed_dim, num_heads, dropout: 0.0, bias: true }
    }
}

/// Self-attention among the nodes of each graph (Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, eq. 1).
///
/// > y_i = W_o \[‖_h Σ_j α_{ij} v_j\] + b_o, α_i = softmax(⟨q_i, k_j⟩ / √(C/H)) over the nodes j of the graph of i
///
/// A graph is a complete graph here, and its attention that of a [`TransformerConv`](crate::conv::TransformerConv):
/// nothing is padded, and no matrix of scores is made. The n² pairs of a graph's nodes are, as indices: for graphs of
/// more than some thousand nodes there is [`PerformerAttention`](super::PerformerAttention). They are kept with
/// `batch`, so layers that share their batch share them.
///
/// Shapes: x `[N, C]`, result `[N, C]`. Parameters, as in PyTorch: `in_proj_weight` `[3C, C]`, `in_proj_bias` `[3C]`,
/// `out_proj` {weight `[C, C]`, bias}.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, global::{MultiheadAttention, MultiheadAttentionConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let attention = MultiheadAttention::new(&MultiheadAttentionConfig::new(6, 2), vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 1], 2)?;
/// assert_eq!(attention.forward(&x, Some(&batch))?.dims(), [3, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MultiheadAttention {
    config: MultiheadAttentionConfig,
    maps: MultiheadMaps,
}

impl MultiheadAttention {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `num_heads` does not divide `embed_dim`, `dropout` is no probability, or `vb` has no such parameters.
    pub fn new(config: &MultiheadAttentionConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_heads(LAYER, "num_heads", c.embed_dim, c.num_heads, c.dropout)?;
        Ok(Self { maps: MultiheadMaps::new(c.embed_dim, c.bias, vb)?, config: c })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &MultiheadAttentionConfig {
        &self.config
    }

    /// The new features of the nodes, in inference.
    ///
    /// # Errors
    /// If `x` is not `[N, C]`, `batch` has not one entry per row, or there are 2³² pairs of nodes.
    pub fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        self.forward_t(x, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout of the weights in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, batch: Option<&EdgeIndex>, mode: Mode) -> Result<Tensor> {
        let pairs = pairs(&check(LAYER, x, self.config.embed_dim, batch)?)?;
        self.attend(self.project(x)?, &pairs, mode)
    }

    /// As [`forward_t`](Self::forward_t), with the weights α (before dropout) and the pairs of nodes they belong to.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention(
        &self,
        x: &Tensor,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<(Tensor, Attention)> {
        let pairs = pairs(&check(LAYER, x, self.config.embed_dim, batch)?)?;
        let [query, key, value] = self.project(x)?;
        let heads = self.config.num_heads;
        let alpha = ops::dot_product_attention_weights(&query, &key, None, heads, &pairs)?;
        let out = self.attend([query, key, value], &pairs, mode)?;
        Ok((out, Attention { edges: pairs, alpha }))
    }

    fn project(&self, x: &Tensor) -> Result<[Linked; 3]> {
        let (query, key, value) = (self.maps.part(0)?, self.maps.part(1)?, self.maps.part(2)?);
        Ok(ops::project_all(x, [query.map(), key.map(), value.map()])?)
    }

    fn attend(&self, [query, key, value]: [Linked; 3], pairs: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        let extras = Extras { dropout: mode.dropout(self.config.dropout), ..Extras::default() };
        let heads = self.config.num_heads;
        let out = ops::dot_product_attention(query, key, value, None, heads, pairs, extras)?;
        self.maps.out_proj.forward(&out)
    }
}

/// Every pair of nodes of one graph as an edge, kept with the batch.
fn pairs(batch: &EdgeIndex) -> Result<EdgeIndex> {
    struct Pairs(EdgeIndex);
    let n = batch.num_edges();
    let sizes = batch.in_degrees();
    let count: u64 = sizes.iter().map(|&n| u64::from(n).pow(2)).sum();
    if count > u64::from(u32::MAX) {
        let expected = "graphs of less than 2³² pairs of nodes";
        return Err(Error::argument(LAYER, "x", expected, format!("{count} pairs")));
    }
    let kept = batch.try_attachment(|| -> Result<_> {
        let (mut source, mut destination) =
            (Vec::with_capacity(count as usize), Vec::with_capacity(count as usize));
        let graphs = batch.by_destination();
        for graph in 0..batch.num_dst() {
            // Row e of x, whatever number the node has in a graph of its own.
            let nodes = graphs.edges(graph);
            for &i in nodes {
                source.extend_from_slice(nodes);
                destination.extend(std::iter::repeat_n(i, nodes.len()));
            }
        }
        Ok(Pairs(EdgeIndex::new(source, destination, n)?))
    })?;
    Ok(kept.0.clone())
}
