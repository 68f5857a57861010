use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::ops::softmax;
use candle_nn::{Init, VarBuilder};
use serde::{Deserialize, Serialize};

use super::attention::{check_numbers, destinations, looped};
use super::weights;
use crate::{Linear, Mode, Nodes, Result, config};

const LAYER: &str = "FeaStConv";

/// The arguments of [`FeaStConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaStConvConfig {
    /// I.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// H, the number of linear maps that an edge chooses among. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether self-loops are removed and then added to every node. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl FeaStConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self { in_channels, out_channels, heads: 1, add_self_loops: true, bias: true }
    }
}

/// Convolution by features, as for the surfaces of shapes (Verma, Boyer, Verbeek, *FeaStNet: Feature-Steered Graph
/// Convolutions for 3D Shape Analysis*, CVPR 2018, eqs. 5 to 7).
///
/// > q_h(e) = softmax over the heads h of ⟨u_h, x_j − x_i⟩ + c_h for the edge e from j to i
/// >
/// > x'_i = 1 / d_i · Σ_e Σ_h q_h(e) W_h x_j + b, with d_i the number of in-edges
///
/// A node without in-edges gets the bias.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I]` and x_dst `[N_dst, I]`; result `[N_dst, O]`. Parameters, as in PyTorch
/// Geometric: `lin.weight` `[H·O, I]`, `u.weight` `[H, I]`, `c` `[H]`, `bias` `[O]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{FeaStConv, FeaStConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = FeaStConv::new(&FeaStConvConfig { heads: 4, ..FeaStConvConfig::new(5, 2) }, vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct FeaStConv {
    config: FeaStConvConfig,
    lin: Linear,
    u: Linear,
    c: Tensor,
    bias: Option<Tensor>,
}

impl FeaStConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &FeaStConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, 0.0)?;
        let small = Init::Randn { mean: 0.0, stdev: 0.1 };
        Ok(Self {
            lin: Linear::new(c.in_channels, c.heads * c.out_channels, false, vb.pp("lin"))?,
            u: Linear::new(c.in_channels, c.heads, false, vb.pp("u"))?,
            c: vb.get_with_hints(c.heads, "c", small)?,
            bias: c.bias.then(|| vb.get_with_hints(c.out_channels, "bias", small)).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &FeaStConvConfig {
        &self.config
    }

    /// The new features of the destinations.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex) -> Result<Tensor> {
        let x = x.into();
        let (channels, heads) = (self.config.in_channels, self.config.heads);
        x.check(LAYER, edges, channels, channels)?;
        let x_dst = destinations(LAYER, x)?;
        let edges = looped(edges, self.config.add_self_loops)?;
        let of_source = self.u.forward(x.source())?;
        let of_destination = match x {
            Nodes::One(_) => of_source.clone(),
            Nodes::Pair(..) => self.u.forward(x_dst)?,
        };
        let scores = ops::edge_sum(&of_source, Some(&of_destination.neg()?), None, &edges)?;
        let values = self.lin.forward(x.source())?;
        // H times the mean over the heads is their sum.
        let mean = (weights::mean(&edges, &values)? * heads as f64)?.unsqueeze(1)?;
        let scores = ops::bias_add(&scores, &self.c)?;
        // Candle takes no largest element of nothing.
        let q = if edges.num_edges() == 0 { scores } else { softmax(&scores, 1)? };
        let q = q.broadcast_mul(&mean)?;
        Ok(ops::mean_heads(&ops::spmm(&edges, Some(&q), &values)?, heads, self.bias.as_ref())?)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(&self, x: impl Into<Nodes<'a>>, edges: &EdgeIndex, _mode: Mode) -> Result<Tensor> {
        self.forward(x, edges)
    }
}
