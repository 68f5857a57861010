//! Training of graph neural networks on Candle: losses, metrics, optimisers, schedules, checkpoints.

mod clip;
mod early_stopping;
mod error;
mod host;
pub mod loss;
pub mod metrics;
pub mod optim;
mod schedule;

pub use clip::{Clip, grad_norm};
pub use early_stopping::{Decision, EarlyStopping, Rule};
pub use error::Error;
pub use loss::{Evaluation, MaskedLoss, Targets};
pub use optim::{Optimizer, OptimizerConfig};
pub use schedule::{Schedule, ScheduleConfig, ScheduleState};

/// The result of an operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;
