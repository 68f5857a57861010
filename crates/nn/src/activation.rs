use std::str::FromStr;

use candle_core::{Module, Tensor};
use candle_geometric_ops::{elu, leaky_relu, relu, sigmoid};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A function applied to each element, under the names that PyTorch Geometric resolves.
///
/// Names are compared without case, `_`, `-` and blanks, so `leaky_relu`, `LeakyReLU` and `leaky-relu` are one.
///
/// ```
/// use candle_geometric_nn::Activation;
/// assert_eq!("LeakyReLU".parse::<Activation>()?, Activation::LeakyRelu { negative_slope: 0.01 });
/// assert!("reluu".parse::<Activation>().is_err());
/// # Ok::<(), candle_geometric_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Activation {
    /// x.
    Identity,
    /// max(x, 0).
    #[default]
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x where x > 0, α (eˣ − 1) elsewhere (Clevert et al. 2016).
    Elu {
        /// α.
        alpha: f64,
    },
    /// max(x, 0) + min(α (e^(x/α) − 1), 0).
    Celu {
        /// α.
        alpha: f64,
    },
    /// ELU with the constants of self-normalising networks (Klambauer et al. 2017).
    Selu,
    /// x where x > 0, slope · x elsewhere.
    LeakyRelu {
        /// The slope.
        negative_slope: f64,
    },
    /// x Φ(x) (Hendrycks and Gimpel 2016).
    Gelu,
    /// The approximation of GELU by tanh.
    GeluTanh,
    /// x σ(x), also called swish.
    Silu,
    /// x tanh(ln(1 + eˣ)).
    Mish,
    /// ln(1 + eˣ).
    Softplus,
    /// x / (1 + |x|).
    Softsign,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// ln σ(x).
    LogSigmoid,
    /// tanh x.
    Tanh,
    /// min(max(x, min), max).
    Hardtanh {
        /// The lower bound.
        min: f64,
        /// The upper bound.
        max: f64,
    },
    /// min(max(x / 6 + 1/2, 0), 1).
    Hardsigmoid,
    /// x · hardsigmoid(x).
    Hardswish,
}

/// The arguments of an activation (`act_kwargs`). One that the activation does not have is an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivationKwargs {
    /// α of ELU and CELU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The slope of leaky ReLU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_slope: Option<f64>,
    /// `none` or `tanh`, of GELU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate: Option<String>,
    /// The bounds of hardtanh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_val: Option<f64>,
    /// The bounds of hardtanh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_val: Option<f64>,
    /// The number of slopes that PReLU learns, see [`ActivationLayer`](crate::ActivationLayer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_parameters: Option<usize>,
    /// Where the slopes of PReLU start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<f64>,
    /// Taken and without effect: nothing is changed in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inplace: Option<bool>,
}

const NAMES: &str = "relu, relu6, elu, celu, selu, leaky_relu, gelu, silu (swish), mish, softplus, softsign, \
                     sigmoid, logsigmoid, tanh, hardtanh, hardsigmoid, hardswish, prelu (in models) or identity";

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let normal: String =
            name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
        Ok(match normal.as_str() {
            "identity" => Self::Identity,
            "relu" => Self::Relu,
            "relu6" => Self::Relu6,
            "elu" => Self::Elu { alpha: 1.0 },
            "celu" => Self::Celu { alpha: 1.0 },
            "selu" => Self::Selu,
            "leakyrelu" => Self::LeakyRelu { negative_slope: 0.01 },
            "gelu" => Self::Gelu,
            "silu" | "swish" => Self::Silu,
            "mish" => Self::Mish,
            "softplus" => Self::Softplus,
            "softsign" => Self::Softsign,
            "sigmoid" => Self::Sigmoid,
            "logsigmoid" => Self::LogSigmoid,
            "tanh" => Self::Tanh,
            "hardtanh" => Self::Hardtanh { min: -1.0, max: 1.0 },
            "hardsigmoid" => Self::Hardsigmoid,
            "hardswish" => Self::Hardswish,
            _ => return Err(Error::argument("Activation", "act", NAMES, format!("{name:?}"))),
        })
    }
}

impl Activation {
    /// The activation of a name and its arguments, as PyTorch Geometric's `activation_resolver(act, **act_kwargs)`.
    ///
    /// # Errors
    /// If the name is not known, or the activation does not have one of the arguments.
    pub fn resolve(name: &str, kwargs: &ActivationKwargs) -> Result<Self> {
        let ActivationKwargs {
            mut alpha,
            mut negative_slope,
            mut approximate,
            mut min_val,
            mut max_val,
            num_parameters,
            init,
            inplace: _,
        } = kwargs.clone();
        let activation = match name.parse()? {
            Self::Elu { alpha: default } => Self::Elu { alpha: alpha.take().unwrap_or(default) },
            Self::Celu { alpha: default } => Self::Celu { alpha: alpha.take().unwrap_or(default) },
            Self::LeakyRelu { negative_slope: default } => {
                Self::LeakyRelu { negative_slope: negative_slope.take().unwrap_or(default) }
            }
            Self::Hardtanh { min, max } => {
                Self::Hardtanh { min: min_val.take().unwrap_or(min), max: max_val.take().unwrap_or(max) }
            }
            Self::Gelu => match approximate.take().as_deref() {
                None | Some("none") => Self::Gelu,
                Some("tanh") => Self::GeluTanh,
                Some(other) => {
                    let got = format!("{other:?}");
                    return Err(Error::argument("Activation", "approximate", "\"none\" or \"tanh\"", got));
                }
            },
            other => other,
        };
        let left = [
            alpha.map(|_| "alpha"),
            negative_slope.map(|_| "negative_slope"),
            approximate.map(|_| "approximate"),
            min_val.map(|_| "min_val"),
            max_val.map(|_| "max_val"),
            num_parameters.map(|_| "num_parameters"),
            init.map(|_| "init"),
        ];
        match left.into_iter().flatten().next() {
            None => Ok(activation),
            Some(argument) => {
                let expected = format!("an argument that {name} has");
                Err(Error::argument("Activation", "act_kwargs", expected, argument))
            }
        }
    }

    /// The function of each element; the shape stays.
    ///
    /// # Errors
    /// If the tensor is not of a floating-point type.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match *self {
            Self::Identity => x.clone(),
            Self::Relu => relu(x)?,
            Self::Relu6 => x.clamp(0f32, 6f32)?,
            Self::Elu { alpha } => elu(x, alpha)?,
            Self::Celu { alpha } => x.gt(0f64)?.where_cond(x, &(elu(&(x / alpha)?, 1.0)? * alpha)?)?,
            Self::Selu => (elu(x, 1.673_263_242_354_377_2)? * 1.050_700_987_355_480_5)?,
            Self::LeakyRelu { negative_slope } => leaky_relu(x, negative_slope)?,
            // Not Candle's own: the constants in their gradients have six digits.
            Self::Gelu => (((x * 0.5f64.sqrt())?.erf()? + 1.0)? * (x * 0.5)?)?,
            Self::GeluTanh => {
                let cubic = ((x.sqr()? * 0.044_715)? + 1.0)?.mul(x)?;
                (((cubic * std::f64::consts::FRAC_2_PI.sqrt())?.tanh()? + 1.0)? * (x * 0.5)?)?
            }
            Self::Silu => x.silu()?,
            Self::Mish => (softplus(x)?.tanh()? * x)?,
            Self::Softplus => softplus(x)?,
            Self::Softsign => x.div(&(x.abs()? + 1.0)?)?,
            Self::Sigmoid => sigmoid(x)?,
            Self::LogSigmoid => softplus(&x.neg()?)?.neg()?,
            Self::Tanh => x.tanh()?,
            Self::Hardtanh { min, max } => x.maximum(min)?.minimum(max)?,
            Self::Hardsigmoid => hardsigmoid(x)?,
            Self::Hardswish => (hardsigmoid(x)? * x)?,
        })
    }
}

impl Module for Activation {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(Self::forward(self, x)?)
    }
}

/// min(max(x / 6 + 1/2, 0), 1).
fn hardsigmoid(x: &Tensor) -> Result<Tensor> {
    Ok(((x / 6.0)? + 0.5)?.maximum(0.0)?.minimum(1.0)?)
}

/// ln(1 + eˣ) in the form that neither overflows nor loses the gradient, not at 0 either: max(x, 0) + ln(1 + e^−|x|),
/// where max(x, 0) = (x + |x|) / 2.
pub(crate) fn softplus(x: &Tensor) -> Result<Tensor> {
    let magnitude = x.abs()?;
    Ok((((x + &magnitude)? * 0.5)? + (magnitude.neg()?.exp()? + 1.0)?.log()?)?)
}
