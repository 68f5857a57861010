//! The models against what PyTorch Geometric computed in float64: outputs and all gradients, in f64 and in f32.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_models::ModelConfig;
use candle_nn::VarBuilder;

/// The largest difference, relative to the largest value expected (or to 1).
fn error(actual: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(actual.dims(), expected.dims());
    let largest =
        |t: Tensor| t.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f64>().unwrap();
    let difference = (actual.to_dtype(DType::F64).unwrap() - expected).unwrap();
    largest(difference) / largest(expected.clone()).max(1.0)
}

/// Runs a case in `dtype` and gives its largest error.
fn run(path: &Path, dtype: DType) -> f64 {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let kwargs = serde_json::from_str(&metadata["kwargs"]).unwrap();
    let config = ModelConfig::new(&metadata["layer"], kwargs).unwrap();
    let case = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
    let var = |t: &Tensor| Var::from_tensor(&t.to_dtype(dtype).unwrap()).unwrap();
    let vars = case.iter().filter_map(|(k, t)| Some((k.strip_prefix("param.")?.to_string(), var(t))));
    let vars: HashMap<String, Var> = vars.collect();
    let names: Vec<_> = config.parameters().unwrap().into_iter().map(|p| p.name).collect();
    assert_eq!(names.len(), vars.len(), "the model has exactly the parameters of the case");

    let tensors = vars.iter().map(|(k, v)| (k.clone(), v.as_tensor().clone())).collect();
    let model = config.build(VarBuilder::from_tensors(tensors, dtype, &Device::Cpu)).unwrap();
    let x = var(&case["in.x"]);
    let ids = case["in.edge_index"].to_vec2::<i64>().unwrap();
    let edges = EdgeIndex::from_i64(&ids[0], &ids[1], x.dim(0).unwrap()).unwrap();
    let out = model.forward(&x, &edges).unwrap();
    let gradients =
        (&out * case["cotangent"].to_dtype(dtype).unwrap()).unwrap().sum_all().unwrap().backward().unwrap();
    let mut worst = error(&out, &case["out"]);
    worst = worst.max(error(gradients.get(&x).unwrap(), &case["grad.in.x"]));
    for (name, var) in &vars {
        let gradient = gradients.get(var).unwrap_or_else(|| panic!("no gradient of {name}"));
        worst = worst.max(error(gradient, &case[&format!("grad.param.{name}")]));
    }
    worst
}

#[test]
fn models_agree_with_pytorch_geometric() {
    let Some(folder) = support::shared("parity/pyg", "models_agree_with_pytorch_geometric") else { return };
    for name in ["083-GAT-model", "084-GAT-model", "085-GCN-model", "086-GraphSAGE-model"] {
        let path = folder.join(name).with_extension("safetensors");
        for (dtype, tolerance) in [(DType::F64, 1e-10), (DType::F32, 2e-5)] {
            let worst = run(&path, dtype);
            assert!(worst < tolerance, "{name} in {dtype:?}: {worst:e}");
        }
    }
}
