//! Splits drawn from a seed: the same on every machine.

use candle_geometric_graph::rng::Stream;

use crate::{Error, GraphSplit, Result};

/// The items that fold `i` of `k` tests, for every fold: each item in one of them, each class spread evenly.
///
/// Within a fold, the number of items, and that of items of one class, differ by at most one from any other fold's. This is
/// the cross-validation that papers on graph classification use, with 10 folds: train on the others, test on the fold.
///
/// # Errors
/// If there are fewer than two folds, or fewer items than folds.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// let folds = candle_geometric_data::splits::stratified_k_fold(&[0, 0, 0, 0, 1, 1], 2, 1)?;
/// assert_eq!(folds.iter().map(|fold| fold.len()).collect::<Vec<_>>(), [3, 3]);
/// assert!(folds.iter().all(|fold| fold.iter().filter(|&&item| item >= 4).count() == 1));
/// # Ok(()) }
/// ```
pub fn stratified_k_fold(labels: &[u32], k: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
    if k < 2 || k > labels.len() {
        return Err(Error::invalid("k", format!("from 2 to {}, the number of items", labels.len()), k));
    }
    // Shuffled, and then ordered by class: what is dealt out one by one, like cards.
    let mut items: Vec<usize> = (0..labels.len()).collect();
    Stream::named(seed, "stratified_k_fold").sequence().shuffle(&mut items);
    items.sort_by_key(|&item| labels.get(item));
    let mut folds = vec![Vec::new(); k];
    for (fold, &item) in (0..k).cycle().zip(&items) {
        if let Some(fold) = folds.get_mut(fold) {
            fold.push(item);
        }
    }
    folds.iter_mut().for_each(|fold| fold.sort_unstable());
    Ok(folds)
}

/// A random split of `n` items by the fractions for training and validation; the rest is for testing.
///
/// # Errors
/// If a fraction is negative or not a number, or their sum exceeds 1.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// let split = candle_geometric_data::splits::random_split(1128, 0.8, 0.1, 0)?;
/// assert_eq!([split.train.len(), split.val.len(), split.test.len()], [902, 112, 114]);
/// # Ok(()) }
/// ```
pub fn random_split(n: usize, train: f64, val: f64, seed: u64) -> Result<GraphSplit> {
    let mut items: Vec<usize> = (0..n).collect();
    Stream::named(seed, "random_split").sequence().shuffle(&mut items);
    let [train, val] = sizes(n, train, val)?;
    let mut parts = [train, val].into_iter().map(|size| items.drain(..size).collect::<Vec<_>>());
    let (mut train, mut val) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    drop(parts);
    [&mut train, &mut val, &mut items].into_iter().for_each(|part| part.sort_unstable());
    Ok(GraphSplit { train, val, test: items })
}

/// How many of `n` items are for training and for validation: `⌊train · n⌋` and `⌊val · n⌋`.
pub(crate) fn sizes(n: usize, train: f64, val: f64) -> Result<[usize; 2]> {
    let fits = train >= 0. && val >= 0. && train + val <= 1. + 1e-9;
    if !fits {
        return Err(Error::invalid(
            "fractions",
            "not negative, at most 1 together",
            format!("{train} and {val}"),
        ));
    }
    let size = |fraction: f64| (fraction * n as f64 + 1e-9).floor() as usize;
    let train = size(train).min(n);
    Ok([train, size(val).min(n - train)])
}
