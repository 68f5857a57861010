//! One training run, epoch by epoch.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::rng::Generator;
use candle_geometric_models::Configuration;
use candle_geometric_nn::SeededVarMap;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;

use crate::checkpoint::{Best, Checkpoint, Progress};
use crate::observer::EpochReport;
use crate::trainer::{RunReport, Trained, Trainer};
use crate::{EarlyStopping, Error, Measured, Optimizer, Result, Schedule, Task};

/// A run under way.
pub(crate) struct Run<'t, C: Configuration> {
    trainer: &'t Trainer<C>,
    task: Box<dyn Task<C::Model>>,
    seed: u64,
    parameters: Vec<(String, Var)>,
    model: C::Model,
    /// The same model on the same memory, but of tensors that no gradient is recorded for: evaluating it keeps no
    /// intermediate result alive.
    frozen: C::Model,
    optimizer: Optimizer,
    schedule: Schedule,
    stopping: EarlyStopping,
    generator: Generator,
    /// How many epochs are complete.
    pub(crate) epoch: usize,
    best: Option<(Best, Vec<Var>)>,
    pub(crate) finished: bool,
    seconds: f64,
}

impl<'t, C: Configuration> Run<'t, C> {
    pub(crate) fn new(trainer: &'t Trainer<C>, seed: u64) -> Result<Self> {
        let (config, device) = (&trainer.config, &trainer.device);
        let map = SeededVarMap::new(seed);
        let model = config.model.build_model(map.var_builder(DType::F32, device))?;
        let parameters = map.vars();
        let shared = parameters.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect();
        let frozen = config.model.build_model(VarBuilder::from_tensors(shared, DType::F32, device))?;
        let training = &config.training;
        Ok(Self {
            trainer,
            task: trainer.tasks.of_seed(seed)?,
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

    /// One epoch: steps on the training data, then one evaluation of the new weights.
    pub(crate) fn step(&mut self) -> Result<EpochReport> {
        let started = Instant::now();
        let (t, epoch) = (self.trainer, self.epoch);
        let learning_rate = self.schedule.learning_rate(epoch);
        self.optimizer.set_learning_rate(learning_rate);
        let (optimizer, parameters) = (&mut self.optimizer, &self.parameters);
        let mut step = |loss: &Tensor| {
            let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            finite("training loss", value, epoch)?;
            let mut grads = ops::backward(loss)?;
            if let Some(clip) = &t.config.training.clip {
                clip.apply(&mut grads, parameters)?;
            }
            optimizer.step(&grads)?;
            Ok(value)
        };
        let loss = self.task.epoch(&self.model, &self.generator, &mut step)?;
        let Measured { train, val, test } = self.task.evaluate(&self.frozen)?;
        finite("validation loss", val.loss, epoch)?;
        self.schedule.observe(val.loss);
        let decision = self.stopping.update(val.loss, t.val_metric().goodness(val.metric));
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

    pub(crate) fn checkpoint(&self) -> Result<Checkpoint> {
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
    pub(crate) fn load(&mut self, checkpoint: Checkpoint, path: &Path) -> Result<()> {
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

    pub(crate) fn trained(&self) -> Result<Trained> {
        let Some((best, _)) = &self.best else {
            return Err(Error::invalid(
                "checkpoint",
                "the weights of a best epoch in a run that has ended",
                "none",
            ));
        };
        let weights = self.best_weights()?;
        let (config, device) = (&self.trainer.config, &self.trainer.device);
        let tensors = weights.iter().map(|(name, w)| (name.clone(), w.clone())).collect();
        let model = config.model.build_model(VarBuilder::from_tensors(tensors, DType::F32, device))?;
        let report = RunReport {
            seed: self.seed,
            epochs: self.epoch,
            best_epoch: best.epoch,
            train: best.train,
            val: best.val,
            test: best.test,
            more: self.task.more(&model)?.into_iter().collect(),
            seconds: self.seconds,
        };
        Ok(Trained { report, weights })
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
