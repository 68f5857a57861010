//! Neighbours that are not alike: GATv2 on Minesweeper (Platonov et al. 2023), where a mine is told by the numbers around it,
//! beside a graph convolution, which can only average. `--quick` generates a smaller board. See the README beside this file.
use anyhow::ensure;
use candle_geometric::data::{Dataset, Graph};
use candle_geometric::graph::rng::Stream;
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

/// Attention with a linear map of the node itself beside it, or without either.
const ATTENTION: &str = r#"
[model]
architecture = "GAT"
config = { in_channels = 7, hidden_channels = 64, num_layers = LAYERS, out_channels = 2, heads = 8, v2 = true, residual = true, act = "elu", dropout = 0.2, norm = "LayerNorm" }
"#;

const CONVOLUTION: &str = r#"
[model]
architecture = "GCN"
config = { in_channels = 7, hidden_channels = 64, num_layers = LAYERS, out_channels = 2, act = "relu", dropout = 0.2, norm = "LayerNorm" }
"#;

const TRAINING: &str = r#"
[data]
name = "minesweeper"
protocol = "each"
[optimizer]
name = "adam"
lr = 0.003
[training]
metric = "roc-auc"
epochs = EPOCHS
early_stopping = "val-metric"
patience = 100
"#;

/// A board: a fifth of the cells are mines. Features, as in the data set: a one in the first place where the cell is covered,
/// which half of them are, or else in the place of the number of mines around it, from 0 to 5 and more.
fn board(size: u32) -> anyhow::Result<NodeDataset> {
    let random = Stream::named(0, "mines");
    let cells = (size * size) as usize;
    let mine: Vec<bool> = (0..cells).map(|cell| random.uniform(cell as u64) < 0.2).collect();
    let covered: Vec<bool> = (0..cells).map(|cell| random.uniform((cells + cell) as u64) < 0.5).collect();
    let (mut pairs, mut x) = (vec![], vec![]);
    for cell in 0..size * size {
        let (row, column) = (cell / size, cell % size);
        let mut around = 0;
        for r in row.saturating_sub(1)..(row + 2).min(size) {
            for c in column.saturating_sub(1)..(column + 2).min(size) {
                let other = r * size + c;
                if other != cell {
                    pairs.push((other, cell));
                    around += usize::from(mine[other as usize]);
                }
            }
        }
        let place = if covered[cell as usize] { 0 } else { 1 + around.min(5) };
        x.extend((0..7).map(|k| f32::from(u8::from(k == place))));
    }
    let x = Tensor::from_vec(x, (cells, 7), &Device::Cpu)?;
    let y: Vec<u32> = mine.iter().map(|&mine| u32::from(mine)).collect();
    let part =
        |from: usize, to: usize| (0..cells).map(|cell| (from..to).contains(&(cell * 7 % 20))).collect();
    let graph = Graph::new(x, EdgeIndex::from_pairs(pairs, cells)?)?
        .with_labels(Tensor::new(y.as_slice(), &Device::Cpu)?)?
        .with_split(part(0, 10), part(10, 15), part(15, 20))?;
    Ok(NodeDataset::new("minesweeper", graph, vec!["free".into(), "mine".into()])?)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (dataset, layers, epochs) = if arguments.quick {
        (board(40)?, 2, 60)
    } else {
        let data = Dataset::load("minesweeper", &arguments.source())?;
        (data.into_nodes()?, 5, 500)
    };
    let graph = &dataset.graph;
    let labels = dataset.labels()?;
    let alike = graph.edge_index.iter().filter(|&(j, i)| labels[j as usize] == labels[i as usize]).count();
    let mines = labels.iter().filter(|&&label| label == 1).count();
    println!(
        "{} cells, {mines} mines; {:.3} of the edges join equals",
        labels.len(),
        alike as f64 / graph.num_edges() as f64
    );
    let mut areas = vec![];
    for (name, model) in [("GATv2", ATTENTION), ("GCN", CONVOLUTION)] {
        let text = format!("{model}{TRAINING}").replace("LAYERS", &layers.to_string());
        let mut text = text.replace("EPOCHS", &epochs.to_string());
        if arguments.quick {
            text =
                text.replace("\"each\"", "\"own\"").replace("hidden_channels = 64", "hidden_channels = 32");
        }
        let config = TrainConfig::parse(&text, "the recipe".as_ref())?;
        let every = if arguments.quick { 20 } else { 50 };
        let trained = train_once(&config, &dataset, 0, &RunOptions::default(), &mut Print { every })?;
        let area = trained.report.test.map_or(0.0, |t| t.metric);
        println!("{name}: area under the ROC curve {area:.3} on the test cells");
        areas.push(area);
    }
    ensure!(areas[0] > 0.75 && areas[0] > areas[1], "attention is no better than averaging");
    Ok(())
}
