//! Proteins in tissues that it has never seen: the inductive network of the GAT paper (Veličković et al. 2018, section 3.3) on
//! PPI, 24 graphs whose nodes have any number of 121 labels. `--quick` writes small files of the same form and trains a
//! narrower network on them. See the README beside this file.
mod files;

use anyhow::{Context, bail, ensure};
use candle_geometric::data::Dataset;
use candle_geometric::data::registry::Format;
use candle_geometric::models::{InductiveGatConfig, ModelConfig};
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

/// The recipe of the zoo.
const RECIPE: &str = include_str!("../../models/gat-ppi/train.toml");

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let mut config = TrainConfig::parse(RECIPE, "models/gat-ppi/train.toml".as_ref())?;
    let folder = if arguments.quick {
        let folder = std::env::temp_dir().join("candle-geometric-proteins");
        files::write(&folder)?;
        (config.training.epochs, config.training.patience) = (60, 20);
        folder
    } else {
        let expected =
            "--data DIR: a folder with train_graph.json, train_feats.npy and so on; see the README";
        arguments.data.clone().context(expected)?
    };
    let data = Dataset::open(Format::Ppi, &config.data.name, &folder)?;
    let Dataset::Graphs(graphs) = &data else { bail!("{}: not many graphs", folder.display()) };
    println!(
        "{} graphs, {} nodes with {} features and {} labels, {} edges",
        graphs.len(),
        graphs.num_nodes(),
        graphs.num_features(),
        graphs.num_classes(),
        graphs.num_edges()
    );
    if arguments.quick {
        config.model = ModelConfig::InductiveGat(InductiveGatConfig {
            hidden_channels: 16,
            heads: 2,
            out_heads: 3,
            ..InductiveGatConfig::new(graphs.num_features(), graphs.num_classes())
        });
    }
    let trained = train_once(&config, &data, 0, &RunOptions::default(), &mut Print { every: 10 })?;
    let test = trained.report.test.context("no graphs to test on")?;
    println!("test micro-F1 {:.4}, of the weights that are best on the validation graphs", test.metric);
    ensure!(test.metric > 0.85, "the network has not learnt");
    Ok(())
}
