//! Losses and metrics: gradients against finite differences, extreme logits, and input that cannot be used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_train::metrics::{accuracy, micro_f1};
use candle_geometric_train::{Error, MaskedLoss, Targets};

const MASK: [bool; 4] = [true, false, true, true];
const LOGITS: [[f64; 3]; 4] = [[0.3, -1.2, 2.0], [9.0, 9.0, 9.0], [-0.7, 0.1, 0.0], [5.0, -4.0, 1.5]];

fn classes() -> MaskedLoss {
    MaskedLoss::new(&Targets::classes(&[1, 0, 2, 0], 3).unwrap(), &MASK, "train_mask").unwrap()
}

fn labels() -> MaskedLoss {
    let y = [1., 0., 1., 1., 1., 1., 0., 0., 1., 0., 1., 0.];
    MaskedLoss::new(&Targets::labels(&y, 3).unwrap(), &MASK, "train_mask").unwrap()
}

fn value(loss: &MaskedLoss, logits: &[Vec<f64>]) -> f64 {
    let t = Tensor::new(logits.to_vec(), &Device::Cpu).unwrap();
    loss.forward(&t).unwrap().to_scalar().unwrap()
}

#[test]
fn values_by_hand() {
    let z: Vec<Vec<f64>> = LOGITS.iter().map(|r| r.to_vec()).collect();
    let log_softmax = |r: &[f64], k: usize| (r[k].exp() / r.iter().map(|x| x.exp()).sum::<f64>()).ln();
    let expected = -(log_softmax(&z[0], 1) + log_softmax(&z[2], 2) + log_softmax(&z[3], 0)) / 3.0;
    assert!((value(&classes(), &z) - expected).abs() < 1e-14);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let bce = |z: f64, y: f64| -(y * sigmoid(z).ln() + (1.0 - y) * (1.0 - sigmoid(z)).ln());
    let rows = [(0, [1., 0., 1.]), (2, [0., 0., 1.]), (3, [0., 1., 0.])];
    let sum: f64 = rows.iter().flat_map(|(r, y)| z[*r].iter().zip(y).map(|(&z, &y)| bce(z, y))).sum();
    assert!((value(&labels(), &z) - sum / 9.0).abs() < 1e-12);
}

#[test]
fn gradients_are_finite_differences() {
    for loss in [classes(), labels()] {
        let z: Vec<Vec<f64>> = LOGITS.iter().map(|r| r.to_vec()).collect();
        let var = Var::from_tensor(&Tensor::new(z.clone(), &Device::Cpu).unwrap()).unwrap();
        // The factor makes sure that the gradient from above is used.
        let scaled = (loss.forward(&var).unwrap() * 3.0).unwrap();
        let grad = scaled.backward().unwrap().get(&var).unwrap().to_vec2::<f64>().unwrap();
        for i in 0..4 {
            for k in 0..3 {
                let h = 1e-5;
                let at = |d: f64| {
                    let mut z = z.clone();
                    z[i][k] += d;
                    value(&loss, &z)
                };
                let numeric = 3.0 * (at(h) - at(-h)) / (2.0 * h);
                assert!((grad[i][k] - numeric).abs() < 1e-9, "{i} {k}: {} {numeric}", grad[i][k]);
                assert_eq!(grad[i][k] == 0.0, !MASK[i], "only selected rows have a gradient");
            }
        }
    }
}

#[test]
fn extreme_logits_stay_finite() {
    for loss in [classes(), labels()] {
        for dtype in [DType::F32, DType::F64] {
            for scale in [100.0, 1e4] {
                let z = (Tensor::new(&LOGITS, &Device::Cpu).unwrap() * scale).unwrap();
                let var = Var::from_tensor(&z.to_dtype(dtype).unwrap()).unwrap();
                let l = loss.forward(&var).unwrap();
                let grad = l.backward().unwrap().get(&var).unwrap().to_dtype(DType::F64).unwrap();
                let worst = grad.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
                assert!(worst <= 1.0, "{worst}");
                assert!(l.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap().is_finite());
                assert!(loss.evaluate(&var).unwrap().loss.is_finite());
            }
        }
    }
}

#[test]
fn evaluation_agrees_with_the_loss_and_the_metrics() {
    let z = Tensor::new(&LOGITS, &Device::Cpu).unwrap();
    let e = classes().evaluate(&z).unwrap();
    assert!((e.loss - classes().forward(&z).unwrap().to_scalar::<f64>().unwrap()).abs() < 1e-14);
    // Predictions 2, 1 and 0 where 1, 2 and 0 are true.
    assert_eq!(e.metric, 1.0 / 3.0);
    assert_eq!(accuracy(&z, &[1, 0, 2, 0], &[0, 2, 3]).unwrap(), e.metric);
    // Predicted 1 0 1, 0 1 0, 1 0 1; true 1 0 1, 0 0 1, 0 1 0: TP 2, FP 3, FN 2.
    let e = labels().evaluate(&z).unwrap();
    assert_eq!(e.metric, 4.0 / 9.0);
    let y = [1., 0., 1., 1., 1., 1., 0., 0., 1., 0., 1., 0.];
    assert_eq!(micro_f1(&z, &y, &[0, 2, 3]).unwrap(), e.metric);
    assert_eq!(micro_f1(&z.neg().unwrap(), &[0.; 12], &[1]).unwrap(), 0.0);
}

/// A view of a larger tensor, not at its beginning and not contiguous.
#[test]
fn any_layout() {
    let z = Tensor::new(&LOGITS, &Device::Cpu).unwrap();
    let big = Tensor::cat(&[&z.zeros_like().unwrap(), &z], 0).unwrap();
    let views = [big.narrow(0, 4, 4).unwrap(), z.t().unwrap().contiguous().unwrap().t().unwrap()];
    for loss in [classes(), labels()] {
        for view in &views {
            assert_eq!(loss.evaluate(view).unwrap(), loss.evaluate(&z).unwrap());
            let scalar = |t| loss.forward(t).unwrap().to_scalar::<f64>().unwrap();
            assert_eq!(scalar(view), scalar(&z));
        }
    }
}

#[test]
fn a_logit_that_is_not_finite_is_an_error() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut z = LOGITS;
        z[2][1] = bad;
        let z = Tensor::new(&z, &Device::Cpu).unwrap();
        for result in [
            classes().evaluate(&z).map(|e| e.metric),
            labels().evaluate(&z).map(|e| e.metric),
            accuracy(&z, &[1, 0, 2, 0], &[2]),
            micro_f1(&z, &[0.; 12], &[2]),
        ] {
            assert!(result.unwrap_err().to_string().contains("node 2"));
        }
        assert!(accuracy(&z, &[1, 0, 2, 0], &[0, 1]).is_ok(), "only selected rows are looked at");
    }
}

#[test]
fn input_that_does_not_fit() {
    let targets = Targets::classes(&[0, 1], 2).unwrap();
    assert!(matches!(MaskedLoss::new(&targets, &[false, false], "val_mask"),
        Err(Error::EmptyMask { mask }) if mask == "val_mask"));
    assert!(MaskedLoss::new(&targets, &[true], "m").is_err());
    assert!(Targets::classes(&[0, 2], 2).unwrap_err().to_string().contains("2 for node 1"));
    assert!(Targets::labels(&[0.0, 1.0, 0.5], 2).is_err());
    assert!(Targets::labels(&[0.0, f32::NAN], 2).is_err());
    let loss = MaskedLoss::new(&targets, &[true, true], "m").unwrap();
    let wide = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    assert!(loss.forward(&wide).unwrap_err().to_string().contains("[2, 2]"));
    assert!(loss.evaluate(&wide).is_err());
    assert!(accuracy(&wide, &[0], &[0]).is_err());
    assert!(accuracy(&wide, &[0, 0], &[2]).is_err());
    assert!(matches!(accuracy(&wide, &[0, 0], &[]), Err(Error::EmptyMask { .. })));
}
