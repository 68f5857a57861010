use candle_core::Tensor;
use candle_nn::{VarBuilder, ops::sigmoid};

use crate::{Linear, Result, init};

/// A gated recurrent unit, `torch.nn.GRUCell` (Cho et al., *Learning Phrase Representations using RNN Encoder–Decoder*,
/// EMNLP 2014, in PyTorch's form).
///
/// > r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz)
/// >
/// > n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)), h' = (1 − z) ⊙ n + z ⊙ h
///
/// Shapes: x `[N, I]`, h `[N, H]`, result `[N, H]`. Parameters `weight_ih` `[3H, I]`, `weight_hh` `[3H, H]`, `bias_ih`,
/// `bias_hh` `[3H]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{GruCell, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let cell = GruCell::new(5, 3, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let x = Tensor::ones((2, 5), DType::F32, &Device::Cpu)?;
/// let h = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(cell.forward(&x, &h)?.dims(), [2, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GruCell {
    of_input: Linear,
    of_hidden: Linear,
}

impl GruCell {
    /// A cell with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(input_size: usize, hidden_size: usize, vb: VarBuilder) -> Result<Self> {
        let (rows, uniform) = (hidden_size.saturating_mul(3), init::fan_in_uniform(hidden_size));
        let map = |columns: usize, weight, bias| -> Result<Linear> {
            Ok(Linear::from_tensors(
                vb.get_with_hints((rows, columns), weight, uniform)?,
                Some(vb.get_with_hints(rows, bias, uniform)?),
            ))
        };
        Ok(Self {
            of_input: map(input_size, "weight_ih", "bias_ih")?,
            of_hidden: map(hidden_size, "weight_hh", "bias_hh")?,
        })
    }

    /// The next state.
    ///
    /// # Errors
    /// If `x` is not `[N, I]` or `h` is not `[N, H]`.
    pub fn forward(&self, x: &Tensor, h: &Tensor) -> Result<Tensor> {
        let (from_x, from_h) = (self.of_input.forward(x)?, self.of_hidden.forward(h)?);
        let size = self.of_hidden.weight().dim(1)?;
        let gates = |t: &Tensor| t.narrow(1, 0, 2 * size);
        let gates = sigmoid(&(gates(&from_x)? + gates(&from_h)?)?)?;
        let (r, z) = (gates.narrow(1, 0, size)?, gates.narrow(1, size, size)?);
        let new = |t: &Tensor| t.narrow(1, 2 * size, size);
        let n = (new(&from_x)? + (r * new(&from_h)?)?)?.tanh()?;
        Ok((&n + (z * (h - &n)?)?)?)
    }
}
