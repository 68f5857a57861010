//! Mini-batches: a GAT that never sees the whole graph in training, but a few hundred nodes and some of their neighbours at
//! a time, on PubMed. `--quick` takes a generated graph. See the README beside this file.
use std::sync::Arc;

use anyhow::ensure;
use candle_geometric::data::{Split, load, normalize_features};
use candle_geometric::graph::generators::stochastic_block_model;
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::graph::sampling::{
    Loader, NeighborSample, NeighborSampler, NeighborSamplerConfig, seed_batches,
};
use candle_geometric::models::{Gat, GatConfig, Protocol};
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::metrics::accuracy;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::task::node_split;
use candle_geometric::train::{MaskedLoss, Optimizer, OptimizerConfig, Targets};
use candle_geometric_examples::Arguments;

/// A graph, its classes, and which nodes are for what.
struct Task {
    x: Tensor,
    edges: EdgeIndex,
    labels: Vec<u32>,
    classes: usize,
    train: Vec<u32>,
    test: Vec<u32>,
}

impl Task {
    fn pubmed(source: &Source) -> anyhow::Result<Self> {
        let dataset = load("pubmed", source)?;
        let split = node_split(&dataset, Protocol::Shares { train: 0.6, val: 0.2 }, 0)?;
        let (labels, classes) = (dataset.labels()?, dataset.num_classes);
        let x = normalize_features(&dataset.graph.x)?;
        Ok(Self::new(x, dataset.graph.edge_index, labels, classes, &split))
    }

    /// Four groups, which differ a little in their features and more in whom they know.
    fn groups() -> anyhow::Result<Self> {
        let (classes, size) = (4, 5000);
        let probabilities: Vec<f64> =
            (0..16).map(|pair| if pair / 4 == pair % 4 { 0.001 } else { 0.0001 }).collect();
        let graph = stochastic_block_model(&[size; 4], &probabilities, false, 0)?;
        let noise = Stream::named(0, "features");
        let x: Vec<f32> = (0..classes * size * classes)
            .map(|i| {
                let (node, feature) = (i / classes, i % classes);
                let own = f32::from(u8::from(graph.blocks[node] as usize == feature));
                own + noise.normal(i as u64) as f32
            })
            .collect();
        let n = classes * size;
        let part = |range: std::ops::Range<usize>| (0..n).map(|i| range.contains(&(i % 10))).collect();
        let split = Split { train: part(0..6), val: part(6..8), test: part(8..10) };
        let x = Tensor::from_vec(x, (n, classes), &Device::Cpu)?;
        Ok(Self::new(x, graph.edges, graph.blocks, classes, &split))
    }

    fn new(x: Tensor, edges: EdgeIndex, labels: Vec<u32>, classes: usize, split: &Split) -> Self {
        let marked = |mask: &[bool]| (0..).zip(mask).filter_map(|(i, &is)| is.then_some(i)).collect();
        Self { x, edges, labels, classes, train: marked(&split.train), test: marked(&split.test) }
    }

    /// What the model says of the seeds of a sample, which are its first nodes.
    fn forward(&self, model: &Gat, sample: &NeighborSample, mode: Mode<'_>) -> anyhow::Result<Tensor> {
        let nodes = Tensor::new(sample.nodes.as_slice(), self.x.device())?;
        let x = self.x.index_select(&nodes, 0)?;
        Ok(model.forward_t(&x, &sample.edges, None, mode)?.narrow(0, 0, sample.seeds.len())?)
    }

    /// The classes of some nodes.
    fn labels_of(&self, nodes: &[u32]) -> Vec<u32> {
        nodes.iter().map(|&node| self.labels[node as usize]).collect()
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (task, batch_size, epochs) = if arguments.quick {
        (Task::groups()?, 100, 8)
    } else {
        (Task::pubmed(&arguments.source())?, 512, 20)
    };
    println!(
        "{} nodes, {} edges, {} for training",
        task.labels.len(),
        task.edges.num_edges(),
        task.train.len()
    );

    let config = GatConfig {
        heads: 4,
        out_channels: Some(task.classes),
        act: Some("elu".into()),
        dropout: 0.3,
        ..GatConfig::new(task.x.dim(1)?, 32, 2)
    };
    let weights = SeededVarMap::new(0);
    let model = Gat::new(&config, weights.var_builder(DType::F32, &Device::Cpu))?;
    let adam = OptimizerConfig::Adam(AdamConfig { lr: 0.005, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &weights.vars())?;

    // Up to five in-neighbours of each node, and up to five of each of those. The loader prepares two batches ahead, on a
    // thread of its own, and draws from a generator that nobody else asks.
    let sampler = Arc::new(NeighborSampler::new(&task.edges, NeighborSamplerConfig::new([5, 5]))?);
    let (sampling, dropout) = (Arc::new(Generator::new(1)), Generator::new(2));
    for epoch in 1..=epochs {
        let places = seed_batches(task.train.len(), batch_size, Some(dropout.stream()), false)?;
        let pick =
            |places: Vec<u32>| -> Vec<u32> { places.iter().map(|&p| task.train[p as usize]).collect() };
        let batches: Vec<Vec<u32>> = places.into_iter().map(pick).collect();
        let (sampler, sampling) = (sampler.clone(), sampling.clone());
        let loader =
            Loader::new(batches, 2, move |seeds: Vec<u32>| sampler.sample(&seeds, sampling.stream()));
        let (mut loss_sum, mut largest, mut count) = (0.0, 0, 0.0);
        for sample in loader {
            let sample = sample?;
            let seeds = &sample.nodes[..sample.seeds.len()];
            let targets = Targets::classes(&task.labels_of(seeds), task.classes)?;
            let loss = MaskedLoss::new(&targets, &vec![true; seeds.len()], "seeds")?;
            let loss = loss.forward(&task.forward(&model, &sample, Mode::Train(&dropout))?)?;
            optimizer.step(&ops::backward(&loss)?)?;
            loss_sum += f64::from(loss.to_scalar::<f32>()?);
            largest = largest.max(sample.nodes.len());
            count += 1.0;
        }
        if epoch % (epochs / 4) == 0 {
            println!("epoch {epoch:>2}  loss {:.4}  largest batch {largest} nodes", loss_sum / count);
        }
    }

    // With all neighbours within two hops, a model of two layers says of a seed what it says in the whole graph.
    let whole = model.forward(&task.x, &task.edges)?;
    let sampler = NeighborSampler::new(&task.edges, NeighborSamplerConfig::new([-1, -1]))?;
    let mut difference = 0f32;
    for seeds in task.test.chunks(batch_size) {
        let sample = sampler.sample(seeds, Stream::new(0, 0))?;
        let rows = whole.index_select(&Tensor::new(seeds, &Device::Cpu)?, 0)?;
        let distance = (task.forward(&model, &sample, Mode::Eval)? - rows)?.abs()?.max_all()?;
        difference = difference.max(distance.to_scalar()?);
    }
    let accuracy = accuracy(&whole, &task.labels, &task.test)?;
    println!("batches with all neighbours differ from the whole graph by {difference:.1e}");
    println!("test accuracy {accuracy:.3}");
    ensure!(difference < 1e-4, "a batch with all neighbours differs from the whole graph");
    ensure!(accuracy > 0.8, "the model has not learnt");
    Ok(())
}
