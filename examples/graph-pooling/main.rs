//! Which nodes are kept: self-attention graph pooling (Lee, Lee, Kang 2019) on PROTEINS. Each pooling scores the nodes and
//! keeps half of them. `--quick` takes generated graphs, in which four nodes matter. See the README beside this file.
use anyhow::{bail, ensure};
use candle_geometric::data::{Dataset, GraphDataset, Level};
use candle_geometric::graph::rng::Stream;
use candle_geometric::models::SagPoolNetConfig;
use candle_geometric::nn::conv::{GcnConv, GcnConvConfig};
use candle_geometric::nn::pool::{Pooled, SagPooling, SagPoolingConfig};
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

const RECIPE: &str = r#"
[model]
architecture = "SAGPoolNet"
config = { in_channels = 3, hidden_channels = 64, out_channels = 2, ratio = 0.5, dropout = 0.3 }
[data]
name = "proteins"
protocol = { shares = { train = 0.8, val = 0.1 } }
[optimizer]
name = "adam"
lr = 0.001
weight_decay = 1e-4
[training]
task = "graph-classification"
batch_size = 64
epochs = 100
early_stopping = "val-loss"
patience = 30
"#;

const QUICK: &str = r#"
[model]
architecture = "SAGPoolNet"
config = { in_channels = 4, hidden_channels = 16, out_channels = 3, ratio = 0.25, GNN = "GATConv", dropout = 0.0 }
[data]
name = "four of twenty"
protocol = { shares = { train = 0.7, val = 0.15 } }
[optimizer]
name = "adam"
lr = 0.01
[training]
task = "graph-classification"
epochs = 30
early_stopping = "val-loss"
"#;

/// Rings of twenty nodes, each of one of three colours at random. Four in a row are marked and have one colour, which is
/// the class. Features: a mark, and the colour.
fn generate(count: usize) -> anyhow::Result<GraphDataset> {
    let (n, colours) = (20u32, 3);
    let (mut graphs, mut x, mut labels) = (vec![], vec![], vec![]);
    for graph in 0..count {
        let mut random = Stream::named(0, "rings").split(graph as u64).sequence();
        let (class, first) = (random.below(colours), random.below(n));
        for node in 0..n {
            let marked = (node + n - first) % n < 4;
            let colour = if marked { class } else { random.below(colours) };
            x.push(f32::from(u8::from(marked)));
            x.extend((0..colours).map(|c| f32::from(u8::from(c == colour))));
        }
        let ring = (0..n).flat_map(|node| [(node, (node + 1) % n), ((node + 1) % n, node)]);
        graphs.push(EdgeIndex::from_pairs(ring, n as usize)?);
        labels.push(class);
    }
    let x = Tensor::from_vec(x, (count * n as usize, 1 + colours as usize), &Device::Cpu)?;
    let y = Tensor::new(labels.as_slice(), &Device::Cpu)?;
    let names = ["red", "green", "blue"].map(String::from).to_vec();
    Ok(GraphDataset::new("four of twenty", graphs, x)?.with_labels(y, Level::Graph, names)?)
}

/// The first convolution and the first pooling of a trained network, applied to some graphs.
fn first_pooling(
    config: &SagPoolNetConfig,
    vb: VarBuilder<'_>,
    data: &GraphDataset,
) -> anyhow::Result<Pooled> {
    let batch = data.batch(&(0..data.len()).collect::<Vec<_>>())?;
    let conv = GcnConv::new(&GcnConvConfig::new(config.in_channels, config.hidden_channels), vb.pp("conv1"))?;
    let pool = SagPoolingConfig {
        ratio: config.ratio,
        gnn: config.gnn,
        ..SagPoolingConfig::new(config.hidden_channels)
    };
    let pool = SagPooling::new(&pool, vb.pp("pool1"))?;
    let edges = batch.structure.edges();
    let hidden = conv.forward(&batch.x, edges)?.relu()?;
    Ok(pool.forward(&hidden, edges, None, Some(batch.structure.readout()))?)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (recipe, data, kinds): (_, _, &[&str]) = if arguments.quick {
        (QUICK, generate(400)?, &["marked", "others"])
    } else {
        let data = Dataset::load("proteins", &arguments.source())?.into_graphs()?;
        (RECIPE, data, &["helix", "sheet", "turn"])
    };
    let config = TrainConfig::parse(recipe, "the recipe".as_ref())?;
    let trained = train_once(&config, &data, 0, &RunOptions::default(), &mut Print { every: 10 })?;
    let test = trained.report.test.map_or(0.0, |t| t.metric);
    println!("test accuracy {test:.3}");

    let ModelConfig::SagPoolNet(net) = &config.model else { bail!("the recipe is of another model") };
    let vb = VarBuilder::from_tensors(trained.weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let pooled = first_pooling(net, vb, &data)?;
    // Marked or not; of a protein the one of three features that is 1.
    let rows = data.x.to_vec2::<f32>()?;
    let first = |row: &Vec<f32>| row.iter().position(|&value| value == 1.0).unwrap_or(0);
    let kind: Vec<usize> = rows.iter().map(|row| first(row).min(kinds.len() - 1)).collect();
    let count = |nodes: &mut dyn Iterator<Item = u32>, wanted: usize| {
        nodes.filter(|&node| kind[node as usize] == wanted).count()
    };
    println!("what the first pooling keeps, of all graphs:");
    let mut shares = vec![];
    for (number, name) in kinds.iter().enumerate() {
        let all = count(&mut (0..kind.len() as u32), number);
        let kept = count(&mut pooled.perm.iter().copied(), number);
        shares.push(kept as f64 / all.max(1) as f64);
        println!(
            "  {name:<6} {kept:>6} of {all:>6} nodes, {:>5.1} %",
            100.0 * kept as f64 / all.max(1) as f64
        );
    }
    if arguments.quick {
        ensure!(test > 0.9, "the model has not learnt");
        ensure!(shares[0] > 2.0 * shares[1], "nodes that matter are not preferred");
    }
    Ok(())
}
