//! Every operation on a real GPU, against its reference in f64 on the CPU, with gradients, in all types, twenty times with the
//! same bits. Without the feature `cuda`, or without a card, this says so and is done; with the variable
//! `CANDLE_GEOMETRIC_REQUIRE_GPU` set, the lack of a card is a failure. Built once, the program of this test runs on a machine
//! without Rust: `benches/gpu/run.sh` does that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{Reduce, Result, backward_from, edge_index, scatter};
use common::cases::{self, Case};
use common::{difference, numbers, random};

const TYPES: [(DType, f64); 4] =
    [(DType::F64, 1e-11), (DType::F32, 2e-5), (DType::F16, 5e-3), (DType::BF16, 4e-2)];

/// How often everything runs; a memory checker, which is slow, asks for less.
fn times() -> usize {
    std::env::var("CANDLE_GEOMETRIC_TIMES").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn device() -> Option<Device> {
    let device = if cfg!(feature = "cuda") { Device::new_cuda(0).ok() } else { None };
    if device.is_none() {
        let required = std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_GPU").is_some();
        assert!(!required, "no GPU, or built without the feature cuda");
        eprintln!("SKIPPED: no GPU, or built without the feature cuda");
    }
    device
}

/// The result and the gradients of the arguments, from a gradient of the result that is the same in every type.
fn run(inputs: &[Tensor], device: &Device, f: impl Fn(&[Tensor]) -> Result<Tensor>) -> (Tensor, Vec<Tensor>) {
    let vars: Vec<Var> =
        inputs.iter().map(|t| Var::from_tensor(&t.to_device(device).unwrap()).unwrap()).collect();
    let args: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let out = f(&args).unwrap();
    if out.elem_count() == 0 {
        return (out, vec![]);
    }
    let gradient = random(out.dims(), 77).to_dtype(out.dtype()).unwrap().to_device(device).unwrap();
    let all = backward_from(&out, &gradient).unwrap();
    let of = |v: &Var| all.get(v).cloned().unwrap_or_else(|| v.zeros_like().unwrap());
    (out, vars.iter().map(of).collect())
}

fn check(case: &Case, graph: &str, edges: &EdgeIndex, device: &Device, (dtype, tolerance): (DType, f64)) {
    let shapes = (case.shapes)(edges);
    let narrow: Vec<Tensor> =
        shapes.iter().zip(1..).map(|(s, seed)| random(s, seed).to_dtype(dtype).unwrap()).collect();
    let wide: Vec<Tensor> = narrow.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
    let what = format!("{} on {graph} in {dtype:?}", case.name);
    let (expected, expected_gradients) = run(&wide, &Device::Cpu, |t| (case.reference)(t, edges));
    let mut first: Option<Vec<Vec<f64>>> = None;
    for _ in 0..times() {
        let (out, gradients) = run(&narrow, device, |t| (case.ours)(t, edges));
        assert!(out.device().same_device(device), "{what}: the result is elsewhere");
        let all: Vec<Vec<f64>> = std::iter::once(&out).chain(&gradients).map(numbers).collect();
        if let Some(first) = &first {
            assert!(*first == all, "{what}: other bits when it runs again");
            continue;
        }
        for (k, (a, b)) in all.iter().zip(std::iter::once(&expected).chain(&expected_gradients)).enumerate() {
            let d = difference(a, &numbers(b));
            assert!(d <= tolerance, "{what}: result or gradient {k} is off by {d:e}");
        }
        first = Some(all);
    }
}

#[test]
fn operations_agree_with_the_cpu_and_repeat_their_bits() {
    let Some(device) = device() else { return };
    for (graph, edges) in common::graphs() {
        for case in cases::all() {
            TYPES.into_iter().for_each(|of| check(&case, graph, &edges, &device, of));
        }
    }
}

#[test]
fn long_rows_are_cut_and_merged() {
    let Some(device) = device() else { return };
    for (graph, edges) in common::cut_graphs() {
        for case in cases::all() {
            [(DType::F32, 1e-4), (DType::F16, 2e-2)]
                .into_iter()
                .for_each(|of| check(&case, graph, &edges, &device, of));
        }
    }
}

/// Many edges, from a list on the device: their grouping by both ends shows in sums that are exact.
fn check_grouping(nodes: u32, device: &Device, times: usize) {
    const E: u32 = 70_000;
    let hash = |e: u32, by: u32| (e.wrapping_mul(by) >> 7) % nodes;
    let lists = [2_654_435_761, 2_246_822_519].map(|by| (0..E).map(|e| hash(e, by)).collect::<Vec<_>>());
    let numbers: Vec<f64> = (0..E).map(|e| f64::from(e % 1013)).collect();
    let expected = lists.each_ref().map(|list| {
        let mut sums = vec![0.0; nodes as usize];
        list.iter().zip(&numbers).for_each(|(&i, x)| sums[i as usize] += x);
        sums
    });
    let list = Tensor::from_vec(lists.concat(), (2, E as usize), device).unwrap();
    let numbers = Tensor::from_vec(numbers, (E as usize, 1), device).unwrap();
    for dtype in [DType::U32, DType::I64] {
        let list = list.to_dtype(dtype).unwrap();
        for _ in 0..times {
            let edges = edge_index(&list, nodes as usize).unwrap();
            for (side, edges) in [(1, edges.clone()), (0, edges.reversed())] {
                let sums = scatter(&numbers, &edges, Reduce::Sum).unwrap().flatten_all().unwrap();
                assert!(
                    sums.to_vec1::<f64>().unwrap() == expected[side],
                    "{nodes} nodes, {dtype:?}, side {side}"
                );
            }
        }
        assert!(edge_index(&list, nodes as usize / 2).is_err());
    }
}

#[test]
fn edges_are_grouped_on_the_device() {
    for nodes in [1, 17, 1 << 20] {
        check_grouping(nodes, &Device::Cpu, 1);
        if let Some(device) = device() {
            check_grouping(nodes, &device, times());
        }
    }
}
