//! A checkpoint written by PyTorch, loaded as it is. `--quick` writes a small one first, with the names that
//! PyTorch Geometric 2.0 – 2.4 used. See the README beside this file.
use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_geometric::data::{load, normalize_features};
use candle_geometric::models::import::{load_checkpoint, read_checkpoint};
use candle_geometric::prelude::*;
use candle_geometric::train::metrics::accuracy;
use candle_geometric_examples::Arguments;
use serde_json::json;

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let (name, path) = match (arguments.quick, &arguments.file) {
        (true, _) => ("karate", std::env::temp_dir().join("candle-geometric-karate.safetensors")),
        (false, file) => ("cora", file.clone().context("which checkpoint? FILE --data DIR, or --quick")?),
    };
    let mut dataset = load(name, &arguments.source())?;
    dataset.graph.x = normalize_features(&dataset.graph.x)?;
    let graph = &dataset.graph;

    // What the file cannot say: the architecture. The tensors' names and shapes must fit it.
    let channels = json!({ "in_channels": graph.num_features(), "out_channels": dataset.num_classes });
    let config = ModelConfig::new("PaperGAT", channels)?;
    let written = if arguments.quick { Some(write_old_names(&config, &path)?) } else { None };

    let checkpoint = read_checkpoint(&path)?;
    println!("{} holds", path.file_name().unwrap_or_default().to_string_lossy());
    for (name, tensor) in &checkpoint.tensors {
        println!("  {name:<36} {:?}", tensor.dims());
    }
    if !checkpoint.metadata.is_null() {
        println!("and beside them {}", checkpoint.metadata);
    }

    let model = load_checkpoint(&path, &config, DType::F32, &Device::Cpu)?;
    let logits = model.forward(&graph.x, &graph.edge_index)?;
    let test: Vec<u32> =
        (0..).zip(&graph.test_mask).filter_map(|(i, &in_test)| in_test.then_some(i)).collect();
    println!("test accuracy on {name}: {:.3}", accuracy(&logits, &dataset.labels()?, &test)?);
    if let Some(written) = written {
        let expected = written.forward(&graph.x, &graph.edge_index)?;
        let difference = (logits - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        ensure!(difference == 0.0, "the model that was written differs by {difference:e}");
    }
    Ok(())
}

/// Writes an untrained model, which it gives, as PyTorch Geometric 2.0 – 2.4 would save it: `lin` under two names.
fn write_old_names(config: &ModelConfig, path: &Path) -> Result<Box<dyn GraphModel>> {
    let weights = SeededVarMap::new(0);
    let model = config.build(weights.var_builder(DType::F32, &Device::Cpu))?;
    let mut tensors = HashMap::new();
    for (name, tensor) in weights.vars() {
        let tensor = tensor.as_tensor().clone();
        if let Some(layer) = name.strip_suffix("lin.weight") {
            tensors.insert(format!("{layer}lin_src.weight"), tensor.clone());
            tensors.insert(format!("{layer}lin_dst.weight"), tensor);
        } else {
            tensors.insert(name, tensor);
        }
    }
    candle_core::safetensors::save(&tensors, path)?;
    Ok(model)
}
