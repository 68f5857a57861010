//! Every operation on a graph agrees with plain loops, with its reference, and with finite differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use common::cases::{self, Case};
use common::naive::Mat;
use common::{assert_close, difference, graphs, hub_edges, numbers, random, with_gradients};

fn inputs(case: &Case, edges: &EdgeIndex) -> Vec<Tensor> {
    (case.shapes)(edges).iter().zip(1..).map(|(shape, seed)| random(shape, seed)).collect()
}

#[test]
fn results_are_those_of_plain_loops() {
    for (graph, edges) in graphs() {
        for case in cases::all() {
            let inputs = inputs(&case, &edges);
            let matrices: Vec<Mat> = inputs
                .iter()
                .map(|t| Mat { data: numbers(t), width: t.dims().get(1).copied().unwrap_or(1) })
                .collect();
            let expected = (case.naive)(&matrices, &edges);
            for (who, f) in [("ours", case.ours), ("reference", case.reference)] {
                let out = f(&inputs, &edges).unwrap();
                let d = difference(&numbers(&out), &expected);
                assert!(d < 1e-13, "{} ({who}) on {graph}: off by {d:e}", case.name);
            }
        }
    }
}

#[test]
fn results_and_gradients_are_those_of_the_reference() {
    let large =
        [("large", hub_edges(300, 2500, 5)), ("even larger", common::random_edges(900, 40, 30_000, 6))];
    for (graph, edges) in graphs().into_iter().chain(large) {
        for case in cases::all() {
            for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
                let inputs: Vec<_> =
                    inputs(&case, &edges).iter().map(|t| t.to_dtype(dtype).unwrap()).collect();
                let what = format!("{} on {graph} in {dtype:?}", case.name);
                let (ours, our_gradients) = with_gradients(&inputs, |t| (case.ours)(t, &edges));
                let (theirs, their_gradients) = with_gradients(&inputs, |t| (case.reference)(t, &edges));
                assert_close(&what, &ours, &theirs, tolerance);
                for (k, (a, b)) in our_gradients.iter().zip(&their_gradients).enumerate() {
                    assert_close(&format!("{what}, gradient {k}"), a, b, tolerance);
                }
            }
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let step = 1e-5;
    for (graph, edges) in graphs() {
        for case in cases::all() {
            let inputs = inputs(&case, &edges);
            let (out, gradients) = with_gradients(&inputs, |t| (case.ours)(t, &edges));
            let cotangent = numbers(&random(out.dims(), 99));
            let value = |inputs: &[Tensor]| -> f64 {
                let out = numbers(&(case.ours)(inputs, &edges).unwrap());
                out.iter().zip(&cotangent).map(|(a, b)| a * b).sum()
            };
            for (k, gradient) in gradients.iter().enumerate() {
                let here = numbers(&inputs[k]);
                let slope = |i: usize| {
                    let at = |x: f64| {
                        let mut moved = here.clone();
                        moved[i] = x;
                        let mut inputs = inputs.clone();
                        inputs[k] = Tensor::from_vec(moved, inputs[k].shape(), inputs[k].device()).unwrap();
                        value(&inputs)
                    };
                    (at(here[i] + step) - at(here[i] - step)) / (2.0 * step)
                };
                let slopes: Vec<f64> = (0..here.len()).map(slope).collect();
                let d = difference(&numbers(gradient), &slopes);
                assert!(d < 1e-8, "{} on {graph}, gradient {k}: off by {d:e}", case.name);
            }
        }
    }
}

/// What is not tracked gets no gradient, and the others the same as before.
#[test]
fn constants_get_no_gradient() {
    let edges = hub_edges(40, 200, 9);
    for case in cases::all() {
        let inputs = inputs(&case, &edges);
        let (_, all) = with_gradients(&inputs, |t| (case.ours)(t, &edges));
        for k in 0..inputs.len() {
            let (_, alone) = with_gradients(&inputs[k..k + 1], |t| {
                let mut mixed = inputs.clone();
                mixed[k] = t[0].clone();
                (case.ours)(&mixed, &edges)
            });
            // Not the same bits: which sums are taken depends on what is wanted.
            assert_close(&format!("{}, only argument {k} tracked", case.name), &alone[0], &all[k], 1e-14);
        }
        assert!(!(case.ours)(&inputs, &edges).unwrap().track_op(), "{}", case.name);
    }
}

/// Transposed and sliced arguments, whose numbers do not lie in a row in memory.
#[test]
fn strided_arguments_are_fine() {
    let edges = hub_edges(40, 200, 9);
    for case in cases::all() {
        let inputs = inputs(&case, &edges);
        let strided = |t: &Tensor| match t.rank() {
            2 => Tensor::cat(&[t, t], 1).unwrap().t().unwrap().contiguous().unwrap().t().unwrap(),
            _ => Tensor::stack(&[t, t], 1).unwrap(),
        };
        let narrowed: Vec<_> = inputs
            .iter()
            .map(|t| match t.rank() {
                2 => strided(t).narrow(1, 0, t.dim(1).unwrap()).unwrap(),
                _ => strided(t).narrow(1, 0, 1).unwrap().squeeze(1).unwrap(),
            })
            .collect();
        let (a, b) = ((case.ours)(&inputs, &edges).unwrap(), (case.ours)(&narrowed, &edges).unwrap());
        assert_close(case.name, &b, &a, 0.0);
    }
}

/// In half precision the work is done in f32, so only the ends are rounded.
#[test]
fn half_precision_is_rounded_once() {
    let edges = hub_edges(40, 400, 9);
    for case in cases::all() {
        for (dtype, tolerance) in [(DType::F16, 2e-3), (DType::BF16, 1.6e-2)] {
            let half: Vec<_> = inputs(&case, &edges).iter().map(|t| t.to_dtype(dtype).unwrap()).collect();
            let wide: Vec<_> = half.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
            let (out, gradients) = with_gradients(&half, |t| (case.ours)(t, &edges));
            // The same cotangent, which is one of half precision.
            let (expected, wide_gradients) =
                with_gradients(&wide, |t| Ok((case.ours)(t, &edges)?.to_dtype(dtype)?));
            assert_eq!(out.dtype(), dtype, "{}", case.name);
            assert_close(case.name, &out, &expected, tolerance);
            for (a, b) in gradients.iter().zip(&wide_gradients) {
                assert_eq!(a.dtype(), dtype, "{}", case.name);
                assert_close(&format!("{}, gradient", case.name), a, b, tolerance);
            }
        }
    }
}
