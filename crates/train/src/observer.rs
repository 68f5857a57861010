//! What a training run tells while it is under way.

use crate::Evaluation;

/// One completed epoch.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct EpochReport {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the epoch, from 0.
    pub epoch: usize,
    /// The largest number of epochs.
    pub epochs: usize,
    /// The learning rate of the epoch.
    pub learning_rate: f64,
    /// The loss that was minimised: with dropout, before the step.
    pub loss: f64,
    /// On the training nodes, without dropout, after the step.
    pub train: Evaluation,
    /// On the validation nodes.
    pub val: Evaluation,
    /// On the test nodes, if there are any. Recorded, never used to choose.
    pub test: Option<Evaluation>,
    /// Whether the weights of this epoch are kept as the best so far.
    pub kept: bool,
    /// How many epochs in a row brought nothing better.
    pub waited: usize,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Training goes on.
    Continue,
    /// Training ends here with [`Error::Interrupted`](crate::Error::Interrupted). Nothing is written, as if the
    /// process had been killed: a resumed run goes on from the last checkpoint.
    Stop,
}

/// Watches a training run, as a progress bar does.
pub trait Observer {
    /// Called before the first epoch. `epoch` is above 0 in a run that is resumed.
    fn begin(&mut self, seed: u64, epoch: usize, epochs: usize) {
        let _ = (seed, epoch, epochs);
    }

    /// Called after every epoch.
    fn epoch(&mut self, report: &EpochReport) -> Flow;

    /// Called at the end of a run.
    fn end(&mut self, report: &crate::RunReport) {
        let _ = report;
    }
}

/// Watches nothing.
impl Observer for () {
    fn epoch(&mut self, _: &EpochReport) -> Flow {
        Flow::Continue
    }
}
