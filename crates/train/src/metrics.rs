//! Metrics of classification and of the prediction of edges, computed on the host in f64.
//!
//! A value that is NaN or infinite is an error: a diverged model must not look like a bad one.

use candle_core::{DType, Device, Tensor};

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

/// The mean over the classes of the F1 of `rows` where each node has one class. A class that is neither predicted nor true has
/// an F1 of 0, as in scikit-learn; the classes are those of the logits.
///
/// # Errors
/// As [`accuracy`].
pub fn macro_f1(logits: &Tensor, labels: &[u32], rows: &[u32]) -> Result<f64> {
    check_sizes(logits, labels.len(), rows)?;
    let predicted = each_row("logits", logits, rows, |predicted: &mut Vec<usize>, position, row| {
        check_row(rows[position] as usize, row)?;
        predicted.push(argmax(row));
        Ok(())
    })?;
    let k = logits.dims().last().copied().unwrap_or(0);
    // Of every class: both times right, predicted, true.
    let mut counts = vec![[0usize; 3]; k];
    for (&row, class) in rows.iter().zip(predicted.concat()) {
        let truth = labels[row as usize] as usize;
        counts[class][1] += 1;
        if truth >= k {
            return Err(Error::invalid("labels", format!("classes below {k}"), truth));
        }
        counts[truth][2] += 1;
        counts[class][0] += usize::from(class == truth);
    }
    let f1 = |[right, predicted, truth]: &[usize; 3]| 2.0 * *right as f64 / (predicted + truth).max(1) as f64;
    Ok(counts.iter().map(f1).sum::<f64>() / k.max(1) as f64)
}

/// The area under the ROC curve: the probability that the score of a positive is above that of a negative, where equal
/// scores count one half. `positive` says of each of the `scores` `[P]` which it is. It is scikit-learn's `roc_auc_score`.
///
/// # Errors
/// If `scores` is not `[P]` for P labels, a score is not finite, or there are no positives or no negatives.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_train::metrics::roc_auc;
/// let scores = Tensor::new(&[0.1f32, 0.4, 0.35, 0.8], &Device::Cpu)?;
/// assert_eq!(roc_auc(&scores, &[false, false, true, true])?, 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn roc_auc(scores: &Tensor, positive: &[bool]) -> Result<f64> {
    let groups = groups_by_score(scores, positive)?;
    // Twice the pairs in the right order: a pair of equal scores counts once.
    let (mut above, mut twice) = (0u128, 0u128);
    for &(positives, negatives) in &groups {
        twice += u128::from(negatives) * (2 * above + u128::from(positives));
        above += u128::from(positives);
    }
    let negatives: u128 = groups.iter().map(|&(_, negatives)| u128::from(negatives)).sum();
    Ok(twice as f64 / (2 * above * negatives) as f64)
}

/// The average precision: Σ (R_k − R_{k−1}) P_k over the distinct scores from the highest down, with precision P_k and
/// recall R_k of the prediction "positive from this score up". `positive` says of each of the `scores` `[P]` which it is. It is
/// scikit-learn's `average_precision_score`.
///
/// # Errors
/// As [`roc_auc`].
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_train::metrics::average_precision;
/// let scores = Tensor::new(&[0.1f32, 0.4, 0.35, 0.8], &Device::Cpu)?;
/// assert_eq!(average_precision(&scores, &[false, false, true, true])?, 0.5 + 0.5 * 2.0 / 3.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn average_precision(scores: &Tensor, positive: &[bool]) -> Result<f64> {
    let (mut positives, mut negatives, mut sum) = (0, 0, 0.0);
    for (more, others) in groups_by_score(scores, positive)? {
        (positives, negatives) = (positives + more, negatives + others);
        sum += more as f64 * (positives as f64 / (positives + negatives) as f64);
    }
    Ok(sum / positives as f64)
}

/// How many positives and negatives have each of the scores, from the highest down; of both there is one at least.
fn groups_by_score(scores: &Tensor, positive: &[bool]) -> Result<Vec<(u64, u64)>> {
    if scores.dims() != [positive.len()] {
        let expected = format!("shape [{}], one per label", positive.len());
        return Err(Error::invalid("scores", expected, format!("{:?}", scores.dims())));
    }
    let positives = positive.iter().filter(|&&is| is).count();
    if positives == 0 || positives == positive.len() {
        let actual = format!("{positives} of {}", positive.len());
        return Err(Error::invalid("positive", "some positives and some negatives", actual));
    }
    let scores = scores.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    if let Some(position) = scores.iter().position(|s| !s.is_finite()) {
        let (value, place) = (scores[position], format!(" at position {position}"));
        return Err(Error::NotFinite { what: "scores", value, place });
    }
    let mut sorted: Vec<_> = scores.into_iter().zip(positive).collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
    // By `==`, for which 0 and −0 are one score.
    let count = |group: &[(f64, &bool)]| {
        let positives = group.iter().filter(|&&(_, &is)| is).count() as u64;
        (positives, group.len() as u64 - positives)
    };
    Ok(sorted.chunk_by(|(a, _), (b, _)| a == b).map(count).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use candle_geometric_graph::rng::Stream;

    fn scores(values: &[f64]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    /// From above: 3 (+), 2 (+ −), 1 (−), 0 and −0 (+ −).
    const SCORES: [f64; 6] = [2.0, 0.0, 1.0, 3.0, -0.0, 2.0];
    const POSITIVE: [bool; 6] = [false, true, false, true, false, true];

    #[test]
    fn equal_scores_are_one_threshold() {
        // Of nine pairs, the positive is above in 3 + 2 + 0 and equal in 0 + 1 + 1.
        assert_eq!(roc_auc(&scores(&SCORES), &POSITIVE).unwrap(), 6.0 / 9.0);
        let expected = (1.0 + 2.0 / 3.0 + 3.0 / 6.0) / 3.0;
        assert_eq!(average_precision(&scores(&SCORES), &POSITIVE).unwrap(), expected);
        // All equal: what a coin gives, and the share of positives.
        assert_eq!(roc_auc(&scores(&[7.0; 4]), &[true, false, false, false]).unwrap(), 0.5);
        assert_eq!(average_precision(&scores(&[7.0; 4]), &[true, false, false, false]).unwrap(), 0.25);
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        let stream = Stream::new(1, 0);
        let values: Vec<f64> = (0..200).map(|i| (stream.uniform_f64(i) * 20.0).floor()).collect();
        let positive: Vec<bool> = (0..200).map(|i| stream.uniform_f64(1000 + i) < 0.3).collect();
        let (mut right, mut all) = (0.0, 0.0);
        for (a, _) in values.iter().zip(&positive).filter(|(_, is)| **is) {
            for (b, _) in values.iter().zip(&positive).filter(|(_, is)| !**is) {
                right += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
                all += 1.0;
            }
        }
        assert_eq!(roc_auc(&scores(&values), &positive).unwrap(), right / all);
    }

    #[test]
    fn what_cannot_be_ranked_is_an_error() {
        for metric in [roc_auc, average_precision] {
            let error = |values: &[f64], positive: &[bool]| {
                metric(&scores(values), positive).unwrap_err().to_string()
            };
            assert_eq!(error(&[1.0], &[true, false]), "scores: expected shape [2], one per label, got [1]");
            assert!(error(&[1.0, 2.0], &[true, true]).contains("got 2 of 2"));
            assert!(error(&[], &[]).contains("got 0 of 0"));
            assert!(error(&[1.0, f64::NAN], &[true, false]).contains("NaN found at position 1"));
        }
    }
}
