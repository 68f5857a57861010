use candle_core::Tensor;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;

use crate::{Error, Result, init};

/// One step of a gated recurrent unit, `torch.nn.GRUCell` (Cho et al., *Learning Phrase Representations using RNN
/// Encoder–Decoder*, 2014).
///
/// > r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz)
/// >
/// > n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 − z) n + z h
///
/// Shapes: x `[N, I]`, h `[N, C]`, result `[N, C]`. Parameters `weight_ih` `[3·C, I]`, `weight_hh` `[3·C, C]`, `bias_ih` and
/// `bias_hh` `[3·C]`, each for r, z and n in this order, uniform in ±1/√C at the start.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{GruCell, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let cell = GruCell::new(5, 3, true, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let (x, h) = (Tensor::ones((2, 5), DType::F32, &Device::Cpu)?, Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?);
/// assert_eq!(cell.forward(&x, &h)?.dims(), [2, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GruCell {
    input: Gates,
    hidden: Gates,
}

/// The maps of one side to r, z and n.
#[derive(Debug, Clone)]
struct Gates {
    argument: &'static str,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl GruCell {
    /// A cell with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If `vb` has no such parameters.
    pub fn new(input_size: usize, hidden_size: usize, bias: bool, vb: VarBuilder) -> Result<Self> {
        let start = init::fan_in_uniform(hidden_size);
        let gates = |argument, columns: usize, weight: &str, name: &str| -> Result<_> {
            let bias = bias.then(|| vb.get_with_hints(3 * hidden_size, name, start)).transpose()?;
            Ok(Gates {
                argument,
                weight: vb.get_with_hints((3 * hidden_size, columns), weight, start)?,
                bias,
            })
        };
        Ok(Self {
            input: gates("input", input_size, "weight_ih", "bias_ih")?,
            hidden: gates("hx", hidden_size, "weight_hh", "bias_hh")?,
        })
    }

    /// The next state.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(&self, x: &Tensor, h: &Tensor) -> Result<Tensor> {
        let [xr, xz, xn] = self.input.of(x, x.dims().first().copied())?;
        let [hr, hz, hn] = self.hidden.of(h, x.dims().first().copied())?;
        let (r, z) = (ops::sigmoid(&(xr + hr)?)?, ops::sigmoid(&(xz + hz)?)?);
        let n = (xn + (r * hn)?)?.tanh()?;
        Ok((&n + (z * (h - &n)?)?)?)
    }
}

impl Gates {
    fn of(&self, x: &Tensor, rows: Option<usize>) -> Result<[Tensor; 3]> {
        let (gates, columns) = self.weight.dims2()?;
        if x.rank() != 2 || x.dims().first().copied() != rows || x.dim(1)? != columns {
            let expected = format!("[{}, {columns}]", rows.unwrap_or(0));
            return Err(Error::argument("GruCell", self.argument, expected, format!("{:?}", x.dims())));
        }
        // Parts of the weight instead of the result: they are small, and so are the zeros of their gradients.
        let part = |t: &Tensor, k: usize| t.narrow(0, k * gates / 3, gates / 3);
        let weights = [part(&self.weight, 0)?, part(&self.weight, 1)?, part(&self.weight, 2)?];
        let bias = |k| self.bias.as_ref().map(|b| part(b, k)).transpose();
        let biases = [bias(0)?, bias(1)?, bias(2)?];
        let maps = std::array::from_fn(|k| (&weights[k], biases[k].as_ref()));
        let [r, z, n] = ops::project_all::<3>(x, maps)?;
        Ok([r.tensor()?, z.tensor()?, n.tensor()?])
    }
}
