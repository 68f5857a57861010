//! Groups of points without labels, and how well they meet labels.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::{Sequence, Stream};

use crate::{Error, Result};

/// How many beginnings are tried, and how many rounds each has at most.
const RESTARTS: u64 = 10;
const ROUNDS: usize = 300;

/// The cluster of every row of `points` `[N, C]`, by k-means: Lloyd's rounds from 10 beginnings of k-means++ (Arthur and
/// Vassilvitskii 2007), of which the one with the least sum of squared distances counts. The same stream gives the same clusters.
///
/// # Errors
/// If `points` is not a matrix of finite numbers, or there are fewer points than clusters.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use candle_geometric_graph::rng::Stream;
/// use candle_geometric_train::clustering::k_means;
/// let points = Tensor::new(&[[0f32], [0.1], [5.], [5.2]], &Device::Cpu)?;
/// let clusters = k_means(&points, 2, Stream::new(0, 0))?;
/// assert!(clusters[0] == clusters[1] && clusters[2] == clusters[3] && clusters[0] != clusters[2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn k_means(points: &Tensor, k: usize, stream: Stream) -> Result<Vec<u32>> {
    let shape = || Error::invalid("points", "a matrix [N, C]", format!("{:?}", points.dims()));
    let (n, c) = points.dims2().map_err(|_| shape())?;
    if k == 0 || k > n {
        return Err(Error::invalid("k", format!("from 1 to {n}, the number of points"), k));
    }
    let rows = points.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    if let Some(&value) = rows.iter().flatten().find(|v| !v.is_finite()) {
        return Err(Error::NotFinite { what: "points", value, place: String::new() });
    }
    let mut best: Option<(f64, Vec<u32>)> = None;
    for restart in 0..RESTARTS {
        let mut centres = beginnings(&rows, k, &mut stream.split(restart).sequence());
        let mut found = assign(&rows, &centres);
        for _ in 0..ROUNDS {
            let mut sums = vec![vec![0.0; c]; k];
            let mut counts = vec![0.0; k];
            for (row, &cluster) in rows.iter().zip(&found.1) {
                counts[cluster as usize] += 1.0;
                sums[cluster as usize].iter_mut().zip(row).for_each(|(s, v)| *s += v);
            }
            // A cluster that has lost its points stays where it was.
            for ((centre, sum), count) in centres.iter_mut().zip(sums).zip(counts).filter(|(_, n)| *n > 0.0) {
                *centre = sum.into_iter().map(|s| s / count).collect();
            }
            let next = assign(&rows, &centres);
            let done = next.1 == found.1;
            found = next;
            if done {
                break;
            }
        }
        if best.as_ref().is_none_or(|(least, _)| found.0 < *least) {
            best = Some(found);
        }
    }
    Ok(best.map(|(_, clusters)| clusters).unwrap_or_default())
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// k-means++: each centre is a point, drawn with a probability that grows with its squared distance from the others.
fn beginnings(rows: &[Vec<f64>], k: usize, random: &mut Sequence) -> Vec<Vec<f64>> {
    let mut far = vec![f64::INFINITY; rows.len()];
    let mut centres: Vec<Vec<f64>> = Vec::with_capacity(k);
    while centres.len() < k {
        let total: f64 = far.iter().sum();
        let chosen = if total.is_finite() && total > 0.0 {
            let mut left = random.uniform_f64() * total;
            let found = far.iter().position(|d| {
                left -= d;
                left < 0.0
            });
            // Rounding may leave a little over: the last point that is not a centre.
            found.or_else(|| far.iter().rposition(|d| *d > 0.0))
        } else {
            Some(random.below(rows.len() as u32) as usize)
        };
        let centre = chosen.and_then(|i| rows.get(i)).cloned().unwrap_or_default();
        far.iter_mut().zip(rows).for_each(|(d, row)| *d = d.min(distance(row, &centre)));
        centres.push(centre);
    }
    centres
}

/// The nearest centre of every point, the first of equally near ones, and the sum of squared distances.
fn assign(rows: &[Vec<f64>], centres: &[Vec<f64>]) -> (f64, Vec<u32>) {
    let mut sum = 0.0;
    let nearest = rows.iter().map(|row| {
        let mut best = (f64::INFINITY, 0);
        for (k, centre) in (0..).zip(centres) {
            let d = distance(row, centre);
            if d < best.0 {
                best = (d, k);
            }
        }
        sum += best.0;
        best.1
    });
    let nearest = nearest.collect();
    (sum, nearest)
}

/// How often each pair of a group in `a` and a group in `b` occurs, and the groups alone.
struct Contingency {
    pairs: BTreeMap<(u32, u32), f64>,
    of_a: BTreeMap<u32, f64>,
    of_b: BTreeMap<u32, f64>,
    n: f64,
}

impl Contingency {
    fn new(a: &[u32], b: &[u32]) -> Result<Self> {
        if a.len() != b.len() || a.is_empty() {
            let expected = format!("{} entries, one per label, at least one", a.len());
            return Err(Error::invalid("clusters", expected, b.len()));
        }
        let mut all =
            Self { pairs: BTreeMap::new(), of_a: BTreeMap::new(), of_b: BTreeMap::new(), n: a.len() as f64 };
        for (&a, &b) in a.iter().zip(b) {
            *all.pairs.entry((a, b)).or_insert(0.0) += 1.0;
            *all.of_a.entry(a).or_insert(0.0) += 1.0;
            *all.of_b.entry(b).or_insert(0.0) += 1.0;
        }
        Ok(all)
    }
}

/// The normalised mutual information of labels and clusters: 2 I(a; b) / (H(a) + H(b)), 1 where both are one group. It is
/// scikit-learn's `normalized_mutual_info_score`.
///
/// # Errors
/// If there is not a cluster for each label, or none at all.
///
/// ```
/// use candle_geometric_train::clustering::normalized_mutual_info;
/// assert_eq!(normalized_mutual_info(&[0, 0, 1, 1], &[1, 1, 0, 0])?, 1.0);
/// # Ok::<(), candle_geometric_train::Error>(())
/// ```
pub fn normalized_mutual_info(labels: &[u32], clusters: &[u32]) -> Result<f64> {
    let c = Contingency::new(labels, clusters)?;
    let entropy =
        |counts: &BTreeMap<u32, f64>| -> f64 { counts.values().map(|m| -(m / c.n) * (m / c.n).ln()).sum() };
    let mean = (entropy(&c.of_a) + entropy(&c.of_b)) / 2.0;
    if mean == 0.0 {
        return Ok(1.0);
    }
    let information = c.pairs.iter().map(|((a, b), m)| m / c.n * (c.n * m / (c.of_a[a] * c.of_b[b])).ln());
    Ok((information.sum::<f64>() / mean).clamp(0.0, 1.0))
}

/// The adjusted Rand index of labels and clusters (Hubert and Arabie 1985): 1 where they agree, 0 in the mean over random
/// clusters. It is scikit-learn's `adjusted_rand_score`.
///
/// # Errors
/// As [`normalized_mutual_info`].
///
/// ```
/// use candle_geometric_train::clustering::adjusted_rand;
/// assert!((adjusted_rand(&[0, 0, 1, 2], &[0, 0, 1, 1])? - 4.0 / 7.0).abs() < 1e-12);
/// # Ok::<(), candle_geometric_train::Error>(())
/// ```
pub fn adjusted_rand(labels: &[u32], clusters: &[u32]) -> Result<f64> {
    let c = Contingency::new(labels, clusters)?;
    let pairs = |m: &f64| m * (m - 1.0) / 2.0;
    let both: f64 = c.pairs.values().map(pairs).sum();
    let (a, b): (f64, f64) = (c.of_a.values().map(pairs).sum(), c.of_b.values().map(pairs).sum());
    let (expected, most) = (a * b / pairs(&c.n).max(1.0), (a + b) / 2.0);
    Ok(if most == expected { 1.0 } else { (both - expected) / (most - expected) })
}
