use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::path::Path;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Configuration, Error, MetricKind, ModelConfig, Protocol, Result};

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
    /// The number of classes, or of numbers predicted: the width of the output. 0 where outputs are latent features.
    pub num_classes: usize,
    /// The names of the classes or numbers, in the order of the outputs.
    pub labels: Vec<String>,
}

/// Kinds of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TaskKind {
    /// One class for each node, or any number of labels; the outputs are logits.
    #[default]
    NodeClassification,
    /// One class for each graph, or any number of labels; the outputs are logits.
    GraphClassification,
    /// Numbers for each graph.
    GraphRegression,
    /// Which pairs of nodes are joined: the inner product of their outputs is the logit of it.
    LinkPrediction,
    /// Groups of nodes, found by k-means on the outputs; learnt without labels, by the reconstruction of the edges.
    Clustering,
    /// One node as the answer to each question (head, relation, ?): nodes are the classes, the outputs are logits.
    KnowledgeGraphCompletion,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data set, such as `cora`.
    pub name: String,
    /// The format of its files, where the registry of data sets does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How it was split, in words, such as `standard`.
    pub split: String,
    /// How it was split.
    #[serde(default, skip_serializing_if = "is_own")]
    pub protocol: Protocol,
    /// The seed of the run that these weights are of, by which the protocol drew its data. Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seed: u64,
}

fn is_own(protocol: &Protocol) -> bool {
    *protocol == Protocol::Own
}

fn is_zero(seed: &u64) -> bool {
    *seed == 0
}

/// What has to be done to the data before the model sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Of a graph whose nodes are texts: the features are how often each word stands in each text, of words that stand in at
    /// least this many texts. None: the features are those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_counts: Option<usize>,
    /// Of a graph whose nodes are texts: the features are the vectors that this sentence encoder makes of them, a folder or a
    /// repository on the Hub. None: the features are those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// What the features of each node are divided by.
    pub normalize_features: FeatureNorm,
    /// Whether features of edges are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_edge_attr: bool,
    /// The metapaths along which a graph with types is seen: none where it is seen as it is.
    #[serde(default, skip_serializing_if = "Metapaths::is_empty")]
    pub metapaths: Metapaths,
}

/// Metapaths by name: the types of edges (source, relation, destination) that are walked one after the other, from the
/// destination.
pub type Metapaths = BTreeMap<String, Vec<(String, String, String)>>;

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
    /// What is measured. Values are fractions, from 0 to 1, but for errors.
    pub name: MetricKind,
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
    /// What else is measured of the same predictions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<FurtherMetric>,
}

/// Another metric of the same predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherMetric {
    /// What is measured.
    pub name: MetricKind,
    /// The mean over the runs.
    pub mean: f64,
    /// The standard deviation over the runs.
    pub std: f64,
    /// The value of these very weights.
    pub this: f64,
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

impl TaskKind {
    /// Whether the outputs are features of the nodes rather than answers.
    pub fn is_latent(self) -> bool {
        matches!(self, Self::LinkPrediction | Self::Clustering)
    }
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
        let outputs = if self.task.kind.is_latent() { 0 } else { self.model.num_classes() };
        require(outputs == classes, format!("the model has {outputs} outputs for num_classes {classes}"));
        let m = &self.metric;
        // The adjusted Rand index of clusters that are worse than chance is below 0.
        let (least, most) = if m.name.is_error() { (0.0, f64::MAX) } else { (-1.0, 1.0) };
        for (name, value) in [("mean", Some(m.mean)), ("this", Some(m.this)), ("published", m.published)] {
            let fits = value.is_none_or(|v| (least..=most).contains(&v));
            let expected = if m.name.is_error() { "0 or more" } else { "a fraction" };
            require(fits, format!("metric.{name} is {}, expected {expected}", value.unwrap_or_default()));
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
