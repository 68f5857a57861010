//! Finds citations that were hidden from it: a graph autoencoder (Kipf and Welling 2016) whose encoder attends, trained on
//! 85 % of Cora's edges and judged on the rest. `--quick` takes a generated graph instead. See the README beside this file.
use std::collections::BTreeSet;

use candle_geometric::data::load;
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::graph::{Forbidden, negative_sampling};
use candle_geometric::models::{FeatureNorm, Gae, GaeConfig, GatConfig};
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::metrics::{average_precision, roc_auc};
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{Optimizer, OptimizerConfig, preprocess};
use candle_geometric_examples::Arguments;

/// Pairs of nodes to be judged: edges, and as many that are none.
struct Pairs {
    edges: EdgeIndex,
    others: EdgeIndex,
}

/// The edges of an undirected graph, divided.
struct Split {
    /// What the model sees and learns from: each edge in both directions, none of those of `val` and `test` in either.
    train: EdgeIndex,
    val: Pairs,
    test: Pairs,
}

/// Hides 5 % of the edges for validation and 10 % for testing, each with both of its directions.
fn split(edges: &EdgeIndex, seed: u64) -> anyhow::Result<Split> {
    let n = edges.num_nodes()?;
    // An edge and its reverse are one, so that a hidden edge cannot remain as its own reverse.
    let proper = edges.iter().filter(|(j, i)| j != i);
    let unique: BTreeSet<_> = proper.map(|(j, i)| (j.min(i), j.max(i))).collect();
    let mut unique: Vec<_> = unique.into_iter().collect();
    Stream::named(seed, "split").sequence().shuffle(&mut unique);
    let (val, test) = (unique.len() / 20, unique.len() / 10);
    let (hidden, seen) = unique.split_at(val + test);
    let none =
        negative_sampling(edges, hidden.len(), Forbidden::EdgesAndReverses, Stream::named(seed, "others"))?;
    let pairs = |range: std::ops::Range<usize>| -> anyhow::Result<Pairs> {
        let edges = EdgeIndex::from_pairs(hidden[range.clone()].iter().copied(), n)?;
        let others = none.iter().skip(range.start).take(range.len());
        Ok(Pairs { edges, others: EdgeIndex::from_pairs(others, n)? })
    };
    let train = EdgeIndex::from_pairs(seen.iter().flat_map(|&(j, i)| [(j, i), (i, j)]), n)?;
    Ok(Split { train, val: pairs(0..val)?, test: pairs(val..val + test)? })
}

/// The area under the ROC curve, and the average precision.
#[derive(Default)]
struct Scores {
    auc: f64,
    ap: f64,
}

impl std::fmt::Display for Scores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AUC {:.4} AP {:.4}", self.auc, self.ap)
    }
}

fn judge(model: &Gae, z: &Tensor, pairs: &Pairs) -> anyhow::Result<Scores> {
    let scores = Tensor::cat(&[model.decode(z, &pairs.edges)?, model.decode(z, &pairs.others)?], 0)?;
    let count = pairs.edges.num_edges();
    let truth: Vec<bool> = (0..count + pairs.others.num_edges()).map(|k| k < count).collect();
    Ok(Scores { auc: roc_auc(&scores, &truth)?, ap: average_precision(&scores, &truth)? })
}

/// Four groups of 40 nodes: an edge is far likelier within a group. A node's features only say which node it is.
fn groups() -> anyhow::Result<(Tensor, EdgeIndex)> {
    let (n, stream) = (160u32, Stream::named(0, "groups"));
    let pairs = (0..n).flat_map(|j| (j + 1..n).map(move |i| (j, i)));
    let likely = |(j, i): (u32, u32)| if j % 4 == i % 4 { 0.3 } else { 0.01 };
    let edges = pairs.filter(|&(j, i)| stream.uniform(u64::from(j * n + i)) < likely((j, i)));
    let edges = EdgeIndex::from_pairs(edges.flat_map(|(j, i)| [(j, i), (i, j)]), n as usize)?;
    Ok((Tensor::eye(n as usize, DType::F32, &Device::Cpu)?, edges))
}

fn mean_and_deviation(values: &[f64]) -> String {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64;
    format!("{mean:.4} ± {:.4}", variance.sqrt())
}

/// Trains on the seen edges. Gives the epoch that judges the validation pairs best, and what it says of them and of the test
/// pairs.
fn train(x: &Tensor, split: &Split, epochs: usize, seed: u64) -> anyhow::Result<(usize, Scores, Scores)> {
    let encoder = GatConfig {
        heads: 8,
        out_channels: Some(64),
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
    let mut best = (0, Scores::default(), Scores::default());
    for epoch in 1..=epochs {
        let z = model.encode(x, &split.train, None, Mode::Train(&generator))?;
        // Drawn among all pairs that are not seen as edges: which of them are hidden edges is not known here.
        let count = split.train.num_edges();
        let others = negative_sampling(&split.train, count, Forbidden::EdgesAndReverses, generator.stream())?;
        let loss = model.recon_loss(&z, &split.train, &others)?;
        optimizer.step(&ops::backward(&loss)?)?;

        let z = model.encode(x, &split.train, None, Mode::Eval)?;
        let val = judge(&model, &z, &split.val)?;
        if val.auc + val.ap > best.1.auc + best.1.ap {
            best = (epoch, val, judge(&model, &z, &split.test)?);
        }
    }
    Ok(best)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (x, edges, epochs, seeds) = if arguments.quick {
        let (x, edges) = groups()?;
        (x, edges, 100, 2)
    } else {
        let graph = load("cora", &arguments.source())?.graph;
        (preprocess(&graph.x, FeatureNorm::L2)?, graph.edge_index, 200, 10)
    };
    let mut tests = vec![];
    for seed in 0..seeds {
        let split = split(&edges, seed)?;
        if seed == 0 {
            println!(
                "{} nodes; edges: {} seen, {} for validation, {} for testing",
                edges.num_nodes()?,
                split.train.num_edges() / 2,
                split.val.edges.num_edges(),
                split.test.edges.num_edges()
            );
        }
        let (epoch, val, test) = train(&x, &split, epochs, seed)?;
        println!("split {seed}: epoch {epoch:>3}  validation {val}  test {test}");
        tests.push(test);
    }
    let of = |value: fn(&Scores) -> f64| mean_and_deviation(&tests.iter().map(value).collect::<Vec<_>>());
    println!("test: AUC {}  AP {}", of(|s| s.auc), of(|s| s.ap));
    Ok(())
}
