use candle_core::{D, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::embeddings::{check_channels, in_blocks, root, table, table_from};
use super::{Queries, Triples, logistic_loss};
use crate::Result;
use crate::config;

const LAYER: &str = "RotatE";

/// The arguments of [`RotatE`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotatEConfig {
    /// N.
    pub num_nodes: usize,
    /// R.
    pub num_relations: usize,
    /// C.
    pub hidden_channels: usize,
    /// What a score is below by the distance. Default 1.
    #[serde(default = "config::unit")]
    pub margin: f64,
    /// Taken and without effect: gradients of embeddings are dense. Default false.
    #[serde(default)]
    pub sparse: bool,
}

impl RotatEConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(num_nodes: usize, num_relations: usize, hidden_channels: usize) -> Self {
        Self { num_nodes, num_relations, hidden_channels, margin: 1.0, sparse: false }
    }
}

/// Relations as rotations in the complex plane (Sun, Deng, Nie, Tang, *RotatE: Knowledge Graph Embedding by Relational
/// Rotation in Complex Space*, ICLR 2019, eq. 3).
///
/// > s(h, r, t) = margin − ‖h ∘ exp(iθ_r) − t‖₂
///
/// Shapes: K [`Triples`], result `[K]`. Parameters, as in PyTorch Geometric: `node_emb.weight`, `node_emb_im.weight`
/// `[N, C]` (real and imaginary parts), `rel_emb.weight` `[R, C]` (the angles θ).
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_nn::{SeededVarMap, decoder::{RotatE, RotatEConfig, Triples}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let triples = Triples::new(vec![0, 3], vec![1, 0], vec![2, 2], 4, 2)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = RotatE::new(&RotatEConfig::new(4, 2, 8), vb)?;
/// assert_eq!(model.forward(&triples)?.dims(), [2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RotatE {
    config: RotatEConfig,
    node_emb: Tensor,
    node_emb_im: Tensor,
    rel_emb: Tensor,
}

impl RotatE {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &RotatEConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_channels(LAYER, c.hidden_channels)?;
        let angles = Init::Uniform { lo: 0.0, up: std::f64::consts::TAU };
        Ok(Self {
            node_emb: table(&vb, "node_emb", c.num_nodes, c.hidden_channels)?,
            node_emb_im: table(&vb, "node_emb_im", c.num_nodes, c.hidden_channels)?,
            rel_emb: table_from(&vb, "rel_emb", c.num_relations, c.hidden_channels, angles)?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &RotatEConfig {
        &self.config
    }

    /// The score of every triple.
    ///
    /// # Errors
    /// If the triples are not of as many nodes and relations.
    pub fn forward(&self, triples: &Triples) -> Result<Tensor> {
        let (re, im) = self.query(triples.queries())?;
        let (re, im) = ((re - triples.tails(&self.node_emb)?)?, (im - triples.tails(&self.node_emb_im)?)?);
        self.score(&re, &im)
    }

    /// The scores of all nodes as answers to each question, `[B, N]`, some nodes at a time: differences of B · C · N numbers
    /// are not there at once where no gradient is asked for.
    ///
    /// # Errors
    /// If the questions are not about as many nodes and relations.
    pub fn score_tails(&self, queries: &Queries) -> Result<Tensor> {
        let (re, im) = self.query(queries)?;
        let (re, im) = (re.unsqueeze(1)?, im.unsqueeze(1)?);
        let sizes = [queries.len(), self.config.num_nodes, self.config.hidden_channels];
        in_blocks(sizes, &self.node_emb, |start, count| {
            let tails = |of: &Tensor| of.narrow(0, start, count)?.unsqueeze(0);
            let re = re.broadcast_sub(&tails(&self.node_emb)?)?;
            self.score(&re, &im.broadcast_sub(&tails(&self.node_emb_im)?)?)
        })
    }

    /// h ∘ exp(iθ_r), the real and the imaginary part, `[B, C]`.
    fn query(&self, queries: &Queries) -> Result<(Tensor, Tensor)> {
        queries.check(LAYER, self.config.num_nodes, self.config.num_relations)?;
        let (re, im) = (queries.heads(&self.node_emb)?, queries.heads(&self.node_emb_im)?);
        let angle = queries.relations(&self.rel_emb)?;
        let (cos, sin) = (angle.cos()?, angle.sin()?);
        Ok((((&cos * &re)? - (&sin * &im)?)?, ((cos * im)? + (sin * re)?)?))
    }

    /// margin − the length of the difference.
    fn score(&self, re: &Tensor, im: &Tensor) -> Result<Tensor> {
        let squared = (re.sqr()? + im.sqr()?)?.sum(D::Minus1)?;
        Ok((self.config.margin - root(&squared)?)?)
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
