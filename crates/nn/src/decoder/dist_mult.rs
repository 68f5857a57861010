use candle_core::Tensor;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::embeddings::{check_channels, check_nodes, dot, table};
use super::loss::margin_loss;
use super::{Queries, Triples};
use crate::Result;
use crate::config;

const LAYER: &str = "DistMult";

/// The arguments of [`DistMult`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistMultConfig {
    /// N.
    pub num_nodes: usize,
    /// R.
    pub num_relations: usize,
    /// C.
    pub hidden_channels: usize,
    /// By how much the loss wants true triples above false ones. Default 1.
    #[serde(default = "config::unit")]
    pub margin: f64,
    /// Taken and without effect: gradients of embeddings are dense. Default false.
    #[serde(default)]
    pub sparse: bool,
}

impl DistMultConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(num_nodes: usize, num_relations: usize, hidden_channels: usize) -> Self {
        Self { num_nodes, num_relations, hidden_channels, margin: 1.0, sparse: false }
    }
}

/// A diagonal bilinear form for each relation (Yang, Yih, He, Gao, Deng, *Embedding Entities and Relations for Learning and
/// Inference in Knowledge Bases*, ICLR 2015).
///
/// > s(h, r, t) = Σ_c h_c r_c t_c
///
/// Shapes: K [`Triples`], result `[K]`. Parameters, as in PyTorch Geometric: `node_emb.weight` `[N, C]`,
/// `rel_emb.weight` `[R, C]`.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_nn::{SeededVarMap, decoder::{DistMult, DistMultConfig, Triples}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let triples = Triples::new(vec![0, 3], vec![1, 0], vec![2, 2], 4, 2)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = DistMult::new(&DistMultConfig::new(4, 2, 8), vb)?;
/// assert_eq!(model.forward(&triples)?.dims(), [2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DistMult {
    config: DistMultConfig,
    node_emb: Tensor,
    rel_emb: Tensor,
}

impl DistMult {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &DistMultConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_channels(LAYER, c.hidden_channels)?;
        Ok(Self {
            node_emb: table(&vb, "node_emb", c.num_nodes, c.hidden_channels)?,
            rel_emb: table(&vb, "rel_emb", c.num_relations, c.hidden_channels)?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &DistMultConfig {
        &self.config
    }

    /// The embeddings of the nodes, `[N, C]`.
    pub fn node_emb(&self) -> &Tensor {
        &self.node_emb
    }

    /// The score of every triple.
    ///
    /// # Errors
    /// If the triples are not of as many nodes and relations.
    pub fn forward(&self, triples: &Triples) -> Result<Tensor> {
        self.forward_from(&self.node_emb, triples)
    }

    /// As [`forward`](Self::forward), with embeddings of the nodes `[N, C]` that an encoder made.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if `nodes` has another shape.
    pub fn forward_from(&self, nodes: &Tensor, triples: &Triples) -> Result<Tensor> {
        dot(&self.query(nodes, triples.queries())?, &triples.tails(nodes)?)
    }

    /// The scores of all nodes as answers to each question, `[B, N]`: one matrix product.
    ///
    /// # Errors
    /// If the questions are not about as many nodes and relations.
    pub fn score_tails(&self, queries: &Queries) -> Result<Tensor> {
        self.score_tails_from(&self.node_emb, queries)
    }

    /// As [`score_tails`](Self::score_tails), with embeddings of the nodes `[N, C]` that an encoder made.
    ///
    /// # Errors
    /// As [`score_tails`](Self::score_tails), and if `nodes` has another shape.
    pub fn score_tails_from(&self, nodes: &Tensor, queries: &Queries) -> Result<Tensor> {
        Ok(ops::linear(&self.query(nodes, queries)?, nodes, None)?)
    }

    /// What a tail is multiplied by, `[B, C]`.
    fn query(&self, nodes: &Tensor, queries: &Queries) -> Result<Tensor> {
        let c = &self.config;
        queries.check(LAYER, c.num_nodes, c.num_relations)?;
        check_nodes(LAYER, nodes, [c.num_nodes, c.hidden_channels])?;
        Ok((queries.heads(nodes)? * queries.relations(&self.rel_emb)?)?)
    }

    /// PyTorch Geometric's loss: the mean of max(0, margin − (positive − negative)), triple by triple; there must be as many
    /// of both ([`Triples::corrupted`]).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn loss(&self, positive: &Triples, negative: &Triples) -> Result<Tensor> {
        margin_loss(&self.forward(positive)?, &self.forward(negative)?, self.config.margin)
    }
}
