//! What `candle-geometric run` shows of models whose items are not the nodes of one graph.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use candle_geometric::Device;
use candle_geometric::data::Dataset;
use candle_geometric::models::{Configuration, TaskKind};
use candle_geometric::train::{Answer, Trainable};
use serde::Serialize;

use super::out::{OutDir, quoted};
use super::screen::Screen;
use super::task::{Prepared, prepare};

/// What `--json` prints; `summary.json` is the same without the answers.
#[derive(Serialize)]
struct Summary<'a> {
    model: &'a str,
    data: &'a str,
    device: String,
    metric: String,
    train: f64,
    val: f64,
    test: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Vec<Row<'a>>>,
}

#[derive(Serialize)]
struct Row<'a> {
    item: &'a str,
    predicted: &'a str,
    truth: &'a str,
    right: Option<bool>,
}

impl<'a> Row<'a> {
    fn of(answer: &'a Answer) -> Self {
        let Answer { item, predicted, truth, right } = answer;
        Self { item, predicted, truth, right: *right }
    }
}

/// Where and how to run a model, and how much to show.
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) data: Option<&'a Path>,
    pub(super) device: &'a Device,
    pub(super) device_name: String,
    pub(super) out: Option<&'a OutDir>,
    pub(super) limit: usize,
    pub(super) json: bool,
}

impl Asked<'_> {
    pub(super) fn run<C: Configuration>(&self, screen: &mut Screen) -> Result<()>
    where
        Dataset: Trainable<C>,
    {
        let Prepared { pretrained, task } = prepare::<C>(self.model, self.data, self.device)?;
        let entry = &pretrained.entry;
        let measured = task.evaluate(&pretrained.model)?;
        let answers = task.answers(&pretrained.model, &entry.task.labels)?;
        let metric = task.metric();
        let mut summary = Summary {
            model: &pretrained.name,
            data: &entry.data.name,
            device: self.device_name.clone(),
            metric: metric.to_string(),
            train: measured.train.metric,
            val: measured.val.metric,
            test: measured.test.map(|test| test.metric),
            predictions: None,
        };
        if let Some(out) = self.out {
            out.write("predictions.csv", csv(&answers).as_bytes())?;
            out.write_json("summary.json", &summary)?;
        }
        let shown = answers.get(..self.limit).unwrap_or(&answers);
        if self.json {
            summary.predictions = Some(shown.iter().map(Row::of).collect());
            return screen.json(&summary);
        }
        let heading = format!("{} on {} ({})", summary.model, summary.data, summary.device);
        writeln!(screen, "{}", screen.title(&heading))?;
        let of_part = |name: &str, value: f64| format!("{name} {}", metric.show(value));
        // What chooses where labels are not to be looked at is another metric than the test's.
        let chosen_by = task.val_metric();
        match summary.test {
            Some(test) if chosen_by != metric => writeln!(screen, "{metric}: {}\n", of_part("test", test))?,
            test => {
                let parts = test.into_iter().map(|test| of_part("test", test));
                let parts: Vec<String> =
                    parts.chain([of_part("val", summary.val), of_part("train", summary.train)]).collect();
                writeln!(screen, "{metric}: {}\n", parts.join(", "))?;
            }
        }
        let rows = shown.iter().map(|answer| {
            let wrong = if answer.right == Some(false) { "wrong" } else { "" };
            vec![answer.item.clone(), answer.predicted.clone(), answer.truth.clone(), wrong.into()]
        });
        if !shown.is_empty() {
            screen.table(&[item(entry.task.kind), "predicted", "truth", ""], rows.collect(), &[])?;
        }
        if shown.len() < answers.len() {
            let text = format!("{} of {}; --limit N shows more", shown.len(), answers.len());
            writeln!(screen, "{}", screen.faint(&text))?;
        }
        if let Some(out) = self.out {
            writeln!(screen, "\nwrote predictions.csv and summary.json to {}", out.path().display())?;
        }
        Ok(())
    }
}

/// What the items are.
fn item(task: TaskKind) -> &'static str {
    match task {
        TaskKind::GraphClassification | TaskKind::GraphRegression => "graph",
        TaskKind::LinkPrediction => "pair of nodes",
        TaskKind::KnowledgeGraphCompletion => "question",
        _ => "node",
    }
}

fn csv(answers: &[Answer]) -> String {
    let mut text = String::from("item,predicted,truth\n");
    for answer in answers {
        let fields = [&answer.item, &answer.predicted, &answer.truth].map(|field| quoted(field));
        text.push_str(&format!("{}\n", fields.join(",")));
    }
    text
}
