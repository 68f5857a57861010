//! Metrics of classification, computed on the host in f64.
//!
//! A value that is NaN or infinite is an error: a diverged model must not look like a bad one.

use candle_core::Tensor;

use crate::host::each_row;
use crate::{Error, Result};

/// The share of `rows` whose largest logit is the one of their label. Of equal logits the first counts.
///
/// `logits` is `[N, K]`, `labels` has N entries, `rows` are indices below N.
///
/// # Errors
/// If a shape does not fit, `rows` is empty, or a logit is not finite.
pub fn accuracy(logits: &Tensor, labels: &[u32], rows: &[u32]) -> Result<f64> {
    check_sizes(logits, labels.len(), rows)?;
    let correct = each_row("logits", logits, rows, |correct: &mut usize, position, row| {
        let node = rows[position] as usize;
        check_row(node, row)?;
        *correct += usize::from(argmax(row) == labels[node] as usize);
        Ok(())
    })?;
    Ok(correct.iter().sum::<usize>() as f64 / rows.len() as f64)
}

/// The micro-averaged F1 over `rows` where each node has any number of labels: a label is predicted where its logit
/// is above 0 (its probability above one half), and `F1 = 2 TP / (2 TP + FP + FN)` over all rows and labels. It is 0
/// where nothing is predicted and nothing is true, as in scikit-learn.
///
/// Where each node has one class, every wrong prediction is a false positive of one class and a false negative of
/// another, so micro-F1 is the [`accuracy`].
///
/// `logits` is `[N, K]`, `labels` holds N rows of K values, true above one half.
///
/// # Errors
/// If a shape does not fit, `rows` is empty, or a logit is not finite.
pub fn micro_f1(logits: &Tensor, labels: &[f32], rows: &[u32]) -> Result<f64> {
    let k = logits.dims().last().copied().unwrap_or(0).max(1);
    check_sizes(logits, labels.len() / k, rows)?;
    let counts = each_row("logits", logits, rows, |counts: &mut F1Counts, position, row| {
        let node = rows[position] as usize;
        check_row(node, row)?;
        counts.add(row, &labels[node * k..(node + 1) * k]);
        Ok(())
    })?;
    Ok(F1Counts::f1(counts))
}

/// True positives, false positives and false negatives.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct F1Counts {
    true_positives: usize,
    false_positives: usize,
    false_negatives: usize,
}

impl F1Counts {
    pub(crate) fn add(&mut self, logits: &[f64], labels: &[f32]) {
        for (&z, &y) in logits.iter().zip(labels) {
            match (z > 0.0, y > 0.5) {
                (true, true) => self.true_positives += 1,
                (true, false) => self.false_positives += 1,
                (false, true) => self.false_negatives += 1,
                (false, false) => {}
            }
        }
    }

    /// The F1 of all of them together.
    pub(crate) fn f1(all: impl IntoIterator<Item = Self>) -> f64 {
        let (mut twice, mut wrong) = (0, 0);
        for c in all {
            twice += 2 * c.true_positives;
            wrong += c.false_positives + c.false_negatives;
        }
        if twice + wrong == 0 { 0.0 } else { twice as f64 / (twice + wrong) as f64 }
    }
}

/// The position of the largest value, the first of equal ones.
pub(crate) fn argmax(row: &[f64]) -> usize {
    let mut best = 0;
    for (k, z) in row.iter().enumerate() {
        if *z > row[best] {
            best = k;
        }
    }
    best
}

pub(crate) fn check_row(node: usize, row: &[f64]) -> Result<()> {
    match row.iter().find(|z| !z.is_finite()) {
        Some(&value) => Err(Error::NotFinite { what: "logits", value, place: format!(" for node {node}") }),
        None => Ok(()),
    }
}

fn check_sizes(logits: &Tensor, num_labels: usize, rows: &[u32]) -> Result<()> {
    let n = logits.dims().first().copied().unwrap_or(0);
    if n != num_labels {
        return Err(Error::invalid("labels", format!("one per row of logits ({n})"), num_labels));
    }
    if rows.is_empty() {
        return Err(Error::EmptyMask { mask: "rows".to_string() });
    }
    Ok(())
}
