use std::path::{Path, PathBuf};

use thiserror::Error;

/// What can go wrong in training. Each message names the argument or the file, what was expected and what came.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument that cannot be used.
    #[error("{argument}: expected {expected}, got {actual}")]
    Invalid {
        /// The argument.
        argument: &'static str,
        /// What was expected.
        expected: String,
        /// What came.
        actual: String,
    },
    /// A mask that selects no node, so that a mean over it does not exist.
    #[error("{mask}: the mask selects no node, so there is nothing to average over")]
    EmptyMask {
        /// Which mask.
        mask: String,
    },
    /// A model's output, a loss or a gradient that is not a number.
    #[error("{what}: {value} found{place}; lower the learning rate or clip the gradients")]
    NotFinite {
        /// What holds the value.
        what: &'static str,
        /// The value.
        value: f64,
        /// Where it stands, as a phrase that begins with a blank, or nothing.
        place: String,
    },
    /// A training configuration that cannot be read.
    #[error("{file}: {message}", file = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
    /// A checkpoint that cannot be used.
    #[error("checkpoint {file}: {message}", file = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A file operation that failed.
    #[error("cannot {action} {file}: {source}", file = path.display())]
    Io {
        /// What was tried, as in "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The observer asked to stop.
    #[error("training was interrupted after epoch {epoch}")]
    Interrupted {
        /// The last completed epoch.
        epoch: usize,
    },
    /// One of several runs failed.
    #[error("seed {seed}: {source}")]
    Run {
        /// The seed of the run.
        seed: u64,
        /// What went wrong.
        source: Box<Error>,
    },
    /// An error of a model.
    #[error(transparent)]
    Model(#[from] candle_geometric_models::Error),
    /// An error of the data.
    #[error(transparent)]
    Data(#[from] candle_geometric_data::Error),
    /// An error of a layer.
    #[error(transparent)]
    Layer(#[from] candle_geometric_nn::Error),
    /// An error of a graph.
    #[error(transparent)]
    Graph(#[from] candle_geometric_graph::GraphError),
    /// An error of an operation on graphs.
    #[error(transparent)]
    Ops(#[from] candle_geometric_ops::Error),
    /// An error of a tensor operation.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn invalid(
        argument: &'static str,
        expected: impl Into<String>,
        actual: impl ToString,
    ) -> Self {
        Self::Invalid { argument, expected: expected.into(), actual: actual.to_string() }
    }

    pub(crate) fn checkpoint(path: &Path, message: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.to_path_buf(), message: message.into() }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(e) => e,
            e => Self::wrap(e),
        }
    }
}
