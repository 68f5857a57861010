//! Losses over the nodes that a mask selects.
//!
//! A node classifier computes logits for every node of the graph, but learns from few of them: 140 of 2708 on
//! Cora. [`MaskedLoss`] takes targets and mask once, checks them once, and then gives loss and gradient in one pass
//! over the selected rows. On devices other than the CPU it is composed of stock Candle operations.

mod cpu;
mod objective;
mod stock;

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_geometric_models::MetricKind;

pub(crate) use objective::Objective;

use crate::host::each_row;
use crate::metrics::{F1Counts, roc_auc};
use crate::{Error, Result};

/// What the nodes of a graph should be classified as.
#[derive(Debug, Clone)]
pub enum Targets {
    /// One class per node: N labels, each below `num_classes`.
    Classes {
        /// The class of every node.
        labels: Arc<[u32]>,
        /// K, the number of classes.
        num_classes: usize,
    },
    /// Any number of labels per node: N rows of K values, 1 where the node has the label and 0 where not.
    Labels {
        /// The rows, one after the other.
        values: Arc<[f32]>,
        /// K, the number of labels.
        num_labels: usize,
    },
}

impl Targets {
    /// One class per node, for cross-entropy.
    ///
    /// # Errors
    /// If a label is not below `num_classes`.
    pub fn classes(labels: &[u32], num_classes: usize) -> Result<Self> {
        if let Some((node, label)) = labels.iter().enumerate().find(|&(_, &l)| l as usize >= num_classes) {
            return Err(Error::invalid(
                "labels",
                format!("classes below {num_classes}"),
                format!("{label} for node {node}"),
            ));
        }
        Ok(Self::Classes { labels: labels.into(), num_classes })
    }

    /// A row of `num_labels` values in 0..=1 per node, for binary cross-entropy.
    ///
    /// # Errors
    /// If the values do not make whole rows, or one is outside 0..=1 or not a number.
    pub fn labels(values: &[f32], num_labels: usize) -> Result<Self> {
        if num_labels == 0 || !values.len().is_multiple_of(num_labels) {
            return Err(Error::invalid(
                "labels",
                format!("rows of {num_labels} values, at least one"),
                format!("{} values", values.len()),
            ));
        }
        if let Some((i, v)) = values.iter().enumerate().find(|(_, v)| !(0.0..=1.0).contains(*v)) {
            return Err(Error::invalid(
                "labels",
                "values from 0 to 1",
                format!("{v} for node {}", i / num_labels),
            ));
        }
        Ok(Self::Labels { values: values.into(), num_labels })
    }

    /// N, the number of nodes.
    pub fn num_nodes(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Labels { values, num_labels } => values.len() / num_labels,
        }
    }

    /// K, the number of classes or labels: the width of the logits.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { num_classes, .. } => *num_classes,
            Self::Labels { num_labels, .. } => *num_labels,
        }
    }
}

/// Loss and metric of a model on one split.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Evaluation {
    /// The mean loss.
    pub loss: f64,
    /// What the task is measured by: accuracy where each node has one class, micro-F1 where it has any number of labels.
    pub metric: f64,
}

/// The mean loss over the nodes that a mask selects, against targets that do not change.
///
/// - [`Targets::Classes`]: cross-entropy, `mean_r (log Σ_k exp z_rk − z_r,label(r))`
/// - [`Targets::Labels`]: binary cross-entropy with logits, `mean_rk (max(z, 0) − z·y + log(1 + exp(−|z|)))`
///
/// Both forms are finite for any finite logits.
#[derive(Debug, Clone)]
pub struct MaskedLoss {
    targets: Targets,
    rows: Arc<[u32]>,
}

impl MaskedLoss {
    /// The loss over the nodes where `mask` is true. `name` says in messages which mask it is, as in "train_mask".
    ///
    /// # Errors
    /// If `mask` has another length than the targets have nodes, or selects no node.
    pub fn new(targets: &Targets, mask: &[bool], name: &str) -> Result<Self> {
        if mask.len() != targets.num_nodes() {
            return Err(Error::invalid(
                "mask",
                format!("{} entries for {name}, one per node", targets.num_nodes()),
                mask.len(),
            ));
        }
        let rows: Arc<[u32]> = mask.iter().enumerate().filter(|(_, m)| **m).map(|(i, _)| i as u32).collect();
        if rows.is_empty() {
            return Err(Error::EmptyMask { mask: name.to_string() });
        }
        Ok(Self { targets: targets.clone(), rows })
    }

    /// The selected nodes, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The targets of all nodes.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The loss of `logits` `[N, K]`, a scalar of the same type, with its gradient.
    ///
    /// # Errors
    /// If the shape of `logits` is another one.
    pub fn forward(&self, logits: &Tensor) -> Result<Tensor> {
        self.check(logits)?;
        match logits.device() {
            Device::Cpu => Ok(logits.contiguous()?.apply_op1(cpu::Loss(self.clone()))?),
            _ => stock::loss(self, logits),
        }
    }

    /// Loss and metric of `logits` `[N, K]`, computed on the host in f64, on all threads.
    ///
    /// # Errors
    /// If the shape of `logits` is another one, or a selected row holds a value that is not finite.
    pub fn evaluate(&self, logits: &Tensor) -> Result<Evaluation> {
        self.check(logits)?;
        let pieces = each_row("logits", logits, &self.rows, |sums: &mut Sums, position, row| {
            let node = self.rows[position] as usize;
            crate::metrics::check_row(node, row)?;
            sums.loss += self.row_loss(node, row);
            match &self.targets {
                Targets::Classes { labels, .. } => {
                    sums.correct += usize::from(crate::metrics::argmax(row) == labels[node] as usize);
                }
                Targets::Labels { values, num_labels: k } => {
                    sums.counts.add(row, &values[node * k..(node + 1) * k]);
                }
            }
            Ok(())
        })?;
        let metric = match self.targets {
            Targets::Classes { .. } => {
                pieces.iter().map(|s| s.correct).sum::<usize>() as f64 / self.rows.len() as f64
            }
            Targets::Labels { .. } => F1Counts::f1(pieces.iter().map(|s| s.counts)),
        };
        Ok(Evaluation { loss: pieces.iter().map(|s| s.loss).sum::<f64>() / self.terms(), metric })
    }

    /// [`evaluate`](Self::evaluate) by a metric of one's choice: of two classes the area under the ROC curve, for one.
    pub(crate) fn evaluate_by(&self, metric: MetricKind, logits: &Tensor) -> Result<Evaluation> {
        let mut evaluation = self.evaluate(logits)?;
        if let (MetricKind::RocAuc, Targets::Classes { labels, .. }) = (metric, &self.targets) {
            let margin = |margins: &mut Vec<f64>, _: usize, row: &[f64]| -> Result<()> {
                margins.push(row.get(1).copied().unwrap_or(0.0) - row.first().copied().unwrap_or(0.0));
                Ok(())
            };
            let margins = each_row("logits", logits, &self.rows, margin)?.concat();
            let positive: Vec<bool> = self.rows.iter().map(|&r| labels[r as usize] == 1).collect();
            evaluation.metric = roc_auc(&Tensor::new(margins, &Device::Cpu)?, &positive)?;
        }
        Ok(evaluation)
    }

    /// The number of terms that the mean is over.
    fn terms(&self) -> f64 {
        match self.targets {
            Targets::Classes { .. } => self.rows.len() as f64,
            Targets::Labels { num_labels, .. } => (self.rows.len() * num_labels) as f64,
        }
    }

    /// The sum of the terms of one node.
    fn row_loss(&self, node: usize, row: &[f64]) -> f64 {
        match &self.targets {
            Targets::Classes { labels, .. } => log_sum_exp(row) - row[labels[node] as usize],
            Targets::Labels { values, num_labels: k } => row
                .iter()
                .zip(&values[node * k..(node + 1) * k])
                .map(|(&z, &y)| z.max(0.0) - z * f64::from(y) + (-z.abs()).exp().ln_1p())
                .sum(),
        }
    }

    /// The derivative of the sum of the terms of one node, in place of its logits.
    fn row_gradient(&self, node: usize, row: &mut [f64]) {
        match &self.targets {
            Targets::Classes { labels, .. } => {
                let lse = log_sum_exp(row);
                row.iter_mut().for_each(|z| *z = (*z - lse).exp());
                row[labels[node] as usize] -= 1.0;
            }
            Targets::Labels { values, num_labels: k } => {
                for (z, &y) in row.iter_mut().zip(&values[node * k..(node + 1) * k]) {
                    let e = (-z.abs()).exp();
                    let sigmoid = if *z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                    *z = sigmoid - f64::from(y);
                }
            }
        }
    }

    fn check(&self, logits: &Tensor) -> Result<()> {
        let expected = [self.targets.num_nodes(), self.targets.width()];
        if logits.dims() != expected {
            return Err(Error::invalid(
                "logits",
                format!("shape {expected:?} ([num_nodes, num_classes])"),
                format!("shape {:?}", logits.dims()),
            ));
        }
        Ok(())
    }
}

/// What the evaluation of some rows adds up.
#[derive(Default)]
struct Sums {
    loss: f64,
    correct: usize,
    counts: F1Counts,
}

fn log_sum_exp(row: &[f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + row.iter().map(|z| (z - max).exp()).sum::<f64>().ln()
}
