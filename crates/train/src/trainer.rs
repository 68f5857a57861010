//! The training loop, whatever the task.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use candle_geometric_models::{Configuration, MetricKind, ModelConfig};
use serde::{Deserialize, Serialize};

use crate::atomic::remove_leftovers;
use crate::checkpoint::Checkpoint;
use crate::config::TrainConfig;
use crate::observer::{EpochReport, Flow, Observer};
use crate::run::Run;
use crate::tensorboard::EventWriter;
use crate::{Error, Evaluation, Recipe, Result, Tasks, Trainable};

/// The name of the checkpoint in the folder of a run.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// What does not change from run to run: the configuration, and the data on the device.
pub struct Trainer<C: Configuration = ModelConfig> {
    pub(crate) config: TrainConfig<C>,
    pub(crate) hash: String,
    pub(crate) device: Device,
    pub(crate) tasks: Tasks<C::Model>,
    metric: MetricKind,
    val_metric: MetricKind,
}

impl<C: Configuration + fmt::Debug> fmt::Debug for Trainer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, device, metric, .. } = self;
        let mut f = f.debug_struct("Trainer");
        f.field("config", config).field("device", device).field("metric", metric).finish_non_exhaustive()
    }
}

/// Where a run writes, and whether it goes on from there.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The folder for checkpoint and event files, made if need be; none for a run that leaves nothing behind. Give each run
    /// one of its own: a run that begins at the beginning removes the event files that it finds there.
    pub out: Option<PathBuf>,
    /// Whether to go on from the checkpoint in `out`. A run without one begins at the beginning.
    pub resume: bool,
}

/// The numbers of a run. All but `seconds` depend on configuration, data and seed alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// The seed.
    pub seed: u64,
    /// How many epochs were trained.
    pub epochs: usize,
    /// The epoch whose weights were kept, from 0; the evaluations below are of these weights.
    pub best_epoch: usize,
    /// On the training data.
    pub train: Evaluation,
    /// On the validation data.
    pub val: Evaluation,
    /// On the test data, if there is any.
    pub test: Option<Evaluation>,
    /// Other metrics of the test data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<MetricKind, f64>,
    /// How long the epochs took.
    pub seconds: f64,
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Its numbers.
    pub report: RunReport,
    /// The weights of the best epoch by name, on the CPU.
    pub weights: BTreeMap<String, Tensor>,
}

/// Trains one model on the CPU. See [`Trainer::run`].
///
/// # Errors
/// As [`Trainer::new`] and [`Trainer::run`].
pub fn train_once<C: Configuration + Clone>(
    config: &TrainConfig<C>,
    data: &impl Trainable<C>,
    seed: u64,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    Trainer::new(config, data, &Device::Cpu)?.run(seed, options, observer)
}

impl<C: Configuration> Trainer<C> {
    /// What is measured on the test data.
    pub fn metric(&self) -> MetricKind {
        self.metric
    }

    /// What is measured on the training and the validation data, and what chooses.
    pub fn val_metric(&self) -> MetricKind {
        self.val_metric
    }

    /// The names of the classes, or of the numbers predicted.
    pub fn class_names(&self) -> &[String] {
        &self.tasks.class_names
    }

    /// The configuration.
    pub fn config(&self) -> &TrainConfig<C> {
        &self.config
    }
}

impl<C: Configuration + Clone> Trainer<C> {
    /// Prepares training: checks that configuration and data fit together, and brings the data to `device`.
    ///
    /// # Errors
    /// If a setting is outside its range, the model does not have one input per feature and one output per class, the
    /// labels do not suit the task, the loss or the metric, or nothing is for training or nothing for validation.
    pub fn new(config: &TrainConfig<C>, data: &impl Trainable<C>, device: &Device) -> Result<Self> {
        config.validate()?;
        let tasks = data.tasks(&config.model, &Recipe::of_training(config), device)?;
        let first = tasks.of_seed(config.training.seed)?;
        Ok(Self {
            config: config.clone(),
            hash: config.hash()?,
            device: device.clone(),
            metric: first.metric(),
            val_metric: first.val_metric(),
            tasks,
        })
    }

    /// Trains one model. Configuration, data and seed determine every bit of the weights, on any number of threads,
    /// and however often the run was stopped and resumed.
    ///
    /// # Errors
    /// If a loss or a gradient is not finite, a checkpoint cannot be written, or the one to resume from cannot be used;
    /// [`Error::Interrupted`] where the observer stops the run.
    pub fn run(&self, seed: u64, options: &RunOptions, observer: &mut dyn Observer) -> Result<Trained> {
        let mut run = Run::new(self, seed)?;
        let out = options.out.as_deref();
        let checkpoint = out.map(|dir| dir.join(CHECKPOINT));
        if let Some(path) = checkpoint.as_deref().filter(|p| options.resume && p.exists()) {
            run.load(Checkpoint::read(path, &self.hash, seed)?, path)?;
        }
        if run.finished {
            return run.trained();
        }
        if let (Some(dir), Some(checkpoint)) = (out, &checkpoint) {
            std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
            remove_leftovers(checkpoint);
            if run.epoch == 0 {
                EventWriter::remove_all(dir)?;
            }
        }
        let mut events = out.map(|dir| EventWriter::create(dir, run.epoch)).transpose()?;
        let epochs = self.config.training.epochs;
        observer.begin(seed, run.epoch, epochs);
        while !run.finished {
            let report = run.step()?;
            if let Some(events) = &mut events {
                log(events, &report)?;
            }
            let every = self.config.training.checkpoint_every;
            let due = run.finished || every > 0 && run.epoch % every == 0;
            if let Some(path) = checkpoint.as_deref().filter(|_| due) {
                run.checkpoint()?.write(path)?;
            }
            if observer.epoch(&report) == Flow::Stop && !run.finished {
                return Err(Error::Interrupted { epoch: report.epoch });
            }
        }
        if let Some(events) = &mut events {
            events.flush()?;
        }
        let trained = run.trained()?;
        observer.end(&trained.report);
        Ok(trained)
    }
}

fn log(events: &mut EventWriter, r: &EpochReport) -> Result<()> {
    let mut values = vec![
        ("learning_rate", r.learning_rate),
        ("loss/step", r.loss),
        ("loss/train", r.train.loss),
        ("loss/val", r.val.loss),
        ("metric/train", r.train.metric),
        ("metric/val", r.val.metric),
    ];
    if let Some(test) = r.test {
        values.extend([("loss/test", test.loss), ("metric/test", test.metric)]);
    }
    events.scalars(r.epoch, &values)
}
