//! Which edge decides: a classifier of graphs whose attention runs over all edges of a graph at once, on MUTAG. `--quick`
//! takes generated trees in which one edge decides, and checks that the attention finds it. See the README beside this file.
mod trees;

use anyhow::ensure;
use candle_geometric::data::{Dataset, GraphDataset};
use candle_geometric::prelude::*;
use candle_geometric::train::{Observer, RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

/// Ten-fold cross-validation on molecules that make bacteria mutate, or do not.
const RECIPE: &str = r#"
[model]
architecture = "AttentionGraphClassifier"
config = { in_channels = 7, hidden_channels = 32, out_channels = 2, heads = 4 }
[data]
name = "mutag"
drop_edge_attr = true
protocol = { folds = { folds = 10, val = 0.1 } }
[optimizer]
name = "adam"
lr = 0.005
[training]
task = "graph-classification"
epochs = 300
early_stopping = "val-loss"
patience = 80
"#;

const QUICK: &str = r#"
[model]
architecture = "AttentionGraphClassifier"
config = { in_channels = 6, hidden_channels = 16, out_channels = 2 }
[data]
name = "trees"
protocol = { shares = { train = 0.7, val = 0.15 } }
[optimizer]
name = "adam"
lr = 0.01
[training]
task = "graph-classification"
epochs = 30
early_stopping = "val-loss"
"#;

/// The elements of MUTAG, in the order of its features.
const ELEMENTS: [&str; 7] = ["C", "N", "O", "F", "I", "Cl", "Br"];

/// The edges of one graph with their weights in the last layer, a mean over heads, most attended first. An edge and its
/// reverse have one weight, the sum.
fn attended(
    model: &dyn GraphModel,
    data: &GraphDataset,
    graph: usize,
) -> anyhow::Result<Vec<(f32, [u32; 2])>> {
    let batch = data.batch(&[graph])?;
    let layers = model.attention(&batch.x, batch.structure.edges(), None, Some(batch.structure.readout()))?;
    let first = layers.last().ok_or_else(|| anyhow::anyhow!("the model has no attention"))?;
    let alpha = first.alpha.mean(1)?.to_vec1::<f32>()?;
    let mut sums = std::collections::BTreeMap::<[u32; 2], f32>::new();
    for ((j, i), weight) in first.edges.iter().zip(alpha) {
        *sums.entry([j.min(i), j.max(i)]).or_default() += weight;
    }
    let mut edges: Vec<_> = sums.into_iter().map(|(edge, weight)| (weight, edge)).collect();
    edges.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(edges)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let config = TrainConfig::parse(if arguments.quick { QUICK } else { RECIPE }, "the recipe".as_ref())?;
    let (data, deciding, runs) = if arguments.quick {
        let trees = trees::generate(600)?;
        (trees.data, trees.deciding, 1)
    } else {
        (Dataset::load("mutag", &arguments.source())?.into_graphs()?, vec![], 10)
    };
    println!("{} graphs of {:.1} nodes on average", data.len(), data.num_nodes() as f64 / data.len() as f64);

    let mut tests = vec![];
    let mut last = None;
    for seed in 0..runs {
        let observer: &mut dyn Observer = if arguments.quick { &mut Print { every: 10 } } else { &mut () };
        let trained = train_once(&config, &data, seed, &RunOptions::default(), observer)?;
        let test = trained.report.test.map_or(0.0, |t| t.metric);
        println!("run {seed}: {} epochs, test accuracy {test:.3}", trained.report.epochs);
        tests.push(test);
        last = Some(trained);
    }
    let mean = tests.iter().sum::<f64>() / tests.len() as f64;
    println!("test accuracy, mean over {runs}: {mean:.3}");

    let weights = last.map(|trained| trained.weights).unwrap_or_default();
    let vb = VarBuilder::from_tensors(weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let model = config.model.build(vb)?;
    if !arguments.quick {
        println!("the most attended bonds of the first molecule:");
        let elements = data.batch(&[0])?.x.argmax(1)?.to_vec1::<u32>()?;
        let name = |atom: u32| ELEMENTS[elements[atom as usize] as usize];
        for (weight, [j, i]) in attended(&*model, &data, 0)?.into_iter().take(5) {
            println!("  {weight:.3}  {}{j} – {}{i}", name(j), name(i));
        }
        return Ok(());
    }
    // Of the trees that have the edge: how often is it the most attended one?
    let (mut found, mut asked) = (0, 0);
    for (tree, edge) in deciding.iter().enumerate().filter_map(|(tree, edge)| Some((tree, (*edge)?))) {
        let most = attended(&*model, &data, tree)?;
        if asked == 0 {
            println!(
                "tree {tree}: red – blue is {edge:?}; most attended {:?} with {:.3}",
                most[0].1, most[0].0
            );
        }
        found += usize::from(most[0].1 == edge);
        asked += 1;
    }
    println!("the deciding edge is the most attended one in {found} of {asked} trees");
    ensure!(mean > 0.9, "the model has not learnt");
    ensure!(found * 10 > asked * 9, "the attention does not find the deciding edge");
    Ok(())
}
