//! What is learnt from which data: one file for each kind of task.
//!
//! A task gives the losses of an epoch and says how good a model is; the [trainer](crate::Trainer) does the rest, whatever the task.

mod answers;
mod attended;
mod graphs;
mod hetero;
mod links;
mod nodes;
mod triples;

use std::fmt;

use candle_core::{Device, Tensor};
use candle_geometric_data::Dataset;
use candle_geometric_graph::rng::Generator;
use candle_geometric_models::{
    Configuration, GraphModel, HeteroModel, HeteroModelConfig, KnowledgeModelConfig, MetricKind, ModelConfig,
    Preprocessing, Protocol, RelationalGat, TaskKind, ZooEntry,
};

pub use answers::Answer;
pub use attended::{Attended, AttendedLayer, EdgeKinds};
pub use nodes::node_split;

use crate::config::{LossKind, TrainConfig};
use crate::{Error, Evaluation, Result};

/// What is learnt from the data of one run. `M` is what a [`Configuration`] builds.
pub trait Task<M>: Send + Sync {
    /// The metric of [`Measured`].
    fn metric(&self) -> MetricKind;

    /// The metric of [`Measured::train`] and [`Measured::val`] where it is another one.
    fn val_metric(&self) -> MetricKind {
        self.metric()
    }

    /// Trains for an epoch: hands the loss of one batch after the other to `step`, which updates the model and gives the
    /// loss as a number. Returns their mean. Whatever is drawn comes from `generator`.
    ///
    /// # Errors
    /// If the model does not suit the data, or `step` fails.
    fn epoch(
        &self,
        model: &M,
        generator: &Generator,
        step: &mut dyn FnMut(&Tensor) -> Result<f64>,
    ) -> Result<f64>;

    /// How good the model is on all parts of the data.
    ///
    /// # Errors
    /// If the model does not suit the data, or an output is not finite.
    fn evaluate(&self, model: &M) -> Result<Measured>;

    /// What else is told of a trained model: other metrics of the test data.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    fn more(&self, model: &M) -> Result<Vec<(MetricKind, f64)>> {
        let _ = model;
        Ok(Vec::new())
    }

    /// What the model says of each item of the test data, or of the validation data where there is none for testing. `names`
    /// are those of the classes or of the numbers predicted.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    fn answers(&self, model: &M, names: &[String]) -> Result<Vec<Answer>>;

    /// What the model attends to in the data, where that is one graph whose nodes have names or types; none otherwise, or where
    /// the model has no such attention. `names` as in [`answers`](Self::answers).
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    fn attended(&self, model: &M, names: &[String]) -> Result<Option<Attended>> {
        let _ = (model, names);
        Ok(None)
    }
}

/// How good a model is on the parts of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// On the training data.
    pub train: Evaluation,
    /// On the validation data.
    pub val: Evaluation,
    /// On the test data, if there is any. Never used to choose.
    pub test: Option<Evaluation>,
}

/// What is to be learnt, as `train.toml` and `config.json` both say it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The kind of task.
    pub task: TaskKind,
    /// The loss; none for the one that suits the labels.
    pub loss: Option<LossKind>,
    /// The metric; none for the one that suits the loss.
    pub metric: Option<MetricKind>,
    /// How the data is divided.
    pub protocol: Protocol,
    /// What is done to the data before.
    pub preprocessing: Preprocessing,
    /// How many graphs, or questions, are in a batch; 0 for all at once.
    pub batch_size: usize,
}

impl Recipe {
    /// Of a configuration file.
    pub fn of_training<C>(config: &TrainConfig<C>) -> Self {
        let (t, d) = (&config.training, &config.data);
        Self {
            task: t.task,
            loss: t.loss,
            metric: t.metric,
            protocol: d.protocol,
            preprocessing: d.preprocessing(),
            batch_size: t.batch_size,
        }
    }

    /// Of a published model, to measure it again.
    pub fn of_entry<C: Configuration>(entry: &ZooEntry<C>) -> Self {
        Self {
            task: entry.task.kind,
            loss: None,
            metric: Some(entry.metric.name),
            protocol: entry.data.protocol,
            preprocessing: entry.preprocessing.clone(),
            batch_size: 256,
        }
    }

    /// The loss, one of those that are possible, of which the first is the default.
    fn loss(&self, possible: &[LossKind], labels: &str) -> Result<LossKind> {
        one_of("training.loss", self.loss, possible, labels, |l| l.name().to_string())
    }

    /// For what has a loss of its own.
    fn no_loss(&self, of: &str) -> Result<()> {
        match self.loss {
            None => Ok(()),
            Some(loss) => {
                Err(Error::invalid("training.loss", format!("none: {of} has its own"), loss.name()))
            }
        }
    }

    /// The metric, as [`loss`](Self::loss).
    fn metric(&self, possible: &[MetricKind], labels: &str) -> Result<MetricKind> {
        one_of("training.metric", self.metric, possible, labels, |m| m.to_string())
    }

    fn require_task(&self, possible: &[TaskKind], data: &str) -> Result<()> {
        if possible.contains(&self.task) {
            return Ok(());
        }
        let name =
            |kind: &TaskKind| serde_json::to_value(kind).ok().and_then(|v| Some(v.as_str()?.to_string()));
        let names: Vec<String> = possible.iter().filter_map(name).collect();
        let expected = format!("{} for {data}", names.join(" or "));
        Err(Error::invalid("training.task", expected, name(&self.task).unwrap_or_default()))
    }

    /// For data whose nodes have no texts.
    fn require_no_texts(&self, data: &str) -> Result<()> {
        match self.preprocessing.word_counts {
            Some(n) => {
                Err(Error::invalid("data.word_counts", format!("none for {data}: its nodes are no texts"), n))
            }
            None => Ok(()),
        }
    }

    fn unsuited(&self, data: &str) -> Error {
        unsuited(self.protocol, data)
    }
}

fn unsuited(protocol: Protocol, data: &str) -> Error {
    let protocol = serde_json::to_string(&protocol).unwrap_or_default();
    Error::invalid("data.protocol", format!("a way to divide {data}"), protocol)
}

fn one_of<K: Copy + PartialEq>(
    argument: &'static str,
    wanted: Option<K>,
    possible: &[K],
    labels: &str,
    name: impl Fn(K) -> String,
) -> Result<K> {
    let found = wanted.or(possible.first().copied()).filter(|k| possible.contains(k));
    found.ok_or_else(|| {
        let names: Vec<String> = possible.iter().map(|&k| name(k)).collect();
        let expected = if names.is_empty() { "none".to_string() } else { names.join(" or ") };
        Error::invalid(
            argument,
            format!("{expected} for {labels}"),
            wanted.map_or_else(|| "none".into(), name),
        )
    })
}

/// The task of every seed.
pub struct Tasks<M> {
    task: Box<Maker<M>>,
    /// The names of the classes, or of the numbers predicted.
    pub(crate) class_names: Vec<String>,
}

type Maker<M> = dyn Fn(u64) -> Result<Box<dyn Task<M>>> + Send + Sync;

impl<M> Tasks<M> {
    /// The task of a run with this seed.
    ///
    /// # Errors
    /// If the data cannot be divided as the recipe says.
    pub fn of_seed(&self, seed: u64) -> Result<Box<dyn Task<M>>> {
        (self.task)(seed)
    }

    fn new(
        class_names: Vec<String>,
        task: impl Fn(u64) -> Result<Box<dyn Task<M>>> + Send + Sync + 'static,
    ) -> Self {
        Self { task: Box::new(task), class_names }
    }
}

impl<M> fmt::Debug for Tasks<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("class_names", &self.class_names).finish_non_exhaustive()
    }
}

/// Data that models of the family `C` can be trained on.
pub trait Trainable<C: Configuration> {
    /// The tasks that `recipe` makes of this data, for models of this configuration, with the tensors on `device`.
    ///
    /// # Errors
    /// If model, recipe and data do not fit together.
    fn tasks(&self, model: &C, recipe: &Recipe, device: &Device) -> Result<Tasks<C::Model>>;
}

impl Trainable<ModelConfig> for Dataset {
    fn tasks(
        &self,
        model: &ModelConfig,
        recipe: &Recipe,
        device: &Device,
    ) -> Result<Tasks<Box<dyn GraphModel>>> {
        match self {
            Dataset::Nodes(data) => data.tasks(model, recipe, device),
            #[cfg(feature = "smiles")]
            Dataset::Molecules(molecules) => match recipe.protocol {
                Protocol::Scaffold { train, val } => {
                    let split =
                        molecules.scaffold_split(train, val, &candle_geometric_data::molecules::Chematic)?;
                    let recipe = Recipe { protocol: Protocol::Own, ..recipe.clone() };
                    molecules.graphs.clone().with_split(split)?.tasks(model, &recipe, device)
                }
                _ => molecules.graphs.tasks(model, recipe, device),
            },
            other => other.clone().into_graphs()?.tasks(model, recipe, device),
        }
    }
}

impl Trainable<HeteroModelConfig> for Dataset {
    fn tasks(
        &self,
        model: &HeteroModelConfig,
        recipe: &Recipe,
        device: &Device,
    ) -> Result<Tasks<Box<dyn HeteroModel>>> {
        self.clone().into_hetero()?.tasks(model, recipe, device)
    }
}

impl Trainable<KnowledgeModelConfig> for Dataset {
    fn tasks(
        &self,
        model: &KnowledgeModelConfig,
        recipe: &Recipe,
        device: &Device,
    ) -> Result<Tasks<RelationalGat>> {
        self.clone().into_triples()?.tasks(model, recipe, device)
    }
}

/// Checks that a model has one input per feature and one output per class.
fn check_widths(name: &str, sizes: &[(&'static str, usize, usize)]) -> Result<()> {
    match sizes.iter().copied().find(|(_, expected, actual)| expected != actual) {
        Some((argument, expected, actual)) => {
            Err(Error::invalid(argument, format!("{expected}, as {name} has"), actual))
        }
        None => Ok(()),
    }
}
