use std::path::PathBuf;

use candle_geometric_graph::GraphError;

/// Why a data set could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No data set has this name.
    #[error("there is no data set {name:?}; {}known are {known}", closest(suggestions))]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The nearest names, best first.
        suggestions: Vec<&'static str>,
        /// All names.
        known: String,
    },
    /// Files that are neither where they were looked for nor could be downloaded.
    #[error(
        "{dataset}: {problem}\nwanted:\n{}\nPut them into one folder and pass it: `--data DIR` to the program, `Source::Folder` in Rust.",
        wanted.iter().map(|url| format!("  {url}")).collect::<Vec<_>>().join("\n")
    )]
    MissingFiles {
        /// The data set.
        dataset: String,
        /// Where they were looked for, or why they could not be downloaded.
        problem: String,
        /// The addresses of the original files.
        wanted: Vec<String>,
    },
    /// A file or an answer of a server that is not the published one.
    #[error("{what} is not the published file: {problem}")]
    Checksum {
        /// The path or address.
        what: String,
        /// Size or SHA-256, expected and actual.
        problem: String,
    },
    /// The operating system could not read or write a file.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The environment does not say where caches go.
    #[error("no folder for the cache: set CANDLE_GEOMETRIC_CACHE (or HOME), or pass a folder with the files")]
    NoCacheFolder,
    /// A file that is damaged or not of the format it should be.
    #[error("{file}: {problem}")]
    Format {
        /// Which file, or which part of one.
        file: String,
        /// What was expected and what came.
        problem: String,
    },
    /// A line of a text file that is not as its format wants it.
    #[error("{file}: line {line}: {problem}")]
    Line {
        /// Which file.
        file: String,
        /// The number of the line; the first is 1.
        line: usize,
        /// What was expected and what came.
        problem: String,
    },
    /// A file that is not a pickle of data.
    #[error("{file}: {source}")]
    Pickle {
        /// Which file.
        file: String,
        /// The cause.
        source: candle_geometric_pickle::Error,
    },
    /// A text encoder of a family that is not among those that are known.
    #[error("{file}: model_type: expected one of {known}, got {model_type:?}")]
    UnknownEncoder {
        /// The configuration of the model.
        file: String,
        /// What it says.
        model_type: String,
        /// What it may say.
        known: &'static str,
    },
    /// Something that this build leaves out.
    #[error("this build cannot read {what}: build it with the feature `{feature}`")]
    NotBuilt {
        /// What it cannot read.
        what: &'static str,
        /// The feature that it is behind.
        feature: &'static str,
    },
    /// Parts of a graph that do not fit together.
    #[error("{argument}: expected {expected}, got {actual}")]
    Invalid {
        /// Which part.
        argument: &'static str,
        /// What it should have been.
        expected: String,
        /// What it was.
        actual: String,
    },
    /// An edge list that is not one.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn format(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Format { file: file.into(), problem: problem.into() }
    }

    pub(crate) fn line(file: impl Into<String>, line: usize, problem: impl Into<String>) -> Self {
        Self::Line { file: file.into(), line, problem: problem.into() }
    }

    /// The same of a file by the name that `rename` has for it, if it has one: parsers of bytes know which part of the data it is,
    /// their callers which file.
    pub(crate) fn with_file(mut self, rename: impl FnOnce(&str) -> Option<String>) -> Self {
        if let Self::Format { file, .. } | Self::Line { file, .. } | Self::Pickle { file, .. } = &mut self
            && let Some(name) = rename(file)
        {
            *file = name;
        }
        self
    }

    pub(crate) fn invalid(
        argument: &'static str,
        expected: impl std::fmt::Display,
        actual: impl std::fmt::Display,
    ) -> Self {
        Self::Invalid { argument, expected: expected.to_string(), actual: actual.to_string() }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(inner) => inner,
            other => Self::wrap(other),
        }
    }
}

fn closest(suggestions: &[&str]) -> String {
    match suggestions {
        [] => String::new(),
        names => format!("did you mean {}? ", names.join(" or ")),
    }
}
