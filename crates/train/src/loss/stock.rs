//! The same losses composed of stock Candle operations: the oracle of the tests, and what other devices run.
//!
//! The selected rows are weighed with 1 and the others with 0 instead of being gathered, because the gradient of
//! `index_select` is a serial `index_add`.

use candle_core::{D, Tensor};

use super::{MaskedLoss, Targets};
use crate::Result;

/// The loss of logits `[N, K]`: a scalar.
pub(super) fn loss(masked: &MaskedLoss, logits: &Tensor) -> Result<Tensor> {
    let (n, k) = logits.dims2()?;
    let mut weights = vec![0f32; n * k];
    let mut wanted = vec![0f32; n * k];
    for &r in masked.rows.iter() {
        let node = r as usize;
        match &masked.targets {
            // −log p of the label: the weight selects it.
            Targets::Classes { labels, .. } => weights[node * k + labels[node] as usize] = 1.0,
            Targets::Labels { values, .. } => {
                weights[node * k..(node + 1) * k].fill(1.0);
                wanted[node * k..(node + 1) * k].copy_from_slice(&values[node * k..(node + 1) * k]);
            }
        }
    }
    let constant = |v: Vec<f32>| -> Result<Tensor> {
        Ok(Tensor::from_vec(v, (n, k), logits.device())?.to_dtype(logits.dtype())?)
    };
    let terms = match &masked.targets {
        Targets::Classes { .. } => {
            let shifted = logits.broadcast_sub(&logits.detach().max_keepdim(D::Minus1)?)?;
            let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
            log_sum.broadcast_sub(&shifted)?
        }
        Targets::Labels { .. } => {
            // log(1 + exp(−|z|)) from its arguments' signs: relu(z) − z·y + log(1 + exp(−|z|)).
            let softplus = ((logits.abs()?.neg()?.exp()? + 1.0)?).log()?;
            ((logits.relu()? - (logits * constant(wanted)?)?)? + softplus)?
        }
    };
    Ok(((terms * constant(weights)?)?.sum_all()? / masked.terms())?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;

    fn cases() -> Vec<(MaskedLoss, usize)> {
        let mask = [true, false, true, true, false];
        let classes = Targets::classes(&[0, 2, 1, 2, 0], 3).unwrap();
        let labels = Targets::labels(&[0., 1., 1., 1., 0., 0., 1., 1.0, 0.5, 0.25], 2).unwrap();
        vec![
            (MaskedLoss::new(&classes, &mask, "m").unwrap(), 3),
            (MaskedLoss::new(&labels, &mask, "m").unwrap(), 2),
        ]
    }

    #[test]
    fn both_forms_agree_in_value_and_gradient() {
        for (masked, k) in cases() {
            for dtype in [DType::F64, DType::F32] {
                let z: Vec<f64> = (0..5 * k).map(|i| ((i * 7 + 3) % 11) as f64 * 0.7 - 3.1).collect();
                let z = Tensor::from_vec(z, (5, k), &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let z = Var::from_tensor(&z).unwrap();
                let tolerance = if dtype == DType::F64 { 1e-12 } else { 2e-6 };
                let (a, b) = (masked.forward(&z).unwrap(), loss(&masked, &z).unwrap());
                let diff = |a: &Tensor, b: &Tensor| {
                    let d = (a - b).unwrap().abs().unwrap().to_dtype(DType::F64).unwrap();
                    d.flatten_all().unwrap().max(0).unwrap().to_scalar::<f64>().unwrap()
                };
                assert!(diff(&a, &b) < tolerance);
                let (ga, gb) = (a.backward().unwrap(), b.backward().unwrap());
                assert!(diff(ga.get(&z).unwrap(), gb.get(&z).unwrap()) < tolerance);
            }
        }
    }
}
