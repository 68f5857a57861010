use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_nn::Error as LayerError;
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use crate::basic_gnn::check_sizes;
use crate::{Error, Result};

const NAME: &str = "MaskLabel";

/// How an embedded label joins the features of its node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelMethod {
    /// It is added to them.
    #[default]
    Add,
    /// It stands behind them.
    Concat,
}

/// The arguments of [`MaskLabel`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskLabelConfig {
    /// K.
    pub num_classes: usize,
    /// C, the width of an embedded label; that of the features where labels are added to them.
    pub out_channels: usize,
    /// How labels join features. Default add.
    #[serde(default)]
    pub method: LabelMethod,
}

impl MaskLabelConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(num_classes: usize, out_channels: usize) -> Self {
        Self { num_classes, out_channels, method: LabelMethod::Add }
    }
}

/// Known labels as inputs (Shi et al., *Masked Label Prediction: Unified Message Passing Model for Semi-Supervised
/// Classification*, IJCAI 2021, section 3.3): PyTorch Geometric's `MaskLabel`.
///
/// > x'_i = x_i + E\[y_i\] where `mask` is true, else x_i (`add`)
/// >
/// > x'_i = x_i ‖ E\[y_i\] where `mask` is true, else x_i ‖ 0 (`concat`)
///
/// A model that sees the label it is to predict learns to copy it. So in training some of the known labels are hidden, anew
/// in every step, and the loss is taken on these: [`MaskLabel::ratio_mask`].
///
/// Shapes: x `[N, C]` (`concat`: `[N, F]`), result `[N, C]` (`[N, F + C]`). Parameter: `emb.weight` `[K, C]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_models::{MaskLabel, MaskLabelConfig};
/// let emb = Tensor::new(&[[10f32, 20.], [30., 40.]], &Device::Cpu)?;
/// let vb = candle_nn::VarBuilder::from_tensors([("emb.weight".into(), emb)].into(), DType::F32, &Device::Cpu);
/// let layer = MaskLabel::new(&MaskLabelConfig::new(2, 2), vb)?;
/// let x = Tensor::new(&[[1f32, 1.], [2., 2.], [3., 3.]], &Device::Cpu)?;
/// let out = layer.forward(&x, &[1, 0, 0], &[true, false, true])?;
/// assert_eq!(out.to_vec2::<f32>()?, [[31., 41.], [2., 2.], [13., 23.]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MaskLabel {
    config: MaskLabelConfig,
    emb: Tensor,
}

/// The labels of a training step, divided: no node is in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMasks {
    /// The nodes whose labels are given to the model.
    pub input: Vec<bool>,
    /// The nodes whose labels are hidden: those that the loss is taken on.
    pub target: Vec<bool>,
}

impl MaskLabel {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If a size is out of range, or `vb` has no such parameters.
    pub fn new(config: &MaskLabelConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let (classes, channels) = (config.num_classes, config.out_channels);
        check_sizes(NAME, &[("num_classes", classes), ("out_channels", channels)])?;
        // As `torch.nn.Embedding` starts.
        let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
        let emb = vb.pp("emb").get_with_hints((classes, channels), "weight", normal)?;
        Ok(Self { config: config.clone(), emb })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &MaskLabelConfig {
        &self.config
    }

    /// The features `x` with the labels `y` of the nodes where `mask` is true. What `y` says of other nodes is not looked at.
    ///
    /// # Errors
    /// If `x` has the wrong shape, `y` or `mask` not one entry per node, or a label that is to be used is not below K.
    pub fn forward(&self, x: &Tensor, y: &[u32], mask: &[bool]) -> Result<Tensor> {
        let nodes = self.check(x)?;
        for (argument, entries) in [("y", y.len()), ("mask", mask.len())] {
            if entries != nodes {
                let problem = format!("{argument}: expected {nodes} entries, one per node, got {entries}");
                return Err(Error::config(NAME, problem));
            }
        }
        let classes = self.config.num_classes;
        let mut known = (Vec::new(), Vec::new());
        for (node, &label) in (0u32..).zip(y).filter(|(node, _)| mask[*node as usize]) {
            if label as usize >= classes {
                let problem = format!("y: expected labels below {classes}, got {label} for node {node}");
                return Err(Error::config(NAME, problem));
            }
            known.0.push(label);
            known.1.push(node);
        }
        // A label reaches its node as a message from its class.
        let classes = EdgeIndex::bipartite(known.0, known.1, classes, nodes).map_err(LayerError::from)?;
        match self.config.method {
            LabelMethod::Add => {
                Ok(ops::spmm_plus(&classes, None, &self.emb, None, Some(&x.into()))
                    .map_err(LayerError::from)?)
            }
            LabelMethod::Concat => {
                let labels = ops::spmm(&classes, None, &self.emb).map_err(LayerError::from)?;
                Ok(Tensor::cat(&[x, &labels], 1)?)
            }
        }
    }

    /// [`forward`](Self::forward) where no label is known.
    ///
    /// # Errors
    /// If `x` has the wrong shape.
    pub fn forward_unlabelled(&self, x: &Tensor) -> Result<Tensor> {
        let nodes = self.check(x)?;
        match self.config.method {
            LabelMethod::Add => Ok(x.clone()),
            LabelMethod::Concat => {
                let none = Tensor::zeros((nodes, self.config.out_channels), x.dtype(), x.device())?;
                Ok(Tensor::cat(&[x, &none], 1)?)
            }
        }
    }

    /// The number of rows of `x`.
    fn check(&self, x: &Tensor) -> Result<usize> {
        let channels = self.config.out_channels;
        match (x.dims(), self.config.method) {
            (&[nodes, width], LabelMethod::Add) if width == channels => Ok(nodes),
            (&[nodes, _], LabelMethod::Concat) => Ok(nodes),
            (shape, LabelMethod::Add) => {
                Err(Error::config(NAME, format!("x: expected [N, {channels}], got {shape:?}")))
            }
            (shape, LabelMethod::Concat) => {
                Err(Error::config(NAME, format!("x: expected [N, F], got {shape:?}")))
            }
        }
    }

    /// Divides the nodes of `mask` for one step of training: each keeps its label as an input with probability `ratio`, and is
    /// predicted otherwise.
    ///
    /// The same stream gives the same masks; whether a node is kept depends on nothing but the stream and the node.
    ///
    /// # Errors
    /// If `ratio` is not a probability.
    ///
    /// ```
    /// use candle_geometric_graph::rng::Generator;
    /// use candle_geometric_models::MaskLabel;
    /// let (train, generator) = ([true, true, true, false], Generator::new(0));
    /// let step = MaskLabel::ratio_mask(&train, 0.65, generator.stream())?;
    /// assert!((0..4).all(|i| !(step.input[i] && step.target[i]))); // no node sees its own label
    /// assert!((0..4).all(|i| (step.input[i] || step.target[i]) == train[i]));
    /// # Ok::<(), candle_geometric_models::Error>(())
    /// ```
    pub fn ratio_mask(mask: &[bool], ratio: f64, stream: Stream) -> Result<LabelMasks> {
        if !(0.0..=1.0).contains(&ratio) {
            let problem = format!("ratio: expected a probability in [0, 1], got {ratio}");
            return Err(Error::config(NAME, problem));
        }
        let input: Vec<bool> =
            (0u64..).zip(mask).map(|(node, &known)| known && stream.uniform_f64(node) < ratio).collect();
        let target = mask.iter().zip(&input).map(|(&known, &given)| known && !given).collect();
        Ok(LabelMasks { input, target })
    }
}
