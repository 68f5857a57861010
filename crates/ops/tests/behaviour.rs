//! What the operations promise beyond their formulas: ties, infinities, order, arguments that do not fit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::{EdgeIndex, FillValue, transforms};
use candle_geometric_ops::{self as ops, DynamicScoring, Extras, Reduce, reference};
use common::{assert_close, cases, graphs, numbers, random, random_edges, with_gradients};

const INF: f64 = f64::INFINITY;

fn vector(v: &[f64]) -> Tensor {
    Tensor::new(v, &Device::Cpu).unwrap()
}

#[test]
fn tied_extremes_share_the_gradient_evenly() {
    // Node 0: 0, 0, −1 (a maximum of exactly 0); node 1: 2, 2, 2; node 2: one edge; node 3: none.
    let edges = EdgeIndex::new(vec![0; 7], vec![0, 0, 0, 1, 1, 1, 2], 4).unwrap();
    let m = vector(&[0., 0., -1., 2., 2., 2., -5.]);
    let weights = vector(&[6., 9., 4., 7.]);
    for scatter in [ops::scatter, reference::scatter] {
        for (reduce, expected) in
            [(Reduce::Max, [3., 3., 0., 3., 3., 3., 4.]), (Reduce::Min, [0., 0., 6., 3., 3., 3., 4.])]
        {
            let m = candle_core::Var::from_tensor(&m).unwrap();
            let out = scatter(&m, &edges, reduce).unwrap();
            let grads = (out * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            assert_eq!(numbers(grads.get(&m).unwrap()), expected);
        }
    }
}

#[test]
fn the_product_has_a_gradient_at_zero() {
    let edges = EdgeIndex::new(vec![0; 5], vec![0, 0, 0, 1, 1], 2).unwrap();
    let m = vector(&[0., 3., 4., 0., 0.]);
    for scatter in [ops::scatter, reference::scatter] {
        let m = candle_core::Var::from_tensor(&m).unwrap();
        let grads = scatter(&m, &edges, Reduce::Mul).unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(numbers(grads.get(&m).unwrap()), [12., 0., 0., 0., 0.]);
    }
}

#[test]
fn what_segments_of_nothing_give() {
    let edges = EdgeIndex::new(vec![0], vec![0], 3).unwrap();
    let m = vector(&[7.]);
    for scatter in [ops::scatter, reference::scatter] {
        for reduce in [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min] {
            assert_eq!(numbers(&scatter(&m, &edges, reduce).unwrap()), [7., 0., 0.]);
        }
        assert_eq!(numbers(&scatter(&m, &edges, Reduce::Mul).unwrap()), [7., 1., 1.]);
    }
}

/// Masked scores: a segment that is masked as a whole gives weights of 0 and no NaN anywhere.
#[test]
fn masked_scores() {
    let edges = EdgeIndex::new(vec![0, 1, 2, 0, 1], vec![0, 0, 0, 1, 1], 3).unwrap();
    let scores = vector(&[-INF, 2., 2., -INF, -INF]).reshape((5, 1)).unwrap();
    let values = random(&[3, 4], 1);
    for dtype in [DType::F32, DType::F64] {
        let args = [&scores, &values].map(|t| t.to_dtype(dtype).unwrap());
        for softmax in [ops::segment_softmax, reference::segment_softmax] {
            let (alpha, gradients) = with_gradients(&args[..1], |t| softmax(&t[0], &edges));
            assert_eq!(numbers(&alpha), [0., 0.5, 0.5, 0., 0.]);
            assert!(numbers(&gradients[0]).iter().all(|g| g.is_finite()));
        }
        for attend in [ops::attend, reference::attend] {
            let (out, gradients) = with_gradients(&args, |t| attend(&t[0], &t[1], &edges));
            assert!(numbers(&out)[4..].iter().all(|&v| v == 0.));
            assert!(gradients.iter().flat_map(numbers).all(|g| g.is_finite()));
        }
        let src = vector(&[-INF, 2., -1e4]).reshape((3, 1)).unwrap().to_dtype(dtype).unwrap();
        let dst = vector(&[1e4, 0., 0.]).reshape((3, 1)).unwrap().to_dtype(dtype).unwrap();
        let args = [args[1].clone(), src, dst];
        let (out, gradients) = with_gradients(&args, |t| {
            ops::additive_attention(&t[0], &t[1], Some(&t[2]), None, &edges, 0.2, None)
        });
        assert!([&out].into_iter().chain(&gradients).flat_map(numbers).all(|v| v.is_finite()));
    }
}

#[test]
fn large_scores_are_harmless_and_nan_is_not_hidden() {
    let edges = EdgeIndex::new(vec![0, 1, 2, 2], vec![0, 0, 0, 1], 3).unwrap();
    let softmax = |s: &[f64]| numbers(&ops::segment_softmax(&vector(s), &edges).unwrap());
    assert_eq!(softmax(&[1e4, -1e4, 1e4, -1e4]), [0.5, 0., 0.5, 1.]);
    let spoilt = softmax(&[1., f64::NAN, 2., 3.]);
    assert!(spoilt[..3].iter().all(|v| v.is_nan()) && spoilt[3] == 1.);
    let max = ops::scatter(&vector(&[1., f64::NAN, 2., 3.]), &edges, Reduce::Max).unwrap();
    assert!(numbers(&max)[0].is_nan() && numbers(&max)[1] == 3.);
}

/// Scores of ±10⁴, forward and backward; the largest takes all.
#[test]
fn large_dot_products_are_harmless() {
    let edges = EdgeIndex::new(vec![0, 1, 2, 2], vec![0, 0, 0, 1], 3).unwrap();
    let rows = |v: [f64; 3]| vector(&v).reshape((3, 1)).unwrap().broadcast_as((3, 4)).unwrap();
    let (query, key, value) = (rows([100., -100., 0.]), rows([50., -50., -50.]), random(&[3, 4], 1));
    let terms = random(&[4, 4], 2);
    for dtype in [DType::F32, DType::F64] {
        let args = [&query, &key, &value, &terms].map(|t| t.to_dtype(dtype).unwrap());
        let alpha = ops::dot_product_attention_weights(&args[0], &args[1], None, 1, &edges).unwrap();
        assert_eq!(numbers(&alpha), [1., 0., 0., 1.]);
        let ours = |t: &[Tensor], terms: Option<&Tensor>, dropout| {
            let extras = Extras { dropout, ..Extras::default() };
            ops::dot_product_attention(&t[0], &t[1], &t[2], terms, 1, &edges, extras)
        };
        let theirs = |t: &[Tensor], terms: Option<&Tensor>, dropout| {
            reference::dot_product_attention(&t[0], &t[1], &t[2], terms, 1, &edges, dropout)
        };
        type Attention<'a> =
            &'a dyn Fn(&[Tensor], Option<&Tensor>, Option<ops::Dropout>) -> ops::Result<Tensor>;
        let attentions: [Attention<'_>; 2] = [&ours, &theirs];
        for attention in attentions {
            let (out, gradients) = with_gradients(&args, |t| attention(t, Some(&t[3]), cases::dropped()));
            assert!([&out].into_iter().chain(&gradients).flat_map(numbers).all(|v| v.is_finite()));
            let out = attention(&args, None, None).unwrap();
            let rows = numbers(&args[2]);
            assert_eq!(numbers(&out), [&rows[..4], &rows[8..], &[0.; 4]].concat());
        }
    }
}

#[test]
fn the_weights_of_every_destination_sum_to_one() {
    let edges = random_edges(50, 20, 400, 3);
    let alpha = ops::segment_softmax(&(random(&[400, 2], 1) * 30.).unwrap(), &edges).unwrap();
    for (total, degree) in
        numbers(&ops::scatter(&alpha, &edges, Reduce::Sum).unwrap()).chunks(2).zip(edges.in_degrees())
    {
        let expected = if degree > 0 { 1.0 } else { 0.0 };
        assert!(total.iter().all(|t| (t - expected).abs() < 1e-12));
    }
}

/// Renaming the nodes renames the results; listing the edges in another order changes nothing but that order.
#[test]
fn names_and_order_do_not_matter() {
    let edges = random_edges(8, 8, 30, 5);
    let rename: Vec<u32> = vec![3, 0, 7, 5, 1, 2, 6, 4];
    let reorder: Vec<u32> = (0..30).map(|k| k * 7 % 30).collect();
    let end = |ids: &[u32]| reorder.iter().map(|&e| rename[ids[e as usize] as usize]).collect::<Vec<_>>();
    let moved = EdgeIndex::bipartite(end(edges.source()), end(edges.destination()), 8, 8).unwrap();
    let mut back = vec![0u32; 8];
    rename.iter().zip(0..).for_each(|(&new, old)| back[new as usize] = old);
    let rows = |t: &Tensor, ids: &[u32]| t.index_select(&Tensor::new(ids, &Device::Cpu).unwrap(), 0).unwrap();
    for case in cases::all().iter().filter(|c| !c.name.contains("dropout")) {
        // A tensor of 8 rows is one of nodes here, one of 30 rows one of edges.
        let follow = |t: &Tensor| match t.dim(0).unwrap() {
            8 => rows(t, &back),
            30 => rows(t, &reorder),
            _ => t.clone(),
        };
        let inputs: Vec<_> = (case.shapes)(&edges).iter().zip(1..).map(|(s, k)| random(s, k)).collect();
        let there: Vec<_> = inputs.iter().map(follow).collect();
        let out = (case.ours)(&inputs, &edges).unwrap();
        let out_there = (case.ours)(&there, &moved).unwrap();
        assert_close(case.name, &out_there, &follow(&out), 1e-12);
    }
}

#[test]
fn edge_features_follow_self_loops() {
    let fills = [FillValue::Mean, FillValue::Add, FillValue::Min, FillValue::Max, FillValue::Mul, 2.5.into()];
    for (graph, edges) in graphs() {
        let attr = random(&[edges.num_edges(), 3], 1);
        let transformed =
            [transforms::add_self_loops(&edges).unwrap(), transforms::remove_self_loops(&edges).unwrap()];
        for t in &transformed {
            for fill in fills {
                let filled = ops::self_loop_attr(&attr, t, fill).unwrap();
                let expected = t.attributes(&numbers(&attr), 3, fill).unwrap();
                assert_eq!(filled.dims(), [t.edges.num_edges(), 3], "{graph}");
                assert!(common::difference(&numbers(&filled), &expected) < 1e-15, "{graph}, {fill}");
            }
        }
    }
    // The gradient of the mean of two edges into node 1 reaches both; the removed loop gets none.
    let edges = EdgeIndex::new(vec![0, 2, 1], vec![1, 1, 1], 3).unwrap();
    let looped = transforms::with_self_loops(&edges).unwrap();
    let attr = candle_core::Var::from_tensor(&vector(&[1., 2., 3.])).unwrap();
    let filled = ops::self_loop_attr(&attr, &looped, FillValue::Mean).unwrap();
    assert_eq!(numbers(&filled), [1., 2., 0., 1.5, 0.]);
    let grads = filled.sum_all().unwrap().backward().unwrap();
    assert_eq!(numbers(grads.get(&attr).unwrap()), [1.5, 1.5, 0.]);
}

#[test]
fn edge_lists_as_tensors() {
    let pairs = Tensor::new(&[[0i64, 2], [1, 1]], &Device::Cpu).unwrap();
    let edges = ops::edge_index(&pairs, 3).unwrap();
    assert_eq!(edges, EdgeIndex::new(vec![0, 2], vec![1, 1], 3).unwrap());
    let back = ops::edge_index_tensor(&edges, &Device::Cpu).unwrap();
    assert_eq!(ops::edge_index(&back, 3).unwrap(), edges);
    let none = Tensor::zeros((2, 0), DType::I64, &Device::Cpu).unwrap();
    assert_eq!(ops::edge_index(&none, 3).unwrap().num_edges(), 0);
    for (bad, hint) in [
        (Tensor::new(&[[0i64], [-1]], &Device::Cpu).unwrap(), "-1"),
        (Tensor::new(&[[0u32], [3]], &Device::Cpu).unwrap(), "3"),
        (Tensor::new(&[[0u32, 1, 2]], &Device::Cpu).unwrap(), "[2, E]"),
        (Tensor::new(&[[0f32], [1.]], &Device::Cpu).unwrap(), "u32 or i64"),
    ] {
        let message = ops::edge_index(&bad, 3).unwrap_err().to_string();
        assert!(message.contains("edge_index") && message.contains(hint), "{message}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let edges = random_edges(4, 6, 10, 1);
    let t = |shape: &[usize]| random(shape, 1);
    let f32 = |shape: &[usize]| t(shape).to_dtype(DType::F32).unwrap();
    let ids = Tensor::zeros((4, 2), DType::U32, &Device::Cpu).unwrap();
    let attention = |v: &Tensor, s: &Tensor, d: &Tensor, e: &Tensor, slope| {
        ops::additive_attention(v, s, Some(d), Some(e), &edges, slope, None)
    };
    let dynamic = |s: &Tensor, d: &Tensor, e: &Tensor, a: &Tensor| {
        let scoring = DynamicScoring { att: a, edge_terms: Some(e), negative_slope: 0.2 };
        ops::dynamic_attention(s, d, scoring, &edges, Extras::default())
    };
    let dot = |q: &Tensor, k: &Tensor, v: &Tensor, e: &Tensor, heads| {
        ops::dot_product_attention(q, k, v, Some(e), heads, &edges, Extras::default())
    };
    let dropout = Some(ops::Dropout { p: 1.5, stream: Stream::new(0, 0) });
    let p = Extras { dropout, ..Extras::default() };
    let (v, s, d, e) = (t(&[4, 6]), t(&[4, 2]), t(&[6, 2]), t(&[10, 2]));
    let (xs, xd, xe, a) = (t(&[4, 6]), t(&[6, 6]), t(&[10, 6]), t(&[2, 3]));
    let looped = transforms::with_self_loops(&random_edges(4, 4, 5, 1)).unwrap();
    for (result, words) in [
        (ops::gather_src(&t(&[6, 2]), &edges), ["x", "[4, …]", "[6, 2]"]),
        (ops::gather_src(&ids, &edges), ["x", "f32", "U32"]),
        (ops::gather_dst(&t(&[4, 2]), &edges), ["x", "[6, …]", "[4, 2]"]),
        (ops::gather_src(&t(&[]), &edges), ["x", "[4, …]", "[]"]),
        (ops::scatter(&t(&[9]), &edges, Reduce::Sum), ["messages", "[10, …]", "[9]"]),
        (ops::segment_softmax(&t(&[11, 2]), &edges), ["scores", "[10, …]", "[11, 2]"]),
        (ops::spmm(&edges, Some(&t(&[9])), &v), ["weights", "[10]", "[9]"]),
        (ops::spmm(&edges, Some(&f32(&[10])), &v), ["weights", "F64", "F32"]),
        (ops::spmm(&edges, None, t(&[4])), ["x", "[4, _]", "[4]"]),
        (ops::spmm(&edges, Some(&t(&[10, 4])), &v), ["x", "4 heads", "6 columns"]),
        (ops::sddmm(&v, &t(&[6, 5]), &edges), ["b", "[6, 6]", "[6, 5]"]),
        (ops::sddmm_heads(&v, &xd, 4, &edges), ["a", "4 heads", "6 columns"]),
        (ops::attend(&e, &t(&[4, 5]), &edges), ["values", "2 heads", "5 columns"]),
        (ops::attend(&t(&[10, 0]), &v, &edges), ["values", "0 heads", "6 columns"]),
        (ops::attend(&t(&[9, 2]), &v, &edges), ["scores", "[10, _]", "[9, 2]"]),
        (attention(&t(&[5, 6]), &s, &d, &e, 0.2), ["values", "[4, _]", "[5, 6]"]),
        (attention(&v, &t(&[6, 2]), &d, &e, 0.2), ["src_scores", "[4, _]", "[6, 2]"]),
        (attention(&v, &s, &t(&[6, 3]), &e, 0.2), ["dst_scores", "[6, 2]", "[6, 3]"]),
        (attention(&v, &s, &d, &t(&[10]), 0.2), ["edge_scores", "[10, 2]", "[10]"]),
        (attention(&f32(&[4, 6]), &s, &d, &e, 0.2), ["values", "F64", "F32"]),
        (attention(&v, &s, &d, &e, f64::NAN), ["negative_slope", "finite", "NaN"]),
        (dynamic(&t(&[4, 5]), &xd, &xe, &a), ["x_src", "[4, 6]", "[4, 5]"]),
        (dynamic(&xs, &xs, &xe, &a), ["x_dst", "[6, 6]", "[4, 6]"]),
        (dynamic(&xs, &xd, &t(&[10, 2]), &a), ["edge_terms", "[10, 6]", "[10, 2]"]),
        (dynamic(&xs, &xd, &xe, &t(&[6])), ["att", "[H, C]", "[6]"]),
        (dot(&t(&[4, 6]), &xs, &xs, &xe, 2), ["query", "[6, _]", "[4, 6]"]),
        (dot(&xd, &xs, &xs, &xe, 4), ["query", "4 heads", "6 columns"]),
        (dot(&xd, &xs, &xs, &xe, 0), ["query", "0 heads", "6 columns"]),
        (dot(&xd, &t(&[4, 5]), &xs, &xe, 2), ["key", "[4, 6]", "[4, 5]"]),
        (dot(&xd, &xs, &xd, &xe, 2), ["value", "[4, 6]", "[6, 6]"]),
        (dot(&xd, &xs, &f32(&[4, 6]), &xe, 2), ["value", "F64", "F32"]),
        (dot(&xd, &xs, &xs, &t(&[10, 2]), 2), ["edge_terms", "[10, 6]", "[10, 2]"]),
        (dot(&xd, &xs, &xs, &f32(&[10, 6]), 2), ["edge_terms", "F64", "F32"]),
        (dot(&ids, &xs, &xs, &xe, 2), ["query", "f32", "U32"]),
        (ops::dot_product_attention(&xd, &xs, &xs, None, 2, &edges, p), ["dropout p", "[0, 1]", "1.5"]),
        (
            ops::dot_product_attention_weights(&xd, &xs, Some(&e), 2, &edges),
            ["edge_terms", "[10, 6]", "[10, 2]"],
        ),
        (ops::linear(&v, &t(&[3, 5]), None), ["x", "[…, 5]", "[4, 6]"]),
        (ops::linear(&v, &t(&[3]), None), ["weight", "[O, I]", "[3]"]),
        (ops::linear(&v, &t(&[3, 6]), Some(&t(&[4]))), ["bias", "[3]", "[4]"]),
        (ops::linear(&v, &f32(&[3, 6]), None), ["weight", "F64", "F32"]),
        (ops::bias_add(&v, &t(&[5])), ["bias", "[6]", "[5]"]),
        (ops::edge_select(&e, &[0, 10]), ["ids", "10 rows", "10 at position 1"]),
        (ops::self_loop_attr(&e, &looped, FillValue::Mean), ["edge_attr", "[5, …]", "[10, 2]"]),
        (ops::propagate(&v, &edges, Reduce::Sum, |m| Ok(m.source)), ["one set of nodes", "bipartite", ""]),
    ] {
        let message = result.unwrap_err().to_string();
        assert!(words.iter().all(|w| message.contains(w)), "expected {words:?} in: {message}");
    }
}

/// An error of ours passes through code that speaks Candle's.
#[test]
fn errors_become_those_of_candle() {
    let edges = random_edges(4, 4, 3, 1);
    let error: candle_core::Error = ops::gather_src(&random(&[3], 1), &edges).unwrap_err().into();
    assert!(error.to_string().contains("one row per source node"), "{error}");
}
