//! Proteins in tissues that it has never seen: the inductive network of the GAT paper (Veličković et al. 2018, section 3.3) on
//! PPI, 24 graphs whose nodes have any number of 121 labels. `--quick` writes small files of the same form and trains a
//! narrower network on them. See the README beside this file.
mod files;

use anyhow::{Context, ensure};
use candle_geometric::data::registry::Format;
use candle_geometric::data::{Dataset, GraphDataset};
use candle_geometric::graph::rng::Generator;
use candle_geometric::nn::conv::{GatConv, GatConvConfig};
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{Evaluation, MaskedLoss, Optimizer, OptimizerConfig, Targets};
use candle_geometric_examples::Arguments;

/// Three layers: heads concatenated, heads concatenated with a skip connection, heads averaged.
struct Network([GatConv; 3]);

impl Network {
    fn new(sizes: [usize; 2], width: usize, heads: [usize; 2], vb: VarBuilder<'_>) -> anyhow::Result<Self> {
        let ([features, labels], [heads, out_heads]) = (sizes, heads);
        let first = GatConvConfig { heads, ..GatConvConfig::new(features, width) };
        let second = GatConvConfig { heads, residual: true, ..GatConvConfig::new(heads * width, width) };
        let third =
            GatConvConfig { heads: out_heads, concat: false, ..GatConvConfig::new(heads * width, labels) };
        Ok(Self([
            GatConv::new(&first, vb.pp("conv1"))?,
            GatConv::new(&second, vb.pp("conv2"))?,
            GatConv::new(&third, vb.pp("conv3"))?,
        ]))
    }

    fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> anyhow::Result<Tensor> {
        let Self([first, second, third]) = self;
        let hidden = ops::elu(&first.forward(x, edges)?, 1.0)?;
        let hidden = ops::elu(&second.forward(&hidden, edges)?, 1.0)?;
        Ok(third.forward(&hidden, edges)?)
    }
}

/// Some graphs side by side, with the loss and the metric (micro-F1) of their labels.
struct Part {
    x: Tensor,
    edges: EdgeIndex,
    loss: MaskedLoss,
}

impl Part {
    fn new(data: &GraphDataset, graphs: &[usize]) -> anyhow::Result<Self> {
        let batch = data.batch(graphs)?;
        let y = batch.y.context("no labels")?.to_dtype(DType::F32)?;
        let targets = Targets::labels(&y.flatten_all()?.to_vec1::<f32>()?, y.dim(1)?)?;
        let loss = MaskedLoss::new(&targets, &vec![true; y.dim(0)?], "all nodes")?;
        Ok(Self { x: batch.x.to_dtype(DType::F32)?, edges: batch.structure.edges().clone(), loss })
    }

    fn evaluate(&self, network: &Network) -> anyhow::Result<Evaluation> {
        Ok(self.loss.evaluate(&network.forward(&self.x, &self.edges)?)?)
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (folder, width, heads, lr, epochs) = if arguments.quick {
        let folder = std::env::temp_dir().join("candle-geometric-proteins");
        files::write(&folder)?;
        (folder, 16, [2, 3], 0.01, 40)
    } else {
        let expected =
            "--data DIR: a folder with train_graph.json, train_feats.npy and so on; see the README";
        (arguments.data.clone().context(expected)?, 256, [4, 6], 0.005, 100)
    };
    let data = Dataset::open(Format::Ppi, "ppi", &folder)?.into_graphs()?;
    let split = data.split.clone().context("no split")?;
    println!(
        "{} graphs, {} nodes with {} features and {} labels, {} edges",
        data.len(),
        data.num_nodes(),
        data.num_features(),
        data.num_classes(),
        data.num_edges()
    );

    let weights = SeededVarMap::new(0);
    let vb = weights.var_builder(DType::F32, &Device::Cpu);
    let network = Network::new([data.num_features(), data.num_classes()], width, heads, vb)?;
    let adam = OptimizerConfig::Adam(AdamConfig { lr, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &weights.vars())?;
    let generator = Generator::new(0);
    let (val, test) = (Part::new(&data, &split.val)?, Part::new(&data, &split.test)?);
    let mut best = (0.0, 0.0);
    for epoch in 1..=epochs {
        let mut order = split.train.clone();
        generator.stream().sequence().shuffle(&mut order);
        let mut sum = 0.0;
        for graphs in order.chunks(2) {
            let part = Part::new(&data, graphs)?;
            let loss = part.loss.forward(&network.forward(&part.x, &part.edges)?)?;
            optimizer.step(&ops::backward(&loss)?)?;
            sum += f64::from(loss.to_scalar::<f32>()?) * graphs.len() as f64;
        }
        let f1 = val.evaluate(&network)?.metric;
        if f1 > best.0 {
            best = (f1, test.evaluate(&network)?.metric);
        }
        if epoch % (epochs / 10) == 0 {
            println!("epoch {epoch:>3}  loss {:.4}  val micro-F1 {f1:.4}", sum / order.len() as f64);
        }
    }
    println!("test micro-F1 {:.4}, of the weights that are best on the validation graphs", best.1);
    ensure!(best.1 > 0.85, "the network has not learnt");
    Ok(())
}
