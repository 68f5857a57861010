use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use candle_nn::rnn::{Direction, LSTM, RNN};
use serde::{Deserialize, Serialize};

use super::rows;
use crate::jumping_knowledge::lstm;
use crate::{Error, Result, config};

const LAYER: &str = "Set2Set";

/// The arguments of [`Set2Set`], with PyTorch Geometric's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set2SetConfig {
    /// F.
    pub in_channels: usize,
    /// How often the set is read.
    pub processing_steps: usize,
    /// The number of layers of the LSTM. Default 1.
    #[serde(default = "config::one")]
    pub num_layers: usize,
}

impl Set2SetConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, processing_steps: usize) -> Self {
        Self { in_channels, processing_steps, num_layers: 1 }
    }
}

/// A set read several times by an LSTM with attention (Vinyals, Bengio, Kudlur, *Order Matters: Sequence to sequence
/// for sets*, ICLR 2016, eq. 3–7).
///
/// > q = LSTM(q*); α = softmax(⟨x, q⟩) over the rows of the group; q* = q ‖ Σ α x
///
/// from a q* of zeros, `processing_steps` times. Shapes: x `[E, F]`, result q* `[groups, 2F]`. Parameters
/// `lstm.weight_ih_l0` `[4F, 2F]`, `lstm.weight_hh_l0` `[4F, F]`, `lstm.bias_ih_l0`, `lstm.bias_hh_l0` `[4F]`; further
/// layers `l1`, … have a `weight_ih` `[4F, F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{Set2Set, Set2SetConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = Set2Set::new(&Set2SetConfig::new(6, 3), vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, &EdgeIndex::from_batch(&[0, 0, 1], 2)?)?.dims(), [2, 12]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Set2Set {
    config: Set2SetConfig,
    /// First layer first.
    lstm: Vec<LSTM>,
}

impl Set2Set {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If a number is 0, or `vb` has no such parameters.
    pub fn new(config: &Set2SetConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        for (argument, value) in [
            ("in_channels", c.in_channels),
            ("processing_steps", c.processing_steps),
            ("num_layers", c.num_layers),
        ] {
            if value == 0 {
                return Err(Error::argument(LAYER, argument, "at least 1", "0"));
            }
        }
        let (f, vb) = (c.in_channels, vb.pp("lstm"));
        let layer = |i| lstm(if i == 0 { 2 * f } else { f }, f, Direction::Forward, i, &vb);
        Ok(Self { lstm: (0..c.num_layers).map(layer).collect::<Result<_>>()?, config: c })
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` is not `[E, F]`.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let f = self.config.in_channels;
        let rows = rows(LAYER, x, Some(f), edges)?;
        let groups = rows.num_dst();
        let start = self.lstm.iter().map(|layer| layer.zero_state(groups));
        let mut states = start.collect::<candle_core::Result<Vec<_>>>()?;
        let mut q_star = Tensor::zeros((groups, 2 * f), x.dtype(), x.device())?;
        for _ in 0..self.config.processing_steps {
            let mut q = q_star;
            for (layer, state) in self.lstm.iter().zip(&mut states) {
                *state = layer.step(&q, state)?;
                q = state.h().clone();
            }
            let scores = ops::sddmm(x, &q, &rows)?.unsqueeze(1)?;
            q_star = Tensor::cat(&[&q, &ops::attend(&scores, x, &rows)?], 1)?;
        }
        Ok(q_star)
    }
}
