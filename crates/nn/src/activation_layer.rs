use candle_core::Tensor;
use candle_geometric_ops::relu;
use candle_nn::{Init, VarBuilder};

use crate::{Activation, ActivationKwargs, Error, Result};

/// An activation with what it learns, if it learns anything.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{ActivationKwargs, ActivationLayer, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let prelu = ActivationLayer::resolve("prelu", &ActivationKwargs::default(), vb)?;
/// let y = prelu.forward(&Tensor::new(&[[-2f32, 2.]], &Device::Cpu)?)?;
/// assert_eq!(y.to_vec2::<f32>()?, [[-0.5, 2.]]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub enum ActivationLayer {
    /// One that learns nothing.
    Fixed(Activation),
    /// PReLU (He et al., *Delving Deep into Rectifiers*, ICCV 2015, eq. 1): x where x > 0, w · x elsewhere, with one w or
    /// one for each channel. Parameter `weight` `[1]` or `[channels]`.
    Prelu(Tensor),
}

impl ActivationLayer {
    /// The activation of a name and its arguments: `prelu`, which takes `num_parameters` (default 1) and `init` (default
    /// 0.25), or one that [`Activation::resolve`] knows.
    ///
    /// # Errors
    /// If the name or an argument is not known, or `vb` has no such parameter.
    pub fn resolve(name: &str, kwargs: &ActivationKwargs, vb: VarBuilder) -> Result<Self> {
        if !name.eq_ignore_ascii_case("prelu") {
            return Activation::resolve(name, kwargs).map(Self::Fixed);
        }
        let ActivationKwargs { num_parameters, init, .. } = *kwargs;
        let rest = ActivationKwargs { num_parameters: None, init: None, ..kwargs.clone() };
        if rest != ActivationKwargs::default() {
            let expected = "num_parameters and init, the arguments of prelu";
            return Err(Error::argument("Activation", "act_kwargs", expected, format!("{kwargs:?}")));
        }
        let init = Init::Const(init.unwrap_or(0.25));
        Ok(Self::Prelu(vb.get_with_hints(num_parameters.unwrap_or(1), "weight", init)?))
    }

    /// The function of each element; the shape stays.
    ///
    /// # Errors
    /// If the tensor is not of a floating-point type, or has not as many channels as there are parameters.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Fixed(activation) => activation.forward(x),
            Self::Prelu(weight) => {
                // Not `minimum`, which would share the gradient at 0 with the constant.
                let below = x.le(0f64)?.where_cond(x, &x.zeros_like()?)?;
                Ok((relu(x)? + below.broadcast_mul(weight)?)?)
            }
        }
    }
}
