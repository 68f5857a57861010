//! Trains the graph attention network of Veličković et al. (2018) on Cora, as the paper does, and looks at what it
//! attends to. `--quick` trains on the karate club instead. See the README beside this file.
use anyhow::ensure;
use candle_geometric::data::load;
use candle_geometric::explain::{Weights, summarise};
use candle_geometric::prelude::*;
use candle_geometric::train::{EpochReport, Flow, Observer, RunOptions, TrainConfig, preprocess, train_once};
use candle_geometric_examples::Arguments;

/// The hyper-parameters of the paper: Adam with coupled L2, patience 100 on validation loss and accuracy.
const RECIPE: &str = r#"
[model]
architecture = "PaperGAT"
config = { in_channels = 1433, out_channels = 7 }
[data]
name = "cora"
normalize_features = "sum"
[optimizer]
name = "adam"
lr = 0.005
weight_decay = 5e-4
[training]
epochs = 10000
patience = 100
"#;

/// The same model on 34 members of a karate club.
const QUICK: &str = r#"
[model]
architecture = "PaperGAT"
config = { in_channels = 34, out_channels = 2 }
[data]
name = "karate"
[optimizer]
name = "adam"
lr = 0.005
weight_decay = 5e-4
[training]
epochs = 100
"#;

/// Prints every 50th epoch.
struct Print;

impl Observer for Print {
    fn epoch(&mut self, e: &EpochReport) -> Flow {
        if e.epoch.is_multiple_of(50) {
            println!(
                "epoch {:>4}  loss {:.4}  val loss {:.4}  val accuracy {:.3}",
                e.epoch, e.loss, e.val.loss, e.val.metric
            );
        }
        Flow::Continue
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let config = TrainConfig::parse(if arguments.quick { QUICK } else { RECIPE }, "the recipe".as_ref())?;
    let dataset = load(&config.data.name, &arguments.source())?;
    let trained = train_once(&config, &dataset, 0, &RunOptions::default(), &mut Print)?;
    let report = &trained.report;
    let test = report.test.map_or(f64::NAN, |t| t.metric);
    println!("stopped after {} epochs ({:.1} s)", report.epochs, report.seconds);
    println!(
        "weights of epoch {}: val accuracy {:.3}, test accuracy {test:.3}",
        report.best_epoch, report.val.metric
    );

    ensure!(test > 0.75, "the model has not learnt");

    // The trained model, and the attention of both layers.
    let weights = VarBuilder::from_tensors(trained.weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let model = config.model.build(weights)?;
    let graph = &dataset.graph;
    let x = preprocess(&graph.x, config.data.normalize_features)?;
    let layers = model.attention(&x, &graph.edge_index, None, None)?;
    let layers =
        layers.iter().map(|a| Weights::from_tensor(&a.edges, &a.alpha)).collect::<Result<Vec<_>, _>>()?;
    for layer in summarise(&layers, 3) {
        for head in &layer.heads {
            println!(
                "layer {} head {}: entropy {:.3}, uniform {:.3}",
                layer.layer, head.head, head.entropy, head.uniform
            );
        }
    }
    Ok(())
}
