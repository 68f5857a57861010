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
            (large(false), 70),
            (large(true), 70),
        ]
    }

    /// Of many pieces, the rows of some of which are all selected and of others not at all.
    fn large(any_number: bool) -> MaskedLoss {
        let (n, k) = (3000usize, 70usize);
        let mask: Vec<bool> = (0..n).map(|i| (i / 200) % 3 == 0 || i % 7 == 3 && i < 2000).collect();
        let values: Vec<f32> = (0..n * k).map(|i| (i % 5 == 0) as u8 as f32).collect();
        let classes: Vec<u32> = (0..n).map(|i| (i * 31 % k) as u32).collect();
        let targets = if any_number { Targets::labels(&values, k) } else { Targets::classes(&classes, k) };
        MaskedLoss::new(&targets.unwrap(), &mask, "m").unwrap()
    }

    fn logits(n: usize, k: usize, dtype: DType) -> Var {
        let z: Vec<f64> = (0..n * k).map(|i| ((i * 7 + 3) % 11) as f64 * 0.7 - 3.1).collect();
        Var::from_tensor(&Tensor::from_vec(z, (n, k), &Device::Cpu).unwrap().to_dtype(dtype).unwrap())
            .unwrap()
    }

    #[test]
    fn same_bits_on_any_number_of_threads() {
        for masked in [large(false), large(true)] {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let z = logits(3000, 70, DType::F64);
                    let loss = masked.forward(&z).unwrap();
                    let grad = loss.backward().unwrap().remove(&z).unwrap().flatten_all().unwrap();
                    let evaluation = masked.evaluate(&z).unwrap();
                    let mut all = grad.to_vec1::<f64>().unwrap();
                    all.extend([loss.to_scalar().unwrap(), evaluation.loss, evaluation.metric]);
                    all.into_iter().map(f64::to_bits).collect::<Vec<_>>()
                })
            };
            let one = on(1);
            assert!([2, 3, 8].into_iter().all(|threads| on(threads) == one));
        }
    }

    #[test]
    fn both_forms_agree_in_value_and_gradient() {
        for (masked, k) in cases() {
            for dtype in [DType::F64, DType::F32] {
                let z = logits(masked.targets.num_nodes(), k, dtype);
                let tolerance = if dtype == DType::F64 { 1e-12 } else { 2e-6 };
                let (a, b) = (masked.forward(&z).unwrap(), loss(&masked, &z).unwrap());
                let diff = |a: &Tensor, b: &Tensor| {
                    let d = (a - b).unwrap().abs().unwrap().to_dtype(DType::F64).unwrap();
                    d.flatten_all().unwrap().max(0).unwrap().to_scalar::<f64>().unwrap()
                };
                // The stock sum in single precision has many terms.
                let many = (masked.rows.len() as f64 * k as f64).sqrt();
                assert!(diff(&a, &b) < tolerance * many);
                let (ga, gb) = (a.backward().unwrap(), b.backward().unwrap());
                assert!(diff(ga.get(&z).unwrap(), gb.get(&z).unwrap()) < tolerance);
            }
        }
    }
}
