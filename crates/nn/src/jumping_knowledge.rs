use candle_core::{D, Tensor};
use candle_nn::rnn::{Direction, LSTM, LSTMConfig, LSTMState, RNN};
use candle_nn::{VarBuilder, ops::softmax};
use serde::{Deserialize, Serialize};

use crate::{Error, Linear, Result, init};

const LAYER: &str = "JumpingKnowledge";

/// How [`JumpingKnowledge`] combines the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JumpingKnowledgeMode {
    /// Side by side: C₁ + … + C_L channels.
    Cat,
    /// The largest, channel by channel.
    Max,
    /// A weighted sum, where a bidirectional LSTM over the layers gives each node its weights.
    Lstm,
}

/// The arguments of [`JumpingKnowledge`], with PyTorch Geometric's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpingKnowledgeConfig {
    /// How layers are combined.
    pub mode: JumpingKnowledgeMode,
    /// C, the channels of each layer; needed for `lstm`.
    #[serde(default)]
    pub channels: Option<usize>,
    /// L, the number of layers; needed for `lstm`.
    #[serde(default)]
    pub num_layers: Option<usize>,
}

/// The results of several layers made one (Xu et al., *Representation Learning on Graphs with Jumping Knowledge
/// Networks*, ICML 2018, section 4.1).
///
/// > cat: x¹ ‖ … ‖ x^L; max: max_l xˡ; lstm: Σ_l α_l xˡ, α = softmax over l of ⟨w, hˡ ‖ h̃ˡ⟩ + b
///
/// where h and h̃ are the states of two LSTMs that read the layers of each node forwards and backwards.
///
/// Shapes: L tensors `[N, C]`; result `[N, L·C]` for cat, else `[N, C]`. Parameters, for lstm only: `lstm.weight_ih_l0`
/// `[4S, C]`, `lstm.weight_hh_l0` `[4S, S]`, `lstm.bias_ih_l0`, `lstm.bias_hh_l0` `[4S]`, the same with `_reverse`,
/// `att.weight` `[1, 2S]`, `att.bias`, where S = ⌊L·C / 2⌋.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{JumpingKnowledge, JumpingKnowledgeConfig, JumpingKnowledgeMode, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let config = JumpingKnowledgeConfig { mode: JumpingKnowledgeMode::Max, channels: None, num_layers: None };
/// let jk = JumpingKnowledge::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let a = Tensor::new(&[[1f32, 5.]], &Device::Cpu)?;
/// let b = Tensor::new(&[[2f32, 3.]], &Device::Cpu)?;
/// assert_eq!(jk.forward(&[a, b])?.to_vec2::<f32>()?, [[2., 5.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct JumpingKnowledge {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Cat,
    Max,
    Lstm { forward: Box<LSTM>, backward: Box<LSTM>, att: Linear, num_layers: usize },
}

impl JumpingKnowledge {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `lstm` lacks `channels` or `num_layers`, or `vb` has no such parameters.
    pub fn new(config: &JumpingKnowledgeConfig, vb: VarBuilder) -> Result<Self> {
        let kind = match config.mode {
            JumpingKnowledgeMode::Cat => Kind::Cat,
            JumpingKnowledgeMode::Max => Kind::Max,
            JumpingKnowledgeMode::Lstm => {
                let need = |argument, value: Option<usize>| {
                    let expected = "a number above 0, because mode = \"lstm\"";
                    value.filter(|n| *n > 0).ok_or_else(|| {
                        Error::argument(
                            LAYER,
                            argument,
                            expected,
                            value.map_or("none".into(), |n| n.to_string()),
                        )
                    })
                };
                let channels = need("channels", config.channels)?;
                let num_layers = need("num_layers", config.num_layers)?;
                let size = num_layers * channels / 2;
                if size == 0 {
                    let expected = "num_layers · channels of at least 2, because mode = \"lstm\"";
                    return Err(Error::argument(LAYER, "channels", expected, channels.to_string()));
                }
                Kind::Lstm {
                    forward: Box::new(lstm(channels, size, Direction::Forward, 0, &vb.pp("lstm"))?),
                    backward: Box::new(lstm(channels, size, Direction::Backward, 0, &vb.pp("lstm"))?),
                    att: Linear::new(2 * size, 1, true, vb.pp("att"))?,
                    num_layers,
                }
            }
        };
        Ok(Self { kind })
    }

    /// One tensor for the layers `xs`, first to last.
    ///
    /// # Errors
    /// If there is no layer, their shapes differ where they must not, or their number is not `num_layers`.
    pub fn forward(&self, xs: &[Tensor]) -> Result<Tensor> {
        let [first, rest @ ..] = xs else {
            return Err(Error::argument(LAYER, "xs", "at least one layer", "none"));
        };
        match &self.kind {
            Kind::Cat => Ok(Tensor::cat(xs, D::Minus1)?),
            // Of equal values the first gets the gradient, as in PyTorch.
            Kind::Max => rest.iter().try_fold(first.clone(), |a, b| Ok(a.ge(b)?.where_cond(&a, b)?)),
            Kind::Lstm { num_layers, .. } if xs.len() != *num_layers => {
                Err(Error::argument(LAYER, "xs", format!("{num_layers} layers"), format!("{}", xs.len())))
            }
            Kind::Lstm { forward, backward, att, .. } => {
                let there = states(forward, xs.iter(), first.dim(0)?)?;
                let mut back = states(backward, xs.iter().rev(), first.dim(0)?)?;
                back.reverse();
                let score =
                    |(h, g): (&LSTMState, &LSTMState)| att.forward(&Tensor::cat(&[h.h(), g.h()], D::Minus1)?);
                let scores = there.iter().zip(&back).map(score).collect::<Result<Vec<_>>>()?;
                let alpha = softmax(&Tensor::cat(&scores, 1)?, 1)?;
                let terms = xs.iter().enumerate().map(|(l, x)| x.broadcast_mul(&alpha.narrow(1, l, 1)?));
                terms.reduce(|a, b| a? + b?).unwrap_or_else(|| Ok(first.clone())).map_err(Error::from)
            }
        }
    }
}

/// A layer of an LSTM, which starts as PyTorch's: everything uniform in ±1/√size.
pub(crate) fn lstm(
    in_channels: usize,
    size: usize,
    direction: Direction,
    layer_idx: usize,
    vb: &VarBuilder,
) -> Result<LSTM> {
    let start = init::fan_in_uniform(size);
    let config = LSTMConfig {
        w_ih_init: start,
        w_hh_init: start,
        b_ih_init: Some(start),
        b_hh_init: Some(start),
        layer_idx,
        direction,
    };
    Ok(LSTM::new(in_channels, size, config, vb.clone())?)
}

/// The state after each input, from a state of zeros.
fn states<'a>(lstm: &LSTM, xs: impl Iterator<Item = &'a Tensor>, nodes: usize) -> Result<Vec<LSTMState>> {
    let mut state = lstm.zero_state(nodes)?;
    xs.map(|x| {
        state = lstm.step(x, &state)?;
        Ok(state.clone())
    })
    .collect()
}
