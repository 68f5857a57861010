//! When to stop, and which epoch's weights to keep. Only validation values are ever looked at.

use serde::{Deserialize, Serialize};

/// What "better" means for [`EarlyStopping`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The rule of the GAT paper's code (Veličković et al. 2018, `execute_cora.py`): patience begins anew where the
    /// validation metric is at least the best so far *or* the validation loss at most the best so far; the weights are
    /// kept where *both* hold.
    #[default]
    Paper,
    /// The validation loss falls below the best so far.
    ValLoss,
    /// The validation metric rises above the best so far, or equals it with a lower validation loss.
    ValMetric,
    /// Never stop early and keep the weights of the last epoch.
    None,
}

/// What to do after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The weights of this epoch are the ones to keep.
    pub keep: bool,
    /// Training ends here.
    pub stop: bool,
}

/// Early stopping with patience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    rule: Rule,
    patience: usize,
    min_epochs: usize,
    // None before the first epoch: JSON has no infinity.
    best_loss: Option<f64>,
    best_metric: Option<f64>,
    waited: usize,
    seen: usize,
}

impl EarlyStopping {
    /// Stops after `patience` epochs in a row without anything better (0: never), but not before `min_epochs`.
    pub fn new(rule: Rule, patience: usize, min_epochs: usize) -> Self {
        Self { rule, patience, min_epochs, best_loss: None, best_metric: None, waited: 0, seen: 0 }
    }

    /// Takes in the validation loss and metric of the next epoch.
    pub fn update(&mut self, loss: f64, metric: f64) -> Decision {
        let best_loss = self.best_loss.unwrap_or(f64::INFINITY);
        let best_metric = self.best_metric.unwrap_or(f64::NEG_INFINITY);
        let (better, keep) = match self.rule {
            Rule::Paper => {
                let (m, l) = (metric >= best_metric, loss <= best_loss);
                (m || l, m && l)
            }
            Rule::ValLoss => (loss < best_loss, loss < best_loss),
            Rule::ValMetric => {
                let b = metric > best_metric || metric == best_metric && loss < best_loss;
                (b, b)
            }
            Rule::None => (true, true),
        };
        match self.rule {
            // The loss to compare an equal metric with is the one of the kept epoch.
            Rule::ValMetric if better => {
                (self.best_loss, self.best_metric) = (Some(loss), Some(metric));
            }
            Rule::ValMetric => {}
            _ => {
                self.best_loss = Some(best_loss.min(loss));
                self.best_metric = Some(best_metric.max(metric));
            }
        }
        self.waited = if better { 0 } else { self.waited + 1 };
        self.seen += 1;
        let stop = self.patience > 0 && self.waited >= self.patience && self.seen >= self.min_epochs;
        Decision { keep, stop }
    }

    /// How many epochs in a row brought nothing better.
    pub fn waited(&self) -> usize {
        self.waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(rule: Rule, patience: usize, min_epochs: usize, series: &[(f64, f64)]) -> Vec<(bool, bool)> {
        let mut e = EarlyStopping::new(rule, patience, min_epochs);
        series.iter().map(|&(l, m)| e.update(l, m)).map(|d| (d.keep, d.stop)).collect()
    }

    const KEEP: (bool, bool) = (true, false);
    const GO: (bool, bool) = (false, false);
    const STOP: (bool, bool) = (false, true);

    #[test]
    fn the_rule_of_the_paper() {
        let series = [
            (1.0, 0.5), // both best: kept
            (1.0, 0.5), // equal counts as best: kept
            (0.9, 0.4), // loss only: patience anew, not kept
            (1.5, 0.4), // neither: 1
            (1.5, 0.6), // metric only: patience anew, not kept
            (0.9, 0.6), // both equal the best, each of another epoch: kept
            (0.95, 0.59),
            (0.95, 0.59),
            (0.95, 0.59), // three in a row without either
        ];
        assert_eq!(play(Rule::Paper, 3, 0, &series), [KEEP, KEEP, GO, GO, GO, KEEP, GO, GO, STOP]);
    }

    #[test]
    fn plain_rules() {
        let s = [(1.0, 0.5), (0.9, 0.4), (0.95, 0.5), (0.8, 0.5), (0.9, 0.5), (0.9, 0.5)];
        assert_eq!(play(Rule::ValLoss, 2, 0, &s), [KEEP, KEEP, GO, KEEP, GO, STOP]);
        assert_eq!(play(Rule::ValMetric, 2, 0, &s), [KEEP, GO, (true, false), KEEP, GO, STOP]);
        assert_eq!(play(Rule::None, 1, 0, &s), [KEEP; 6]);
    }

    #[test]
    fn not_before_min_epochs_and_never_without_patience() {
        let s = [(1.0, 0.5), (2.0, 0.4), (2.0, 0.4), (2.0, 0.4)];
        assert_eq!(play(Rule::Paper, 1, 4, &s), [KEEP, GO, GO, STOP]);
        assert_eq!(play(Rule::Paper, 0, 0, &s), [KEEP, GO, GO, GO]);
    }

    #[test]
    fn the_state_survives_json() {
        let mut e = EarlyStopping::new(Rule::Paper, 5, 2);
        for round in 0..3 {
            let copy: EarlyStopping = serde_json::from_str(&serde_json::to_string(&e).unwrap()).unwrap();
            assert_eq!(copy, e);
            e.update(0.1 / 3.0 * f64::from(round), 0.7);
        }
    }
}
