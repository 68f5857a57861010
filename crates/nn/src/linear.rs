use candle_core::{Module, Tensor};
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;

use crate::{Result, init};

/// A linear map: y = x Wᵀ + b.
///
/// Shapes: x `[N, I]`, W `[O, I]`, b `[O]`, y `[N, O]`. Parameters `weight` and `bias`, as in PyTorch.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_nn::Linear;
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let layer = Linear::from_tensors(Tensor::new(&[[1f32, 2.]], &Device::Cpu)?, None);
/// let y = layer.forward(&Tensor::new(&[[3f32, 4.], [5., 6.]], &Device::Cpu)?)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[11.], [17.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer that starts as `torch.nn.Linear` does: weight and bias uniform in ±1/√I.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(in_channels: usize, out_channels: usize, bias: bool, vb: VarBuilder) -> Result<Self> {
        Self::with_init(in_channels, out_channels, bias, init::fan_in_uniform(in_channels), &vb)
    }

    /// A layer that starts as PyTorch Geometric's `Linear(…, weight_initializer="glorot")`: the weight by
    /// [`init::glorot_uniform`], the bias uniform in ±1/√I.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn glorot(in_channels: usize, out_channels: usize, bias: bool, vb: VarBuilder) -> Result<Self> {
        let weight = init::glorot_uniform(&[out_channels, in_channels]);
        Self::with_init(in_channels, out_channels, bias, weight, &vb)
    }

    /// A layer that starts as DGL's attention layers start theirs: the weight by [`init::xavier_normal`], without bias.
    pub(crate) fn xavier_normal(in_channels: usize, out_channels: usize, vb: VarBuilder) -> Result<Self> {
        let weight = init::xavier_normal(&[out_channels, in_channels]);
        Self::with_init(in_channels, out_channels, false, weight, &vb)
    }

    fn with_init(i: usize, o: usize, bias: bool, weight: candle_nn::Init, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints((o, i), "weight", weight)?,
            bias: bias.then(|| vb.get_with_hints(o, "bias", init::fan_in_uniform(i))).transpose()?,
        })
    }

    /// A layer of a weight `[O, I]` and a bias `[O]`.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// W, `[O, I]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// b, `[O]`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The arguments of [`ops::project_all`].
    pub(crate) fn map(&self) -> (&Tensor, Option<&Tensor>) {
        (&self.weight, self.bias.as_ref())
    }

    /// x Wᵀ + b for an attention.
    pub(crate) fn project(&self, x: &Tensor) -> Result<ops::Linked> {
        Ok(ops::project(x, &self.weight, self.bias.as_ref())?)
    }

    /// x Wᵀ + b.
    ///
    /// # Errors
    /// If `x` is not `[N, I]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(x, &self.weight, self.bias.as_ref())?)
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        Ok(Self::forward(self, x)?)
    }
}
