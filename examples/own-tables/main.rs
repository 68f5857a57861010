//! Your own tables: people and the mails between them as two CSV files, read as a graph, and a GATv2 that learns the
//! department of each. Without `--data` the files are generated first. See the README beside this file.
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, ensure};
use candle_geometric::data::tables::Columns;
use candle_geometric::data::{NodeIds, import};
use candle_geometric::graph::rng::Stream;
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, preprocess, train_once};
use candle_geometric_examples::{Arguments, Print};

/// Sixty per cent of the people for training, twenty to choose the epoch, twenty to test.
const RECIPE: &str = r#"
[model]
architecture = "GAT"
config = { in_channels = 4, hidden_channels = 32, num_layers = 2, out_channels = 4, heads = 4, v2 = true, act = "elu", dropout = 0.2, edge_dim = 1 }
[data]
name = "company"
protocol = { shares = { train = 0.6, val = 0.2 } }
[optimizer]
name = "adam"
lr = 0.01
weight_decay = 5e-4
[training]
epochs = 100
early_stopping = "val-loss"
"#;

/// In the order of the alphabet, by which classes are numbered.
const DEPARTMENTS: [&str; 4] = ["Engineering", "Finance", "Law", "Sales"];

/// Writes `people.csv` and `mails.csv` of a company: mails are mostly within a department.
fn generate(folder: &Path) -> anyhow::Result<()> {
    let mut random = Stream::named(0, "company").sequence();
    let mut people = String::from("name,department,code,invoices,contracts,calls\n");
    let mut mails = String::from("from,to,mails\n");
    let count = 400;
    for person in 0..count {
        let department = person % 4;
        write!(people, "\"P., No. {person}\",{}", DEPARTMENTS[department as usize])?;
        for work in 0..4 {
            // Hours of a week: a little more of what the department does.
            let hours = random.below(12) + if work == department { 5 } else { 0 };
            write!(people, ",{hours}")?;
        }
        writeln!(people)?;
        for _ in 0..8 {
            let within = random.uniform() < 0.5;
            let to = if within { 4 * random.below(count / 4) + department } else { random.below(count) };
            let number = if within { 5 + random.below(20) } else { 1 + random.below(6) };
            writeln!(mails, "\"P., No. {person}\",\"P., No. {to}\",{number}")?;
        }
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("people.csv"), people)?;
    Ok(std::fs::write(folder.join("mails.csv"), mails)?)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let folder =
        arguments.data.clone().unwrap_or_else(|| std::env::temp_dir().join("candle-geometric-company"));
    if arguments.data.is_none() {
        generate(&folder)?;
    }
    for file in ["people.csv", "mails.csv"] {
        let text = std::fs::read_to_string(folder.join(file)).with_context(|| file.to_string())?;
        println!("{file}, {} lines:", text.lines().count());
        text.lines().take(3).for_each(|line| println!("  {line}"));
    }

    let columns = Columns {
        source: "from".into(),
        destination: "to".into(),
        edge_attr: vec!["mails".into()],
        id: "name".into(),
        x: ["code", "invoices", "contracts", "calls"].map(String::from).to_vec(),
        y: Some("department".into()),
        ..Columns::default()
    };
    let tables = import(&folder.join("mails.csv"), Some(&folder.join("people.csv")), &columns)?;
    let names = tables.ids.clone();
    let mut graph = tables.into_graph()?;
    // Hours and counts of mails are large numbers for a network.
    graph.x = (graph.x / 10.0)?;
    graph.edge_attr = graph.edge_attr.map(|attr| attr / 10.0).transpose()?;
    let dataset = NodeDataset::new("company", graph, DEPARTMENTS.map(String::from).to_vec())?;

    let config = TrainConfig::parse(RECIPE, "the recipe".as_ref())?;
    let trained = train_once(&config, &dataset, 0, &RunOptions::default(), &mut Print { every: 25 })?;
    let test = trained.report.test.map_or(0.0, |t| t.metric);
    println!("test accuracy {test:.3}, of {} departments", DEPARTMENTS.len());

    // Predictions are told by the names in the tables.
    let vb = VarBuilder::from_tensors(trained.weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let model = config.model.build(vb)?;
    let graph = &dataset.graph;
    let x = preprocess(&graph.x, config.data.normalize_features)?;
    let logits = model.forward_t(&x, &graph.edge_index, graph.edge_attr.as_ref(), Mode::Eval)?;
    let (said, truth) = (logits.argmax(1)?.to_vec1::<u32>()?, dataset.labels()?);
    for person in 0..4 {
        let department = |class: u32| DEPARTMENTS[class as usize];
        let name = NodeIds::name(&names, person).unwrap_or_default();
        println!("{name}: {}, in truth {}", department(said[person]), department(truth[person]));
    }
    ensure!(test > 0.7, "the model has not learnt");
    Ok(())
}
