//! Training of graph neural networks on Candle: losses, metrics, optimisers, schedules, checkpoints.
//!
//! A run is a [`TrainConfig`], a data set and a seed; these three determine every bit of the result, on any number of
//! threads, and however often the run was stopped and resumed.
//!
//! ```
//! use candle_geometric_data::{Source, load};
//! use candle_geometric_train::{RunOptions, TrainConfig, train_once};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = TrainConfig::parse(
//!     r#"
//!     model = { architecture = "PaperGAT", config = { in_channels = 34, out_channels = 2 } }
//!     data = { name = "karate" }
//!     optimizer = { name = "adam", lr = 0.01 }
//!     training = { epochs = 20 }
//!     "#,
//!     "train.toml".as_ref(),
//! )?;
//! let karate = load("karate", &Source::Cache)?;
//! let trained = train_once(&config, &karate, 0, &RunOptions::default(), &mut ())?;
//! println!("accuracy {} after epoch {}", trained.report.val.metric, trained.report.best_epoch);
//! # Ok(()) }
//! ```

mod atomic;
pub mod checkpoint;
mod clip;
pub mod clustering;
pub mod config;
mod early_stopping;
mod error;
mod event_reader;
mod export;
mod host;
pub mod loss;
pub mod metrics;
mod observer;
pub mod optim;
mod preprocess;
pub mod ranking;
mod real;
mod run;
mod runs;
pub mod schedule;
pub mod task;
mod tensorboard;
mod trainer;

pub use atomic::write_atomically;
pub use checkpoint::Checkpoint;
pub use clip::{Clip, grad_norm};
pub use config::TrainConfig;
pub use early_stopping::{Decision, EarlyStopping, Rule};
pub use error::Error;
pub use event_reader::{Scalars, read_scalars};
pub use export::export;
pub use loss::{Evaluation, MaskedLoss, Targets};
pub use observer::{EpochReport, Flow, Observer};
pub use optim::{Optimizer, OptimizerConfig};
pub use preprocess::{features, preprocess};
pub use runs::{RunsOptions, RunsReport, Summary, TrainedRuns, train_runs};
pub use schedule::{Schedule, ScheduleConfig, ScheduleState};
pub use task::{Answer, Attended, AttendedLayer, EdgeKinds, Measured, Recipe, Task, Tasks, Trainable};
pub use tensorboard::EventWriter;
pub use trainer::{CHECKPOINT, RunOptions, RunReport, Trained, Trainer, train_once};

/// The result of an operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
