use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::{Attention, TransformerConv, TransformerConvConfig};
use candle_geometric_nn::norm::NormKwargs;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::{BasicGnn, Convolution, Shared, check_sizes};
use crate::config::Architecture;
use crate::{Error, GraphModel, LabelMethod, MaskLabel, MaskLabelConfig, Result};

const NAME: &str = "GraphTransformer";

/// The arguments of [`GraphTransformer`]; the defaults are those of PyTorch Geometric's example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphTransformerConfig {
    /// I, the number of features of a node.
    pub in_channels: usize,
    /// C, the width of the hidden layers: that of all heads together.
    pub hidden_channels: usize,
    /// K, the number of classes.
    pub out_channels: usize,
    /// L, the number of convolutions. Default 3.
    #[serde(default = "three")]
    pub num_layers: usize,
    /// H, the number of heads: concatenated in hidden layers, averaged in the last. Default 2.
    #[serde(default = "two")]
    pub heads: usize,
    /// The probability with which attention weights are dropped in training. Default 0.3.
    #[serde(default = "dropout_probability")]
    pub dropout: f64,
    /// Whether a gate mixes what the neighbours say with a node's own features, instead of a sum. Default true.
    #[serde(default = "crate::basic_gnn::yes")]
    pub beta: bool,
    /// D, the number of edge features; none if edges have no features. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// How known labels join the features; none for a model that takes no labels. Default `add`.
    #[serde(default = "add")]
    pub label_method: Option<LabelMethod>,
    /// The width of an embedded label. Default and, where labels are added, always I.
    #[serde(default)]
    pub label_channels: Option<usize>,
}

fn two() -> usize {
    2
}

fn three() -> usize {
    3
}

fn dropout_probability() -> f64 {
    0.3
}

// What serde's attribute takes is a function to the type of the field.
#[allow(clippy::unnecessary_wraps)]
fn add() -> Option<LabelMethod> {
    Some(LabelMethod::Add)
}

impl GraphTransformerConfig {
    /// The defaults.
    pub fn new(in_channels: usize, hidden_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            hidden_channels,
            out_channels,
            num_layers: three(),
            heads: two(),
            dropout: dropout_probability(),
            beta: true,
            edge_dim: None,
            label_method: add(),
            label_channels: None,
        }
    }

    fn label_emb(&self, vb: VarBuilder<'_>) -> Result<Option<MaskLabel>> {
        let channels = self.label_channels.unwrap_or(self.in_channels);
        let Some(method) = self.label_method else {
            return match self.label_channels {
                None => Ok(None),
                Some(_) => Err(Error::config(NAME, "label_channels without label_method")),
            };
        };
        if method == LabelMethod::Add && channels != self.in_channels {
            let problem =
                format!("label_channels is {channels}, expected in_channels ({})", self.in_channels);
            return Err(Error::config(NAME, problem));
        }
        let config = MaskLabelConfig { num_classes: self.out_channels, out_channels: channels, method };
        MaskLabel::new(&config, vb).map(Some)
    }
}

/// UniMP: a graph transformer that takes the labels of some nodes as inputs and predicts those of the others (Shi et al.,
/// *Masked Label Prediction: Unified Message Passing Model for Semi-Supervised Classification*, IJCAI 2021).
///
/// > x = x + E\[y\] for nodes whose labels are given ([`MaskLabel`])
/// >
/// > L − 1 times x = ReLU(LayerNorm(TransformerConv(x))), heads concatenated
/// >
/// > y = TransformerConv(x), heads averaged
///
/// with [`TransformerConv`]s gated by `beta`. In training, [`MaskLabel::ratio_mask`] hides some of the known labels in every step,
/// and the loss is taken on these, so that no node ever sees its own label. When the model is used, all known labels are given.
///
/// Shapes: x `[N, I]`, edge_attr `[E, D]`, result: logits `[N, K]`. Parameters: `label_emb.emb.weight`, `convs.i`, `norms.i`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, rng::Generator};
/// use candle_geometric_models::{GraphTransformer, GraphTransformerConfig, MaskLabel};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let model = GraphTransformer::new(&GraphTransformerConfig::new(5, 8, 3), vb)?;
/// let edges = EdgeIndex::new(vec![0, 1, 2, 3], vec![1, 2, 3, 0], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
/// let (y, train) = ([2, 0, 1, 0], [true, true, true, false]);
///
/// // A step of training: the loss is taken on the nodes of `step.target`.
/// let generator = Generator::new(0);
/// let step = MaskLabel::ratio_mask(&train, 0.65, generator.stream())?;
/// let logits = model.forward_labels(&x, &edges, None, (&y, &step.input), Mode::Train(&generator))?;
/// assert_eq!(logits.dims(), [4, 3]);
/// // Afterwards, node 3 is predicted from the labels of all others.
/// model.forward_labels(&x, &edges, None, (&y, &train), Mode::Eval)?;
/// # Ok(()) }
/// ```
pub struct GraphTransformer {
    in_channels: usize,
    label_emb: Option<MaskLabel>,
    layers: BasicGnn<TransformerConv>,
}

impl GraphTransformer {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, `hidden_channels` is not a multiple of `heads`, or `vb` has no such parameters.
    pub fn new(config: &GraphTransformerConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let GraphTransformerConfig { heads, dropout, beta, edge_dim, .. } = *config;
        let sizes = [
            ("in_channels", config.in_channels),
            ("hidden_channels", config.hidden_channels),
            ("out_channels", config.out_channels),
            ("heads", heads),
            ("edge_dim", edge_dim.unwrap_or(1)),
        ];
        check_sizes(NAME, &sizes)?;
        let label_emb = config.label_emb(vb.pp("label_emb"))?;
        let behind = label_emb.as_ref().map(MaskLabel::config).filter(|c| c.method == LabelMethod::Concat);
        let by_node = NormKwargs::from_iter([("mode".to_string(), "node".into())]);
        let shared = Shared {
            architecture: NAME,
            in_channels: config.in_channels + behind.map_or(0, |c| c.out_channels),
            hidden_channels: config.hidden_channels,
            num_layers: config.num_layers,
            out_channels: Some(config.out_channels),
            dropout: 0.0,
            act: Some("relu"),
            act_first: false,
            act_kwargs: None,
            norm: Some("layer"),
            norm_kwargs: Some(&by_node),
            jk: None,
        };
        let conv = |inputs: usize, outputs: usize, is_output: bool, vb: VarBuilder<'_>| {
            if !is_output && !outputs.is_multiple_of(heads) {
                let problem = format!("hidden_channels is {outputs}, expected a multiple of heads ({heads})");
                return Err(Error::config(NAME, problem));
            }
            let channels = if is_output { outputs } else { outputs / heads };
            let config = TransformerConvConfig {
                heads,
                concat: !is_output,
                beta,
                dropout,
                edge_dim,
                ..TransformerConvConfig::new(inputs, channels)
            };
            Ok(TransformerConv::new(&config, vb)?)
        };
        let layers = BasicGnn::new(&shared, vb, conv)?;
        Ok(Self { in_channels: config.in_channels, label_emb, layers })
    }

    /// The logits of all nodes, where the labels `y` of the nodes in `mask` are known: [`MaskLabel::forward`].
    ///
    /// # Errors
    /// As [`GraphModel::forward_t`], if the model takes no labels, `y` or `mask` has not one entry per node, or a label is not below
    /// K.
    pub fn forward_labels(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        (y, mask): (&[u32], &[bool]),
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let Some(label_emb) = &self.label_emb else {
            return Err(Error::config(
                NAME,
                "y: the model was made without label_method and takes no labels",
            ));
        };
        self.check(x)?;
        self.layers.forward(&label_emb.forward(x, y, mask)?, edges, edge_attr, None, mode)
    }

    /// Before labels are put behind the features: messages are to be about what the caller gave.
    fn check(&self, x: &Tensor) -> Result<()> {
        let channels = self.in_channels;
        if x.rank() == 2 && x.dim(1)? == channels {
            return Ok(());
        }
        Err(Error::config(NAME, format!("x: expected [N, {channels}], got {:?}", x.dims())))
    }

    /// The input of the layers where no label is known.
    fn unlabelled(&self, x: &Tensor) -> Result<Tensor> {
        self.check(x)?;
        self.label_emb.as_ref().map_or_else(|| Ok(x.clone()), |labels| labels.forward_unlabelled(x))
    }
}

impl Convolution for TransformerConv {
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        Ok(self.forward_edges(x, edges, edge_attr, mode)?)
    }

    fn masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        Ok(self.forward_masked(x, edges, edge_attr, edge_mask)?)
    }

    fn with_attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
    ) -> Result<(Tensor, Option<Attention>)> {
        let (x, attention) = self.forward_with_attention(x, edges, edge_attr, Mode::Eval)?;
        Ok((x, Some(attention)))
    }
}

impl GraphModel for GraphTransformer {
    /// Without labels.
    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        self.layers.forward(&self.unlabelled(x)?, edges, edge_attr, batch, mode)
    }

    fn forward_masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        self.layers.masked(&self.unlabelled(x)?, edges, edge_attr, batch, edge_mask)
    }

    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        self.layers.attention(&self.unlabelled(x)?, edges, edge_attr, batch)
    }
}

impl Architecture for GraphTransformerConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(GraphTransformer::new(self, vb)?))
    }
}
