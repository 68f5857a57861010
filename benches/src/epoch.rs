//! A full-batch training epoch of the two-layer GAT of the paper at the size of Cora: forward with dropout 0.6 on
//! inputs and attention, backward, one step of Adam with L2.

use candle_core::{DType, Device, Tensor};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::models::{GraphModel, PaperGat, PaperGatConfig};
use candle_geometric::nn::{Mode, SeededVarMap};
use candle_geometric::ops;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{MaskedLoss, Optimizer, OptimizerConfig, Targets};

use crate::workload::Step;

const CLASSES: usize = 7;

/// An epoch on `edges` with random features `[N, features]` of which a `share` is not 0.
///
/// # Errors
/// If the model cannot be made.
pub fn epoch(edges: EdgeIndex, features: usize, share: f32) -> anyhow::Result<Step> {
    let nodes = edges.num_nodes()?;
    let labels: Vec<u32> = (0..nodes as u64).map(|i| Stream::new(1, 0).word(i) % CLASSES as u32).collect();
    let targets = Targets::classes(&labels, CLASSES)?;
    let mask: Vec<bool> = (0..nodes).map(|i| i < 140).collect();
    let loss = MaskedLoss::new(&targets, &mask, "train_mask")?;
    let x = random_features(nodes, features, share)?;
    let map = SeededVarMap::new(0);
    let vb = map.var_builder(DType::F32, &Device::Cpu);
    let model = PaperGat::new(&PaperGatConfig::new(features, CLASSES), vb)?;
    let adam = AdamConfig { lr: 0.005, weight_decay: 5e-4, ..AdamConfig::default() };
    let mut optimizer = Optimizer::new(&OptimizerConfig::Adam(adam), &map.vars())?;
    let generator = Generator::new(0);
    Ok(Box::new(move || {
        let logits = model.forward_t(&x, &edges, None, Mode::Train(&generator))?;
        optimizer.step(&ops::backward(&loss.forward(&logits)?)?)?;
        Ok(())
    }))
}

/// Rows of uniform numbers that sum to 1, of which a `share` is not 0.
fn random_features(nodes: usize, features: usize, share: f32) -> candle_core::Result<Tensor> {
    let (kept, value) = (Stream::named(0, "kept"), Stream::named(0, "value"));
    let one = |i: u64| if kept.uniform(i) < share { value.uniform(i) + 1e-3 } else { 0.0 };
    let x: Vec<f32> = (0..(nodes * features) as u64).map(one).collect();
    let x = Tensor::from_vec(x, (nodes, features), &Device::Cpu)?;
    x.broadcast_div(&x.sum_keepdim(1)?.clamp(1e-6, f64::MAX)?)
}
