use candle_core::Tensor;
use candle_geometric_graph::Relations;
use candle_geometric_nn::conv::{Attention, RgatConv, RgatConvConfig};
use candle_geometric_nn::decoder::{
    ConvE, ConvEConfig, DistMult, DistMultConfig, Queries, Triples, logistic_loss, one_vs_all_loss,
};
use candle_geometric_nn::{Activation, Mode, dropout};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::check_sizes;
use crate::{Configuration, Error, Result};

const MODEL: &str = "RelationalGAT";

/// What gives triples their scores, and its arguments: of N nodes, of all 2R relations, and of C channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TripleDecoderConfig {
    /// A diagonal bilinear form.
    DistMult(DistMultConfig),
    /// A convolution over head and relation.
    ConvE(ConvEConfig),
}

impl TripleDecoderConfig {
    /// N, 2R and C.
    fn sizes(&self) -> [usize; 3] {
        match self {
            Self::DistMult(c) => [c.num_nodes, c.num_relations, c.hidden_channels],
            Self::ConvE(c) => [c.num_nodes, c.num_relations, c.hidden_channels],
        }
    }
}

/// The arguments of [`RelationalGat`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationalGatConfig {
    /// The layers of the encoder, each with its arguments: each takes what the one before gives, the first and the last have C
    /// channels, and all have 2R relations.
    pub convs: Vec<RgatConvConfig>,
    /// The decoder, which also says how many nodes, relations and channels there are.
    pub decoder: TripleDecoderConfig,
    /// Whether a layer adds what it was given to what it gives, where both have as many channels. A node without
    /// neighbours is nothing but a bias without it. Default false.
    #[serde(default)]
    pub residual: bool,
    /// The probability with which inputs of layers are dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

impl RelationalGatConfig {
    /// A model of `num_nodes` nodes and R = `num_relations` relations, to which their inverses are added, with layers of one
    /// head and the decoder DistMult; every argument can be changed afterwards.
    pub fn new(num_nodes: usize, num_relations: usize, hidden_channels: usize, num_layers: usize) -> Self {
        let (relations, c) = (num_relations.saturating_mul(2), hidden_channels);
        Self {
            convs: vec![RgatConvConfig::new(c, c, relations); num_layers],
            decoder: TripleDecoderConfig::DistMult(DistMultConfig::new(num_nodes, relations, c)),
            residual: false,
            dropout: 0.0,
        }
    }
}

/// An architecture for knowledge graphs, and its arguments; the classes are the nodes, one of which answers a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", content = "config", deny_unknown_fields)]
#[non_exhaustive]
pub enum KnowledgeModelConfig {
    /// `"RelationalGAT"`.
    #[serde(rename = "RelationalGAT")]
    RelationalGat(RelationalGatConfig),
}

impl KnowledgeModelConfig {
    /// The names of the known architectures.
    pub const ARCHITECTURES: &[&str] = &[MODEL];
}

impl Configuration for KnowledgeModelConfig {
    type Model = RelationalGat;

    fn architecture(&self) -> &'static str {
        let Self::RelationalGat(_) = self;
        MODEL
    }

    fn num_classes(&self) -> usize {
        let Self::RelationalGat(config) = self;
        config.decoder.sizes()[0]
    }

    fn build_model(&self, vb: VarBuilder<'_>) -> Result<RelationalGat> {
        let Self::RelationalGat(config) = self;
        RelationalGat::new(config, vb)
    }
}

/// A model that completes knowledge graphs: relational graph attention ([`RgatConv`]; Busbridge et al. 2019) makes the
/// embeddings of the nodes, DistMult or ConvE tells how likely a triple is. Encoder and decoder are put together as in
/// Schlichtkrull et al., *Modeling Relational Data with Graph Convolutional Networks* (ESWC 2018, section 4) and PyTorch
/// Geometric's `examples/rgcn_link_pred.py`.
///
/// > Z₀ = the table of embeddings, Z_k = ReLU(RGAT_k(dropout(Z_{k−1}))), the last without ReLU
/// >
/// > s(h, r, t) = decoder(z_h, r, z_t)
///
/// Every relation r < R has an inverse, r + R: the graph of the encoder has both ([`Relations::with_inverses`]), the decoder
/// has embeddings of both, and the question for the head, (?, r, t), is the one for the tail of (t, r + R, ?). Training asks
/// both ways. Edges that are to be predicted do not belong into the graph of the encoder.
///
/// A layer holds values for every pair of a node and a relation, N · 2R · H · C numbers: a graph of many relations wants few
/// channels, or many gigabytes.
///
/// Shapes: N nodes, E facts, Z `[N, C]`, scores `[K]` of K triples and `[B, N]` of B questions. Parameters: `node_emb.weight`
/// `[N, C]`, `convs.i.…`, and those of the decoder: `rel_emb.weight` `[2R, C]` and what else it has.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_graph::{EdgeIndex, Relations};
/// use candle_geometric_models::{RelationalGat, RelationalGatConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap, decoder::Triples};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let facts = Relations::new(&EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 3], 5)?, &[0, 1, 0], 2)?;
/// let graph = facts.with_inverses()?;
/// let config = RelationalGatConfig::new(5, 2, 8, 2);
/// let model = RelationalGat::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let z = model.encode(&graph, Mode::Eval)?;
/// let triples = Triples::new(vec![0, 3], vec![1, 0], vec![2, 2], 5, 2 * 2)?;
/// assert_eq!(model.score(&z, &triples, Mode::Eval)?.dims(), [2]);
/// assert_eq!(model.score_tails(&z, &[0, 3], &[1, 0], Mode::Eval)?.dims(), [2, 5]);
/// assert_eq!(model.score_heads(&z, &[2], &[1], Mode::Eval)?.dims(), [1, 5]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RelationalGat {
    config: RelationalGatConfig,
    convs: Vec<RgatConv>,
    decoder: Decoder,
}

#[derive(Debug, Clone)]
enum Decoder {
    DistMult(DistMult),
    ConvE(Box<ConvE>),
}

impl RelationalGat {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, the sizes of layers and decoder do not fit, or `vb` has no such parameters.
    pub fn new(config: &RelationalGatConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let c = config.clone();
        let [nodes, relations, channels] = c.decoder.sizes();
        let sizes = [("num_nodes", nodes), ("num_relations", relations), ("hidden_channels", channels)];
        check_sizes(MODEL, &sizes)?;
        let wrong = |problem: String| Err(Error::config(MODEL, problem));
        if !relations.is_multiple_of(2) {
            return wrong(format!(
                "decoder: num_relations is {relations}, expected an even number: relations and their inverses"
            ));
        }
        if !(0.0..=1.0).contains(&c.dropout) {
            return wrong(format!("dropout is {}, expected a probability in [0, 1]", c.dropout));
        }
        let mut width = channels;
        for (k, conv) in c.convs.iter().enumerate() {
            let last = k + 1 == c.convs.len();
            let expected = [
                ("in_channels", conv.in_channels, width),
                ("num_relations", conv.num_relations, relations),
                ("width", conv.width(), if last || c.residual { channels } else { conv.width() }),
            ];
            if let Some((argument, is, expected)) =
                expected.into_iter().find(|(_, is, expected)| is != expected)
            {
                return wrong(format!("convs[{k}]: {argument} is {is}, expected {expected}"));
            }
            if conv.edge_dim.is_some() {
                return wrong(format!("convs[{k}]: edge_dim is given, but facts have no features"));
            }
            width = conv.width();
        }
        let convs = c.convs.iter().enumerate().map(|(k, conv)| RgatConv::new(conv, vb.pp("convs").pp(k)));
        Ok(Self {
            convs: convs.collect::<Result<_, _>>()?,
            decoder: match &c.decoder {
                TripleDecoderConfig::DistMult(config) => Decoder::DistMult(DistMult::new(config, vb)?),
                TripleDecoderConfig::ConvE(config) => Decoder::ConvE(Box::new(ConvE::new(config, vb)?)),
            },
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &RelationalGatConfig {
        &self.config
    }

    /// N.
    pub fn num_nodes(&self) -> usize {
        self.config.decoder.sizes()[0]
    }

    /// R, without the inverse relations.
    pub fn num_relations(&self) -> usize {
        self.config.decoder.sizes()[1] / 2
    }

    /// The embeddings Z `[N, C]` of the nodes of a graph that has the inverse relations
    /// ([`Relations::with_inverses`]).
    ///
    /// # Errors
    /// If the graph does not have N nodes and 2R relations.
    pub fn encode(&self, graph: &Relations, mode: Mode<'_>) -> Result<Tensor> {
        self.run(mode, |conv, z| Ok(conv.forward_t(z, graph, mode)?))
    }

    /// The attention of every layer over the facts of a graph and their inverses, in evaluation mode.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn attention(&self, graph: &Relations) -> Result<Vec<Attention>> {
        let mut seen = Vec::with_capacity(self.convs.len());
        self.run(Mode::Eval, |conv, z| {
            let (out, attention) = conv.forward_with_attention(z, graph, None, Mode::Eval)?;
            seen.push(attention);
            Ok(out)
        })?;
        Ok(seen)
    }

    /// The embeddings after all layers, each of which `layer` runs.
    fn run(
        &self,
        mode: Mode<'_>,
        mut layer: impl FnMut(&RgatConv, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut z = match &self.decoder {
            Decoder::DistMult(decoder) => decoder.node_emb().clone(),
            Decoder::ConvE(decoder) => decoder.node_emb().clone(),
        };
        for (k, conv) in self.convs.iter().enumerate() {
            let out = layer(conv, &dropout(&z, self.config.dropout, mode)?)?;
            let out = if self.config.residual { (out + z)? } else { out };
            z = if k + 1 < self.convs.len() { Activation::Relu.forward(&out)? } else { out };
        }
        Ok(z)
    }

    /// The score of every triple, `[K]`: logits. `z` is what [`encode`](Self::encode) gave.
    ///
    /// # Errors
    /// If the triples are not of N nodes and 2R relations, or `z` has another shape.
    pub fn score(&self, z: &Tensor, triples: &Triples, mode: Mode<'_>) -> Result<Tensor> {
        Ok(match &self.decoder {
            Decoder::DistMult(decoder) => decoder.forward_from(z, triples)?,
            Decoder::ConvE(decoder) => decoder.forward_from(z, triples, mode)?,
        })
    }

    /// The scores of all nodes as tails of (head, relation, ?), `[B, N]`. A relation of at least R is an inverse one.
    ///
    /// # Errors
    /// If the lists differ in length, an index is out of range, or `z` has another shape.
    pub fn score_tails(
        &self,
        z: &Tensor,
        head_index: &[u32],
        rel_type: &[u32],
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let [nodes, relations, _] = self.config.decoder.sizes();
        let queries = Queries::new(head_index.to_vec(), rel_type.to_vec(), nodes, relations)?;
        Ok(match &self.decoder {
            Decoder::DistMult(decoder) => decoder.score_tails_from(z, &queries)?,
            Decoder::ConvE(decoder) => decoder.score_tails_from(z, &queries, mode)?,
        })
    }

    /// The scores of all nodes as heads of (?, relation, tail), `[B, N]`: as tails of the inverse relation.
    ///
    /// # Errors
    /// As [`score_tails`](Self::score_tails).
    pub fn score_heads(
        &self,
        z: &Tensor,
        tail_index: &[u32],
        rel_type: &[u32],
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let r = self.num_relations() as u32;
        let inverse = rel_type.iter().map(|&t| if t < r { t + r } else { t - r });
        self.score_tails(z, tail_index, &inverse.collect::<Vec<_>>(), mode)
    }

    /// The loss of 1-vs-all training, of questions (head, relation, ?) whose true tails are given: see [`one_vs_all_loss`].
    ///
    /// # Errors
    /// As [`score_tails`](Self::score_tails) and [`one_vs_all_loss`].
    pub fn one_vs_all_loss(
        &self,
        z: &Tensor,
        head_index: &[u32],
        rel_type: &[u32],
        tails: &[impl AsRef<[u32]>],
        label_smoothing: f64,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let scores = self.score_tails(z, head_index, rel_type, mode)?;
        Ok(one_vs_all_loss(&scores, tails, label_smoothing)?)
    }

    /// The loss of negative sampling, of true and of false triples ([`Triples::corrupted`] draws some): see [`logistic_loss`].
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn negative_sampling_loss(
        &self,
        z: &Tensor,
        positive: &Triples,
        negative: &Triples,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        Ok(logistic_loss(&self.score(z, positive, mode)?, &self.score(z, negative, mode)?)?)
    }
}
