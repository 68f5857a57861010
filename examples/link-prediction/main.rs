//! Finds citations that were hidden from it: a graph autoencoder (Kipf and Welling 2016) whose encoder attends, trained on
//! 85 % of Cora's edges and judged on the rest. `--quick` takes a generated graph instead. See the README beside this file.
use anyhow::ensure;
use candle_geometric::data::load;
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::graph::transforms::{
    Amount, LinkSplit, LinkSplitConfig, LinkSubset, random_link_split,
};
use candle_geometric::graph::{Forbidden, negative_sampling};
use candle_geometric::models::{FeatureNorm, Gae, GaeConfig, GatConfig};
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::metrics::{average_precision, roc_auc};
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{Optimizer, OptimizerConfig, preprocess};
use candle_geometric_examples::Arguments;

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

fn judge(model: &Gae, z: &Tensor, asked: &LinkSubset) -> anyhow::Result<Scores> {
    let scores = model.decode(z, &asked.links)?;
    let truth: Vec<bool> = asked.labels().iter().map(|&label| label == 1.0).collect();
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
fn train(x: &Tensor, split: &LinkSplit, epochs: usize, seed: u64) -> anyhow::Result<(usize, Scores, Scores)> {
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
    let seen = &split.train.messages.edges;
    let mut best = (0, Scores::default(), Scores::default());
    for epoch in 1..=epochs {
        let z = model.encode(x, seen, None, Mode::Train(&generator))?;
        // Drawn among all pairs that are not seen as edges: which of them are hidden edges is not known here.
        let others =
            negative_sampling(seen, seen.num_edges(), Forbidden::EdgesAndReverses, generator.stream())?;
        let loss = model.recon_loss(&z, seen, &others)?;
        optimizer.step(&ops::backward(&loss)?)?;

        let z = model.encode(x, seen, None, Mode::Eval)?;
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
    // An edge and its reverse are one link, so that a hidden edge cannot remain as its own reverse.
    let config = LinkSplitConfig {
        num_val: Amount::Fraction(0.05),
        num_test: Amount::Fraction(0.1),
        is_undirected: true,
        add_negative_train_samples: false, // they are drawn anew in each epoch
        ..LinkSplitConfig::default()
    };
    let mut tests = vec![];
    for seed in 0..seeds {
        let split = random_link_split(&edges, &config, Stream::named(seed, "split"))?;
        if seed == 0 {
            println!(
                "{} nodes; edges: {} seen, {} for validation, {} for testing",
                edges.num_nodes()?,
                split.train.messages.edges.num_edges() / 2,
                split.val.positives.len(),
                split.test.positives.len()
            );
        }
        let (epoch, val, test) = train(&x, &split, epochs, seed)?;
        println!("split {seed}: epoch {epoch:>3}  validation {val}  test {test}");
        tests.push(test);
    }
    let of = |value: fn(&Scores) -> f64| mean_and_deviation(&tests.iter().map(value).collect::<Vec<_>>());
    println!("test: AUC {}  AP {}", of(|s| s.auc), of(|s| s.ap));
    ensure!(tests.iter().all(|test| test.auc > 0.8), "the model has not learnt");
    Ok(())
}
