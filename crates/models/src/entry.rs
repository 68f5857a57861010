use std::fmt::{self, Formatter};
use std::path::Path;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Configuration, Error, ModelConfig, Result};

/// What `config.json` says of a pretrained model: what it is, what it was trained for, and how well it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "C: Configuration", serialize = "C: Configuration"))]
pub struct ZooEntry<C = ModelConfig> {
    /// `architecture` and `config`.
    #[serde(flatten)]
    pub model: C,
    /// What the outputs mean.
    pub task: Task,
    /// What the model was trained on.
    pub data: Data,
    /// What has to be done to the data first.
    pub preprocessing: Preprocessing,
    /// How well the recipe does, and these weights.
    pub metric: Metric,
    /// The file of weights.
    pub weights: Weights,
    /// The licence of the weights, as an SPDX expression.
    pub licence: String,
}

/// What the outputs of a model mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The kind of task.
    pub kind: TaskKind,
    /// The number of classes: the width of the output.
    pub num_classes: usize,
    /// The names of the classes, in the order of the outputs.
    pub labels: Vec<String>,
}

/// Kinds of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TaskKind {
    /// One class for each node; the outputs are logits.
    NodeClassification,
    /// One node as the answer to each question (head, relation, ?): nodes are the classes, the outputs are logits.
    KnowledgeGraphCompletion,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data set, such as `cora`.
    pub name: String,
    /// How it was split, such as `standard`.
    pub split: String,
}

/// What has to be done to the data before the model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// What the features of each node are divided by.
    pub normalize_features: FeatureNorm,
}

/// What the features of each node are divided by. A node whose features give zero keeps them as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureNorm {
    /// Nothing.
    #[default]
    None,
    /// Their sum, as in the GCN and GAT papers.
    Sum,
    /// Their Euclidean norm.
    L2,
}

/// By hand, so that `true` too is answered with the choices: the derived form asks for a "string or table" there.
impl<'de> Deserialize<'de> for FeatureNorm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl Visitor<'_> for Choice {
            type Value = FeatureNorm;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("`none`, `sum` or `l2`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FeatureNorm, E> {
                match text {
                    "none" => Ok(FeatureNorm::None),
                    "sum" => Ok(FeatureNorm::Sum),
                    "l2" => Ok(FeatureNorm::L2),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_str(Choice)
    }
}

/// How well a recipe does over several seeds, and how well the published weights do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What is measured: `accuracy`, `micro-f1`. Values are fractions, from 0 to 1.
    pub name: String,
    /// On which part of the data: `test`.
    pub split: String,
    /// The mean over the runs.
    pub mean: f64,
    /// The standard deviation over the runs.
    pub std: f64,
    /// The number of runs, each with a seed of its own.
    pub runs: usize,
    /// What the authors of the architecture published, if they did.
    pub published: Option<f64>,
    /// Where they published it.
    pub source: String,
    /// The value of these very weights, chosen by their validation score.
    pub this: f64,
    /// By how much a recomputed value may differ from `this`.
    pub tolerance: f64,
}

/// The file of weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Its name, in the folder of `config.json`.
    pub file: String,
    /// The SHA-256 of its contents, in hexadecimal.
    pub sha256: String,
}

impl<C: Configuration> ZooEntry<C> {
    /// Reads and validates the text of a `config.json`; `path` is for messages.
    ///
    /// # Errors
    /// If it is not the JSON of an entry (unknown fields included), or its values contradict each other. All
    /// contradictions are listed.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self> {
        let entry: Self = serde_json::from_slice(text).map_err(|e| Error::file(path, e.to_string()))?;
        let problems = entry.problems();
        if problems.is_empty() { Ok(entry) } else { Err(Error::file(path, problems.join("; "))) }
    }

    /// As it stands in `config.json`.
    ///
    /// # Errors
    /// If it would not be read back: its values contradict each other.
    pub fn to_json(&self) -> Result<String> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::config(self.model.architecture(), problems.join("; ")));
        }
        let text = serde_json::to_string_pretty(self);
        text.map(|t| t + "\n").map_err(|e| Error::config(self.model.architecture(), e.to_string()))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let (classes, labels) = (self.task.num_classes, self.task.labels.len());
        require(labels == classes, format!("task.labels has {labels} names for num_classes {classes}"));
        let outputs = self.model.num_classes();
        require(outputs == classes, format!("the model has {outputs} outputs for num_classes {classes}"));
        let m = &self.metric;
        for (name, value) in [("mean", Some(m.mean)), ("this", Some(m.this)), ("published", m.published)] {
            let fraction = value.is_none_or(|v| (0.0..=1.0).contains(&v));
            require(fraction, format!("metric.{name} is {}, expected a fraction", value.unwrap_or_default()));
        }
        for (name, value) in [("std", m.std), ("tolerance", m.tolerance)] {
            require(
                value >= 0.0 && value.is_finite(),
                format!("metric.{name} is {value}, expected 0 or more"),
            );
        }
        require(m.runs > 0, "metric.runs is 0".into());
        let w = &self.weights;
        require(is_file_name(&w.file), format!("weights.file is `{}`, expected a plain file name", w.file));
        require(is_sha256(&w.sha256), format!("weights.sha256 is `{}`, expected 64 hex digits", w.sha256));
        problems
    }
}

/// Whether `name` names a file in this very folder: a `config.json` must not reach elsewhere.
fn is_file_name(name: &str) -> bool {
    !name.starts_with('.')
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
