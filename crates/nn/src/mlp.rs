use std::fmt;
use std::str::FromStr;

use candle_core::Tensor;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::{Activation, Error, Linear, Result};

/// A small network in words: `Linear(6,5),ReLU,Linear(5,1)`.
///
/// The modules are `Linear(in,out)`, `Linear(in,out,bias=False)` and the [`Activation`]s without arguments.
///
/// ```
/// use candle_geometric_nn::MlpConfig;
/// let config: MlpConfig = "Linear(6, 5), ReLU, Linear(5, 1)".parse()?;
/// assert_eq!(config.to_string(), "Linear(6,5),ReLU,Linear(5,1)");
/// assert!("Linear(6)".parse::<MlpConfig>().is_err());
/// # Ok::<(), candle_geometric_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MlpConfig {
    modules: Vec<Module>,
}

#[derive(Debug, Clone, PartialEq)]
enum Module {
    Linear { in_channels: usize, out_channels: usize, bias: bool },
    Activation(String, Activation),
}

impl MlpConfig {
    /// The channels of what the network is applied to; none where it has no linear map and takes any number.
    pub fn in_channels(&self) -> Option<usize> {
        self.modules.iter().find_map(|module| match module {
            Module::Linear { in_channels, .. } => Some(*in_channels),
            Module::Activation(..) => None,
        })
    }
}

impl FromStr for MlpConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut modules = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            // A module ends at the first comma outside parentheses.
            let mut depth = 0i32;
            let end = rest.find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                c == ',' && depth == 0
            });
            let (module, tail) = end.map_or((rest, ""), |i| (&rest[..i], &rest[i + 1..]));
            modules.push(module.trim().parse()?);
            rest = tail.trim_start();
        }
        if modules.is_empty() {
            return Err(invalid(text));
        }
        Ok(Self { modules })
    }
}

impl FromStr for Module {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(arguments) = text.strip_prefix("Linear(").and_then(|t| t.strip_suffix(')')) else {
            return match text.parse() {
                Ok(activation) => Ok(Self::Activation(text.to_string(), activation)),
                Err(_) => Err(invalid(text)),
            };
        };
        let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
        let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| invalid(text));
        let (i, o, bias) = match arguments[..] {
            [i, o] | [i, o, "bias=True"] => (i, o, true),
            [i, o, "bias=False"] => (i, o, false),
            _ => return Err(invalid(text)),
        };
        Ok(Self::Linear { in_channels: number(i)?, out_channels: number(o)?, bias })
    }
}

fn invalid(text: &str) -> Error {
    let expected = "modules such as Linear(6,5),ReLU,Linear(5,1)";
    Error::argument("Mlp", "network", expected, format!("{text:?}"))
}

impl fmt::Display for MlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, module) in self.modules.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match module {
                Module::Linear { in_channels: i, out_channels: o, bias: true } => {
                    write!(f, "Linear({i},{o})")?
                }
                Module::Linear { in_channels: i, out_channels: o, bias: false } => {
                    write!(f, "Linear({i},{o},bias=False)")?;
                }
                Module::Activation(name, _) => f.write_str(name)?,
            }
        }
        Ok(())
    }
}

impl MlpConfig {
    /// What the first linear map takes and the last one gives; none where there is no linear map.
    pub(crate) fn channels(&self) -> Option<(usize, usize)> {
        let mut maps = self.modules.iter().filter_map(|module| match module {
            Module::Linear { in_channels, out_channels, .. } => Some((*in_channels, *out_channels)),
            Module::Activation(..) => None,
        });
        let (input, output) = maps.next()?;
        Some((input, maps.next_back().map_or(output, |(_, output)| output)))
    }
}

impl TryFrom<String> for MlpConfig {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<MlpConfig> for String {
    fn from(config: MlpConfig) -> Self {
        config.to_string()
    }
}

/// A chain of linear maps and activations, `torch.nn.Sequential` of them.
///
/// Shapes: x `[N, in]`, result `[N, out]`. Parameters `0.weight`, `0.bias`, `2.weight`, …, numbered by position with
/// the activations counted; a network of one module has no number: `weight`, `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{Mlp, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let map = SeededVarMap::new(0);
/// let mlp = Mlp::new(&"Linear(6,5),ReLU,Linear(5,1)".parse()?, map.var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(mlp.forward(&Tensor::ones((3, 6), DType::F32, &Device::Cpu)?)?.dims(), [3, 1]);
/// assert_eq!(map.vars()[3].0, "2.weight");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Mlp {
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
enum Layer {
    Linear(Linear),
    Activation(Activation),
}

impl Mlp {
    /// A network with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &MlpConfig, vb: VarBuilder) -> Result<Self> {
        let one = config.modules.len() == 1;
        let make = |(i, module): (usize, &Module)| -> Result<Layer> {
            let vb = if one { vb.clone() } else { vb.pp(i) };
            Ok(match module {
                Module::Linear { in_channels, out_channels, bias } => {
                    Layer::Linear(Linear::new(*in_channels, *out_channels, *bias, vb)?)
                }
                Module::Activation(_, activation) => Layer::Activation(*activation),
            })
        };
        Ok(Self { layers: config.modules.iter().enumerate().map(make).collect::<Result<_>>()? })
    }

    /// The network's value for each row.
    ///
    /// # Errors
    /// If `x` has not the channels of the first linear map.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.layers.iter().try_fold(x.clone(), |x, layer| match layer {
            Layer::Linear(linear) => linear.forward(&x),
            Layer::Activation(activation) => activation.forward(&x),
        })
    }
}
