use candle_core::Tensor;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::embeddings::{check_channels, dot, table};
use super::{Queries, Triples, logistic_loss};
use crate::Result;

const LAYER: &str = "ComplEx";

/// The arguments of [`ComplEx`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplExConfig {
    /// N.
    pub num_nodes: usize,
    /// R.
    pub num_relations: usize,
    /// C.
    pub hidden_channels: usize,
    /// Taken and without effect: gradients of embeddings are dense. Default false.
    #[serde(default)]
    pub sparse: bool,
}

impl ComplExConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(num_nodes: usize, num_relations: usize, hidden_channels: usize) -> Self {
        Self { num_nodes, num_relations, hidden_channels, sparse: false }
    }
}

/// A diagonal bilinear form of complex embeddings, which need not be symmetric (Trouillon, Welbl, Riedel, Gaussier,
/// Bouchard, *Complex Embeddings for Simple Link Prediction*, ICML 2016, eq. 11).
///
/// > s(h, r, t) = Re Σ_c h_c r_c t̄_c
///
/// Shapes: K [`Triples`], result `[K]`. Parameters, as in PyTorch Geometric: `node_emb.weight`, `node_emb_im.weight`
/// `[N, C]` (real and imaginary parts), `rel_emb.weight`, `rel_emb_im.weight` `[R, C]`.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_nn::{SeededVarMap, decoder::{ComplEx, ComplExConfig, Triples}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let triples = Triples::new(vec![0, 3], vec![1, 0], vec![2, 2], 4, 2)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = ComplEx::new(&ComplExConfig::new(4, 2, 8), vb)?;
/// assert_eq!(model.forward(&triples)?.dims(), [2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ComplEx {
    config: ComplExConfig,
    node_emb: Tensor,
    node_emb_im: Tensor,
    rel_emb: Tensor,
    rel_emb_im: Tensor,
}

impl ComplEx {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &ComplExConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_channels(LAYER, c.hidden_channels)?;
        let table = |name, rows| table(&vb, name, rows, c.hidden_channels);
        Ok(Self {
            node_emb: table("node_emb", c.num_nodes)?,
            node_emb_im: table("node_emb_im", c.num_nodes)?,
            rel_emb: table("rel_emb", c.num_relations)?,
            rel_emb_im: table("rel_emb_im", c.num_relations)?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &ComplExConfig {
        &self.config
    }

    /// The score of every triple.
    ///
    /// # Errors
    /// If the triples are not of as many nodes and relations.
    pub fn forward(&self, triples: &Triples) -> Result<Tensor> {
        let (re, im) = self.query(triples.queries())?;
        let scores =
            dot(&re, &triples.tails(&self.node_emb)?)? + dot(&im, &triples.tails(&self.node_emb_im)?)?;
        Ok(scores?)
    }

    /// The scores of all nodes as answers to each question, `[B, N]`: two matrix products.
    ///
    /// # Errors
    /// If the questions are not about as many nodes and relations.
    pub fn score_tails(&self, queries: &Queries) -> Result<Tensor> {
        let (re, im) = self.query(queries)?;
        Ok(ops::linear_sum([((&re).into(), &self.node_emb), ((&im).into(), &self.node_emb_im)], None)?)
    }

    /// h ∘ r, the real and the imaginary part, `[B, C]`.
    fn query(&self, queries: &Queries) -> Result<(Tensor, Tensor)> {
        queries.check(LAYER, self.config.num_nodes, self.config.num_relations)?;
        let (head_re, head_im) = (queries.heads(&self.node_emb)?, queries.heads(&self.node_emb_im)?);
        let (rel_re, rel_im) = (queries.relations(&self.rel_emb)?, queries.relations(&self.rel_emb_im)?);
        let re = ((&head_re * &rel_re)? - (&head_im * &rel_im)?)?;
        Ok((re, ((head_re * rel_im)? + (head_im * rel_re)?)?))
    }

    /// PyTorch Geometric's loss: the cross-entropy of telling true triples from false ones by their scores
    /// ([`Triples::corrupted`] draws false ones).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn loss(&self, positive: &Triples, negative: &Triples) -> Result<Tensor> {
        let (positive, negative) = (self.forward(positive)?, self.forward(negative)?);
        logistic_loss(&positive, &negative)
    }
}
