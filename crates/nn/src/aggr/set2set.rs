use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use candle_nn::rnn::{Direction, LSTM, RNN};
use serde::{Deserialize, Serialize};

use super::rows;
use crate::jumping_knowledge::lstm;
use crate::{Error, Result};

const LAYER: &str = "Set2Set";

/// The arguments of [`Set2Set`], with PyTorch Geometric's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set2SetConfig {
    /// F.
    pub in_channels: usize,
    /// How often the set is read.
    pub processing_steps: usize,
}

/// A set read several times by an LSTM with attention (Vinyals, Bengio, Kudlur, *Order Matters: Sequence to sequence
/// for sets*, ICLR 2016, eq. 3–7).
///
/// > q = LSTM(q*); α = softmax(⟨x, q⟩) over the rows of the group; q* = q ‖ Σ α x
///
/// from a q* of zeros, `processing_steps` times. Shapes: x `[E, F]`, result q* `[groups, 2F]`. Parameters
/// `lstm.weight_ih_l0` `[4F, 2F]`, `lstm.weight_hh_l0` `[4F, F]`, `lstm.bias_ih_l0`, `lstm.bias_hh_l0` `[4F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{Set2Set, Set2SetConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = Set2Set::new(&Set2SetConfig { in_channels: 6, processing_steps: 3 }, vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, &EdgeIndex::from_batch(&[0, 0, 1], 2)?)?.dims(), [2, 12]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Set2Set {
    config: Set2SetConfig,
    lstm: LSTM,
}

impl Set2Set {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If a number is 0, or `vb` has no such parameters.
    pub fn new(config: &Set2SetConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        for (argument, value) in [("in_channels", c.in_channels), ("processing_steps", c.processing_steps)] {
            if value == 0 {
                return Err(Error::argument(LAYER, argument, "at least 1", "0"));
            }
        }
        let lstm = lstm(2 * c.in_channels, c.in_channels, Direction::Forward, &vb.pp("lstm"))?;
        Ok(Self { config: c, lstm })
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` is not `[E, F]`.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let f = self.config.in_channels;
        let rows = rows(LAYER, x, Some(f), edges)?;
        let groups = rows.num_dst();
        let mut state = self.lstm.zero_state(groups)?;
        let mut q_star = Tensor::zeros((groups, 2 * f), x.dtype(), x.device())?;
        for _ in 0..self.config.processing_steps {
            state = self.lstm.step(&q_star, &state)?;
            let scores = ops::sddmm(x, state.h(), &rows)?.unsqueeze(1)?;
            q_star = Tensor::cat(&[state.h(), &ops::attend(&scores, x, &rows)?], 1)?;
        }
        Ok(q_star)
    }
}
