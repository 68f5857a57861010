//! Groups without labels: a graph autoencoder whose encoder attends learns from the edges alone; k-means on what it learnt
//! finds the subjects of Cora's papers. `--quick` takes a generated graph. See the README beside this file.
use anyhow::ensure;
use candle_geometric::data::load;
use candle_geometric::graph::generators::stochastic_block_model;
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::graph::{Forbidden, negative_sampling};
use candle_geometric::models::{FeatureNorm, Gae, GaeConfig, GatConfig};
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::clustering::{adjusted_rand, k_means, normalized_mutual_info};
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{Optimizer, OptimizerConfig, preprocess};
use candle_geometric_examples::Arguments;

/// Five groups of 60 nodes, whose features only say which node it is.
fn groups() -> anyhow::Result<(Tensor, EdgeIndex, Vec<u32>)> {
    let (groups, size) = (5, 60);
    let probability = |pair: usize| if pair / groups == pair % groups { 0.2 } else { 0.015 };
    let probabilities: Vec<f64> = (0..groups * groups).map(probability).collect();
    let graph = stochastic_block_model(&vec![size; groups], &probabilities, false, 0)?;
    Ok((Tensor::eye(groups * size, DType::F32, &Device::Cpu)?, graph.edges, graph.blocks))
}

/// How well clusters agree with classes, which both measures tell without a name for any cluster.
fn agreement(points: &Tensor, labels: &[u32], seed: u64) -> anyhow::Result<[f64; 2]> {
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let clusters = k_means(points, classes, Stream::named(seed, "k-means"))?;
    Ok([normalized_mutual_info(labels, &clusters)?, adjusted_rand(labels, &clusters)?])
}

/// Trains the autoencoder: edges should have a high ⟨z_i, z_j⟩, other pairs a low one. No label is looked at.
fn embed(x: &Tensor, edges: &EdgeIndex, epochs: usize, seed: u64) -> anyhow::Result<Tensor> {
    let encoder = GatConfig {
        heads: 8,
        out_channels: Some(32),
        act: Some("elu".into()),
        dropout: 0.5,
        ..GatConfig::new(x.dim(1)?, 128, 2)
    };
    let weights = SeededVarMap::new(seed);
    let vb = weights.var_builder(DType::F32, &Device::Cpu);
    let model = Gae::new(&GaeConfig::new(ModelConfig::Gat(encoder)), vb)?;
    let adam = OptimizerConfig::Adam(AdamConfig { lr: 0.01, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &weights.vars())?;
    let generator = Generator::new(seed);
    for epoch in 1..=epochs {
        let z = model.encode(x, edges, None, Mode::Train(&generator))?;
        let others =
            negative_sampling(edges, edges.num_edges(), Forbidden::EdgesAndReverses, generator.stream())?;
        let loss = model.recon_loss(&z, edges, &others)?;
        optimizer.step(&ops::backward(&loss)?)?;
        if seed == 0 && epoch % (epochs / 4) == 0 {
            println!("epoch {epoch:>3}  loss {:.4}", loss.to_scalar::<f32>()?);
        }
    }
    Ok(model.encode(x, edges, None, Mode::Eval)?)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (x, edges, labels, epochs, runs) = if arguments.quick {
        let (x, edges, labels) = groups()?;
        (x, edges, labels, 60, 2)
    } else {
        let dataset = load("cora", &arguments.source())?;
        let x = preprocess(&dataset.graph.x, FeatureNorm::L2)?;
        (x, dataset.graph.edge_index.clone(), dataset.labels()?, 200, 5)
    };
    let mut means = [0.0; 4];
    for seed in 0..runs {
        let [nmi, ari] = agreement(&embed(&x, &edges, epochs, seed)?, &labels, seed)?;
        let [features_nmi, features_ari] = agreement(&x, &labels, seed)?;
        println!(
            "run {seed}: NMI {nmi:.3} ARI {ari:.3}; of the features alone {features_nmi:.3} {features_ari:.3}"
        );
        for (mean, value) in means.iter_mut().zip([nmi, ari, features_nmi, features_ari]) {
            *mean += value / runs as f64;
        }
    }
    let [nmi, ari, features_nmi, features_ari] = means;
    println!("mean:  NMI {nmi:.3} ARI {ari:.3}; of the features alone {features_nmi:.3} {features_ari:.3}");
    ensure!(nmi > features_nmi + 0.1, "the graph has not helped");
    ensure!(!arguments.quick || nmi > 0.7, "the groups were not found");
    Ok(())
}
