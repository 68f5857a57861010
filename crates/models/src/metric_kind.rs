use std::fmt;

use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MetricKind {
    /// The share of right answers.
    Accuracy,
    /// F1 over all labels together.
    MicroF1,
    /// The mean of the F1 of every class.
    MacroF1,
    /// The area under the ROC curve.
    RocAuc,
    /// The average precision.
    AveragePrecision,
    /// The mean reciprocal rank, filtered.
    Mrr,
    /// The share of right answers with rank 1.
    #[serde(rename = "hits@1")]
    Hits1,
    /// The share of right answers with a rank of at most 3.
    #[serde(rename = "hits@3")]
    Hits3,
    /// The share of right answers with a rank of at most 10.
    #[serde(rename = "hits@10")]
    Hits10,
    /// The normalised mutual information of clusters and classes.
    Nmi,
    /// The adjusted Rand index of clusters and classes.
    Ari,
    /// The root of the mean squared error, in the unit of what is predicted.
    Rmse,
    /// The mean absolute error, in the unit of what is predicted.
    Mae,
}

impl MetricKind {
    /// Whether less is better.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Rmse | Self::Mae)
    }

    /// The larger the better.
    pub fn goodness(self, value: f64) -> f64 {
        if self.is_error() { -value } else { value }
    }

    /// A value as people read it: a share in percent, an error as it is.
    pub fn show(self, value: f64) -> String {
        if self.is_error() { format!("{value:.3}") } else { format!("{:.2} %", 100.0 * value) }
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accuracy => "accuracy",
            Self::MicroF1 => "micro-f1",
            Self::MacroF1 => "macro-f1",
            Self::RocAuc => "roc-auc",
            Self::AveragePrecision => "average-precision",
            Self::Mrr => "mrr",
            Self::Hits1 => "hits@1",
            Self::Hits3 => "hits@3",
            Self::Hits10 => "hits@10",
            Self::Nmi => "nmi",
            Self::Ari => "ari",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
        })
    }
}
