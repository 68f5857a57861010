use candle_core::{Module, Tensor};
use candle_geometric_ops as ops;
use candle_nn::{Conv2d, Conv2dConfig, VarBuilder};
use serde::{Deserialize, Serialize};

use super::embeddings::{check_channels, check_nodes, dot, table};
use super::{Queries, Triples, logistic_loss};
use crate::norm::{BatchNorm, BatchNormConfig};
use crate::{Error, Linear, Mode, Result, dropout, init};

const LAYER: &str = "ConvE";

/// The arguments of [`ConvE`]; the defaults are the paper's for FB15k-237.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvEConfig {
    /// N.
    pub num_nodes: usize,
    /// R.
    pub num_relations: usize,
    /// C, the channels of an embedding, a multiple of `height`.
    pub hidden_channels: usize,
    /// The rows of the picture that an embedding is made into. Default 10.
    #[serde(default = "ten")]
    pub height: usize,
    /// The number of filters of the convolution. Default 32.
    #[serde(default = "filters")]
    pub filters: usize,
    /// The height and width of a filter. Default 3.
    #[serde(default = "three")]
    pub kernel_size: usize,
    /// The probability with which a number of the picture is dropped in training. Default 0.2.
    #[serde(default = "fifth")]
    pub input_dropout: f64,
    /// The probability with which what a filter gives is dropped in training, all of it. Default 0.2.
    #[serde(default = "fifth")]
    pub feature_dropout: f64,
    /// The probability with which a hidden number is dropped in training. Default 0.3.
    #[serde(default = "hidden")]
    pub hidden_dropout: f64,
}

const fn ten() -> usize {
    10
}

const fn filters() -> usize {
    32
}

const fn three() -> usize {
    3
}

const fn fifth() -> f64 {
    0.2
}

const fn hidden() -> f64 {
    0.3
}

impl ConvEConfig {
    /// The defaults.
    pub fn new(num_nodes: usize, num_relations: usize, hidden_channels: usize) -> Self {
        Self {
            num_nodes,
            num_relations,
            hidden_channels,
            height: ten(),
            filters: filters(),
            kernel_size: three(),
            input_dropout: fifth(),
            feature_dropout: fifth(),
            hidden_dropout: hidden(),
        }
    }
}

/// A convolution over the pictures of head and relation, one above the other (Dettmers, Minervini, Stenetorp, Riedel,
/// *Convolutional 2D Knowledge Graph Embeddings*, AAAI 2018, eq. 1).
///
/// > s(h, r, t) = ⟨ReLU(BN(W vec ReLU(BN(BN(\[h ; r\]) ∗ ω)) + c)), t⟩ + b_t
///
/// Shapes: K [`Triples`], result `[K]`: logits. Parameters: `node_emb.weight` `[N, C]`, `rel_emb.weight` `[R, C]`, `conv1`
/// (weight `[filters, 1, k, k]`, bias), `fc` (weight `[C, …]`, bias), `bn0`, `bn1`, `bn2` as in
/// [`BatchNorm`], `bias` `[N]`.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_nn::{Mode, SeededVarMap, decoder::{ConvE, ConvEConfig, Triples}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let triples = Triples::new(vec![0, 3], vec![1, 0], vec![2, 2], 4, 2)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = ConvE::new(&ConvEConfig { height: 4, ..ConvEConfig::new(4, 2, 20) }, vb)?;
/// assert_eq!(model.forward(&triples, Mode::Eval)?.dims(), [2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ConvE {
    config: ConvEConfig,
    node_emb: Tensor,
    rel_emb: Tensor,
    conv1: Conv2d,
    fc: Linear,
    bn0: BatchNorm,
    bn1: BatchNorm,
    bn2: BatchNorm,
    /// `[N]`.
    bias: Tensor,
}

impl ConvE {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &ConvEConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_channels(LAYER, c.hidden_channels)?;
        if c.height == 0 || !c.hidden_channels.is_multiple_of(c.height) {
            let expected = format!("a divisor of hidden_channels = {}", c.hidden_channels);
            return Err(Error::argument(LAYER, "height", expected, c.height.to_string()));
        }
        let (rows, columns, k) = (2 * c.height, c.hidden_channels / c.height, c.kernel_size);
        if k == 0 || k > rows || k > columns {
            let expected = format!("at least 1 and no larger than the picture of {rows} × {columns}");
            return Err(Error::argument(LAYER, "kernel_size", expected, k.to_string()));
        }
        let dropouts = [
            ("input_dropout", c.input_dropout),
            ("feature_dropout", c.feature_dropout),
            ("hidden_dropout", c.hidden_dropout),
        ];
        if let Some((argument, p)) = dropouts.into_iter().find(|(_, p)| !(0.0..=1.0).contains(p)) {
            return Err(Error::argument(LAYER, argument, "a probability in [0, 1]", p.to_string()));
        }
        let norm = |name, channels| BatchNorm::new(&BatchNormConfig::new(channels), vb.pp(name));
        let start = init::fan_in_uniform(k * k);
        let filters = vb.pp("conv1").get_with_hints((c.filters, 1, k, k), "weight", start)?;
        let shifts = vb.pp("conv1").get_with_hints(c.filters, "bias", start)?;
        let flat = c.filters.saturating_mul((rows - k + 1) * (columns - k + 1));
        Ok(Self {
            node_emb: table(&vb, "node_emb", c.num_nodes, c.hidden_channels)?,
            rel_emb: table(&vb, "rel_emb", c.num_relations, c.hidden_channels)?,
            conv1: Conv2d::new(filters, Some(shifts), Conv2dConfig::default()),
            fc: Linear::new(flat, c.hidden_channels, true, vb.pp("fc"))?,
            bn0: norm("bn0", 1)?,
            bn1: norm("bn1", c.filters)?,
            bn2: norm("bn2", c.hidden_channels)?,
            bias: vb.get_with_hints(c.num_nodes, "bias", init::ZEROS)?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &ConvEConfig {
        &self.config
    }

    /// The embeddings of the nodes, `[N, C]`.
    pub fn node_emb(&self) -> &Tensor {
        &self.node_emb
    }

    /// The score of every triple. Training takes the statistics of the batch, and so at least two triples.
    ///
    /// # Errors
    /// If the triples are not of as many nodes and relations, or there is a single one in training.
    pub fn forward(&self, triples: &Triples, mode: Mode) -> Result<Tensor> {
        self.forward_from(&self.node_emb, triples, mode)
    }

    /// As [`forward`](Self::forward), with embeddings of the nodes `[N, C]` that an encoder made.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and if `nodes` has another shape.
    pub fn forward_from(&self, nodes: &Tensor, triples: &Triples, mode: Mode) -> Result<Tensor> {
        let scores = dot(&self.query(nodes, triples.queries(), mode)?, &triples.tails(nodes)?)?;
        Ok((scores + triples.tails(&self.bias.unsqueeze(1)?)?.squeeze(1)?)?)
    }

    /// The scores of all nodes as answers to each question, `[B, N]`: one matrix product after the convolution.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn score_tails(&self, queries: &Queries, mode: Mode) -> Result<Tensor> {
        self.score_tails_from(&self.node_emb, queries, mode)
    }

    /// As [`score_tails`](Self::score_tails), with embeddings of the nodes `[N, C]` that an encoder made.
    ///
    /// # Errors
    /// As [`score_tails`](Self::score_tails), and if `nodes` has another shape.
    pub fn score_tails_from(&self, nodes: &Tensor, queries: &Queries, mode: Mode) -> Result<Tensor> {
        Ok(ops::linear(&self.query(nodes, queries, mode)?, nodes, Some(&self.bias))?)
    }

    /// What a tail is multiplied by, `[B, C]`.
    fn query(&self, nodes: &Tensor, queries: &Queries, mode: Mode) -> Result<Tensor> {
        let c = &self.config;
        queries.check(LAYER, c.num_nodes, c.num_relations)?;
        check_nodes(LAYER, nodes, [c.num_nodes, c.hidden_channels])?;
        let (heads, relations) = (queries.heads(nodes)?, queries.relations(&self.rel_emb)?);
        if queries.is_empty() {
            return Ok(heads);
        }
        let (k, rows, columns) = (queries.len(), 2 * c.height, c.hidden_channels / c.height);
        let picture = Tensor::cat(&[heads, relations], 1)?.reshape((k, 1, rows, columns))?;
        let picture = by_channel(&self.bn0, &picture, mode)?;
        let maps = self.conv1.forward(&dropout(&picture, c.input_dropout, mode)?)?;
        let maps = ops::relu(&by_channel(&self.bn1, &maps, mode)?)?;
        let kept = Tensor::ones((k, c.filters), maps.dtype(), maps.device())?;
        let kept = dropout(&kept, c.feature_dropout, mode)?.reshape((k, c.filters, 1, 1))?;
        let hidden = self.fc.forward(&maps.broadcast_mul(&kept)?.flatten_from(1)?)?;
        let hidden = self.bn2.forward_t(&dropout(&hidden, c.hidden_dropout, mode)?, mode)?;
        Ok(ops::relu(&hidden)?)
    }

    /// The cross-entropy of telling true triples from false ones by their scores ([`Triples::corrupted`] draws false ones).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn loss(&self, positive: &Triples, negative: &Triples, mode: Mode) -> Result<Tensor> {
        logistic_loss(&self.forward(positive, mode)?, &self.forward(negative, mode)?)
    }
}

/// Batch normalisation of the channels of pictures, `[K, C, H, W]`.
fn by_channel(norm: &BatchNorm, x: &Tensor, mode: Mode) -> Result<Tensor> {
    let (k, c, h, w) = x.dims4()?;
    let rows = x.permute((0, 2, 3, 1))?.reshape((k * h * w, c))?;
    let rows = norm.forward_t(&rows, mode)?.reshape((k, h, w, c))?;
    Ok(rows.permute((0, 3, 1, 2))?.contiguous()?)
}
