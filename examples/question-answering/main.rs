//! Answers to questions such as "who is the grandmother of the spouse of Ben7?", by attention that walks over a graph of
//! families. Learnt from answers alone, on one set of families; asked about others. See the README beside this file.
mod families;
mod walker;

use anyhow::ensure;
use candle_geometric::graph::rng::Stream;
use candle_geometric::ops;
use candle_geometric::prelude::*;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{Optimizer, OptimizerConfig};
use candle_geometric_examples::Arguments;
use families::{Question, RELATIONS, World};
use walker::{Walker, Walks};

/// How likely each walk ends at a right answer, `[B]`.
fn right(walks: &Walks, questions: &[Question]) -> anyhow::Result<Tensor> {
    let (n, b) = walks.arrived.dims2()?;
    let mut mask = vec![0f32; n * b];
    for (column, question) in questions.iter().enumerate() {
        question.answers.iter().for_each(|&answer| mask[answer as usize * b + column] = 1.0);
    }
    Ok((&walks.arrived * Tensor::from_vec(mask, (n, b), &Device::Cpu)?)?.sum(0)?)
}

/// The place where each walk most likely ends.
fn answers(walks: &Walks) -> anyhow::Result<Vec<u32>> {
    Ok(walks.arrived.argmax(0)?.to_vec1()?)
}

fn accuracy(walks: &Walks, questions: &[Question]) -> anyhow::Result<f64> {
    let said = answers(walks)?;
    let right = questions.iter().zip(said).filter(|(question, said)| question.answers.contains(said)).count();
    Ok(right as f64 / questions.len() as f64)
}

/// The likeliest walk of one question: at each step the edge with the most attention, wherever the walk is.
fn path(world: &World, walks: &Walks, question: &Question, column: usize) -> anyhow::Result<String> {
    let mut at = question.person;
    let mut path = world.names[at as usize].clone();
    for alpha in &walks.alpha {
        let alpha = alpha.narrow(1, column, 1)?.flatten_all()?.to_vec1::<f32>()?;
        let edges = world.edges.iter().zip(&world.relations).zip(alpha);
        let leaving = edges.filter(|(((j, _), _), _)| *j == at);
        let Some((((_, next), &relation), weight)) = leaving.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            break;
        };
        at = next;
        path += &format!(" –{} {weight:.2}→ {}", RELATIONS[relation as usize], world.names[at as usize]);
    }
    Ok(path)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (couples, steps) = if arguments.quick { (12, 400) } else { (60, 2000) };
    let (known, unknown) = (World::generate(5, couples, 0)?, World::generate(5, couples, 1)?);
    println!("to learn from: {} persons, {} facts", known.names.len(), known.edges.num_edges());

    let weights = SeededVarMap::new(0);
    let model = Walker::new(weights.var_builder(DType::F32, &Device::Cpu))?;
    let adam = OptimizerConfig::Adam(AdamConfig { lr: 0.01, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &weights.vars())?;
    let mut random = Stream::named(0, "questions").sequence();
    for step in 1..=steps {
        let questions = known.ask(64, &mut random);
        let walks = model.walk(&known, &questions)?;
        // Only where a walk ends is told to the model: never the path.
        let loss = (right(&walks, &questions)? + 1e-6)?.log()?.mean_all()?.neg()?;
        optimizer.step(&ops::backward(&loss)?)?;
        if step % (steps / 5) == 0 {
            let accuracy = accuracy(&walks, &questions)?;
            println!("step {step:>4}  loss {:.4}  right {accuracy:.3}", loss.to_scalar::<f32>()?);
        }
    }

    let questions = unknown.ask(500, &mut Stream::named(1, "questions").sequence());
    let walks = model.walk(&unknown, &questions)?;
    let accuracy = accuracy(&walks, &questions)?;
    println!(
        "about {} persons that it has never seen: {accuracy:.3} of 500 answers are right",
        unknown.names.len()
    );
    let said = answers(&walks)?;
    for (column, question) in questions.iter().enumerate().take(5) {
        let right: Vec<&str> = question.answers.iter().map(|&i| unknown.names[i as usize].as_str()).collect();
        println!("{} {}", question.text(&unknown), unknown.names[said[column] as usize]);
        println!("  {}", path(&unknown, &walks, question, column)?);
        println!("  right: {}, by {}", right.join(" and "), question.way());
    }
    ensure!(accuracy > 0.8, "the model has not learnt");
    Ok(())
}
