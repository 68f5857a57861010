use serde::{Deserialize, Serialize};

/// How data is divided into what a model learns from, what chooses, and what is tested. Whatever is drawn depends on the
/// seed of the run alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Protocol {
    /// As the data says: its split, or the first of several.
    #[default]
    Own,
    /// As the data says, but a share of what is for training, drawn by the seed, is for validation instead.
    Validation {
        /// The share.
        share: f64,
    },
    /// The published splits of the nodes of one graph in turn: seed s takes split s mod their number.
    Each,
    /// Nodes at random, so many of each class (Shchur et al., *Pitfalls of Graph Neural Network Evaluation*, 2018: 20 and 30);
    /// all others are tested.
    PerClass {
        /// The number of training nodes of each class.
        train: usize,
        /// The number of validation nodes of each class.
        val: usize,
    },
    /// Nodes or graphs at random; the rest is tested.
    Shares {
        /// The share for training.
        train: f64,
        /// The share for validation.
        val: f64,
    },
    /// Stratified cross-validation of graphs: seed s tests fold s mod `folds` of the division that s / `folds` draws.
    Folds {
        /// The number of folds.
        folds: usize,
        /// The share of the other graphs that is for validation.
        val: f64,
    },
    /// Molecules by scaffold (Wu et al., *MoleculeNet*, 2018): families stay together, and rare ones are tested.
    Scaffold {
        /// The share for training.
        train: f64,
        /// The share for validation.
        val: f64,
    },
    /// Links at random, hidden from the model; the rest is for training.
    Links {
        /// The share of links for validation.
        val: f64,
        /// The share of links that is tested.
        test: f64,
    },
}

impl Protocol {
    /// Whether runs with different seeds have different data.
    pub fn depends_on_seed(&self) -> bool {
        !matches!(self, Self::Own | Self::Scaffold { .. })
    }
}
