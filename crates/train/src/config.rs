//! The file that says how a model is trained: `train.toml`.

use std::path::Path;

use candle_geometric_data::registry::Format;
use candle_geometric_models::zoo::Family;
use candle_geometric_models::{
    Configuration, FeatureNorm, Metapaths, MetricKind, ModelConfig, Preprocessing, Protocol, TaskKind,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Clip, Error, OptimizerConfig, Result, Rule, ScheduleConfig};

/// How a model is trained: model, data, optimiser, schedule and rules, and what its card should say.
///
/// ```
/// let text = r#"
/// [model]
/// architecture = "PaperGAT"
/// config = { in_channels = 1433, out_channels = 7 }
///
/// [data]
/// name = "cora"
/// normalize_features = "sum"
///
/// [optimizer]
/// name = "adam"
/// lr = 0.005
/// weight_decay = 5e-4
///
/// [training]
/// epochs = 10000
/// early_stopping = "paper"
/// patience = 100
/// "#;
/// let config = candle_geometric_train::TrainConfig::parse(text, "train.toml".as_ref())?;
/// assert_eq!(config.optimizer.weight_decay("conv1.bias"), 5e-4);
/// # Ok::<(), candle_geometric_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "C: Configuration", serialize = "C: Configuration"))]
pub struct TrainConfig<C = ModelConfig> {
    /// The architecture and its arguments.
    pub model: C,
    /// What it is trained on.
    pub data: DataConfig,
    /// How its parameters are updated.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes. Default: not at all.
    #[serde(default)]
    pub schedule: ScheduleConfig,
    /// For how long, and by which rules.
    pub training: TrainingConfig,
    /// What the card of a published model says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputConfig>,
}

/// The section `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The name of the data set, as in `cora`; with `format` the name by which its files are called.
    pub name: String,
    /// The format of files that the registry does not know. Default: it knows the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Of a graph whose nodes are texts: the features are how often each word stands in each text, of words that stand in at
    /// least this many texts. Default: the features are those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_counts: Option<usize>,
    /// Of a graph whose nodes are texts: the features are the vectors that this sentence encoder makes of them, `OWNER/NAME` on the
    /// Hub or a folder. Who loads the data makes them, as the program does. Default: the features are those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// What the features of each node are divided by. Default: nothing.
    #[serde(default)]
    pub normalize_features: FeatureNorm,
    /// How it is divided for training, validation and testing. Default: as it says itself.
    #[serde(default)]
    pub protocol: Protocol,
    /// Whether features of edges are left out, for a model that takes none. Default: no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_edge_attr: bool,
    /// The metapaths along which a graph with types is seen. Default: none, the graph as it is.
    #[serde(default, skip_serializing_if = "Metapaths::is_empty")]
    pub metapaths: Metapaths,
}

impl DataConfig {
    /// What has to be done to the data before the model sees it.
    pub fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            word_counts: self.word_counts,
            encoder: self.encoder.clone(),
            normalize_features: self.normalize_features,
            drop_edge_attr: self.drop_edge_attr,
            metapaths: self.metapaths.clone(),
        }
    }
}

/// The section `[training]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// The task. Default: node classification.
    #[serde(default)]
    pub task: TaskKind,
    /// The loss. Default: the one that suits task and labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossKind>,
    /// What is measured. Default: what suits task and labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricKind>,
    /// How many graphs, or questions of a knowledge graph, are a batch; 0 for all of them. Default 32. The nodes and edges of
    /// a single graph are always taken at once.
    #[serde(default = "batch")]
    pub batch_size: usize,
    /// The largest number of epochs.
    pub epochs: usize,
    /// The rule by which training stops early and an epoch's weights are kept. Default: the GAT paper's.
    #[serde(default)]
    pub early_stopping: Rule,
    /// How many epochs in a row without anything better are tolerated; 0 for any number. Default 100.
    #[serde(default = "hundred")]
    pub patience: usize,
    /// The number of epochs before which training does not stop early. Default 0.
    #[serde(default)]
    pub min_epochs: usize,
    /// The seed of the first run. Default 0.
    #[serde(default)]
    pub seed: u64,
    /// The limit of the gradients. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
    /// Every how many epochs a checkpoint is written, beside the one at the end; 0 for never. Default 100.
    #[serde(default = "hundred")]
    pub checkpoint_every: usize,
}

/// Which loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossKind {
    /// Cross-entropy, where each node or graph has one class.
    CrossEntropy,
    /// Binary cross-entropy, where each has any number of labels.
    BceWithLogits,
    /// The mean squared error, where each has numbers.
    MeanSquaredError,
}

impl LossKind {
    /// As it stands in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross-entropy",
            Self::BceWithLogits => "bce-with-logits",
            Self::MeanSquaredError => "mean-squared-error",
        }
    }
}

/// The section `[output]`: what cannot be computed for the card of a published model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// The name of the model, as in `gat-cora`.
    pub name: String,
    /// One or two sentences that say what the model is, in Markdown.
    pub description: String,
    /// The split of the data, as in `standard (Planetoid)`.
    pub split: String,
    /// The published metric, if there is one; as a fraction, unless it is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<f64>,
    /// Where the published figure is from, or why there is none. Default: nothing is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// How far a recomputed metric may be from the card's.
    pub tolerance: f64,
    /// The licence of the weights, as an SPDX expression.
    pub licence: String,
}

fn hundred() -> usize {
    100
}

fn batch() -> usize {
    32
}

impl TrainConfig {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// If the file cannot be read, or as [`TrainConfig::parse`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(&std::fs::read_to_string(path).map_err(Error::io("read", path))?, path)
    }

    /// Reads a configuration from its text. `path` names the file in messages.
    ///
    /// # Errors
    /// If the text is not TOML, a setting is missing, unknown or of the wrong type (with its line), or outside its range.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        Self::parse_as(text, path)
    }

    /// The family of the architecture that a configuration file names: which `C` to [read](TrainConfig::parse_as) it with. What
    /// cannot be made out counts as one of [`ModelConfig`], whose reader will say what is wrong.
    pub fn family(text: &str) -> Family {
        let table: Option<toml::Table> = text.parse().ok();
        let architecture = table.as_ref().and_then(|t| t.get("model")?.get("architecture")?.as_str());
        architecture.map_or(Family::Graph, Family::of_architecture)
    }
}

impl<C: Configuration> TrainConfig<C> {
    /// As [`TrainConfig::parse`], for a model of the family that `C` stands for.
    ///
    /// # Errors
    /// As [`TrainConfig::parse`], and if the architecture belongs to another family.
    pub fn parse_as(text: &str, path: &Path) -> Result<Self> {
        let fail = |message: String| Error::Config { path: path.to_path_buf(), message };
        let config: Self = toml::from_str(text).map_err(|e| fail(e.to_string().trim_end().to_string()))?;
        config.validate().map_err(|e| fail(e.to_string()))?;
        Ok(config)
    }

    /// Checks the ranges of all settings.
    ///
    /// # Errors
    /// At the first setting outside its range.
    pub fn validate(&self) -> Result<()> {
        self.optimizer.validate()?;
        self.schedule.validate()?;
        if let Some(clip) = &self.training.clip {
            clip.validate()?;
        }
        if self.data.encoder.is_some() && self.data.word_counts.is_some() {
            return Err(Error::invalid("data.encoder", "this or word_counts", "both"));
        }
        if self.training.epochs == 0 {
            return Err(Error::invalid("epochs", "at least 1", 0));
        }
        if let Some(output) = &self.output {
            if !(0.0..=1.0).contains(&output.tolerance) {
                return Err(Error::invalid("tolerance", "a number from 0 to 1", output.tolerance));
            }
            let is_error = self.training.metric.is_some_and(MetricKind::is_error);
            if let Some(published) = output.published.filter(|p| !(is_error || (0.0..=1.0).contains(p))) {
                return Err(Error::invalid("published", "a share from 0 to 1", published));
            }
        }
        Ok(())
    }

    /// The configuration with every default written out: the `train.toml` beside published weights.
    ///
    /// # Errors
    /// If a setting of the model has no form in TOML.
    pub fn to_toml(&self) -> Result<String> {
        let fail = |message: String| Error::Config { path: "train.toml".into(), message };
        let mut value = serde_json::to_value(self).map_err(|e| fail(e.to_string()))?;
        drop_nulls(&mut value);
        toml::to_string(&value).map_err(|e| fail(e.to_string()))
    }

    /// The SHA-256 of everything that has an effect on the numbers of a run: all settings but `seed`,
    /// `checkpoint_every` and the section `[output]`.
    ///
    /// # Errors
    /// If a setting of the model has no form in JSON.
    pub fn hash(&self) -> Result<String> {
        // A JSON value keeps its fields sorted: their order in the source is no part of the configuration.
        let mut value = serde_json::to_value(self)
            .map_err(|e| Error::Config { path: "train.toml".into(), message: e.to_string() })?;
        if let Some(config) = value.as_object_mut() {
            config.remove("output");
        }
        if let Some(training) = value.get_mut("training").and_then(|t| t.as_object_mut()) {
            training.remove("seed");
            training.remove("checkpoint_every");
        }
        Ok(hex(&Sha256::digest(value.to_string())))
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// TOML has no null: what is not set is left out.
fn drop_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
