use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::Attention;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::config::Architecture;
use crate::inner_product::{decode, decode_all, recon_loss};
use crate::{Error, GraphModel, Level, ModelConfig, Result};

const NAME: &str = "GAE";

/// The arguments of [`Gae`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaeConfig {
    /// The encoder: any architecture whose outputs are those of nodes.
    pub encoder: Box<ModelConfig>,
}

impl GaeConfig {
    /// An autoencoder around this encoder.
    pub fn new(encoder: ModelConfig) -> Self {
        Self { encoder: Box::new(encoder) }
    }
}

/// The graph autoencoder (Kipf and Welling, *Variational Graph Auto-Encoders*, NIPS 2016 workshop, section 2): PyTorch
/// Geometric's `GAE`, around any encoder, such as a [`Gat`](crate::Gat).
///
/// > Z = encoder(X, A), and the edge from j to i has the probability σ⟨z_j, z_i⟩
///
/// It is trained on a part of the edges and as many pairs that are no edges
/// ([`negative_sampling`](candle_geometric_graph::negative_sampling)), and then predicts the other edges. As a [`GraphModel`] it
/// gives Z.
///
/// Shapes: x `[N, in_channels]`, z `[N, C]`. Parameters: those of the encoder under `encoder`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, Forbidden, negative_sampling, rng::Generator};
/// use candle_geometric_models::{Gae, GaeConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: GaeConfig = serde_json::from_str(
///     r#"{"encoder": {"architecture": "GAT", "config":
///         {"in_channels": 5, "hidden_channels": 8, "num_layers": 2, "out_channels": 4, "heads": 2}}}"#,
/// )?;
/// let model = Gae::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let edges = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
///
/// let generator = Generator::new(0);
/// let z = model.encode(&x, &edges, None, Mode::Train(&generator))?;
/// let others = negative_sampling(&edges, edges.num_edges(), Forbidden::EdgesAndReverses, generator.stream())?;
/// let loss = model.recon_loss(&z, &edges, &others)?;
/// assert_eq!(loss.rank(), 0);
/// assert_eq!(model.decode(&z, &others)?.dims(), [others.num_edges()]);
/// # Ok(()) }
/// ```
pub struct Gae {
    encoder: Box<dyn GraphModel>,
}

impl Gae {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If the encoder is a model of graphs, an argument of it is out of range, or `vb` has no such parameters.
    pub fn new(config: &GaeConfig, vb: VarBuilder<'_>) -> Result<Self> {
        Self::from_encoder(config.encoder.build(vb.pp("encoder"))?)
    }

    /// A model around an encoder of one's own.
    ///
    /// # Errors
    /// If it is a model of graphs.
    pub fn from_encoder(encoder: Box<dyn GraphModel>) -> Result<Self> {
        match encoder.level() {
            Level::Node => Ok(Self { encoder }),
            Level::Graph => {
                Err(Error::config(NAME, "encoder: expected outputs of nodes, got a model of graphs"))
            }
        }
    }

    /// The latent features z `[N, C]`.
    ///
    /// # Errors
    /// As the encoder's.
    pub fn encode(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        self.encoder.forward_t(x, edges, edge_attr, mode)
    }

    /// The probability of an edge for every pair, `[P]`.
    ///
    /// # Errors
    /// If `z` has not one row per node of `pairs`.
    pub fn decode(&self, z: &Tensor, pairs: &EdgeIndex) -> Result<Tensor> {
        decode(z, pairs)
    }

    /// The probability of an edge for all pairs of nodes, `[N, N]`: of small graphs only.
    ///
    /// # Errors
    /// If `z` is not a matrix.
    pub fn decode_all(&self, z: &Tensor) -> Result<Tensor> {
        decode_all(NAME, z)
    }

    /// The binary cross entropy of edges `positive` and pairs `negative` that are no edges, a scalar: the mean of −ln(p + ε) over
    /// the former plus the mean of −ln(1 − p + ε) over the latter, with p their probability and ε = 10⁻¹⁵.
    ///
    /// It is PyTorch Geometric's, computed from scores, so that in f32 it stays exact where p is near 0 or 1. A mean over no pairs
    /// is 0 (NaN there). Where `z` is of half precision, the loss is in f32.
    ///
    /// # Errors
    /// If `z` has not one row per node.
    pub fn recon_loss(&self, z: &Tensor, positive: &EdgeIndex, negative: &EdgeIndex) -> Result<Tensor> {
        recon_loss(z, positive, negative)
    }
}

impl GraphModel for Gae {
    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        self.encoder.forward_batch(x, edges, edge_attr, batch, mode)
    }

    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        self.encoder.attention(x, edges, edge_attr, batch)
    }
}

impl Architecture for GaeConfig {
    fn in_channels(&self) -> usize {
        self.encoder.in_channels()
    }

    fn out_channels(&self) -> usize {
        self.encoder.out_channels()
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(Gae::new(self, vb)?))
    }
}
