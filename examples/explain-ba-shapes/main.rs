//! Does attention explain? On BA-Shapes (Ying et al. 2019) it is known which edges make a node's label: those of its house.
//! Attention, gradients and GNNExplainer are asked which ones the model rests on. `--quick` takes a small graph. See the
//! README beside this file.
use candle_geometric::explain::explainer::{
    Fidelity, GnnExplainer, Judgement, NodeMask, Subject, Target, attention, gradient, integrated_gradients,
    receptive_edges, top_k,
};
use candle_geometric::graph::generators::{BaShapes, ba_shapes};
use candle_geometric::graph::rng::Stream;
use candle_geometric::models::{Gat, GatConfig, Gcn, GcnConfig};
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{MaskedLoss, Optimizer, OptimizerConfig, Targets, metrics};
use candle_geometric_examples::Arguments;

const LAYERS: usize = 3;
const CLASSES: usize = 4;
/// A house has six pairs of nodes: twelve edges.
const HOUSE: usize = 12;

struct Size {
    base: usize,
    houses: usize,
    epochs: usize,
    explained: usize,
}

fn model(name: &str, inputs: usize, map: &SeededVarMap) -> anyhow::Result<Box<dyn GraphModel>> {
    let vb = map.var_builder(DType::F32, &Device::Cpu);
    Ok(match name {
        "GCN" => {
            let config = GcnConfig { out_channels: Some(CLASSES), ..GcnConfig::new(inputs, 20, LAYERS) };
            Box::new(Gcn::new(&config, vb)?)
        }
        _ => {
            let config =
                GatConfig { heads: 4, out_channels: Some(CLASSES), ..GatConfig::new(inputs, 32, LAYERS) };
            Box::new(Gat::new(&config, vb)?)
        }
    })
}

/// Trains on four of five nodes, and gives the accuracy on the others.
fn train(
    model: &dyn GraphModel,
    map: &SeededVarMap,
    x: &Tensor,
    data: &BaShapes,
    epochs: usize,
) -> anyhow::Result<f64> {
    let random = Stream::named(0, "split");
    let mask: Vec<bool> = (0..data.labels.len() as u64).map(|i| random.uniform(i) < 0.8).collect();
    let loss = MaskedLoss::new(&Targets::classes(&data.labels, CLASSES)?, &mask, "train")?;
    let adam = OptimizerConfig::Adam(AdamConfig { lr: 0.01, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &map.vars())?;
    for _ in 0..epochs {
        optimizer.step(&ops::backward(&loss.forward(&model.forward(x, &data.edges)?)?)?)?;
    }
    let others: Vec<u32> = (0..).zip(&mask).filter(|(_, train)| !**train).map(|(i, _)| i).collect();
    Ok(metrics::accuracy(&model.forward(x, &data.edges)?, &data.labels, &others)?)
}

/// What explainers gave: AUC and judgement of every explained node.
type Found = Vec<(f64, Judgement)>;

/// Explains nodes of houses that the model gets right by every explainer.
fn explain(
    model: &dyn GraphModel,
    x: &Tensor,
    data: &BaShapes,
    size: &Size,
) -> anyhow::Result<Vec<(&'static str, Found)>> {
    let masked = |x: &Tensor, e: &EdgeIndex, m: &Tensor| Ok(model.forward_masked(x, e, None, None, m)?);
    let subject = Subject::new(masked, x, &data.edges)?;
    let classes = subject.classes()?;
    let weights = model.attention(x, &data.edges, None, None)?;
    let mut all: Vec<(&str, Found)> =
        ["random", "gradient", "integrated", "GNNExplainer", "attention"].map(|name| (name, vec![])).into();
    if weights.is_empty() {
        all.pop();
    }
    // Every sixth node: all five places in a house take turns.
    let right = |&i: &usize| classes[i] == data.labels[i];
    for row in (size.base..data.labels.len()).step_by(6).filter(right).take(size.explained) {
        let target = Target { row, class: classes[row] as usize };
        let reached = receptive_edges(&data.edges, row, LAYERS)?;
        let house = |node: u32| (node as usize).checked_sub(size.base).map(|i| i / 5);
        let own = house(row as u32);
        let in_house: Vec<bool> =
            data.edges.iter().map(|(j, i)| house(j) == own && house(i) == own).collect();
        for (name, found) in &mut all {
            let absolute = |scores: Vec<f64>| scores.into_iter().map(f64::abs).collect();
            let random = Stream::named(row as u64, "chance");
            let scores: Vec<f64> = match *name {
                "random" => (0..reached.len() as u64).map(|e| random.uniform_f64(e)).collect(),
                "attention" => attention(&weights, &data.edges)?,
                "gradient" => absolute(gradient(&subject, target)?.edges),
                "integrated" => absolute(integrated_gradients(&subject, target, 20)?.edges),
                _ => {
                    let explainer = GnnExplainer { node_mask: NodeMask::None, ..GnnExplainer::default() };
                    explainer.explain(&subject, target)?.edges
                }
            };
            // Only what can reach the node is ranked; the twelve best edges are the explanation.
            let (within, positive): (Vec<f64>, Vec<bool>) =
                (0..scores.len()).filter(|&e| reached[e]).map(|e| (scores[e], in_house[e])).unzip();
            let auc = metrics::roc_auc(&Tensor::new(within, &Device::Cpu)?, &positive)?;
            let ranked = scores.iter().zip(&reached).map(|(&s, &r)| if r { s } else { -1.0 });
            let best = top_k(&ranked.collect::<Vec<f64>>(), HOUSE);
            found.push((auc, Judgement::of(&subject, row, &best)?));
        }
    }
    Ok(all)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let size = match arguments.quick {
        true => Size { base: 60, houses: 16, epochs: 300, explained: 4 },
        false => Size { base: 300, houses: 80, epochs: 1000, explained: usize::MAX },
    };
    let data = ba_shapes(size.base, 5, size.houses, 0)?;
    let n = data.labels.len();
    // A constant, as the paper has it; and the in-degree, without which attention sees no difference between nodes.
    let ones = Tensor::ones((n, 1), DType::F32, &Device::Cpu)?;
    let degrees = data.edges.by_destination();
    let degrees: Vec<f32> = (0..n).map(|i| (degrees.edges(i).len() as f32).ln()).collect();
    let degrees = Tensor::cat(&[&ones, &Tensor::from_vec(degrees, (n, 1), &Device::Cpu)?], 1)?;
    println!("model  features  accuracy  explainer     nodes    AUC   fid+   fid-");
    for (name, features, x) in
        [("GCN", "constant", &ones), ("GCN", "degree", &degrees), ("GAT", "degree", &degrees)]
    {
        let map = SeededVarMap::new(0);
        let model = model(name, x.dim(1)?, &map)?;
        let accuracy = train(model.as_ref(), &map, x, &data, size.epochs)?;
        for (explainer, found) in explain(model.as_ref(), x, &data, &size)? {
            let (aucs, judgements): (Vec<f64>, Vec<Judgement>) = found.into_iter().unzip();
            let auc = aucs.iter().sum::<f64>() / aucs.len() as f64;
            let Fidelity { plus, minus } = Fidelity::of_model(&judgements)?;
            print!("{name:<5}  {features:<8}  {:>6.1} %  {explainer:<12}", 100.0 * accuracy);
            println!("  {:>5}  {auc:.3}  {plus:.3}  {minus:.3}", aucs.len());
            anyhow::ensure!(
                explainer != "GNNExplainer" || features != "constant" || auc > 0.6,
                "GNNExplainer is no better than chance: AUC {auc}"
            );
        }
    }
    Ok(())
}
