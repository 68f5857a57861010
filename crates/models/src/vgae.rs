use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::Attention;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::config::Architecture;
use crate::inner_product::{decode, decode_all, recon_loss};
use crate::variational_gat::{VariationalGat, VariationalGatConfig};
use crate::{Error, GraphModel, Result};

const NAME: &str = "VGAE";
/// The largest log σ.
const MAX_LOGSTD: f64 = 10.0;

/// The arguments of [`Vgae`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VgaeConfig {
    /// The encoder, with attention. For others there is [`Vgae::from_encoder`].
    pub encoder: VariationalGatConfig,
}

/// A normal distribution for every latent feature of every node, independent of each other.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// The means μ `[N, C]`.
    pub mu: Tensor,
    /// The logarithms of the standard deviations, log σ `[N, C]`.
    pub logstd: Tensor,
}

/// What encodes for a [`Vgae`].
pub trait VariationalEncoder: Send + Sync {
    /// The distributions of the latent features of x `[N, I]`.
    ///
    /// # Errors
    /// If shapes, types or devices do not fit.
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Gaussian>;

    /// The attention of every layer that has any, in evaluation mode; none for an encoder without attention.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    fn attention(
        &self,
        _x: &Tensor,
        _edges: &EdgeIndex,
        _edge_attr: Option<&Tensor>,
    ) -> Result<Vec<Attention>> {
        Ok(vec![])
    }
}

/// The variational graph autoencoder (Kipf and Welling, *Variational Graph Auto-Encoders*, NIPS 2016 workshop): PyTorch
/// Geometric's `VGAE`, with attention in the encoder or around one of your own.
///
/// > μ, log σ = encoder(X, A), with log σ at most 10
/// >
/// > z = μ + σ ⊙ ϵ with ϵ standard normal in training, z = μ in use; the edge from j to i has the probability σ⟨z_j, z_i⟩
/// >
/// > loss = recon_loss + kl_loss / N
///
/// As a [`GraphModel`] it gives z.
///
/// Shapes: x `[N, I]`, z, μ and log σ `[N, C]`. Parameters: those of the encoder under `encoder`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, rng::Generator};
/// use candle_geometric_models::{VariationalGatConfig, Vgae, VgaeConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = VgaeConfig { encoder: VariationalGatConfig { heads: 2, ..VariationalGatConfig::new(5, 4) } };
/// let model = Vgae::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let edges = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 4)?;
/// let others = EdgeIndex::new(vec![0, 3, 3, 2], vec![3, 0, 2, 3], 4)?;
/// let x = Tensor::ones((4, 5), DType::F32, &Device::Cpu)?;
///
/// let generator = Generator::new(0);
/// let (z, latent) = model.encode(&x, &edges, None, Mode::Train(&generator))?;
/// let loss = (model.recon_loss(&z, &edges, &others)? + (model.kl_loss(&latent)? / 4.0)?)?;
/// assert_eq!(loss.rank(), 0);
/// # Ok(()) }
/// ```
pub struct Vgae {
    encoder: Box<dyn VariationalEncoder>,
}

impl Vgae {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument of the encoder is out of range, or `vb` has no such parameters.
    pub fn new(config: &VgaeConfig, vb: VarBuilder<'_>) -> Result<Self> {
        Ok(Self::from_encoder(Box::new(VariationalGat::new(&config.encoder, vb.pp("encoder"))?)))
    }

    /// A model around an encoder of one's own.
    pub fn from_encoder(encoder: Box<dyn VariationalEncoder>) -> Self {
        Self { encoder }
    }

    /// The latent features z `[N, C]`, in training drawn with the next stream of the generator, and the distributions that they
    /// are from, log σ being at most 10.
    ///
    /// # Errors
    /// As the encoder's.
    pub fn encode(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<(Tensor, Gaussian)> {
        let Gaussian { mu, logstd } = self.encoder.forward(x, edges, edge_attr, mode)?;
        let latent = Gaussian { mu, logstd: logstd.minimum(MAX_LOGSTD)? };
        Ok((latent.sample(mode)?, latent))
    }

    /// The divergence of the latent features from a standard normal distribution, a scalar: the mean over nodes of
    /// −½ Σ (1 + 2 log σ − μ² − σ²), with log σ at most 10. It is 0 where there are no nodes.
    ///
    /// # Errors
    /// If the shapes of μ and log σ differ or are not `[N, C]`.
    pub fn kl_loss(&self, latent: &Gaussian) -> Result<Tensor> {
        let Gaussian { mu, logstd } = latent;
        if mu.rank() != 2 || mu.dims() != logstd.dims() {
            let problem =
                format!("logstd: expected the [N, C] of mu ({:?}), got {:?}", mu.dims(), logstd.dims());
            return Err(Error::config(NAME, problem));
        }
        if mu.elem_count() == 0 {
            return Ok(Tensor::zeros((), mu.dtype(), mu.device())?);
        }
        let logstd = logstd.minimum(MAX_LOGSTD)?;
        let terms = (((&logstd * 2.0)? + 1.0)? - mu.sqr()? - (&logstd * 2.0)?.exp()?)?;
        Ok((terms.sum_all()? * (-0.5 / mu.dim(0)? as f64))?)
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

    /// The binary cross entropy of edges and pairs that are no edges: [`Gae::recon_loss`](crate::Gae::recon_loss).
    ///
    /// # Errors
    /// If `z` has not one row per node.
    pub fn recon_loss(&self, z: &Tensor, positive: &EdgeIndex, negative: &EdgeIndex) -> Result<Tensor> {
        recon_loss(z, positive, negative)
    }
}

impl Gaussian {
    /// μ + σ ⊙ ϵ in training, else μ.
    fn sample(&self, mode: Mode<'_>) -> Result<Tensor> {
        let Mode::Train(generator) = mode else { return Ok(self.mu.clone()) };
        let stream = generator.stream();
        let noise: Vec<f64> = (0..self.mu.elem_count() as u64).map(|i| stream.normal(i)).collect();
        let noise = Tensor::from_vec(noise, self.mu.shape(), &candle_core::Device::Cpu)?;
        // In f32 first: not every device has f64.
        let noise = if self.mu.dtype() == DType::F64 { noise } else { noise.to_dtype(DType::F32)? };
        let noise = noise.to_device(self.mu.device())?.to_dtype(self.mu.dtype())?;
        Ok((&self.mu + (noise * self.logstd.exp()?)?)?)
    }
}

impl GraphModel for Vgae {
    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        Ok(self.encode(x, edges, edge_attr, mode)?.0)
    }

    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        _: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        self.encoder.attention(x, edges, edge_attr)
    }
}

impl Architecture for VgaeConfig {
    fn in_channels(&self) -> usize {
        self.encoder.in_channels
    }

    fn out_channels(&self) -> usize {
        self.encoder.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(Vgae::new(self, vb)?))
    }
}
