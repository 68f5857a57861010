//! A graph with types of nodes and edges: the heterogeneous graph attention network (Wang et al. 2019) on the papers of ACM,
//! and which meta-path it attends to. `--quick` takes a generated graph. See the README beside this file.
use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use candle_geometric::data::{Dataset, HeteroDataset};
use candle_geometric::graph::rng::Stream;
use candle_geometric::graph::{EdgeType, HeteroGraph};
use candle_geometric::models::{Han, HeteroModelConfig};
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

/// Papers with an author in common, and papers with a subject in common.
const METAPATHS: &str = r#"
[data.metapaths]
pap = [["paper", "to", "author"], ["author", "to", "paper"]]
psp = [["paper", "to", "subject"], ["subject", "to", "paper"]]
"#;

const RECIPE: &str = r#"
[model]
architecture = "HAN"
[model.config]
in_channels = 1902
out_channels = 3
hidden_channels = 64
target = "paper"
metadata = [["paper"], [["paper", "pap", "paper"], ["paper", "psp", "paper"]]]
[data]
name = "hgb-acm"
protocol = { validation = { share = 0.2 } }
[optimizer]
name = "adam"
lr = 0.005
weight_decay = 0.001
[training]
metric = "micro-f1"
epochs = 200
early_stopping = "val-loss"
"#;

const QUICK: &str = r#"
[model]
architecture = "HAN"
[model.config]
in_channels = 6
out_channels = 3
hidden_channels = 32
heads = 4
target = "paper"
dropout = 0.2
metadata = [["paper"], [["paper", "pap", "paper"], ["paper", "psp", "paper"]]]
[data]
name = "library"
protocol = { validation = { share = 0.2 } }
[optimizer]
name = "adam"
lr = 0.01
weight_decay = 0.001
[training]
metric = "micro-f1"
epochs = 80
early_stopping = "val-loss"
"#;

/// Papers of three fields. Authors write in one field; subjects are given at random, and say nothing. Nor do a paper's own
/// features say much.
fn library() -> anyhow::Result<HeteroDataset> {
    let (papers, authors, subjects) = (450u32, 150u32, 60u32);
    let mut random = Stream::named(0, "library").sequence();
    let (mut by, mut about, mut x) = (vec![], vec![], vec![]);
    for paper in 0..papers {
        let field = paper % 3;
        for _ in 0..2 {
            by.push((paper, 3 * random.below(authors / 3) + field));
            about.push((paper, random.below(subjects)));
        }
        x.extend((0..6).map(|word| random.uniform() + if word == field { 0.3 } else { 0.0 }));
    }
    let relation = |pairs: &[(u32, u32)], count: u32, back: bool| {
        let (from, to): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let (papers, count) = (papers as usize, count as usize);
        if back {
            EdgeIndex::bipartite(to, from, count, papers)
        } else {
            EdgeIndex::bipartite(from, to, papers, count)
        }
    };
    let graph = HeteroGraph::new(
        [("paper", papers as usize), ("author", authors as usize), ("subject", subjects as usize)],
        [
            (("paper", "to", "author"), relation(&by, authors, false)?),
            (("author", "to", "paper"), relation(&by, authors, true)?),
            (("paper", "to", "subject"), relation(&about, subjects, false)?),
            (("subject", "to", "paper"), relation(&about, subjects, true)?),
        ],
    )?;
    let y: Vec<u32> = (0..papers).map(|paper| paper % 3).collect();
    let y = Tensor::new(y.as_slice(), &Device::Cpu)?;
    let names = ["databases", "wireless", "mining"].map(String::from).to_vec();
    let mut data = HeteroDataset::new("library", graph, "paper", y, names)?;
    data.x.insert("paper".into(), Tensor::from_vec(x, (papers as usize, 6), &Device::Cpu)?);
    data.train_mask = (0..papers).map(|paper| paper / 3 % 3 == 0).collect();
    data.test_mask = data.train_mask.iter().map(|train| !train).collect();
    data.validate()?;
    Ok(data)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let recipe = if arguments.quick { QUICK } else { RECIPE }.to_string() + METAPATHS;
    let config = TrainConfig::<HeteroModelConfig>::parse_as(&recipe, "the recipe".as_ref())?;
    let data = if arguments.quick {
        library()?
    } else {
        Dataset::load("hgb-acm", &arguments.source())?.into_hetero()?
    };
    for (edge_type, edges) in data.graph.edges() {
        println!("{edge_type}: {} edges", edges.num_edges());
    }
    let trained = train_once(&config, &data, 0, &RunOptions::default(), &mut Print { every: 20 })?;
    let test = trained.report.test.map_or(0.0, |t| t.metric);
    println!("test micro-F1 {test:.3}");

    // The attention over meta-paths, which says what each is worth to all papers.
    let HeteroModelConfig::Han(han) = &config.model else { bail!("the recipe is of another model") };
    let vb = VarBuilder::from_tensors(trained.weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let model = Han::new(han, vb)?;
    let mut along = vec![];
    for (name, path) in config.data.metapaths.iter() {
        let path: Vec<EdgeType> = path.iter().cloned().map(EdgeType::from).collect();
        let edges = data.metapath(&path)?;
        println!("{name}: {} pairs of papers", edges.num_edges());
        along.push((("paper", name.as_str(), "paper"), edges));
    }
    let graph = HeteroGraph::new([("paper", data.y.dim(0)?)], along)?;
    let x: BTreeMap<String, Tensor> = [("paper".to_string(), data.x["paper"].to_dtype(DType::F32)?)].into();
    let beta = model.semantic_attention(&x, &graph)?[0]["paper"].to_vec1::<f32>()?;
    println!("attention: papers of one author {:.3}, papers of one subject {:.3}", beta[0], beta[1]);
    ensure!(test > 0.8, "the model has not learnt");
    ensure!(!arguments.quick || beta[0] > beta[1], "the meta-path that says nothing is attended to");
    Ok(())
}
