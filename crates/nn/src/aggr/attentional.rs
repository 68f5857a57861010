use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::rows;
use crate::{Error, Mlp, MlpConfig, Result};

const LAYER: &str = "AttentionalAggregation";

/// The arguments of [`AttentionalAggregation`], with PyTorch Geometric's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionalAggregationConfig {
    /// The network that scores each row: one score, or one for each channel of the result.
    pub gate_nn: MlpConfig,
    /// The network that maps each row before the sum. Default none.
    #[serde(default)]
    pub nn: Option<MlpConfig>,
}

/// Soft attention over the rows of a group (Li et al., *Gated Graph Sequence Neural Networks*, ICLR 2016, eq. 7; with
/// the softmax of Li et al., *Graph Matching Networks*, ICML 2019).
///
/// > y = Σ softmax(gate_nn(x)) ⊙ nn(x) over the rows of the group
///
/// Shapes: x `[E, I]`, result `[groups, O]`. Parameters `gate_nn.…`, `nn.…` as in [`Mlp`].
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{AttentionalAggregation, AttentionalAggregationConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let config = AttentionalAggregationConfig { gate_nn: "Linear(6,5),ReLU,Linear(5,1)".parse()?, nn: None };
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = AttentionalAggregation::new(&config, vb)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(pool.forward(&x, &EdgeIndex::from_batch(&[0, 0, 1], 2)?)?.dims(), [2, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AttentionalAggregation {
    gate_nn: Mlp,
    nn: Option<Mlp>,
}

impl AttentionalAggregation {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(config: &AttentionalAggregationConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            gate_nn: Mlp::new(&config.gate_nn, vb.pp("gate_nn"))?,
            nn: config.nn.as_ref().map(|nn| Mlp::new(nn, vb.pp("nn"))).transpose()?,
        })
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` has not one row per edge or does not fit the networks, or the gate's number of scores is neither 1 nor
    /// that of the channels.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let rows = rows(LAYER, x, None, edges)?;
        let gate = self.gate_nn.forward(x)?;
        let x = self.nn.as_ref().map_or(Ok(x.clone()), |nn| nn.forward(x))?;
        let (scores, channels) = (gate.dim(1)?, x.dim(1)?);
        if scores != 1 && scores != channels {
            let expected = format!("1 or {channels} scores for each row");
            return Err(Error::argument(LAYER, "gate_nn", expected, scores.to_string()));
        }
        Ok(ops::attend(&gate, &x, &rows)?)
    }
}
