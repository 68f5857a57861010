//! A checkpoint written by DGL, loaded as it is. `--quick` writes a small one first, with DGL's names and shapes, and compares
//! the model with a calculation in DGL's order. See the README beside this file.
use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_geometric::data::{load, normalize_features};
use candle_geometric::graph::transforms::add_self_loops;
use candle_geometric::models::GatConfig;
use candle_geometric::models::import::{load_checkpoint, read_checkpoint};
use candle_geometric::nn::init::glorot_uniform;
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::metrics::accuracy;
use candle_geometric_examples::Arguments;

const HEADS: usize = 8;
const CHANNELS: usize = 8;

/// The `GAT` of DGL's example `gat/train.py` with `heads = [8, 8]`: of the last layer's heads the mean is taken.
fn architecture(features: usize, classes: usize) -> ModelConfig {
    ModelConfig::Gat(GatConfig {
        heads: HEADS,
        out_channels: Some(classes),
        act: Some("elu".into()),
        // DGL's layers add no self-loops: the graph is given with them.
        add_self_loops: false,
        ..GatConfig::new(features, HEADS * CHANNELS, 2)
    })
}

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let (name, path) = match (arguments.quick, &arguments.file) {
        (true, _) => ("karate", std::env::temp_dir().join("candle-geometric-dgl.safetensors")),
        (false, file) => ("cora", file.clone().context("which checkpoint? FILE --data DIR, or --quick")?),
    };
    let dataset = load(name, &arguments.source())?;
    let graph = &dataset.graph;
    let x = normalize_features(&graph.x)?;
    let edges = add_self_loops(&graph.edge_index)?.edges;
    if arguments.quick {
        write(graph.num_features(), dataset.num_classes, &path)?;
    }

    let checkpoint = read_checkpoint(&path)?;
    println!("{} holds", path.file_name().unwrap_or_default().to_string_lossy());
    for (name, tensor) in &checkpoint.tensors {
        println!("  {name:<28} {:?}", tensor.dims());
    }
    let config = architecture(graph.num_features(), dataset.num_classes);
    let model = load_checkpoint(&path, &config, DType::F32, &Device::Cpu)?;
    let logits = model.forward(&x, &edges)?;
    let test: Vec<u32> =
        (0..).zip(&graph.test_mask).filter_map(|(i, &in_test)| in_test.then_some(i)).collect();
    println!("test accuracy on {name}: {:.3}", accuracy(&logits, &dataset.labels()?, &test)?);

    if arguments.quick {
        let tensor = |name: &str| checkpoint.tensors.get(name).with_context(|| name.to_string());
        let layer = |k: usize, x: &Tensor| -> Result<Tensor> {
            let [weight, l, r, bias] =
                ["fc.weight", "attn_l", "attn_r", "bias"].map(|n| format!("gat_layers.{k}.{n}"));
            as_dgl(x, &edges, [tensor(&weight)?, tensor(&l)?, tensor(&r)?, tensor(&bias)?])
        };
        let hidden = ops::elu(&layer(0, &x)?.flatten_from(1)?, 1.0)?;
        let expected = layer(1, &hidden)?.mean(1)?;
        let difference = (logits - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        println!("largest difference to a calculation in DGL's order: {difference:.1e}");
        ensure!(difference < 1e-5, "the model is not what DGL's layers compute");
    }
    Ok(())
}

/// What DGL's `GATConv` computes, `[N, H, C]`, in its order: `fc`, ⟨attn_l, h_j⟩ + ⟨attn_r, h_i⟩, softmax, sum, bias.
fn as_dgl(x: &Tensor, edges: &EdgeIndex, [weight, attn_l, attn_r, bias]: [&Tensor; 4]) -> Result<Tensor> {
    let (_, heads, channels) = attn_l.dims3()?;
    let h = x.matmul(&weight.t()?)?.reshape(((), heads, channels))?;
    let left = ops::gather_src(&h.broadcast_mul(attn_l)?.sum(2)?, edges)?;
    let right = ops::gather_dst(&h.broadcast_mul(attn_r)?.sum(2)?, edges)?;
    let alpha = ops::segment_softmax(&ops::leaky_relu(&(left + right)?, 0.2)?, edges)?;
    let messages = ops::gather_src(&h, edges)?.broadcast_mul(&alpha.unsqueeze(2)?)?;
    let out = ops::scatter(&messages, edges, ops::Reduce::Sum)?;
    Ok(out.broadcast_add(&bias.reshape((1, heads, channels))?)?)
}

/// Random weights under the names that DGL's example gives them.
fn write(features: usize, classes: usize, path: &Path) -> Result<()> {
    let weights = SeededVarMap::new(0);
    let vb = weights.var_builder(DType::F32, &Device::Cpu);
    let mut tensors = HashMap::new();
    for (k, (inputs, channels)) in [(features, CHANNELS), (HEADS * CHANNELS, classes)].into_iter().enumerate()
    {
        let shapes = [
            ("fc.weight", vec![HEADS * channels, inputs]),
            ("attn_l", vec![1, HEADS, channels]),
            ("attn_r", vec![1, HEADS, channels]),
            ("bias", vec![HEADS * channels]),
        ];
        for (name, shape) in shapes {
            let name = format!("gat_layers.{k}.{name}");
            let init = glorot_uniform(&shape);
            tensors.insert(name.clone(), vb.get_with_hints(shape, &name, init)?);
        }
    }
    Ok(candle_core::safetensors::save(&tensors, path)?)
}
