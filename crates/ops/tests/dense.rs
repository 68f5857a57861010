//! The operations that do not look at a graph: linear maps, biases, dropout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops::{
    Dropout, Result, bias_add, dropout, elu, leaky_relu, linear, linear_sum, reference, relu, sigmoid,
};
use common::{assert_close, difference, naive, numbers, random, with_gradients};

fn half() -> Dropout {
    Dropout { p: 0.5, stream: Stream::new(3, 9) }
}

#[test]
fn linear_agrees_with_the_reference() {
    for (rows, inputs, outputs) in [(9, 7, 5), (1, 1, 1), (600, 70, 33), (0, 3, 4), (4, 0, 3), (5, 3, 0)] {
        let args = [random(&[rows, inputs], 1), random(&[outputs, inputs], 2), random(&[outputs], 3)];
        for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-6)] {
            let args = args.each_ref().map(|t| t.to_dtype(dtype).unwrap());
            let (y, dy) = with_gradients(&args, |t| linear(&t[0], &t[1], Some(&t[2])));
            let (r, dr) = with_gradients(&args, |t| reference::linear(&t[0], &t[1], Some(&t[2])));
            let what = format!("[{rows}, {inputs}] · [{outputs}, {inputs}]ᵀ in {dtype:?}");
            assert_close(&what, &y, &r, tolerance);
            for (a, b) in dy.iter().zip(&dr) {
                assert_close(&what, a, b, tolerance * 600.0);
            }
            let (y, dy) = with_gradients(&args[..2], |t| linear(&t[0], &t[1], None));
            let (r, dr) = with_gradients(&args[..2], |t| reference::linear(&t[0], &t[1], None));
            assert_close(&what, &y, &r, tolerance);
            for (a, b) in dy.iter().zip(&dr) {
                assert_close(&what, a, b, tolerance * 600.0);
            }
        }
    }
}

#[test]
fn a_sum_of_maps_agrees_with_the_reference() {
    for (rows, inner, outputs) in [(9, [7, 3], 5), (600, [70, 33], 40), (0, [3, 1], 4), (5, [2, 2], 0)] {
        let args = [
            &[rows, inner[0]][..],
            &[outputs, inner[0]],
            &[rows, inner[1]],
            &[outputs, inner[1]],
            &[outputs],
        ];
        for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5), (DType::BF16, 2e-2)] {
            // The reference sums the gradient of the bias in half precision.
            if dtype == DType::BF16 && rows > 100 {
                continue;
            }
            let args: Vec<_> =
                args.iter().zip(1..).map(|(s, k)| random(s, k).to_dtype(dtype).unwrap()).collect();
            let ours =
                |t: &[Tensor]| linear_sum([((&t[0]).into(), &t[1]), ((&t[2]).into(), &t[3])], Some(&t[4]));
            let stock = |t: &[Tensor]| -> Result<Tensor> {
                Ok((reference::linear(&t[0], &t[1], None)? + reference::linear(&t[2], &t[3], Some(&t[4]))?)?)
            };
            let ((y, dy), (r, dr)) = (with_gradients(&args, ours), with_gradients(&args, stock));
            for (a, b) in [(&y, &r)].into_iter().chain(dy.iter().zip(&dr)) {
                assert_close(&format!("[{rows}, {inner:?}] in {dtype:?}"), a, b, tolerance);
            }
        }
    }
    // One of them a constant of mostly zeros.
    let thin = Dropout { p: 0.97, stream: Stream::new(1, 1) };
    let x = dropout(&random(&[500, 200], 1), thin).unwrap();
    let args = [random(&[16, 200], 2), random(&[500, 3], 3), random(&[16, 3], 4)];
    let (y, dy) =
        with_gradients(&args, |t| linear_sum([((&x).into(), &t[0]), ((&t[1]).into(), &t[2])], None));
    let (r, dr) = with_gradients(&args, |t| {
        Ok((reference::linear(&x, &t[0], None)? + reference::linear(&t[1], &t[2], None)?)?)
    });
    for (a, b) in [(&y, &r)].into_iter().chain(dy.iter().zip(&dr)) {
        assert_close("sparse", a, b, 1e-12);
    }
    let wrong =
        linear_sum([((&args[1]).into(), &args[2]), ((&x).into(), &args[2])], None).unwrap_err().to_string();
    assert!(wrong.contains("x: expected") && wrong.contains("[500, 200]"), "{wrong}");
}

#[test]
fn linear_takes_any_number_of_leading_dimensions() {
    let (x, w) = (random(&[2, 3, 4], 1), random(&[5, 4], 2));
    let y = linear(&x, &w, None).unwrap();
    assert_eq!(y.dims(), [2, 3, 5]);
    let flat = linear(&x.reshape((6, 4)).unwrap(), &w, None).unwrap();
    assert_eq!(numbers(&y), numbers(&flat));
    assert_eq!(linear(&random(&[4], 1), &w, None).unwrap().dims(), [5]);
}

/// A constant of mostly zeros takes another path; its results are the same.
#[test]
fn linear_of_sparse_features() {
    let (rows, inputs, outputs) = (500, 200, 16);
    for dropped in [0.5, 0.94, 0.96, 0.999, 1.0] {
        let thin = Dropout { p: dropped, stream: Stream::new(1, 1) };
        let x = dropout(&random(&[rows, inputs], 1), thin).unwrap();
        let (w, b) = (random(&[outputs, inputs], 2), random(&[outputs], 3));
        let (y, dy) = with_gradients(&[w.clone(), b.clone()], |t| linear(&x, &t[0], Some(&t[1])));
        let (r, dr) = with_gradients(&[w, b], |t| reference::linear(&x, &t[0], Some(&t[1])));
        assert_close("sparse", &y, &r, 1e-13);
        for (a, b) in dy.iter().zip(&dr) {
            assert_close("sparse, gradient", a, b, 1e-13);
        }
    }
}

#[test]
fn bias_add_agrees_with_the_reference() {
    for shape in [&[300, 7][..], &[2, 3, 4], &[5], &[0, 3]] {
        let args = [random(shape, 1), random(&shape[shape.len() - 1..], 2)];
        let (y, dy) = with_gradients(&args, |t| bias_add(&t[0], &t[1]));
        let (r, dr) = with_gradients(&args, |t| reference::bias_add(&t[0], &t[1]));
        assert_close("bias_add", &y, &r, 0.0);
        for (a, b) in dy.iter().zip(&dr) {
            assert_close("bias_add, gradient", a, b, 1e-13);
        }
    }
}

#[test]
fn dropout_follows_its_stream() {
    for n in [0, 1, 3, 4, 5, 1000, 40_003] {
        let x = random(&[n], 1);
        let (y, dy) = with_gradients(std::slice::from_ref(&x), |t| dropout(&t[0], half()));
        assert_eq!(difference(&numbers(&y), &naive::dropout(&numbers(&x), &half())), 0.0);
        let (r, dr) = with_gradients(&[x], |t| reference::dropout(&t[0], half()));
        assert_close("dropout", &y, &r, 0.0);
        assert_close("dropout, gradient", &dy[0], &dr[0], 0.0);
    }
}

/// Blocks of zeros are skipped; that must not shift the numbers of the others.
#[test]
fn dropout_of_sparse_features_is_that_of_dense_ones() {
    let ones = Tensor::ones(4000, DType::F32, &Device::Cpu).unwrap();
    let sparse = dropout(&ones, Dropout { p: 0.95, stream: Stream::new(8, 8) }).unwrap();
    let expected = (&sparse * dropout(&ones, half()).unwrap()).unwrap();
    assert_close("dropout", &dropout(&sparse, half()).unwrap(), &expected, 0.0);
}

#[test]
fn dropout_keeps_its_share() {
    let x = Tensor::ones(200_000, DType::F32, &Device::Cpu).unwrap();
    for p in [0.1, 0.5, 0.9] {
        let y = dropout(&x, Dropout { p, stream: Stream::new(5, 1) }).unwrap();
        let kept = numbers(&y).iter().filter(|v| **v != 0.0).count() as f64 / 200_000.0;
        assert!((kept - (1.0 - p)).abs() < 0.005, "{kept} kept with p = {p}");
        let mean = numbers(&y).iter().sum::<f64>() / 200_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }
}

#[test]
fn dropout_at_its_ends() {
    let x = random(&[50], 1);
    let at = |p| dropout(&x, Dropout { p, stream: Stream::new(5, 1) });
    assert_close("p = 0", &at(0.0).unwrap(), &x, 0.0);
    assert!(numbers(&at(1.0).unwrap()).iter().all(|&v| v == 0.0));
    for p in [-0.1, 1.1, f64::NAN] {
        let message = at(p).unwrap_err().to_string();
        assert!(message.contains("dropout p") && message.contains(&p.to_string()), "{message}");
    }
}

/// A gradient that remembers how it was computed would keep a whole step's tensors alive.
#[test]
fn gradients_do_not_keep_the_graph() {
    let [x, w, b] =
        [(&[6, 4][..], 1), (&[3, 4], 2), (&[3], 3)].map(|(s, k)| Var::from_tensor(&random(s, k)).unwrap());
    let y = linear(&dropout(x.as_tensor(), half()).unwrap(), &w, Some(&b)).unwrap();
    let grads = bias_add(&y, &b).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
    for v in [&x, &w, &b] {
        assert!(!grads.get(v).unwrap().track_op());
    }
}

type Function = fn(&Tensor) -> Result<Tensor>;

#[test]
fn activations_agree_with_the_reference() {
    let functions: [(&str, Function, Function); 4] = [
        ("relu", relu, reference::relu),
        ("leaky_relu", |x| leaky_relu(x, 0.2), |x| reference::leaky_relu(x, 0.2)),
        ("sigmoid", sigmoid, reference::sigmoid),
        ("elu", |x| elu(x, 1.3), |x| reference::elu(x, 1.3)),
    ];
    for (name, ours, theirs) in functions {
        for shape in [&[300, 257][..], &[2, 3, 4], &[5], &[0, 3]] {
            let x = (random(shape, 1) * 8.0).unwrap();
            for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
                let x = [x.to_dtype(dtype).unwrap()];
                let (y, dy) = with_gradients(&x, |t| ours(&t[0]));
                let (r, dr) = with_gradients(&x, |t| theirs(&t[0]));
                assert_close(name, &y, &r, tolerance);
                assert_close(&format!("{name}, gradient"), &dy[0], &dr[0], tolerance);
            }
        }
        // A transposed view, and half precision.
        let x = random(&[7, 5], 2);
        let transposed = ours(&x.t().unwrap()).unwrap().t().unwrap();
        assert_eq!(numbers(&transposed), numbers(&ours(&x).unwrap()));
        let half = ours(&x.to_dtype(DType::BF16).unwrap()).unwrap();
        assert_eq!(half.dtype(), DType::BF16);
        assert_close(name, &half, &theirs(&x).unwrap(), 1e-2);
    }
}

/// At the corner, at the ends and where e^x − 1 has few digits: what PyTorch gives.
#[test]
fn activations_at_the_corner_and_at_the_ends() {
    const FAR: [f64; 6] = [0.0, -1e-12, 3.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let same = |a: &[f64], b: &[f64]| {
        assert!(a.iter().zip(b).all(|(a, b)| a == b || a.is_nan() && b.is_nan()), "{a:?} {b:?}");
    };
    let expected: [(Function, [f64; 6], [f64; 6]); 3] = [
        (relu, [0.0, 0.0, 3.0, f64::INFINITY, 0.0, f64::NAN], [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]),
        (
            |x| leaky_relu(x, 0.5),
            [0.0, -5e-13, 3.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN],
            [0.5, 0.5, 1.0, 1.0, 0.5, 0.5],
        ),
        (
            |x| elu(x, 2.0),
            [0.0, 2.0 * f64::exp_m1(-1e-12), 3.0, f64::INFINITY, -2.0, f64::NAN],
            [2.0, 2.0 * f64::exp(-1e-12), 1.0, 1.0, 0.0, f64::NAN],
        ),
    ];
    for (f, values, gradients) in expected {
        let x = Var::new(&FAR, &Device::Cpu).unwrap();
        let y = f(&x).unwrap();
        same(&numbers(&y), &values);
        let grads = y.sum_all().unwrap().backward().unwrap();
        same(&numbers(grads.get(&x).unwrap()), &gradients);
    }
    assert!(leaky_relu(&random(&[3], 1), f64::NAN).unwrap_err().to_string().contains("negative_slope"));
    assert!(elu(&Tensor::new(&[1u32], &Device::Cpu).unwrap(), 1.0).unwrap_err().to_string().contains("U32"));
}
