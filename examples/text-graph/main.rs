//! Nodes that are texts: what words, a sentence encoder and links each contribute to telling what a page is about. With the
//! feature `text`, FILE is a sentence encoder. `--quick` takes generated texts. See the README beside this file.
use std::path::Path;

use anyhow::{bail, ensure};
use candle_geometric::data::{Dataset, NodeDataset, normalize_features_l2, word_counts};
use candle_geometric::models::{GatConfig, ModelConfig};
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, pages};

const RECIPE: &str = r#"
[model]
architecture = "GAT"
config = { in_channels = 1, hidden_channels = 64, num_layers = 2, out_channels = 1, heads = 8, act = "elu", dropout = 0.5 }
[data]
name = "texts"
protocol = { shares = { train = 0.6, val = 0.2 } }
[optimizer]
name = "adam"
lr = 0.005
weight_decay = 5e-4
[training]
epochs = 200
early_stopping = "val-loss"
patience = 50
"#;

/// How often each word stands in each text, `[N, words]`, of words that stand in at least two texts; rows of length 1.
fn bag_of_words(texts: &[String]) -> anyhow::Result<Tensor> {
    let (counts, _) = word_counts(texts, 2)?;
    Ok(normalize_features_l2(&counts)?)
}

#[cfg(feature = "text")]
fn encode(encoder: &Path, texts: &[String]) -> anyhow::Result<Tensor> {
    use candle_geometric::data::text_encoder::TextEncoder;
    Ok(TextEncoder::load(&encoder.to_string_lossy())?.encode(texts)?)
}

#[cfg(not(feature = "text"))]
fn encode(_: &Path, _: &[String]) -> anyhow::Result<Tensor> {
    bail!("FILE: a sentence encoder needs `--features text`")
}

/// The mean test accuracy over three splits.
fn accuracy(dataset: &NodeDataset) -> anyhow::Result<f64> {
    let mut config = TrainConfig::parse(RECIPE, "the recipe".as_ref())?;
    let ModelConfig::Gat(gat) = config.model else { bail!("the recipe is of another model") };
    let channels = (dataset.graph.num_features(), Some(dataset.num_classes));
    config.model = ModelConfig::Gat(GatConfig { in_channels: channels.0, out_channels: channels.1, ..gat });
    let mut sum = 0.0;
    for seed in 0..3 {
        let trained = train_once(&config, dataset, seed, &RunOptions::default(), &mut ())?;
        sum += trained.report.test.map_or(0.0, |t| t.metric) / 3.0;
    }
    Ok(sum)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let dataset = if arguments.quick {
        pages()?
    } else {
        Dataset::load("cornell-texts", &arguments.source())?.into_nodes()?
    };
    let n = dataset.graph.num_nodes();
    println!("{n} texts, {} links. The first: {:.60} …", dataset.graph.num_edges(), dataset.texts[0]);
    let mut features = vec![("words", bag_of_words(&dataset.texts)?)];
    if let Some(encoder) = &arguments.file {
        features.push(("sentences", encode(encoder, &dataset.texts)?));
    }
    let mut reached = vec![];
    for (name, x) in features {
        let width = x.dim(1)?;
        let linked = dataset.clone().with_features(x)?;
        // The same network where each node sees itself alone.
        let mut alone = linked.clone();
        alone.graph.edge_index = EdgeIndex::new(vec![], vec![], n)?;
        reached.push((accuracy(&alone)?, accuracy(&linked)?));
        let (alone, linked) = reached[reached.len() - 1];
        println!(
            "{name:<9} {width:>5} features: test accuracy {alone:.3} without links, {linked:.3} with them"
        );
    }
    ensure!(!arguments.quick || reached[0].1 > reached[0].0.max(0.8), "the links have not helped");
    Ok(())
}
