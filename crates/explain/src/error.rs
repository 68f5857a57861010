use std::path::PathBuf;

use candle_geometric_graph::GraphError;
use thiserror::Error;

/// What can go wrong when looking at attention. Each message names the argument, what was expected and what came.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph cannot be used for this.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Candle could not give the weights.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// An argument cannot be used.
    #[error("{argument}: expected {expected}, got {actual}")]
    Invalid {
        /// The argument.
        argument: &'static str,
        /// What was expected.
        expected: String,
        /// What came.
        actual: String,
    },
    /// The rasteriser could not make a PNG.
    #[error("cannot make a PNG: {0}")]
    Png(String),
    /// The data of a page could not be written as JSON.
    #[error("cannot make a page: {0}")]
    Html(String),
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl From<Error> for candle_core::Error {
    fn from(e: Error) -> Self {
        match e {
            Error::Candle(e) => e,
            e => candle_core::Error::wrap(e),
        }
    }
}

/// Checks that a per-node argument has one entry per node.
pub(crate) fn check_length(argument: &'static str, actual: usize, expected: usize) -> Result<(), Error> {
    if actual == expected {
        return Ok(());
    }
    Err(Error::Invalid {
        argument,
        expected: format!("one entry for each of {expected} nodes"),
        actual: format!("{actual} entries"),
    })
}
