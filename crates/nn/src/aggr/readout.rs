use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::rows;
use crate::conv::Attention;
use crate::{Activation, Error, Linear, Result, config, init};

const LAYER: &str = "AttentionReadout";

/// The arguments of [`AttentionReadout`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionReadoutConfig {
    /// I.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// The slope of the leaky ReLU on the scores. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The activation σ of the result. Default elu.
    #[serde(default = "elu")]
    pub act: String,
}

fn elu() -> String {
    "elu".into()
}

impl AttentionReadoutConfig {
    /// The defaults.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, negative_slope: config::slope(), act: elu() }
    }
}

/// The attention of GAT over the nodes of each graph (the score of Veličković et al., *Graph Attention Networks*, ICLR
/// 2018, eq. 3, with the graph in the place of a node).
///
/// > α_i = softmax(LeakyReLU(⟨a, h_i⟩)) over the nodes of the graph, y = σ(Σ α_i W h_i)
///
/// A graph without nodes gets σ(0).
///
/// Shapes: h `[N, I]`, result `[B, O]`. Parameters `att` `[1, I]`, `lin.weight` `[O, I]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, aggr::{AttentionReadout, AttentionReadoutConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let readout = AttentionReadout::new(&AttentionReadoutConfig::new(6, 4), vb)?;
/// let h = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// let (y, attention) = readout.forward_with_attention(&h, &EdgeIndex::from_batch(&[0, 0, 1], 2)?)?;
/// assert_eq!(y.dims(), [2, 4]);
/// assert_eq!(attention.alpha.to_vec2::<f32>()?, [[0.5], [0.5], [1.0]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AttentionReadout {
    config: AttentionReadoutConfig,
    att: Tensor,
    lin: Linear,
    act: Activation,
}

impl AttentionReadout {
    /// An aggregation with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &AttentionReadoutConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        if !c.negative_slope.is_finite() {
            let got = c.negative_slope.to_string();
            return Err(Error::argument(LAYER, "negative_slope", "a finite number", got));
        }
        let shape = [1, c.in_channels];
        Ok(Self {
            att: vb.get_with_hints(&shape, "att", init::glorot_uniform(&shape))?,
            lin: Linear::glorot(c.in_channels, c.out_channels, false, vb.pp("lin"))?,
            act: c.act.parse()?,
            config: c,
        })
    }

    /// One row per group.
    ///
    /// # Errors
    /// If `x` is not `[E, I]`.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        let rows = rows(LAYER, x, Some(self.config.in_channels), edges)?;
        // W Σ α h: the map comes after the sum, on fewer rows.
        let sums = ops::attend(&self.scores(x)?, x, &rows)?;
        self.act.forward(&self.lin.forward(&sums)?)
    }

    /// As [`forward`](Self::forward), with the weights α `[E, 1]` and the edges from rows to groups that they belong to.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_attention(&self, x: &Tensor, edges: &EdgeIndex) -> Result<(Tensor, Attention)> {
        let out = self.forward(x, edges)?;
        let edges = rows(LAYER, x, Some(self.config.in_channels), edges)?;
        let alpha = ops::segment_softmax(&self.scores(x)?, &edges)?;
        Ok((out, Attention { edges, alpha }))
    }

    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::leaky_relu(&ops::linear(x, &self.att, None)?, self.config.negative_slope)?)
    }
}
