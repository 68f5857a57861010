//! The operations on the emulated GPU agree with their references, whatever the order in which blocks run.

use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;

use self::common::cases::{self, Case};
use self::common::{difference, numbers, random, with_gradients};
use super::emulator::{emulated, is_here};
use crate::{self as ops, Dropout, DynamicScoring, Extras, Result, reference};

#[path = "../../../tests/common/mod.rs"]
pub(super) mod common;
mod step;

const TYPES: [(DType, f64); 4] =
    [(DType::F64, 1e-12), (DType::F32, 1e-5), (DType::F16, 4e-3), (DType::BF16, 3e-2)];

fn inputs(shapes: &[Vec<usize>], dtype: DType) -> Vec<Tensor> {
    shapes.iter().zip(1..).map(|(shape, seed)| random(shape, seed).to_dtype(dtype).unwrap()).collect()
}

type Run<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// Compares results and gradients with those of the reference in f64; says how many kernels ran.
fn agree(what: &str, inputs: &[Tensor], tolerance: f64, ours: Run<'_>, theirs: Run<'_>) -> usize {
    let wide: Vec<Tensor> = inputs.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
    let ((out, gradients), launches) = emulated(3, || with_gradients(inputs, ours));
    let (expected, expected_gradients) = with_gradients(&wide, theirs);
    let pairs = std::iter::once((&out, &expected)).chain(gradients.iter().zip(&expected_gradients));
    for (k, (a, b)) in pairs.enumerate() {
        assert_eq!((a.dims(), a.dtype()), (b.dims(), inputs[0].dtype()), "{what}: {k}");
        let d = difference(&numbers(a), &numbers(b));
        assert!(d <= tolerance, "{what}: result or gradient {k} is off by {d:e}");
    }
    launches
}

fn check(case: &Case, graph: &str, edges: &EdgeIndex, types: &[(DType, f64)]) {
    for &(dtype, tolerance) in types {
        let inputs = inputs(&(case.shapes)(edges), dtype);
        let what = format!("{} on {graph} in {dtype:?}", case.name);
        let (ours, theirs) =
            (|t: &[Tensor]| (case.ours)(t, edges), |t: &[Tensor]| (case.reference)(t, edges));
        let launches = agree(&what, &inputs, tolerance, &ours, &theirs);
        let due = edges.num_edges() > 0;
        assert!(launches > 0 || !due, "{what}: no kernel ran");
    }
}

#[test]
fn small_graphs() {
    if is_here() {
        for (graph, edges) in common::graphs() {
            cases::all().iter().for_each(|case| check(case, graph, &edges, &TYPES));
        }
    }
}

/// Rows that are cut; longer sums lose a little more.
#[test]
fn cut_rows() {
    let types = [(DType::F32, 5e-5), (DType::F16, 2e-2)];
    if is_here() {
        for (graph, edges) in common::cut_graphs() {
            cases::all().iter().for_each(|case| check(case, graph, &edges, &types));
        }
    }
}

/// All ways in which lanes can share rows: vectors or not, heads and channels that fill a team or do not.
#[test]
fn layouts() {
    if !is_here() {
        return;
    }
    let edges = common::hub_edges(40, 90, 7);
    let (n, e) = (edges.num_src(), edges.num_edges());
    let dropout = Some(Dropout { p: 0.3, stream: candle_geometric_graph::rng::Stream::new(9, 1 << 40) });
    for (h, c) in [1, 3, 8, 33].into_iter().flat_map(|h| [1, 3, 7, 8, 16, 32, 33].map(|c| (h, c))) {
        for (dtype, tolerance) in TYPES {
            both(&edges, (n, e), (h, c), dtype, 2.0 * tolerance, dropout);
        }
    }
    for (h, c) in [(1, 64), (2, 64), (3, 512), (1, 512), (2, 129)] {
        for (dtype, tolerance) in TYPES {
            both(&edges, (n, e), (h, c), dtype, 4.0 * tolerance, dropout);
        }
    }
}

/// GAT's, GATv2's and the graph transformer's attention, with edge terms and dropout.
fn both(
    edges: &EdgeIndex,
    (n, e): (usize, usize),
    (h, c): (usize, usize),
    dtype: DType,
    tolerance: f64,
    dropout: Option<Dropout>,
) {
    let (rows, terms) = (vec![n, h * c], vec![e, h * c]);
    let extras = || Extras { dropout, ..Extras::default() };
    let what = |name: &str| format!("{name}, {h} heads of {c} in {dtype:?}");
    let tensors = inputs(&[rows.clone(), vec![n, h], vec![n, h], vec![e, h]], dtype);
    agree(
        &what("additive"),
        &tensors,
        tolerance,
        &|t| ops::additive_attention(&t[0], &t[1], Some(&t[2]), Some(&t[3]), edges, 0.2, dropout),
        &|t| reference::additive_attention(&t[0], &t[1], Some(&t[2]), Some(&t[3]), edges, 0.2, dropout),
    );
    let tensors = inputs(&[rows.clone(), rows.clone(), terms.clone(), vec![h, c]], dtype);
    let scoring = |t: &[Tensor]| (t[2].clone(), t[3].clone());
    agree(
        &what("dynamic"),
        &tensors,
        tolerance,
        &|t| {
            let (terms, att) = scoring(t);
            let scoring = DynamicScoring { att: &att, edge_terms: Some(&terms), negative_slope: 0.2 };
            ops::dynamic_attention(&t[0], &t[1], scoring, edges, extras())
        },
        &|t| {
            let (terms, att) = scoring(t);
            let scoring = DynamicScoring { att: &att, edge_terms: Some(&terms), negative_slope: 0.2 };
            reference::dynamic_attention(&t[0], &t[1], scoring, edges, dropout)
        },
    );
    let tensors = inputs(&[rows.clone(), rows.clone(), rows, terms], dtype);
    agree(
        &what("dot product"),
        &tensors,
        tolerance,
        &|t| ops::dot_product_attention(&t[0], &t[1], &t[2], Some(&t[3]), h, edges, extras()),
        &|t| reference::dot_product_attention(&t[0], &t[1], &t[2], Some(&t[3]), h, edges, dropout),
    );
}

/// What is computed for every number on its own, and what is added to every row; in vectors and in single numbers.
#[test]
fn dense() {
    if !is_here() {
        return;
    }
    type Case = (&'static str, fn(&[Tensor]) -> Result<Tensor>, fn(&[Tensor]) -> Result<Tensor>);
    let unary: [Case; 6] = [
        ("relu", |t| ops::relu(&t[0]), |t| reference::relu(&t[0])),
        ("leaky_relu", |t| ops::leaky_relu(&t[0], 0.2), |t| reference::leaky_relu(&t[0], 0.2)),
        ("elu", |t| ops::elu(&t[0], 1.5), |t| reference::elu(&t[0], 1.5)),
        ("sigmoid", |t| ops::sigmoid(&t[0]), |t| reference::sigmoid(&t[0])),
        ("dropout", |t| ops::dropout(&t[0], DROPPED), |t| reference::dropout(&t[0], DROPPED)),
        ("all dropped", |t| ops::dropout(&t[0], ALL), |t| reference::dropout(&t[0], ALL)),
    ];
    for (dtype, tolerance) in TYPES {
        for shape in [vec![0, 3], vec![1, 1], vec![7, 3], vec![16, 8], vec![5, 4, 24], vec![300, 16]] {
            let x = inputs(&[shape.clone(), vec![shape[shape.len() - 1]]], dtype);
            for (name, ours, theirs) in unary {
                let what = format!("{name} of {shape:?} in {dtype:?}");
                let launches = agree(&what, &x[..1], tolerance, &ours, &theirs);
                assert!(launches >= 2 || shape[0] == 0, "{what}: {launches} kernels ran");
            }
            let what = format!("bias_add to {shape:?} in {dtype:?}");
            agree(&what, &x, tolerance, &|t| ops::bias_add(&t[0], &t[1]), &|t| {
                reference::bias_add(&t[0], &t[1])
            });
        }
        let heads = inputs(&[vec![9, 12], vec![4]], dtype);
        agree("mean_heads", &heads, tolerance, &|t| ops::mean_heads(&t[0], 3, Some(&t[1])), &|t| {
            reference::mean_heads(&t[0], 3, Some(&t[1]))
        });
    }
    // NaN stays NaN, and a slice that begins anywhere is read where it begins.
    let x = Tensor::new(&[f32::NAN, -1., 2., 0., f32::INFINITY], &candle_core::Device::Cpu).unwrap();
    let ((nan, slice), _) =
        emulated(0, || (ops::relu(&x).unwrap(), ops::relu(&x.narrow(0, 1, 4).unwrap()).unwrap()));
    assert!(numbers(&nan)[0].is_nan());
    assert_eq!(numbers(&slice), [0., 2., 0., f64::INFINITY]);
}

const DROPPED: Dropout = Dropout { p: 0.4, stream: candle_geometric_graph::rng::Stream::new(11, 1 << 35) };
const ALL: Dropout = Dropout { p: 1.0, ..DROPPED };

/// A GAT layer from its features on, and what is added to a sum or to the other attentions.
#[test]
fn layers() {
    if !is_here() {
        return;
    }
    for (graph, edges) in common::graphs().into_iter().filter(|(_, e)| !e.is_bipartite()) {
        let (n, e, h, c) = (edges.num_src(), edges.num_edges(), 3, 5);
        for (dtype, tolerance) in TYPES {
            let shapes = [vec![n, h * c], vec![h, c], vec![h, c], vec![e, h], vec![h * c]];
            let what = format!("layer_attention on {graph} in {dtype:?}");
            let scoring = |t: &[Tensor]| (t[1].clone(), t[2].clone(), t[3].clone());
            let launches = agree(
                &what,
                &inputs(&shapes, dtype),
                2.0 * tolerance,
                &|t| {
                    let (src, dst, edge) = scoring(t);
                    let scoring = scoring_of(&src, &dst, &edge);
                    ops::layer_attention(
                        &ops::Linked::from(t[0].clone()),
                        scoring,
                        Some(&t[4]),
                        &edges,
                        Some(DROPPED),
                    )
                },
                &|t| {
                    let (src, dst, edge) = scoring(t);
                    let scoring = scoring_of(&src, &dst, &edge);
                    reference::layer_attention(&t[0], scoring, Some(&t[4]), &edges, Some(DROPPED))
                },
            );
            assert!(launches > 0 || e == 0, "{what}: no kernel ran");
        }
    }
}

fn scoring_of<'a>(att_src: &'a Tensor, att_dst: &'a Tensor, edge_scores: &'a Tensor) -> ops::Scoring<'a> {
    ops::Scoring { att_src, att_dst, edge_scores: Some(edge_scores), negative_slope: 0.2 }
}

/// Products with one 0, with several, with infinities, and those of nothing.
#[test]
fn products() {
    if !is_here() {
        return;
    }
    let inf = f32::INFINITY;
    let messages =
        Tensor::new(&[2f32, 3., 0., 5., 0., 0., 7., inf, 0., -2.], &candle_core::Device::Cpu).unwrap();
    let edges = EdgeIndex::new((0..10).collect(), vec![0, 0, 1, 1, 2, 2, 2, 3, 3, 4], 10).unwrap();
    let finite = messages.narrow(0, 0, 7).unwrap();
    let few = EdgeIndex::new((0..7).collect(), vec![0, 0, 1, 1, 2, 2, 2], 7).unwrap();
    let ((out, gradients), _) =
        emulated(0, || with_gradients(&[finite], |t| ops::scatter(&t[0], &few, ops::Reduce::Mul)));
    assert_eq!(numbers(&out), [6., 0., 0., 1., 1., 1., 1.]);
    let of = numbers(&gradients[0]);
    assert!(of[4..].iter().all(|g| *g == 0.), "{of:?}");
    assert!((of[0] / of[1] - 1.5).abs() < 1e-6 && of[2] != 0. && of[3] == 0., "{of:?}");
    let all = emulated(0, || ops::scatter(&messages, &edges, ops::Reduce::Mul)).0.unwrap();
    let all = numbers(&all);
    assert!(all[3].is_nan() && all[4] == -2. && all[5..] == [1.; 5], "{all:?}");
}

/// Nothing depends on which block or thread comes first.
#[test]
fn the_order_of_blocks_changes_no_bit() {
    if !is_here() {
        return;
    }
    let edges = common::hub_edges(300, 4000, 4);
    for case in cases::all() {
        let inputs = inputs(&(case.shapes)(&edges), DType::F32);
        let run = |order| emulated(order, || with_gradients(&inputs, |t| (case.ours)(t, &edges))).0;
        let (first, first_gradients) = run(0);
        for order in [1, 77, 1000] {
            let (out, gradients) = run(order);
            for (a, b) in std::iter::once((&out, &first)).chain(gradients.iter().zip(&first_gradients)) {
                assert_eq!(numbers(a), numbers(b), "{}", case.name);
            }
        }
    }
}

/// Masked scores, and scores so large that exponentials overflow.
#[test]
fn infinite_and_large_scores() {
    if !is_here() {
        return;
    }
    let inf = f64::INFINITY;
    let edges = EdgeIndex::new(vec![0, 1, 2, 0, 1], vec![0, 0, 0, 1, 1], 3).unwrap();
    let scores = Tensor::new(&[[-inf], [2.], [2.], [-inf], [-inf]], &candle_core::Device::Cpu).unwrap();
    let values = random(&[3, 4], 1);
    for dtype in [DType::F32, DType::F64, DType::BF16] {
        let args = [&scores, &values].map(|t| t.to_dtype(dtype).unwrap());
        let ((alpha, of_alpha), _) =
            emulated(0, || with_gradients(&args[..1], |t| ops::segment_softmax(&t[0], &edges)));
        assert_eq!(numbers(&alpha), [0., 0.5, 0.5, 0., 0.]);
        let ((out, of_out), _) = emulated(0, || with_gradients(&args, |t| ops::attend(&t[0], &t[1], &edges)));
        assert!(numbers(&out)[4..].iter().all(|&v| v == 0.));
        assert!(of_alpha.iter().chain(&of_out).flat_map(numbers).all(|g| g.is_finite()));
        let src = Tensor::new(&[[-inf], [2.], [-1e4]], values.device()).unwrap().to_dtype(dtype).unwrap();
        let dst = Tensor::new(&[[1e4], [0.], [0.]], values.device()).unwrap().to_dtype(dtype).unwrap();
        let args = [args[1].clone(), src, dst];
        let ((out, gradients), _) = emulated(0, || {
            with_gradients(&args, |t| {
                ops::additive_attention(&t[0], &t[1], Some(&t[2]), None, &edges, 0.2, None)
            })
        });
        assert!([&out].into_iter().chain(&gradients).flat_map(numbers).all(|v| v.is_finite()));
    }
}
