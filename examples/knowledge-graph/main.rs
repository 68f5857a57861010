//! What follows from what is known: relational graph attention completes the facts of UMLS, a graph of medical concepts.
//! `--quick` takes generated families. See the README beside this file.
use std::fmt::Write as _;

use anyhow::{Context, ensure};
use candle_geometric::data::{Dataset, KnowledgeGraph, knowledge_graph};
use candle_geometric::graph::rng::Stream;
use candle_geometric::models::{Configuration, KnowledgeModelConfig};
use candle_geometric::prelude::*;
use candle_geometric::train::{RunOptions, TrainConfig, train_once};
use candle_geometric_examples::{Arguments, Print};

const RECIPE: &str = include_str!("umls.toml");
const QUICK: &str = include_str!("families.toml");

/// Twenty families: two parents, three children, each with two children of their own. That a grandparent is a parent of a
/// parent is said of most grandchildren, and to be found out of the others.
fn families() -> anyhow::Result<KnowledgeGraph> {
    let [mut train, mut valid, mut test] = [String::new(), String::new(), String::new()];
    let mut random = Stream::named(0, "families").sequence();
    for family in 0..20 {
        for old in ["Ada", "Bob"] {
            for child in 0..3 {
                writeln!(train, "{old}{family}\tparent-of\tchild{family}.{child}")?;
                for young in 0..2 {
                    let grandchild = format!("grandchild{family}.{child}.{young}");
                    if old == "Ada" {
                        writeln!(train, "child{family}.{child}\tparent-of\t{grandchild}")?;
                    }
                    let file = match random.below(10) {
                        0 => &mut valid,
                        1 | 2 => &mut test,
                        _ => &mut train,
                    };
                    writeln!(file, "{old}{family}\tgrandparent-of\t{grandchild}")?;
                }
            }
        }
    }
    Ok(knowledge_graph::parse("families", train.as_bytes(), valid.as_bytes(), test.as_bytes())?)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let facts = if arguments.quick {
        families()?
    } else {
        Dataset::load("umls", &arguments.source())?.into_triples()?
    };
    let recipe = if arguments.quick { QUICK } else { RECIPE };
    let config = TrainConfig::<KnowledgeModelConfig>::parse_as(recipe, "the recipe".as_ref())?;
    println!(
        "{} entities, {} relations, {} facts to learn from, {} to be found",
        facts.entities.len(),
        facts.relations.len(),
        facts.train.len(),
        facts.test.len()
    );
    let data = Dataset::Triples(facts.clone());
    let trained = train_once(&config, &data, 0, &RunOptions::default(), &mut Print { every: 20 })?;
    let mrr = trained.report.test.map_or(0.0, |t| t.metric);
    print!("test: MRR {mrr:.3}");
    for (metric, value) in &trained.report.more {
        print!("  {metric} {value:.3}");
    }
    println!("  (filtered, both directions)");

    // Questions of the test set, and the three best answers that are not known already.
    let vb = VarBuilder::from_tensors(trained.weights.into_iter().collect(), DType::F32, &Device::Cpu);
    let model = config.model.build_model(vb)?;
    let z = model.encode(&facts.edges(true)?, Mode::Eval)?;
    for k in 0..4 {
        let fact = facts.test.get(k * facts.test.len() / 4).context("no facts to be found")?;
        let scores = model.score_tails(&z, &[fact.head], &[fact.relation], Mode::Eval)?;
        let scores = scores.squeeze(0)?.to_vec1::<f32>()?;
        let known = |tail: u32| {
            facts.train.iter().any(|f| (f.head, f.relation, f.tail) == (fact.head, fact.relation, tail))
        };
        let mut tails: Vec<u32> = (0..scores.len() as u32).filter(|&tail| !known(tail)).collect();
        tails.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        let name = |entity: u32| facts.entities[entity as usize].as_str();
        println!("{} {} ?", name(fact.head), facts.relations[fact.relation as usize]);
        let best: Vec<&str> = tails.iter().take(3).map(|&tail| name(tail)).collect();
        println!("  {}; asked for was {}", best.join(", "), name(fact.tail));
    }
    ensure!(mrr > 0.5, "the model has not learnt");
    Ok(())
}
