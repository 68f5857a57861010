//! Several runs of one configuration, each with a seed of its own, side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use candle_geometric_models::{Configuration, MetricKind};
use serde::{Deserialize, Serialize};

use crate::observer::Observer;
use crate::trainer::{RunOptions, RunReport, Trained, Trainer};
use crate::{Error, Result};

/// Which runs, and how many at once.
#[derive(Debug, Clone)]
pub struct RunsOptions {
    /// The seed of the first run; the others follow it.
    pub seed: u64,
    /// How many runs, at least 1.
    pub runs: usize,
    /// How many of them at once, at least 1. Has no effect on any result.
    pub jobs: usize,
    /// The folder in which run after run gets a folder `seed-<n>` for checkpoint and event files; none to leave nothing.
    pub out: Option<PathBuf>,
    /// Whether to go on from the checkpoints in `out`.
    pub resume: bool,
}

impl RunsOptions {
    /// The seeds of the runs, in their order.
    pub fn seeds(&self) -> impl Iterator<Item = u64> {
        let first = self.seed;
        (0..self.runs).map(move |i| first.wrapping_add(i as u64))
    }

    /// The folder of a run.
    pub fn folder(&self, seed: u64) -> Option<PathBuf> {
        self.out.as_ref().map(|dir| dir.join(format!("seed-{seed}")))
    }
}

/// Mean and sample standard deviation over runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation with n − 1 in the denominator; 0 for a single run.
    pub std: f64,
}

impl Summary {
    /// The summary of some values; zeros where there are none.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Self { mean, std: (squares / (n - 1.0).max(1.0)).sqrt() }
    }
}

/// The numbers of several runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsReport {
    /// Every run, by seed.
    pub runs: Vec<RunReport>,
    /// The metric on the validation data.
    pub val: Summary,
    /// The metric on the test data, if there is any.
    pub test: Option<Summary>,
    /// The other metrics of the test data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<MetricKind, Summary>,
    /// The seed of the run with the best validation metric; of equals the one with the lowest validation loss, then
    /// the lowest seed. The test data has no part in it.
    pub picked: u64,
}

/// Several trained models: the numbers of all, the weights of the picked one.
#[derive(Debug, Clone)]
pub struct TrainedRuns {
    /// The numbers.
    pub report: RunsReport,
    /// The run that was picked by validation.
    pub picked: Trained,
}

/// Whether run `a` is to be picked rather than run `b`: by validation alone.
fn is_better(metric: MetricKind, a: &RunReport, b: &RunReport) -> bool {
    let order = metric.goodness(a.val.metric).total_cmp(&metric.goodness(b.val.metric));
    order.then(b.val.loss.total_cmp(&a.val.loss)).then(b.seed.cmp(&a.seed)).is_gt()
}

/// Trains one model per seed. Each run gives the same bits whatever `jobs` is; every job has its share of the processor
/// cores to itself. `observe` gives the observer of a seed.
///
/// With several jobs, set `CANDLE_NUM_THREADS=1` before the process starts: Candle runs large element-wise operations
/// on one pool of its own, for which the jobs would queue, and whose threads spin while they wait.
///
/// # Errors
/// If a run fails; no further one is begun then. Of several errors, that of the lowest seed is returned.
pub fn train_runs<C: Configuration + Clone + Sync, O: Observer>(
    trainer: &Trainer<C>,
    options: &RunsOptions,
    observe: impl Fn(u64) -> O + Sync,
) -> Result<TrainedRuns> {
    for (argument, value) in [("runs", options.runs), ("jobs", options.jobs)] {
        if value == 0 {
            return Err(Error::invalid(argument, "at least 1", 0));
        }
    }
    let jobs = options.jobs.min(options.runs);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Done::new(trainer.val_metric()));
    let one = |i: usize| {
        let seed = options.seed.wrapping_add(i as u64);
        let out = options.folder(seed);
        let result = trainer.run(seed, &RunOptions { out, resume: options.resume }, &mut observe(seed));
        let failed = result.is_err();
        done.lock().unwrap_or_else(PoisonError::into_inner).add(seed, result);
        failed
    };
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= options.runs {
                break;
            }
            if one(i) {
                next.store(options.runs, Ordering::Relaxed);
            }
        }
    };
    if jobs == 1 {
        work();
    } else {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = (cores / jobs).max(1);
        std::thread::scope(|scope| -> Result<()> {
            for _ in 0..jobs {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let pool = pool.map_err(|e| Error::invalid("jobs", "threads for each", e))?;
                scope.spawn(move || pool.install(work));
            }
            Ok(())
        })?;
    }
    done.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
}

/// What has come back so far. Only the weights of the best run are kept.
struct Done {
    metric: MetricKind,
    reports: Vec<RunReport>,
    picked: Option<Trained>,
    error: Option<(u64, Error)>,
}

impl Done {
    fn new(metric: MetricKind) -> Self {
        Self { metric, reports: Vec::new(), picked: None, error: None }
    }

    fn add(&mut self, seed: u64, result: Result<Trained>) {
        match result {
            Ok(trained) => {
                self.reports.push(trained.report.clone());
                if self.picked.as_ref().is_none_or(|p| is_better(self.metric, &trained.report, &p.report)) {
                    self.picked = Some(trained);
                }
            }
            Err(e) if self.error.as_ref().is_none_or(|(s, _)| seed < *s) => self.error = Some((seed, e)),
            Err(_) => {}
        }
    }

    fn finish(self) -> Result<TrainedRuns> {
        if let Some((seed, source)) = self.error {
            return Err(match source {
                Error::Interrupted { .. } => source,
                _ => Error::Run { seed, source: Box::new(source) },
            });
        }
        let picked = self.picked.ok_or_else(|| Error::invalid("runs", "at least 1", 0))?;
        let mut runs = self.reports;
        runs.sort_by_key(|r| r.seed);
        let val: Vec<f64> = runs.iter().map(|r| r.val.metric).collect();
        let test: Option<Vec<f64>> = runs.iter().map(|r| r.test.map(|t| t.metric)).collect();
        let mut further: BTreeMap<MetricKind, Vec<f64>> = BTreeMap::new();
        for (&name, &value) in runs.iter().flat_map(|r| &r.more) {
            further.entry(name).or_default().push(value);
        }
        let report = RunsReport {
            more: further.iter().map(|(&name, values)| (name, Summary::of(values))).collect(),
            val: Summary::of(&val),
            test: test.map(|t| Summary::of(&t)),
            picked: picked.report.seed,
            runs,
        };
        Ok(TrainedRuns { report, picked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Evaluation;

    fn report(seed: u64, val: f64, loss: f64, test: f64) -> RunReport {
        let e = |loss, metric| Evaluation { loss, metric };
        RunReport {
            seed,
            epochs: 1,
            best_epoch: 0,
            train: e(0.0, 1.0),
            val: e(loss, val),
            test: Some(e(0.0, test)),
            more: BTreeMap::new(),
            seconds: 0.0,
        }
    }

    #[test]
    fn the_pick_looks_at_validation_only_and_not_at_the_order() {
        let mut runs = vec![
            report(0, 0.80, 0.9, 0.99),
            report(1, 0.81, 0.9, 0.70),
            report(2, 0.81, 0.8, 0.60),
            report(3, 0.81, 0.8, 0.90),
        ];
        for _ in 0..4 {
            runs.rotate_left(1);
            let mut done = Done::new(MetricKind::Accuracy);
            for report in &runs {
                let trained = Trained { report: report.clone(), weights: Default::default() };
                done.add(report.seed, Ok(trained));
            }
            let all = done.finish().unwrap();
            assert_eq!((all.report.picked, all.picked.report.seed), (2, 2));
            assert_eq!(all.report.runs.iter().map(|r| r.seed).collect::<Vec<_>>(), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn the_summary_is_the_sample_standard_deviation() {
        let s = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(s.mean, 5.0);
        assert!((s.std - (32.0f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(Summary::of(&[0.5]), Summary { mean: 0.5, std: 0.0 });
    }
}
