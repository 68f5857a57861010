//! Two models in one experiment: the learning curves of GAT and GCN on Cora, over three seeds, as a CSV file for any plotting
//! program. `--quick` takes the karate club. See the README beside this file.
use std::fmt::Write as _;

use anyhow::ensure;
use candle_geometric::data::load;
use candle_geometric::train::{EpochReport, Flow, Observer, RunOptions, TrainConfig, train_once};
use candle_geometric_examples::Arguments;

/// Everything but the model is the same.
const RECIPE: &str = r#"
[data]
name = "cora"
normalize_features = "sum"
[optimizer]
name = "adam"
lr = 0.005
weight_decay = 5e-4
[training]
epochs = 200
early_stopping = "none"
"#;

const MODELS: [(&str, &str); 2] = [
    ("GAT", r#"{ architecture = "PaperGAT", config = { in_channels = FEATURES, out_channels = CLASSES } }"#),
    (
        "GCN",
        r#"{ architecture = "GCN", config = { in_channels = FEATURES, hidden_channels = 64, num_layers = 2, out_channels = CLASSES, dropout = 0.5 } }"#,
    ),
];

/// Writes a line for every epoch.
struct Curve<'a> {
    model: &'a str,
    seed: u64,
    lines: &'a mut String,
}

impl Observer for Curve<'_> {
    fn epoch(&mut self, e: &EpochReport) -> Flow {
        // Writing to a string cannot fail.
        _ = writeln!(
            self.lines,
            "{},{},{},{:.4},{:.4},{:.4},{:.4}",
            self.model, self.seed, e.epoch, e.train.loss, e.train.metric, e.val.loss, e.val.metric
        );
        Flow::Continue
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let name = if arguments.quick { "karate" } else { "cora" };
    let dataset = load(name, &arguments.source())?;
    let mut curves = String::from("model,seed,epoch,train_loss,train_accuracy,val_loss,val_accuracy\n");
    println!("model  test accuracy on {name}, seeds 0, 1, 2    mean  seconds");
    for (model, text) in MODELS {
        let text = text
            .replace("FEATURES", &dataset.graph.num_features().to_string())
            .replace("CLASSES", &dataset.num_classes.to_string());
        let recipe = format!("model = {text}\n{RECIPE}").replace("\"cora\"", &format!("{name:?}"));
        let config = TrainConfig::parse(&recipe, "the recipe".as_ref())?;
        let (mut tests, mut seconds) = (vec![], 0.0);
        for seed in 0..3 {
            let mut curve = Curve { model, seed, lines: &mut curves };
            let trained = train_once(&config, &dataset, seed, &RunOptions::default(), &mut curve)?;
            tests.push(trained.report.test.map_or(0.0, |t| t.metric));
            seconds += trained.report.seconds;
        }
        let mean = tests.iter().sum::<f64>() / tests.len() as f64;
        let each: Vec<String> = tests.iter().map(|test| format!("{test:.3}")).collect();
        println!("{model:<6} {:<36}  {mean:.3}  {seconds:>7.1}", each.join("  "));
        ensure!(mean > 0.75, "{model} has not learnt");
    }
    println!("{} lines of learning curves", curves.lines().count() - 1);
    if let Some(file) = &arguments.file {
        std::fs::write(file, curves)?;
        println!("written to {}", file.display());
    }
    Ok(())
}
