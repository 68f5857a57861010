use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{destinations, looped};
use crate::nodes::unit_rows;
use crate::{Error, Mode, Nodes, Result, config, init};

const LAYER: &str = "AgnnConv";

/// The arguments of [`AgnnConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgnnConvConfig {
    /// Whether β is learnt. Default true.
    #[serde(default = "config::yes")]
    pub requires_grad: bool,
    /// Whether self-loops are removed and then added to every node. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
}

impl Default for AgnnConvConfig {
    fn default() -> Self {
        Self { requires_grad: true, add_self_loops: true }
    }
}

/// Attention by the angle between features (Thekumparampil, Wang, Oh, Li, *Attention-based Graph Neural Network for
/// Semi-supervised Learning*, 2018, eq. 4).
///
/// > α(e) = softmax of β cos(x_i, x_j) over the in-edges e from j to i
/// >
/// > x'_i = Σ α(e) x_j
///
/// A node without in-edges gets 0.
///
/// Shapes: x `[N, F]`, or x_src `[N_src, F]` and x_dst `[N_dst, F]`; result `[N_dst, F]`. Parameter `beta` `[1]`, which
/// starts at 1; without `requires_grad` it is a constant, stored under the same name.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{AgnnConv, AgnnConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = AgnnConv::new(&AgnnConvConfig::default(), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 5]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AgnnConv {
    config: AgnnConvConfig,
    beta: Tensor,
}

impl AgnnConv {
    /// A layer with the parameter that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameter.
    pub fn new(config: &AgnnConvConfig, vb: VarBuilder) -> Result<Self> {
        let beta = vb.get_with_hints(1, "beta", init::ONES)?;
        let beta = if config.requires_grad { beta } else { beta.detach() };
        Ok(Self { config: config.clone(), beta })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &AgnnConvConfig {
        &self.config
    }

    /// The new features of the destinations.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        let x = x.into();
        let x_dst = destinations(LAYER, x)?;
        let [_, channels] = *x.source().dims() else {
            let got = format!("{:?}", x.source().dims());
            return Err(Error::argument(LAYER, "x", "[nodes, channels]", got));
        };
        x.check(LAYER, edges, channels, channels)?;
        if channels == 0 {
            return Ok(x_dst.clone());
        }
        let edges = looped(edges, self.config.add_self_loops)?;
        let key = unit_rows(x.source())?;
        let query = match x {
            Nodes::One(_) => key.clone(),
            Nodes::Pair(..) => unit_rows(x_dst)?,
        };
        // The attention divides by the root.
        let query = query.broadcast_mul(&(&self.beta * (channels as f64).sqrt())?)?;
        let extras = ops::Extras::default();
        Ok(ops::dot_product_attention(&query, &key, x.source(), None, 1, &edges, extras)?)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex, _mode: Mode) -> Result<Tensor> {
        self.forward(x, edges)
    }
}
