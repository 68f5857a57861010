use candle_core::{D, Tensor};
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::embeddings::{check_channels, in_blocks, root, table_from};
use super::loss::margin_loss;
use super::{Queries, Triples};
use crate::config;
use crate::{Error, Result};

const LAYER: &str = "TransE";
/// The least length that a vector is divided by.
const LEAST: f64 = 1e-12;

/// The arguments of [`TransE`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransEConfig {
    /// N.
    pub num_nodes: usize,
    /// R.
    pub num_relations: usize,
    /// C.
    pub hidden_channels: usize,
    /// By how much the loss wants true triples above false ones. Default 1.
    #[serde(default = "config::unit")]
    pub margin: f64,
    /// p, the order of the norm, at least 1. Default 1.
    #[serde(default = "config::unit")]
    pub p_norm: f64,
    /// Taken and without effect: gradients of embeddings are dense. Default false.
    #[serde(default)]
    pub sparse: bool,
}

impl TransEConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(num_nodes: usize, num_relations: usize, hidden_channels: usize) -> Self {
        Self { num_nodes, num_relations, hidden_channels, margin: 1.0, p_norm: 1.0, sparse: false }
    }
}

/// Relations as translations (Bordes, Usunier, García-Durán, Weston, Yakhnenko, *Translating Embeddings for Modeling
/// Multi-relational Data*, NeurIPS 2013, section 2).
///
/// > s(h, r, t) = −‖h / ‖h‖ₚ + r − t / ‖t‖ₚ‖ₚ
///
/// Shapes: K [`Triples`], result `[K]`. Parameters, as in PyTorch Geometric: `node_emb.weight` `[N, C]`,
/// `rel_emb.weight` `[R, C]`. The rows of the latter start with a length of about 1 (of 1 there).
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_nn::{SeededVarMap, decoder::{TransE, TransEConfig, Triples}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let triples = Triples::new(vec![0, 3], vec![1, 0], vec![2, 2], 4, 2)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = TransE::new(&TransEConfig { p_norm: 2.0, ..TransEConfig::new(4, 2, 8) }, vb)?;
/// assert_eq!(model.forward(&triples)?.dims(), [2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct TransE {
    config: TransEConfig,
    node_emb: Tensor,
    rel_emb: Tensor,
}

impl TransE {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &TransEConfig, vb: VarBuilder) -> Result<Self> {
        let (c, p) = (config.clone(), config.p_norm);
        check_channels(LAYER, c.hidden_channels)?;
        if !(p >= 1.0 && p.is_finite()) {
            return Err(Error::argument(LAYER, "p_norm", "a number of at least 1", p.to_string()));
        }
        let channels = c.hidden_channels as f64;
        // Numbers that are uniform in ±b have a p-norm of about b (C / (p + 1))^(1/p).
        let (nodes, relations) = (6.0 / channels.sqrt(), ((p + 1.0) / channels).powf(1.0 / p));
        let start = |bound: f64| Init::Uniform { lo: -bound, up: bound };
        Ok(Self {
            node_emb: table_from(&vb, "node_emb", c.num_nodes, c.hidden_channels, start(nodes))?,
            rel_emb: table_from(&vb, "rel_emb", c.num_relations, c.hidden_channels, start(relations))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &TransEConfig {
        &self.config
    }

    /// The score of every triple.
    ///
    /// # Errors
    /// If the triples are not of as many nodes and relations.
    pub fn forward(&self, triples: &Triples) -> Result<Tensor> {
        let to = self.query(triples.queries())?;
        let difference = (to - self.normalized(&triples.tails(&self.node_emb)?)?)?;
        Ok(self.norm(&difference)?.neg()?)
    }

    /// The scores of all nodes as answers to each question, `[B, N]`, some nodes at a time: differences of B · C · N numbers
    /// are not there at once where no gradient is asked for.
    ///
    /// # Errors
    /// If the questions are not about as many nodes and relations.
    pub fn score_tails(&self, queries: &Queries) -> Result<Tensor> {
        let (to, nodes) = (self.query(queries)?.unsqueeze(1)?, self.normalized(&self.node_emb)?);
        let sizes = [queries.len(), self.config.num_nodes, self.config.hidden_channels];
        in_blocks(sizes, &self.node_emb, |start, count| {
            let tails = nodes.narrow(0, start, count)?.unsqueeze(0)?;
            Ok(self.norm(&to.broadcast_sub(&tails)?)?.neg()?)
        })
    }

    /// PyTorch Geometric's loss: the mean of max(0, margin − (positive − negative)), triple by triple; there must be as many
    /// of both ([`Triples::corrupted`]).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn loss(&self, positive: &Triples, negative: &Triples) -> Result<Tensor> {
        margin_loss(&self.forward(positive)?, &self.forward(negative)?, self.config.margin)
    }

    /// Where the relation leads from the head, `[B, C]`.
    fn query(&self, queries: &Queries) -> Result<Tensor> {
        queries.check(LAYER, self.config.num_nodes, self.config.num_relations)?;
        Ok((self.normalized(&queries.heads(&self.node_emb)?)? + queries.relations(&self.rel_emb)?)?)
    }

    fn normalized(&self, x: &Tensor) -> Result<Tensor> {
        let length = self.norm(x)?.unsqueeze(D::Minus1)?;
        let least = Tensor::full(LEAST, (), x.device())?.to_dtype(x.dtype())?;
        Ok(x.broadcast_div(&length.broadcast_maximum(&least)?)?)
    }

    /// The p-norm over the channels, with the slope 0 at 0, as in PyTorch.
    fn norm(&self, x: &Tensor) -> Result<Tensor> {
        let p = self.config.p_norm;
        if p == 2.0 {
            return root(&x.sqr()?.sum(D::Minus1)?);
        }
        // |x| with the slope 0 at 0.
        let size = (ops::relu(x)? + ops::relu(&x.neg()?)?)?;
        if p == 1.0 {
            return Ok(size.sum(D::Minus1)?);
        }
        let sum = size.powf(p)?.sum(D::Minus1)?;
        let zero = sum.eq(0.0)?.to_dtype(sum.dtype())?;
        Ok(((sum + &zero)?.powf(1.0 / p)? - zero)?)
    }
}
