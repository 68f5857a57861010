//! A graph transformer that is trained by hiding labels uses those of a node's neighbours: its features say nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_models::{GraphTransformer, GraphTransformerConfig, MaskLabel};
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_geometric_train::metrics::accuracy;
use candle_geometric_train::optim::AdamConfig;
use candle_geometric_train::{MaskedLoss, Optimizer, OptimizerConfig, Targets};

const N: u32 = 80;

#[test]
fn labels_of_neighbours_are_learnt_from() {
    // Two groups, even and odd: edges are mostly within one. All nodes have the same features.
    let stream = Stream::new(3, 0);
    let likely = |j: u32, i: u32| if j % 2 == i % 2 { 0.15 } else { 0.01 };
    let pairs = (0..N).flat_map(|j| (j + 1..N).map(move |i| (j, i)));
    let pairs = pairs.filter(|&(j, i)| stream.uniform(u64::from(j * N + i)) < likely(j, i));
    let edges = EdgeIndex::from_pairs(pairs.flat_map(|(j, i)| [(j, i), (i, j)]), N as usize).unwrap();
    let x = Tensor::ones((N as usize, 3), DType::F32, &Device::Cpu).unwrap();
    let y: Vec<u32> = (0..N).map(|i| i % 2).collect();
    let known: Vec<bool> = (0..N).map(|i| i % 5 < 3).collect();
    let targets = Targets::classes(&y, 2).unwrap();

    let map = SeededVarMap::new(0);
    let config = GraphTransformerConfig { num_layers: 2, ..GraphTransformerConfig::new(3, 8, 2) };
    let model = GraphTransformer::new(&config, map.var_builder(DType::F32, &Device::Cpu)).unwrap();
    let adam = OptimizerConfig::Adam(AdamConfig { lr: 0.02, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &map.vars()).unwrap();
    let generator = Generator::new(0);
    for _ in 0..60 {
        let step = MaskLabel::ratio_mask(&known, 0.65, generator.stream()).unwrap();
        let labels = (y.as_slice(), step.input.as_slice());
        let logits = model.forward_labels(&x, &edges, None, labels, Mode::Train(&generator)).unwrap();
        let loss = MaskedLoss::new(&targets, &step.target, "target").unwrap().forward(&logits).unwrap();
        optimizer.step(&loss.backward().unwrap()).unwrap();
    }

    let others: Vec<u32> = (0..N).filter(|&i| !known[i as usize]).collect();
    let of = |mask: &[bool]| {
        let logits = model.forward_labels(&x, &edges, None, (&y, mask), Mode::Eval).unwrap();
        accuracy(&logits, &y, &others).unwrap()
    };
    assert!(of(&known) > 0.9, "with labels {}", of(&known));
    assert!(of(&[false; N as usize]) < 0.75, "without labels {}", of(&[false; N as usize]));
}
