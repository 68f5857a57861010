//! The training loop: full-batch classification of the nodes of one graph.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_data::{NodeDataset, normalize_features};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_models::GraphModel;
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Best, Checkpoint, Progress};
use crate::config::{LossKind, TrainConfig};
use crate::observer::{EpochReport, Flow, Observer};
use crate::tensorboard::EventWriter;
use crate::{EarlyStopping, Error, Evaluation, MaskedLoss, Optimizer, Result, Schedule, Targets};

/// The name of the checkpoint in the folder of a run.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// What does not change from epoch to epoch, nor from run to run: configuration, data on the device, losses.
#[derive(Debug)]
pub struct Trainer {
    config: TrainConfig,
    hash: String,
    device: Device,
    x: Tensor,
    edges: EdgeIndex,
    edge_attr: Option<Tensor>,
    train: MaskedLoss,
    val: MaskedLoss,
    test: Option<MaskedLoss>,
}

/// Where a run writes, and whether it goes on from there.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The folder for checkpoint and event files, made if need be; none for a run that leaves nothing behind.
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
        let x = if config.data.normalize_features { normalize_features(&graph.x)? } else { graph.x.clone() };
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
        if let Some(dir) = out {
            std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
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

/// A run under way.
struct Run<'t> {
    trainer: &'t Trainer,
    seed: u64,
    parameters: Vec<(String, Var)>,
    model: Box<dyn GraphModel>,
    /// The same model on the same memory, but of tensors that no gradient is recorded for: evaluating it keeps no
    /// intermediate result alive.
    frozen: Box<dyn GraphModel>,
    optimizer: Optimizer,
    schedule: Schedule,
    stopping: EarlyStopping,
    generator: Generator,
    /// How many epochs are complete.
    epoch: usize,
    best: Option<(Best, Vec<Var>)>,
    finished: bool,
    seconds: f64,
}

impl<'t> Run<'t> {
    fn new(trainer: &'t Trainer, seed: u64) -> Result<Self> {
        let (config, device) = (&trainer.config, &trainer.device);
        let map = SeededVarMap::new(seed);
        let model = config.model.build(map.var_builder(DType::F32, device))?;
        let parameters = map.vars();
        let shared = parameters.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect();
        let frozen = config.model.build(VarBuilder::from_tensors(shared, DType::F32, device))?;
        let training = &config.training;
        Ok(Self {
            trainer,
            seed,
            optimizer: Optimizer::new(&config.optimizer, &parameters)?,
            parameters,
            model,
            frozen,
            schedule: Schedule::new(&config.schedule, config.optimizer.learning_rate())?,
            stopping: EarlyStopping::new(training.early_stopping, training.patience, training.min_epochs),
            generator: Generator::new(seed),
            epoch: 0,
            best: None,
            finished: false,
            seconds: 0.0,
        })
    }

    /// One epoch: a step on the training nodes, then one evaluation of the new weights for all splits.
    fn step(&mut self) -> Result<EpochReport> {
        let started = Instant::now();
        let (t, epoch) = (self.trainer, self.epoch);
        let learning_rate = self.schedule.learning_rate(epoch);
        self.optimizer.set_learning_rate(learning_rate);
        let attr = t.edge_attr.as_ref();
        let loss = {
            let logits = self.model.forward_t(&t.x, &t.edges, attr, Mode::Train(&self.generator))?;
            let loss = t.train.forward(&logits)?;
            let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            finite("training loss", value, epoch)?;
            let mut grads = loss.backward()?;
            if let Some(clip) = &t.config.training.clip {
                clip.apply(&mut grads, &self.parameters)?;
            }
            self.optimizer.step(&grads)?;
            value
        };
        let logits = self.frozen.forward_t(&t.x, &t.edges, attr, Mode::Eval)?;
        let train = t.train.evaluate(&logits)?;
        let val = t.val.evaluate(&logits)?;
        let test = t.test.as_ref().map(|test| test.evaluate(&logits)).transpose()?;
        finite("validation loss", val.loss, epoch)?;
        self.schedule.observe(val.loss);
        let decision = self.stopping.update(val.loss, val.metric);
        if decision.keep {
            self.keep(Best { epoch, train, val, test })?;
        }
        self.epoch += 1;
        self.finished = decision.stop || self.epoch >= t.config.training.epochs;
        self.seconds += started.elapsed().as_secs_f64();
        Ok(EpochReport {
            seed: self.seed,
            epoch,
            epochs: t.config.training.epochs,
            learning_rate,
            loss,
            train,
            val,
            test,
            kept: decision.keep,
            waited: self.stopping.waited(),
        })
    }

    fn keep(&mut self, numbers: Best) -> Result<()> {
        match &mut self.best {
            Some((kept, weights)) => {
                *kept = numbers;
                for ((_, from), to) in self.parameters.iter().zip(weights) {
                    to.set(from)?;
                }
            }
            None => {
                let copy =
                    |(_, var): &(String, Var)| Ok(Var::from_tensor(&var.as_detached_tensor().copy()?)?);
                self.best = Some((numbers, self.parameters.iter().map(copy).collect::<Result<_>>()?));
            }
        }
        Ok(())
    }

    fn best_weights(&self) -> Result<BTreeMap<String, Tensor>> {
        let Some((_, weights)) = &self.best else { return Ok(BTreeMap::new()) };
        let names = self.parameters.iter().map(|(name, _)| name.clone());
        names.zip(weights).map(|(name, w)| Ok((name, w.to_device(&Device::Cpu)?.detach().copy()?))).collect()
    }

    fn checkpoint(&self) -> Result<Checkpoint> {
        let copy = |(name, var): &(String, Var)| Ok((name.clone(), var.as_detached_tensor().copy()?));
        Ok(Checkpoint {
            progress: Progress {
                config: self.trainer.hash.clone(),
                seed: self.seed,
                generator_position: self.generator.position(),
                epochs: self.epoch,
                optimizer_steps: self.optimizer.steps(),
                schedule: self.schedule.state().clone(),
                early_stopping: self.stopping.clone(),
                best: self.best.as_ref().map(|(numbers, _)| *numbers),
                finished: self.finished,
                seconds: self.seconds,
            },
            model: self.parameters.iter().map(copy).collect::<Result<_>>()?,
            best: self.best_weights()?,
            optimizer: self.optimizer.state()?.into_iter().collect(),
        })
    }

    /// Takes up where a checkpoint left off. `path` names it in messages.
    fn load(&mut self, checkpoint: Checkpoint, path: &Path) -> Result<()> {
        let Checkpoint { progress, model, best, optimizer } = checkpoint;
        let unfit = |e: &dyn std::fmt::Display| Error::checkpoint(path, e.to_string());
        if progress.best.is_some() {
            // Through the parameters into the copies; the parameters themselves come next.
            assign(&self.parameters, &best).map_err(|e| unfit(&e))?;
        }
        if let Some(numbers) = progress.best {
            self.keep(numbers)?;
        }
        assign(&self.parameters, &model).map_err(|e| unfit(&e))?;
        self.optimizer
            .load_state(progress.optimizer_steps, |name| optimizer.get(name).cloned())
            .map_err(|e| unfit(&e))?;
        self.schedule.load_state(progress.schedule);
        self.stopping = progress.early_stopping;
        self.generator = Generator::resume(self.seed, progress.generator_position);
        self.epoch = progress.epochs;
        self.finished = progress.finished;
        self.seconds = progress.seconds;
        Ok(())
    }

    fn trained(&self) -> Result<Trained> {
        let Some((best, _)) = &self.best else {
            return Err(Error::invalid(
                "checkpoint",
                "the weights of a best epoch in a run that has ended",
                "none",
            ));
        };
        let report = RunReport {
            seed: self.seed,
            epochs: self.epoch,
            best_epoch: best.epoch,
            train: best.train,
            val: best.val,
            test: best.test,
            seconds: self.seconds,
        };
        Ok(Trained { report, weights: self.best_weights()? })
    }
}

fn finite(what: &'static str, value: f64, epoch: usize) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(Error::NotFinite { what, value, place: format!(" in epoch {epoch}") })
}

/// Sets every parameter from the tensor under its name.
fn assign(parameters: &[(String, Var)], tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    for (name, var) in parameters {
        let tensor =
            tensors.get(name).ok_or_else(|| Error::invalid("weights", format!("a tensor {name}"), "none"))?;
        if tensor.dims() != var.dims() {
            let expected = format!("shape {:?} for {name}", var.dims());
            return Err(Error::invalid("weights", expected, format!("{:?}", tensor.dims())));
        }
        var.set(&tensor.to_dtype(var.dtype())?.to_device(var.device())?)?;
    }
    Ok(())
}
