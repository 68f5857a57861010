//! Segments that kernels cut, rows of every width, and reductions by graph and over all edges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce, Scoring, reference};
use common::cases::{self, Case};
use common::{assert_close, cut_graphs, graphs, numbers, one_segment, random, with_gradients};

fn check(case: &Case, graph: &str, edges: &EdgeIndex, prepare: impl Fn(Tensor) -> Tensor) {
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 1e-5)] {
        let shapes = (case.shapes)(edges);
        let what = format!("{} of {:?} on {graph} in {dtype:?}", case.name, shapes[0]);
        let inputs: Vec<_> =
            shapes.iter().zip(1..).map(|(s, k)| prepare(random(s, k)).to_dtype(dtype).unwrap()).collect();
        let (ours, our_gradients) = with_gradients(&inputs, |t| (case.ours)(t, edges));
        let (theirs, their_gradients) = with_gradients(&inputs, |t| (case.reference)(t, edges));
        assert_close(&what, &ours, &theirs, tolerance);
        for (k, (a, b)) in our_gradients.iter().zip(&their_gradients).enumerate() {
            assert_close(&format!("{what}, gradient {k}"), a, b, tolerance);
        }
    }
}

#[test]
fn primitives_of_every_width_agree_with_the_reference() {
    let widths = [
        cases::primitives::<1>(),
        cases::primitives::<2>(),
        cases::primitives::<5>(),
        cases::primitives::<8>(),
        cases::primitives::<33>(),
        cases::primitives::<128>(),
    ];
    for (graph, edges) in cut_graphs().into_iter().chain(graphs()) {
        for case in widths.iter().flatten().filter(|c| c.name != "mul") {
            check(case, graph, &edges, |t| t);
        }
    }
}

/// Of many numbers in [−1, 1) the product is 0, so these are near 1.
#[test]
fn products_agree_with_the_reference() {
    let widths = [cases::primitives::<1>(), cases::primitives::<5>(), cases::primitives::<33>()];
    for (graph, edges) in cut_graphs().into_iter().chain(graphs()) {
        for case in widths.iter().flatten().filter(|c| c.name == "mul") {
            check(case, graph, &edges, |t| t.affine(1e-3, 1.0).unwrap());
        }
    }
}

/// Numbers of which many are equal, also across the cuts of a segment.
#[test]
fn tied_extremes_of_cut_segments_agree_with_the_reference() {
    let widths = [cases::primitives::<1>(), cases::primitives::<4>(), cases::primitives::<33>()];
    for (graph, edges) in cut_graphs() {
        for case in widths.iter().flatten().filter(|c| ["max", "min"].contains(&c.name)) {
            check(case, graph, &edges, |t| t.affine(4.0, 0.0).unwrap().round().unwrap());
        }
    }
}

/// Scores of ±1e4, whole parts of a cut segment at −∞, and a segment that is −∞ as a whole.
#[test]
fn extreme_scores_in_cut_segments() {
    const HEADS: usize = 4;
    let edges = EdgeIndex::from_batch(&[vec![0; 7000], vec![1; 3000], vec![2; 5]].concat(), 3).unwrap();
    let all = edges.num_edges();
    let score = |e: usize| match e {
        0..2048 | 5000..6500 => f64::NEG_INFINITY,
        7000..10_000 => f64::NEG_INFINITY,
        _ if e.is_multiple_of(2) => 1e4,
        _ => -1e4,
    };
    let scores: Vec<f64> = (0..all).flat_map(|e| [score(e); HEADS]).collect();
    let scores = Tensor::from_vec(scores, (all, HEADS), &Device::Cpu).unwrap();
    let values = random(&[all, HEADS * 3], 1);
    let kept = (0..7000).filter(|&e| score(e) == 1e4).count() as f64;
    for dtype in [DType::F32, DType::F64] {
        let [s, v] = [&scores, &values].map(|t| t.to_dtype(dtype).unwrap());
        let (alpha, gradients) =
            with_gradients(std::slice::from_ref(&s), |t| ops::segment_softmax(&t[0], &edges));
        for (e, a) in numbers(&alpha).chunks(HEADS).enumerate() {
            let expected = match e {
                0..7000 if score(e) == 1e4 => 1.0 / kept,
                10_000.. if score(e) == 1e4 => 1.0 / 3.0,
                _ => 0.0,
            };
            assert!(a.iter().all(|a| (a - expected).abs() < 1e-6), "{e}: {a:?}, not {expected}");
        }
        assert!(numbers(&gradients[0]).iter().all(|g| g.is_finite()));
        let zeros = Tensor::zeros((all, HEADS), dtype, &Device::Cpu).unwrap();
        let attend = |t: &[Tensor]| ops::attend(&t[0], &t[1], &edges);
        let additive =
            |t: &[Tensor]| ops::additive_attention(&t[1], &zeros, None, Some(&t[0]), &edges, 0.2, None);
        let expected = reference::attend(&s, &v, &edges).unwrap();
        let (out, gradients) = with_gradients(&[s.clone(), v.clone()], attend);
        assert_close("attend", &out, &expected, 1e-5);
        assert!(gradients.iter().flat_map(numbers).all(|g| g.is_finite()));
        let (out, gradients) = with_gradients(&[s, v], additive);
        assert!([&out].into_iter().chain(&gradients).flat_map(numbers).all(|g| g.is_finite()));
    }
}

/// The layer's attention with edge scores that mask a hub as a whole, or are ±1e4.
#[test]
fn extreme_scores_of_a_layer() {
    let edges = common::hub_edges(500, 9000, 4);
    let h = random(&[500, 6], 1);
    let att = random(&[2, 3], 2);
    for extreme in [f64::NEG_INFINITY, 1e4, -1e4] {
        let score = |i: u32| if i == 1 { extreme } else { 0.0 };
        let scores: Vec<f64> = edges.destination().iter().flat_map(|&i| [score(i); 2]).collect();
        let scores = Tensor::from_vec(scores, (9000, 2), &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F64] {
            let inputs = [&h, &att, &scores].map(|t| t.to_dtype(dtype).unwrap());
            let (out, gradients) = with_gradients(&inputs, |t| {
                let scoring =
                    Scoring { att_src: &t[1], att_dst: &t[1], edge_scores: Some(&t[2]), negative_slope: 0.2 };
                ops::layer_attention(&(&t[0]).into(), scoring, None, &edges, None)
            });
            let all = [&out].into_iter().chain(&gradients).flat_map(numbers);
            assert!(all.into_iter().all(f64::is_finite), "{extreme}, {dtype:?}");
        }
    }
}

/// A reduction by graph is one over the in-edges of the graphs of [`EdgeIndex::from_batch`]; one over everything is
/// that of a single graph.
#[test]
fn by_graph_and_over_all() {
    let batch: Vec<u32> = (0..6000).map(|i| u32::from(i >= 100)).collect();
    let x = random(&[6000, 3], 1);
    let by_graph = EdgeIndex::from_batch(&batch, 2).unwrap();
    let all = one_segment(6000);
    let column_sums = |t: &Tensor| numbers(&t.sum(0).unwrap());
    let parts = [x.narrow(0, 0, 100).unwrap(), x.narrow(0, 100, 5900).unwrap()];
    let expected = parts.iter().flat_map(column_sums).collect::<Vec<_>>();
    let close = |a: &Tensor, b: &[f64]| assert!(common::difference(&numbers(a), b) < 1e-12);
    close(&ops::scatter(&x, &by_graph, Reduce::Sum).unwrap(), &expected);
    close(&ops::scatter(&x, &all, Reduce::Sum).unwrap(), &column_sums(&x));
    let weights = ops::segment_softmax(&x, &by_graph).unwrap();
    close(&ops::scatter(&weights, &by_graph, Reduce::Sum).unwrap(), &[1.0; 6]);
    let exact = candle_core::Var::from_tensor(&x).unwrap();
    let e = exact.exp().unwrap();
    let softmax = e.broadcast_div(&e.sum_keepdim(0).unwrap()).unwrap();
    close(&ops::segment_softmax(&x, &all).unwrap(), &numbers(&softmax));
}
