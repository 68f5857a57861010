//! `segment_softmax` is PyTorch Geometric's `softmax`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use candle_core::{DType, Device, Var};
use candle_geometric_graph::EdgeIndex;
use common::{difference, numbers};

#[test]
fn softmax() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/parity/pyg");
    if !folder.is_dir() {
        assert!(
            std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_none(),
            "{} is not here",
            folder.display()
        );
        eprintln!("SKIPPED softmax: ../shared is not here");
        return;
    }
    for name in ["071-softmax-flat", "072-softmax-heads", "073-softmax-empty"] {
        let file = folder.join(format!("{name}.safetensors"));
        let case = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
        let segments: Vec<u32> = numbers(&case["in.index"]).iter().map(|&i| i as u32).collect();
        let nodes = segments.iter().max().map_or(1, |&m| m as usize + 1);
        let edges = EdgeIndex::from_batch(&segments, nodes).unwrap();
        for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 2e-5)] {
            let src = Var::from_tensor(&case["in.src"].to_dtype(dtype).unwrap()).unwrap();
            let out = candle_geometric_ops::segment_softmax(&src, &edges).unwrap();
            assert!(difference(&numbers(&out), &numbers(&case["out"])) < tolerance, "{name} in {dtype:?}");
            if out.elem_count() == 0 {
                continue;
            }
            let cotangent = case["cotangent"].to_dtype(dtype).unwrap();
            let grads = (out * cotangent).unwrap().sum_all().unwrap().backward().unwrap();
            let gradient = numbers(grads.get(&src).unwrap());
            assert!(difference(&gradient, &numbers(&case["grad.in.src"])) < tolerance, "{name} in {dtype:?}");
        }
    }
}
