//! The training loop: full-batch classification of the nodes of one graph.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::NodeDataset;
use candle_geometric_graph::EdgeIndex;
use serde::{Deserialize, Serialize};

use crate::atomic::remove_leftovers;
use crate::checkpoint::Checkpoint;
use crate::config::{LossKind, TrainConfig};
use crate::observer::{EpochReport, Flow, Observer};
use crate::run::Run;
use crate::tensorboard::EventWriter;
use crate::{Error, Evaluation, MaskedLoss, Result, Targets, preprocess};

/// The name of the checkpoint in the folder of a run.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// What does not change from epoch to epoch, nor from run to run: configuration, data on the device, losses.
#[derive(Debug)]
pub struct Trainer {
    pub(crate) config: TrainConfig,
    pub(crate) hash: String,
    pub(crate) device: Device,
    pub(crate) x: Tensor,
    pub(crate) edges: EdgeIndex,
    pub(crate) edge_attr: Option<Tensor>,
    pub(crate) train: MaskedLoss,
    pub(crate) val: MaskedLoss,
    pub(crate) test: Option<MaskedLoss>,
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
    /// On the training nodes.
    pub train: Evaluation,
    /// On the validation nodes.
    pub val: Evaluation,
    /// On the test nodes, if there are any.
    pub test: Option<Evaluation>,
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
pub fn train_once(
    config: &TrainConfig,
    dataset: &NodeDataset,
    seed: u64,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    Trainer::new(config, dataset, &Device::Cpu)?.run(seed, options, observer)
}

impl Trainer {
    /// Prepares training: checks that configuration and data fit together, and brings the data to `device`.
    ///
    /// # Errors
    /// If a setting is outside its range, the model does not have one input per feature and one output per class, the
    /// labels do not suit the loss, or no node is for training or none for validation.
    pub fn new(config: &TrainConfig, dataset: &NodeDataset, device: &Device) -> Result<Self> {
        config.validate()?;
        let graph = &dataset.graph;
        for (argument, expected, actual) in [
            ("model.in_channels", graph.num_features(), config.model.in_channels()),
            ("model.out_channels", dataset.num_classes, config.model.out_channels()),
        ] {
            if expected != actual {
                return Err(Error::invalid(argument, format!("{expected}, as {} has", dataset.name), actual));
            }
        }
        let targets = targets(config.training.loss, dataset)?;
        let test = graph.test_mask.iter().any(|m| *m);
        let x = preprocess(&graph.x, config.data.normalize_features)?;
        Ok(Self {
            config: config.clone(),
            hash: config.hash()?,
            device: device.clone(),
            x: x.to_dtype(DType::F32)?.to_device(device)?,
            edges: graph.edge_index.clone(),
            edge_attr: graph.edge_attr.as_ref().map(|a| a.to_device(device)).transpose()?,
            train: MaskedLoss::new(&targets, &graph.train_mask, "train_mask")?,
            val: MaskedLoss::new(&targets, &graph.val_mask, "val_mask")?,
            test: test.then(|| MaskedLoss::new(&targets, &graph.test_mask, "test_mask")).transpose()?,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
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

fn targets(loss: LossKind, dataset: &NodeDataset) -> Result<Targets> {
    let y = dataset.graph.y.as_ref().ok_or_else(|| Error::invalid("y", "labels", "none"))?;
    match (loss, y.rank()) {
        (LossKind::CrossEntropy, 1) => Targets::classes(&dataset.labels()?, dataset.num_classes),
        (LossKind::BceWithLogits, 2) => {
            let values = y.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            Targets::labels(&values, dataset.num_classes)
        }
        (LossKind::CrossEntropy, _) => Err(Error::invalid(
            "training.loss",
            "bce-with-logits for any number of labels per node",
            "cross-entropy",
        )),
        (LossKind::BceWithLogits, _) => {
            Err(Error::invalid("training.loss", "cross-entropy for one class per node", "bce-with-logits"))
        }
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
