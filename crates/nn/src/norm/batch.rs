use candle_core::Tensor;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::groups::{Affine, Groups, Running};
use crate::{Error, Mode, Result, config};

const LAYER: &str = "BatchNorm";

/// The arguments of [`BatchNorm`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormConfig {
    /// F.
    pub in_channels: usize,
    /// ε. Default 10⁻⁵.
    #[serde(default = "config::eps")]
    pub eps: f64,
    /// The weight of a new batch in the running statistics. Default 0.1.
    #[serde(default = "config::momentum")]
    pub momentum: f64,
    /// Whether channels have a learnt factor and shift. Default true.
    #[serde(default = "config::yes")]
    pub affine: bool,
    /// Whether inference uses statistics of the training instead of its own batch's. Default true.
    #[serde(default = "config::yes")]
    pub track_running_stats: bool,
    /// Whether a single node in training is normalised by the running statistics instead of being an error.
    /// Default false.
    #[serde(default)]
    pub allow_single_element: bool,
}

impl BatchNormConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize) -> Self {
        Self {
            in_channels,
            eps: config::eps(),
            momentum: config::momentum(),
            affine: true,
            track_running_stats: true,
            allow_single_element: false,
        }
    }
}

/// Batch normalisation over all nodes (Ioffe and Szegedy 2015, algorithm 1).
///
/// > x' = (x − mean) / √(var + ε) · weight + bias
///
/// by channel, with mean and (biased) variance of the batch in training and the running ones in inference.
///
/// Shapes: x `[N, F]`, result `[N, F]`. Parameters `module.weight`, `module.bias`, `module.running_mean`,
/// `module.running_var`, `[F]`. (PyTorch also saves `module.num_batches_tracked`, which nothing here needs.)
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{Mode, SeededVarMap, norm::{BatchNorm, BatchNormConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let norm = BatchNorm::new(&BatchNormConfig::new(1), vb)?;
/// let generator = candle_geometric_graph::rng::Generator::new(0);
/// let y = norm.forward_t(&Tensor::new(&[[1f32], [3.]], &Device::Cpu)?, Mode::Train(&generator))?;
/// assert_eq!((y * 100.)?.round()?.to_vec2::<f32>()?, [[-100.], [100.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BatchNorm {
    config: BatchNormConfig,
    affine: Option<Affine>,
    running: Option<Running>,
}

impl BatchNorm {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `allow_single_element` is wanted without running statistics, or `vb` has no such parameters.
    pub fn new(config: &BatchNormConfig, vb: VarBuilder) -> Result<Self> {
        Self::bare(config, vb.pp("module"))
    }

    /// As [`new`](Self::new), with the names of `torch.nn.BatchNorm1d`: without `module`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn bare(config: &BatchNormConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        if c.allow_single_element && !c.track_running_stats {
            let expected = "false, because track_running_stats = false";
            return Err(Error::argument(LAYER, "allow_single_element", expected, "true"));
        }
        Ok(Self {
            affine: c.affine.then(|| Affine::new(c.in_channels, &vb)).transpose()?,
            running: c
                .track_running_stats
                .then(|| Running::new(c.in_channels, c.momentum, &vb))
                .transpose()?,
            config: c,
        })
    }

    /// The normalised features, in inference.
    ///
    /// # Errors
    /// If `x` is not `[N, F]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_t(x, Mode::Eval)
    }

    /// The normalised features; training also updates the running statistics.
    ///
    /// # Errors
    /// If `x` is not `[N, F]`, or has one row in training without `allow_single_element`.
    pub fn forward_t(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let groups = Groups::of(LAYER, x, Some(self.config.in_channels), None)?;
        let n = x.dim(0)?;
        if n == 0 {
            return Ok(x.clone());
        }
        let single = n == 1 && self.config.allow_single_element;
        if n == 1 && mode.is_train() && !single {
            let expected = "more than one row in training (allow_single_element = true lets it pass)";
            return Err(Error::argument(LAYER, "x", expected, "1 row"));
        }
        let (centred, var) = match &self.running {
            Some(running) if single || !mode.is_train() => {
                let (mean, var) = running.get()?;
                ((x - groups.spread(&mean)?)?, var)
            }
            running => {
                let mean = groups.mean(x)?;
                let centred = (x - groups.spread(&mean)?)?;
                let var = groups.mean(&centred.sqr()?)?;
                if let Some(running) = running.as_ref().filter(|_| mode.is_train()) {
                    running.update(&mean, &(&var * (n as f64 / (n as f64 - 1.0)))?)?;
                }
                (centred, var)
            }
        };
        let out = (centred * groups.spread(&(var + self.config.eps)?.sqrt()?.recip()?)?)?;
        self.affine.as_ref().map_or(Ok(out.clone()), |affine| affine.forward(&out))
    }
}
