//! A full-batch training epoch of the two-layer GAT of the paper at the size of Cora: forward with dropout, backward,
//! one step of Adam. `peers/epoch_pyg.py` does the same in PyTorch Geometric; see the README beside this file.
//!
//! `cargo bench -p candle-geometric-benches --bench epoch`
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::models::{GraphModel, PaperGat, PaperGatConfig};
use candle_geometric::nn::{Mode, SeededVarMap};
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{MaskedLoss, Optimizer, OptimizerConfig, Targets};
use candle_geometric_benches::power_law;
use criterion::{Criterion, criterion_group, criterion_main};

const NODES: usize = 2708;
const FEATURES: usize = 1433;
const CLASSES: usize = 7;

/// Rows of uniform numbers that sum to 1, of which a `share` is not 0.
fn features(share: f32) -> Tensor {
    let (kept, value) = (Stream::named(0, "kept"), Stream::named(0, "value"));
    let one = |i: u64| if kept.uniform(i) < share { value.uniform(i) + 1e-3 } else { 0.0 };
    let x: Vec<f32> = (0..(NODES * FEATURES) as u64).map(one).collect();
    let x = Tensor::from_vec(x, (NODES, FEATURES), &Device::Cpu).unwrap();
    x.broadcast_div(&x.sum_keepdim(1).unwrap().clamp(1e-6, f64::MAX).unwrap()).unwrap()
}

fn epoch(c: &mut Criterion) {
    let edges = power_law(NODES, 10_556, false).unwrap();
    let labels: Vec<u32> = (0..NODES as u64).map(|i| Stream::new(1, 0).word(i) % CLASSES as u32).collect();
    let targets = Targets::classes(&labels, CLASSES).unwrap();
    let mask: Vec<bool> = (0..NODES).map(|i| i < 140).collect();
    let loss = MaskedLoss::new(&targets, &mask, "train_mask").unwrap();
    let mut group = c.benchmark_group("epoch");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for (name, share) in [("dense features", 1.0), ("1.3 % non-zeros, as Cora", 0.013)] {
        let x = features(share);
        let map = SeededVarMap::new(0);
        let vb = map.var_builder(DType::F32, &Device::Cpu);
        let model = PaperGat::new(&PaperGatConfig::new(FEATURES, CLASSES), vb).unwrap();
        let adam = AdamConfig { lr: 0.005, weight_decay: 5e-4, ..AdamConfig::default() };
        let mut optimizer = Optimizer::new(&OptimizerConfig::Adam(adam), &map.vars()).unwrap();
        let generator = Generator::new(0);
        group.bench_function(name, |b| {
            b.iter(|| {
                let logits = model.forward_t(&x, &edges, None, Mode::Train(&generator)).unwrap();
                optimizer.step(&loss.forward(&logits).unwrap().backward().unwrap()).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, epoch);
criterion_main!(benches);
