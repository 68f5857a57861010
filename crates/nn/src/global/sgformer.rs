use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::{VarBuilder, ops::log_softmax};
use serde::{Deserialize, Serialize};

use super::{SgFormerAttention, SgFormerAttentionConfig, check};
use crate::conv::{GcnConv, GcnConvConfig};
use crate::norm::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig};
use crate::{Error, Linear, Mode, Result, config, dropout};

const LAYER: &str = "SgFormer";

/// How the two branches of an [`SgFormer`] become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SgFormerAggregate {
    /// Their weighted sum.
    #[default]
    Add,
    /// Side by side.
    Cat,
}

/// The arguments of [`SgFormer`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SgFormerConfig {
    /// I.
    pub in_channels: usize,
    /// C.
    pub hidden_channels: usize,
    /// O.
    pub out_channels: usize,
    /// The number of attention layers. Default 2.
    #[serde(default = "two")]
    pub trans_num_layers: usize,
    /// The number of their heads, which divides C. Default 1.
    #[serde(default = "config::one")]
    pub trans_num_heads: usize,
    /// The probability with which a number is dropped between them in training. Default 0.5.
    #[serde(default = "config::half")]
    pub trans_dropout: f64,
    /// The number of graph convolutions. Default 3.
    #[serde(default = "three")]
    pub gnn_num_layers: usize,
    /// The probability with which a number is dropped between them in training. Default 0.5.
    #[serde(default = "config::half")]
    pub gnn_dropout: f64,
    /// The weight of the convolutions where branches are added. Default 0.5.
    #[serde(default = "config::half")]
    pub graph_weight: f64,
    /// How the branches become one. Default add.
    #[serde(default)]
    pub aggregate: SgFormerAggregate,
}

const fn two() -> usize {
    2
}

const fn three() -> usize {
    3
}

impl SgFormerConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, hidden_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            hidden_channels,
            out_channels,
            trans_num_layers: two(),
            trans_num_heads: 1,
            trans_dropout: 0.5,
            gnn_num_layers: three(),
            gnn_dropout: 0.5,
            graph_weight: 0.5,
            aggregate: SgFormerAggregate::Add,
        }
    }
}

/// A model with global attention in linear time beside graph convolutions (Wu et al., *SGFormer: Simplifying and
/// Empowering Transformers for Large-Graph Representations*, NeurIPS 2023, eq. 2 to 5).
///
/// > t₀ = ReLU(LN(W x + b)), t_k = ReLU(LN((Attention(t_{k−1}) + t_{k−1}) / 2))
/// >
/// > g₀ = ReLU(BN(W' x + b')), g_k = ReLU(BN(GCN(g_{k−1}))) + g₀
/// >
/// > y = log softmax(W_o (w g + (1 − w) t) + b_o)
///
/// with [`SgFormerAttention`] within each graph and [`GcnConv`].
///
/// Shapes: x `[N, I]`, result `[N, O]`. Parameters `trans_conv.fcs.0`, `trans_conv.attns.i` {q, k, v},
/// `trans_conv.bns.i`, `graph_conv.fcs.0`, `graph_conv.convs.i`, `graph_conv.bns.i` (with running statistics), `fc`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, global::{SgFormer, SgFormerConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = SgFormer::new(&SgFormerConfig::new(6, 8, 3), vb)?;
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward(&x, &edges, None)?.dims(), [3, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SgFormer {
    config: SgFormerConfig,
    trans_in: (Linear, LayerNorm),
    trans: Vec<(SgFormerAttention, LayerNorm)>,
    graph_in: (Linear, BatchNorm),
    graph: Vec<(GcnConv, BatchNorm)>,
    fc: Linear,
}

impl SgFormer {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &SgFormerConfig, vb: VarBuilder) -> Result<Self> {
        let (c, i, h) = (config.clone(), config.in_channels, config.hidden_channels);
        for (argument, p) in [("trans_dropout", c.trans_dropout), ("gnn_dropout", c.gnn_dropout)] {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::argument(LAYER, argument, "a probability in [0, 1]", p.to_string()));
            }
        }
        let (trans, graph) = (vb.pp("trans_conv"), vb.pp("graph_conv"));
        let layer_norm = |k: usize| LayerNorm::new(&LayerNormConfig::by_node(h), trans.pp("bns").pp(k));
        let batch_norm = |k: usize| BatchNorm::bare(&BatchNormConfig::new(h), graph.pp("bns").pp(k));
        let attention = SgFormerAttentionConfig {
            heads: c.trans_num_heads,
            head_channels: Some(h),
            ..SgFormerAttentionConfig::new(h)
        };
        let attention = |k: usize| -> Result<_> {
            Ok((SgFormerAttention::new(&attention, trans.pp("attns").pp(k))?, layer_norm(k + 1)?))
        };
        let conv = |k: usize| -> Result<_> {
            Ok((GcnConv::new(&GcnConvConfig::new(h, h), graph.pp("convs").pp(k))?, batch_norm(k + 1)?))
        };
        let last = match c.aggregate {
            SgFormerAggregate::Add => h,
            SgFormerAggregate::Cat => h.saturating_mul(2),
        };
        Ok(Self {
            trans_in: (Linear::new(i, h, true, trans.pp("fcs").pp(0))?, layer_norm(0)?),
            trans: (0..c.trans_num_layers).map(attention).collect::<Result<_>>()?,
            graph_in: (Linear::new(i, h, true, graph.pp("fcs").pp(0))?, batch_norm(0)?),
            graph: (0..c.gnn_num_layers).map(conv).collect::<Result<_>>()?,
            fc: Linear::new(last, c.out_channels, true, vb.pp("fc"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &SgFormerConfig {
        &self.config
    }

    /// The logarithms of the probabilities of each node's classes, in inference.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        self.forward_t(x, edges, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout and the statistics of the batch in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Tensor> {
        let batch = check(LAYER, x, self.config.in_channels, batch)?;
        let (t, g) = (self.transform(x, &batch, mode)?, self.convolve(x, edges, mode)?);
        let both = match self.config.aggregate {
            SgFormerAggregate::Add => {
                let w = self.config.graph_weight;
                ((g * w)? + (t * (1.0 - w))?)?
            }
            SgFormerAggregate::Cat => Tensor::cat(&[&t, &g], 1)?,
        };
        Ok(log_softmax(&self.fc.forward(&both)?, D::Minus1)?)
    }

    fn transform(&self, x: &Tensor, batch: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        let p = self.config.trans_dropout;
        let end = |x: &Tensor, norm: &LayerNorm| dropout(&ops::relu(&norm.forward(x, None)?)?, p, mode);
        let mut x = end(&self.trans_in.0.forward(x)?, &self.trans_in.1)?;
        for (attention, norm) in &self.trans {
            x = end(&((attention.forward(&x, Some(batch))? + &x)? * 0.5)?, norm)?;
        }
        Ok(x)
    }

    fn convolve(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode) -> Result<Tensor> {
        let p = self.config.gnn_dropout;
        let end = |x: &Tensor, norm: &BatchNorm| dropout(&ops::relu(&norm.forward_t(x, mode)?)?, p, mode);
        let first = end(&self.graph_in.0.forward(x)?, &self.graph_in.1)?;
        let mut x = first.clone();
        for (conv, norm) in &self.graph {
            x = (end(&conv.forward_t(&x, edges, mode)?, norm)? + &first)?;
        }
        Ok(x)
    }
}
