use std::path::PathBuf;

use crate::weights::Problem;

/// What can go wrong with a model: its configuration, its files, its weights.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// From Candle.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
    /// From a layer.
    #[error(transparent)]
    Nn(#[from] candle_geometric_nn::Error),
    /// A model cannot be built from this configuration, or was given an argument that it does not take.
    #[error("{architecture}: {problem}")]
    Config {
        /// The architecture, as in `config.json`.
        architecture: String,
        /// The argument, what was expected and what came.
        problem: String,
    },
    /// The model has no layers whose messages can be masked.
    #[error(
        "this model takes no edge_mask: expected a stack of GCN, GAT, GraphSAGE or graph transformer layers"
    )]
    NoEdgeMask,
    /// `architecture` names nothing that this version knows.
    #[error("unknown architecture `{name}`{}; the known ones are {}", did_you_mean(.nearest), .known.join(", "))]
    UnknownArchitecture {
        /// The name that was asked for.
        name: String,
        /// Known names that are spelt alike.
        nearest: Vec<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// Neither a model of the zoo, nor a folder, nor a repository on the Hub.
    #[error("unknown model `{name}`{}; {}; a folder with a config.json, or owner/repo on the Hub, also names a model",
        did_you_mean(.nearest), known_models(.known))]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// Known names that are spelt alike.
        nearest: Vec<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// A model of the zoo of which there is nothing but the recipe.
    #[error("{name} has no weights: the zoo has its recipe alone, models/{name}/train.toml")]
    NoWeights {
        /// Its name.
        name: String,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The contents of a file are not what they should be: it is truncated, damaged, or of another kind.
    #[error("{}: {problem}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A PyTorch file whose pickle could not be read.
    #[error("{}: {source}{}", .path.display(), pickle_hint(.source))]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What is wrong with the pickle.
        source: candle_geometric_pickle::Error,
    },
    /// A file is not, bit for bit, the one that was published.
    #[error("{}: sha256 is {actual}, expected {expected}: the file is damaged, or is another version", .path.display())]
    Sha256 {
        /// The file.
        path: PathBuf,
        /// The sum that `config.json`, or the embedded catalogue, gives.
        expected: String,
        /// The sum of the file as it is.
        actual: String,
    },
    /// The tensors do not fit the model. All that is wrong is listed.
    #[error("{origin}: {} of the model's tensors {} wrong:{}", .problems.len(), if .problems.len() == 1 { "is" } else { "are" }, lines(.problems))]
    Weights {
        /// Where the tensors came from.
        origin: String,
        /// What is wrong, tensor by tensor.
        problems: Vec<Problem>,
    },
    /// Files that are only on the Hub could not be had.
    #[error("cannot get {} from {url} ({reason}); a folder with these files, given in place of the model's name, does as well", .files.join(", "))]
    Download {
        /// The files wanted.
        files: Vec<String>,
        /// Where they are.
        url: String,
        /// Why they could not be had.
        reason: String,
    },
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::File { path: path.into(), problem: problem.into() }
    }

    pub(crate) fn config(architecture: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { architecture: architecture.into(), problem: problem.into() }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(inner) => inner,
            other => candle_core::Error::wrap(other),
        }
    }
}

fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!(" (did you mean {}?)", nearest.join(" or ")) }
}

fn known_models(known: &[String]) -> String {
    if known.is_empty() { "the zoo is empty".into() } else { format!("the zoo has {}", known.join(", ")) }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("\n  {p}")).collect()
}

fn pickle_hint(error: &candle_geometric_pickle::Error) -> &'static str {
    match error {
        candle_geometric_pickle::Error::UnknownGlobal { .. } => {
            " (if the file holds a whole model, save only its state: torch.save(model.state_dict(), …))"
        }
        _ => "",
    }
}

/// The names among `known` that `name` may be a misspelling of, the nearest first.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let mut scored: Vec<_> = known
        .into_iter()
        .map(|k| (strsim::jaro_winkler(&name, &k.to_lowercase()), k))
        .filter(|&(score, _)| score > 0.8)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.into_iter().take(3).map(|(_, k)| k.to_string()).collect()
}
