//! Solubility from structure: AttentiveFP (Xiong et al. 2020) on ESOL, tested on molecules whose scaffolds it has not seen.
//! `--quick` takes a few generated molecules. See the README beside this file.
use anyhow::{Context, bail, ensure};
use candle_geometric::data::Dataset;
use candle_geometric::data::molecules::{Chematic, Columns, Molecules, moleculenet};
use candle_geometric::graph::rng::Stream;
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

const RECIPE: &str = r#"
[model]
architecture = "AttentiveFP"
config = { in_channels = 39, hidden_channels = 64, out_channels = 1, edge_dim = 10, num_layers = 3, num_timesteps = 2, dropout = 0.2 }
[data]
name = "esol"
protocol = { scaffold = { train = 0.8, val = 0.1 } }
[optimizer]
name = "adam"
lr = 0.003
weight_decay = 1e-5
[training]
task = "graph-regression"
batch_size = 64
epochs = 150
early_stopping = "val-loss"
patience = 40
"#;

const QUICK: &str = r#"
[model]
architecture = "AttentiveFP"
config = { in_channels = 39, hidden_channels = 16, out_channels = 1, edge_dim = 10, num_layers = 2, num_timesteps = 2 }
[data]
name = "alcohols"
protocol = { shares = { train = 0.7, val = 0.15 } }
[optimizer]
name = "adam"
lr = 0.01
[training]
task = "graph-regression"
batch_size = 16
epochs = 30
early_stopping = "val-loss"
"#;

/// Chains of carbon with hydroxyl groups, chlorine and rings here and there. What is to be predicted is counted: a hydroxyl
/// group makes the molecule soluble, a carbon less so, a chlorine more so than a carbon.
fn alcohols(count: usize) -> anyhow::Result<Molecules> {
    let mut table = String::from("smiles,solubility\n");
    for molecule in 0..count {
        let mut random = Stream::named(0, "alcohols").split(molecule as u64).sequence();
        let (mut smiles, mut solubility) = (String::new(), 0.0);
        for _ in 0..2 + random.below(7) {
            let (part, value) = match random.below(6) {
                0 | 1 => ("C(O)", 0.7),
                2 => ("C(Cl)", -1.0),
                3 if !smiles.contains('c') => ("C(c1ccccc1)", -2.1),
                _ => ("C", -0.3),
            };
            smiles.push_str(part);
            solubility += value;
        }
        table.push_str(&format!("{smiles},{solubility:.1}\n"));
    }
    let columns = Columns { smiles: "smiles", tasks: &["solubility"] };
    Ok(moleculenet::parse("alcohols", table.as_bytes(), &columns, &Chematic)?)
}

/// The deviation of the labels: the error of one who only knows the mean.
fn deviation(y: &Tensor) -> anyhow::Result<f64> {
    let y = y.flatten_all()?;
    let distances = y.broadcast_sub(&y.mean_keepdim(0)?)?;
    Ok(f64::from(distances.sqr()?.mean_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?).sqrt())
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let config = TrainConfig::parse(if arguments.quick { QUICK } else { RECIPE }, "the recipe".as_ref())?;
    let molecules = if arguments.quick {
        alcohols(200)?
    } else {
        match Dataset::load("esol", &arguments.source())? {
            Dataset::Molecules(molecules) => molecules,
            _ => bail!("esol: expected molecules"),
        }
    };
    let graphs = &molecules.graphs;
    let spread = deviation(graphs.y.as_ref().context("no labels")?)?;
    println!("{} molecules; the labels deviate by {spread:.3} from their mean", graphs.len());
    let data = Dataset::Molecules(molecules.clone());
    let trained = train_once(&config, &data, 0, &RunOptions::default(), &mut Print { every: 10 })?;
    let test = trained.report.test.map_or(f64::NAN, |t| t.metric);
    println!("test RMSE {test:.3}");

    let vb = VarBuilder::from_tensors(trained.weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let model = config.model.build(vb)?;
    let some: Vec<usize> = (0..5).map(|k| k * graphs.len() / 5).collect();
    let batch = graphs.batch(&some)?;
    let (edges, readout) = (batch.structure.edges(), batch.structure.readout());
    let said = model.forward_batch(&batch.x, edges, batch.edge_attr.as_ref(), Some(readout), Mode::Eval)?;
    let said = said.flatten_all()?.to_vec1::<f32>()?;
    let truth = batch.y.context("no labels")?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    for ((molecule, said), truth) in some.into_iter().zip(said).zip(truth) {
        println!("{said:>6.2}, in truth {truth:>6.2}: {}", molecules.smiles[molecule]);
    }
    ensure!(test < 0.6 * spread, "the model has not learnt");
    Ok(())
}
