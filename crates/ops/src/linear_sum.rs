use candle_core::Tensor;

use crate::backend::{self, Backend};
use crate::cpu::{Real, for_float};
use crate::linear::{Linear, VENDOR, check_arguments};
use crate::node::{self, node};
use crate::{Error, Linked, Result, bias_add, check, linear};

/// The sum of linear maps, `Σ x_k · weight_kᵀ + bias`, `[N, O]`, for at most four `(x_k, weight_k)`: x_k is `[N, I_k]`, a tensor or
/// what another operation made, weight_k `[O, I_k]`, `bias` `[O]`. Nothing of the size of the result is written but the
/// result.
///
/// # Errors
/// If there is no map, a shape is another one, or types or devices differ.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let (x, y) = (Tensor::new(&[[1f32, 2.]], &Device::Cpu)?, Tensor::new(&[[10f32]], &Device::Cpu)?);
/// let (a, b) = (Tensor::new(&[[3f32, 4.]], &Device::Cpu)?, Tensor::new(&[[2f32]], &Device::Cpu)?);
/// let sum = candle_geometric_ops::linear_sum([((&x).into(), &a), ((&y).into(), &b)], None)?;
/// assert_eq!(sum.to_vec2::<f32>()?, [[31.]]);
/// # Ok(()) }
/// ```
pub fn linear_sum<const K: usize>(maps: [(Linked, &Tensor); K], bias: Option<&Tensor>) -> Result<Tensor> {
    const { assert!(K >= 1 && K <= 4, "an operation has at most nine arguments") };
    let values = maps.iter().map(|(x, _)| x.value()).collect::<Vec<_>>();
    let (rows, outputs) = (values[0].dims().first().copied().unwrap_or(0), maps[0].1.dims().first().copied());
    for (k, (x, (_, weight))) in values.iter().zip(&maps).enumerate() {
        check_arguments(x, weight, bias.filter(|_| k == 0))?;
        check::matrix("x", x, rows, "N, I")?;
        check::like("x", x, &values[0])?;
        if weight.dims().first().copied() != outputs {
            let expected = format!("[{}, _] (O, I)", outputs.unwrap_or(0));
            return Err(Error::Shape { argument: "weight", expected, actual: weight.dims().to_vec() });
        }
    }
    match backend::of(&values[0]) {
        Backend::Cpu if !VENDOR => {
            let each = maps.iter().enumerate().map(|(k, (x, w))| Linear::new(x, w, bias.filter(|_| k == 0)));
            let ops = each.collect::<Result<Vec<_>>>()?;
            Ok(for_float!(values[0].dtype(), "linear_sum", T => sum::<T>(ops, (rows, outputs.unwrap_or(0))))?)
        }
        Backend::Widened => {
            let wide = maps.iter().map(|(x, w)| Ok((backend::wide(&x.tensor()?)?, backend::wide(w)?)));
            let wide = wide.collect::<Result<Vec<_>>>()?;
            let bias = backend::wide_option(bias)?;
            let out = stock(wide.iter().map(|(x, w)| (x, w)), bias.as_ref())?;
            backend::narrow(&out, &values[0])
        }
        _ => {
            let tensors = maps.iter().map(|(x, w)| Ok((x.tensor()?, *w))).collect::<Result<Vec<_>>>()?;
            stock(tensors.iter().map(|(x, w)| (x, *w)), bias)
        }
    }
}

/// One map after the other.
fn stock<'a>(maps: impl Iterator<Item = (&'a Tensor, &'a Tensor)>, bias: Option<&Tensor>) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (x, weight) in maps {
        let y = linear(x, weight, None)?;
        sum = Some(match sum {
            Some(sum) => (sum + y)?,
            None => y,
        });
    }
    let sum = sum.ok_or_else(|| candle_core::Error::Msg("a sum of no maps".into()))?;
    bias.map_or(Ok(sum.clone()), |bias| bias_add(&sum, bias))
}

fn sum<T: Real>(mut ops: Vec<Linear>, shape: (usize, usize)) -> candle_core::Result<Tensor> {
    let out = Linear::sum::<T>(&mut ops)?;
    let args: Vec<Tensor> =
        ops.iter().flat_map(|op| [op.x_node()].into_iter().chain(op.parameters())).collect();
    let value = node::value(out, shape);
    node(&args.iter().collect::<Vec<_>>(), value, move |grad| {
        let mut all = vec![];
        for op in &ops {
            all.push(Linear::x_gradient::<T>(&[(op, grad.tensor())])?);
            all.extend(op.parameter_gradients::<T>(grad.tensor())?);
        }
        Ok(all)
    })
}
