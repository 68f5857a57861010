//! What a model says of the items of its data, in words.

use candle_core::{DType, Device, Tensor};

use crate::loss::{Objective, Targets};
use crate::{Error, Result};

/// What a model says of one item of the data, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The item, such as `7`, the number of a node or graph, or `(aspirin, treats, ?)`.
    pub item: String,
    /// What the model says: names of classes, numbers, or a name with its rank.
    pub predicted: String,
    /// What is true of it.
    pub truth: String,
    /// Whether that is the same; none for numbers, which are near or far.
    pub right: Option<bool>,
}

impl Answer {
    fn new(item: String, predicted: String, truth: String) -> Self {
        let right = Some(predicted == truth);
        Self { item, predicted, truth, right }
    }
}

/// The answers in `rows` of the outputs, each of which has a row of targets.
pub(super) fn of_targets(
    outputs: &Tensor,
    targets: &Targets,
    rows: &[u32],
    names: &[String],
) -> Result<Vec<Answer>> {
    let outputs = host(outputs)?;
    let answer = |&row: &u32| {
        let i = row as usize;
        let output = outputs.get(i).map_or(&[][..], Vec::as_slice);
        let (predicted, truth) = match targets {
            Targets::Classes { labels, .. } => {
                (name(names, largest(output)), name(names, labels.get(i).map_or(0, |&label| label as usize)))
            }
            Targets::Labels { values, num_labels } => {
                let truth = values.chunks(*num_labels).nth(i).unwrap_or_default();
                (
                    present(output.iter().map(|o| *o > 0.0), names),
                    present(truth.iter().map(|y| *y > 0.5), names),
                )
            }
        };
        Answer::new(row.to_string(), predicted, truth)
    };
    Ok(rows.iter().map(answer).collect())
}

/// The answers of a model of graphs, `items` of which the outputs are.
pub(super) fn of_objective(
    outputs: &Tensor,
    objective: &Objective,
    items: &[usize],
    names: &[String],
) -> Result<Vec<Answer>> {
    let mut answers = match objective {
        Objective::Classes(loss) => of_targets(outputs, loss.targets(), loss.rows(), names)?,
        Objective::Numbers { y, known, .. } => {
            let rows = host(outputs)?.into_iter().zip(host(y)?).zip(host(known)?);
            let labels = objective.are_labels();
            rows.map(|((outputs, y), known)| {
                if labels {
                    let known = || known.iter().map(|known| *known > 0.5);
                    let of = |signs: Vec<bool>| {
                        present(signs.into_iter().zip(known()).map(|(a, b)| a && b), names)
                    };
                    let predicted = of(outputs.iter().map(|o| *o > 0.0).collect());
                    return Answer::new(String::new(), predicted, of(y.iter().map(|y| *y > 0.5).collect()));
                }
                let truth = y.iter().zip(&known).map(|(y, known)| if *known > 0.5 { *y } else { f64::NAN });
                let (predicted, truth) = (numbers(outputs), numbers(truth));
                Answer { item: String::new(), predicted, truth, right: None }
            })
            .collect()
        }
    };
    // Where nodes are answered for, there are several rows to a graph.
    if answers.len() == items.len() {
        answers.iter_mut().zip(items).for_each(|(answer, item)| answer.item = item.to_string());
    } else {
        answers.iter_mut().enumerate().for_each(|(row, answer)| answer.item = row.to_string());
    }
    Ok(answers)
}

/// The answer to a question of which a probability is asked.
pub(super) fn of_probability(item: String, probability: f64, truth: bool) -> Answer {
    let [yes, no] = ["an edge", "none"].map(String::from);
    let predicted = format!("{probability:.3}");
    Answer { item, predicted, truth: if truth { yes } else { no }, right: Some((probability > 0.5) == truth) }
}

pub(super) fn name(names: &[String], class: usize) -> String {
    names.get(class).cloned().unwrap_or_else(|| class.to_string())
}

/// The names of what is there.
fn present(there: impl Iterator<Item = bool>, names: &[String]) -> String {
    let there: Vec<String> =
        there.enumerate().filter(|(_, there)| *there).map(|(class, _)| name(names, class)).collect();
    if there.is_empty() { "none".into() } else { there.join(", ") }
}

fn numbers(values: impl IntoIterator<Item = f64>) -> String {
    let one = |value: f64| if value.is_nan() { "unknown".into() } else { format!("{value:.3}") };
    values.into_iter().map(one).collect::<Vec<String>>().join(", ")
}

pub(super) fn largest(row: &[f64]) -> usize {
    let mut best = 0;
    for (i, value) in row.iter().enumerate() {
        if row.get(best).is_some_and(|top| value > top) {
            best = i;
        }
    }
    best
}

pub(super) fn host(tensor: &Tensor) -> Result<Vec<Vec<f64>>> {
    if tensor.rank() != 2 {
        return Err(Error::invalid("outputs", "shape [M, T]", format!("{:?}", tensor.dims())));
    }
    Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2()?)
}
