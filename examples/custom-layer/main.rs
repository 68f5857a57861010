//! A layer of your own: the attention of GAT, written with `ops::propagate` and `ops::segment_softmax` in a few lines, compared
//! with the layer of the library, and trained on Cora. `--quick` takes the karate club. See the README beside this file.
mod layer;

use anyhow::ensure;
use candle_geometric::data::load;
use candle_geometric::graph::rng::Generator;
use candle_geometric::graph::transforms::add_self_loops;
use candle_geometric::models::FeatureNorm;
use candle_geometric::nn::conv::{GatConv, GatConvConfig};
use candle_geometric::nn::dropout;
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{MaskedLoss, Optimizer, OptimizerConfig, Targets, preprocess};
use candle_geometric_examples::Arguments;
use layer::AttentionLayer;

const HEADS: usize = 8;
const CHANNELS: usize = 8;

/// The network of the GAT paper, of layers of our own.
struct Network {
    first: AttentionLayer,
    second: AttentionLayer,
}

impl Network {
    fn new(features: usize, classes: usize, vb: VarBuilder<'_>) -> anyhow::Result<Self> {
        Ok(Self {
            first: AttentionLayer::new(features, CHANNELS, HEADS, vb.pp("conv1"))?,
            second: AttentionLayer::new(HEADS * CHANNELS, classes, 1, vb.pp("conv2"))?,
        })
    }

    fn forward(&self, x: &Tensor, edges: &EdgeIndex, mode: Mode<'_>) -> anyhow::Result<Tensor> {
        let hidden = ops::elu(&self.first.forward(&dropout(x, 0.6, mode)?, edges)?, 1.0)?;
        Ok(self.second.forward(&dropout(&hidden, 0.6, mode)?, edges)?)
    }
}

/// The largest difference between our layer and `GatConv` with the same weights: of the outputs, and of the gradients.
fn compare(x: &Tensor, edges: &EdgeIndex) -> anyhow::Result<(f32, f32)> {
    let weights = SeededVarMap::new(0);
    let vb = weights.var_builder(DType::F32, &Device::Cpu);
    let ours = AttentionLayer::new(x.dim(1)?, CHANNELS, HEADS, vb.clone())?;
    // The names are those of PyTorch Geometric, so both layers have the same variables.
    let config =
        GatConvConfig { heads: HEADS, add_self_loops: false, ..GatConvConfig::new(x.dim(1)?, CHANNELS) };
    let theirs = GatConv::new(&config, vb)?;
    let (ours, theirs) = (ours.forward(x, edges)?, theirs.forward(x, edges)?);
    let gradients = [&ours, &theirs].map(|out| ops::backward(&out.sqr()?.sum_all()?));
    let [ours_gradients, theirs_gradients] = gradients;
    let (ours_gradients, theirs_gradients) = (ours_gradients?, theirs_gradients?);
    let difference = |a: &Tensor, b: &Tensor| (a - b)?.abs()?.max_all()?.to_scalar::<f32>();
    let mut largest = 0f32;
    for (name, var) in weights.vars() {
        let (Some(a), Some(b)) = (ours_gradients.get(&var), theirs_gradients.get(&var)) else {
            anyhow::bail!("{name}: no gradient");
        };
        largest = largest.max(difference(a, b)? / b.abs()?.max_all()?.to_scalar::<f32>()?.max(1.0));
    }
    Ok((difference(&ours, &theirs)?, largest))
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (name, norm, epochs) =
        if arguments.quick { ("karate", FeatureNorm::None, 60) } else { ("cora", FeatureNorm::Sum, 300) };
    let dataset = load(name, &arguments.source())?;
    let graph = &dataset.graph;
    let x = preprocess(&graph.x, norm)?;
    // The layer adds no self-loops: a node would not see itself.
    let edges = add_self_loops(&graph.edge_index)?.edges;

    let (outputs, gradients) = compare(&x, &edges)?;
    println!("largest difference to GatConv: outputs {outputs:.1e}, gradients {gradients:.1e}");
    ensure!(outputs < 1e-5 && gradients < 1e-5, "the layer differs from GatConv");

    let targets = Targets::classes(&dataset.labels()?, dataset.num_classes)?;
    let train = MaskedLoss::new(&targets, &graph.train_mask, "train_mask")?;
    let val = MaskedLoss::new(&targets, &graph.val_mask, "val_mask")?;
    let test = MaskedLoss::new(&targets, &graph.test_mask, "test_mask")?;

    let weights = SeededVarMap::new(0);
    let vb = weights.var_builder(DType::F32, &Device::Cpu);
    let network = Network::new(graph.num_features(), dataset.num_classes, vb)?;
    let adam = AdamConfig { lr: 0.005, weight_decay: 5e-4, ..AdamConfig::default() };
    let mut optimizer = Optimizer::new(&OptimizerConfig::Adam(adam), &weights.vars())?;
    let generator = Generator::new(0);
    // The epoch with the lowest validation loss, and its test accuracy.
    let (mut lowest, mut accuracy) = (f64::INFINITY, 0.0);
    for epoch in 1..=epochs {
        let loss = train.forward(&network.forward(&x, &edges, Mode::Train(&generator))?)?;
        optimizer.step(&ops::backward(&loss)?)?;
        let logits = network.forward(&x, &edges, Mode::Eval)?;
        let (val, test) = (val.evaluate(&logits)?, test.evaluate(&logits)?);
        if val.loss < lowest {
            (lowest, accuracy) = (val.loss, test.metric);
        }
        if epoch % (epochs / 6) == 0 {
            println!("epoch {epoch:>3}  val loss {:.4}  val accuracy {:.3}", val.loss, val.metric);
        }
    }
    println!("test accuracy on {name}: {accuracy:.3}");
    ensure!(accuracy > 0.8, "the network has not learnt");
    Ok(())
}
