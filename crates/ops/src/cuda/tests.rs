//! The operations on the emulated GPU agree with their references, whatever the order in which blocks run.

use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;

use self::common::cases::{self, Case};
use self::common::{difference, numbers, random, with_gradients};
use super::emulator::{emulated, is_here};
use crate::{self as ops, Dropout, DynamicScoring, Extras, Result, reference};

#[path = "../../tests/common/mod.rs"]
mod common;

/// What has no kernel yet, and runs the reference.
const WITHOUT: [&str; 1] = ["mul"];

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
        let due = edges.num_edges() > 0 && !WITHOUT.contains(&case.name);
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
