//! The operations on the emulated GPU agree with their references.

use std::path::Path;

use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::emulator::{emulated, is_here};
use cases::Case;
use common::{cases, numbers, random, with_gradients};

#[path = "../../tests/common/mod.rs"]
mod common;

#[test]
fn smoke() {
    if !is_here() {
        return;
    }
    let _ = Path::new("");
    for (graph, edges) in common::graphs().into_iter().chain(common::cut_graphs()) {
        for case in cases::all() {
            check(&case, graph, &edges);
        }
    }
}

fn check(case: &Case, graph: &str, edges: &EdgeIndex) {
    for (dtype, tolerance) in
        [(DType::F64, 1e-12), (DType::F32, 1e-5), (DType::F16, 3e-3), (DType::BF16, 2e-2)]
    {
        let inputs: Vec<Tensor> = (case.shapes)(edges)
            .iter()
            .zip(1..)
            .map(|(shape, seed)| random(shape, seed).to_dtype(dtype).unwrap())
            .collect();
        let wide: Vec<Tensor> = inputs.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
        let what = format!("{} on {graph} in {dtype:?}", case.name);
        let ((ours, gradients), launches) =
            emulated(3, || with_gradients(&inputs, |t| (case.ours)(t, edges)));
        if launches == 0 {
            continue;
        }
        let (theirs, expected) = with_gradients(&wide, |t| (case.reference)(t, edges));
        let close = |what: &str, a: &Tensor, b: &Tensor| {
            assert_eq!(a.dims(), b.dims());
            assert_eq!(a.dtype(), dtype);
            let d = common::difference(&numbers(a), &numbers(b));
            assert!(d <= tolerance, "{what}: off by {d:e}");
        };
        close(&what, &ours, &theirs);
        for (k, (a, b)) in gradients.iter().zip(&expected).enumerate() {
            close(&format!("{what}, gradient {k}"), a, b);
        }
    }
}
