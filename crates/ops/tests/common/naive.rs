//! The definitions as plain loops over plain numbers, with nothing clever.

use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{Dropout, Reduce};

pub struct Mat {
    pub data: Vec<f64>,
    pub width: usize,
}

impl Mat {
    pub fn row(&self, r: u32) -> &[f64] {
        &self.data[r as usize * self.width..(r as usize + 1) * self.width]
    }
}

pub fn scatter(m: &Mat, edges: &EdgeIndex, reduce: Reduce) -> Vec<f64> {
    let mut out = Vec::new();
    for i in 0..edges.num_dst() as u32 {
        for f in 0..m.width {
            let mut all = Vec::new();
            for (e, &d) in edges.destination().iter().enumerate() {
                if d == i {
                    all.push(m.row(e as u32)[f]);
                }
            }
            out.push(match reduce {
                Reduce::Sum => all.iter().sum(),
                Reduce::Mean => all.iter().sum::<f64>() / all.len().max(1) as f64,
                Reduce::Max => all.iter().copied().reduce(f64::max).unwrap_or(0.0),
                Reduce::Min => all.iter().copied().reduce(f64::min).unwrap_or(0.0),
                Reduce::Mul => all.iter().product(),
            });
        }
    }
    out
}

pub fn softmax(scores: &[f64], heads: usize, edges: &EdgeIndex) -> Vec<f64> {
    let d = edges.destination();
    let mut out = vec![0.0; scores.len()];
    for e in 0..d.len() {
        for h in 0..heads {
            let same = (0..d.len()).filter(|&o| d[o] == d[e]);
            let total: f64 = same.map(|o| scores[o * heads + h].exp()).sum();
            out[e * heads + h] = scores[e * heads + h].exp() / total;
        }
    }
    out
}

pub fn weighted_sum(alpha: &[f64], values: &Mat, heads: usize, edges: &EdgeIndex) -> Vec<f64> {
    weighted_sum_with_terms(alpha, values, None, heads, edges)
}

pub fn weighted_sum_with_terms(
    alpha: &[f64],
    values: &Mat,
    edge: Option<&Mat>,
    heads: usize,
    edges: &EdgeIndex,
) -> Vec<f64> {
    let channels = values.width / heads;
    let mut out = vec![0.0; edges.num_dst() * values.width];
    for (e, (j, i)) in edges.iter().enumerate() {
        for h in 0..heads {
            for c in 0..channels {
                let k = h * channels + c;
                let value = values.row(j)[k] + edge.map_or(0.0, |m| m.row(e as u32)[k]);
                out[i as usize * values.width + k] += alpha[e * heads + h] * value;
            }
        }
    }
    out
}

fn leaky(x: f64, slope: f64) -> f64 {
    if x > 0.0 { x } else { slope * x }
}

pub fn additive_scores(
    src: &Mat,
    dst: Option<&Mat>,
    edge: Option<&Mat>,
    slope: f64,
    edges: &EdgeIndex,
) -> Vec<f64> {
    let mut out = Vec::new();
    for (e, (j, i)) in edges.iter().enumerate() {
        for h in 0..src.width {
            let others = dst.map_or(0.0, |d| d.row(i)[h]) + edge.map_or(0.0, |m| m.row(e as u32)[h]);
            out.push(leaky(src.row(j)[h] + others, slope));
        }
    }
    out
}

pub fn dynamic_scores(
    src: &Mat,
    dst: &Mat,
    edge: Option<&Mat>,
    att: &Mat,
    slope: f64,
    edges: &EdgeIndex,
) -> Vec<f64> {
    let channels = att.width;
    let mut out = Vec::new();
    for (e, (j, i)) in edges.iter().enumerate() {
        for h in 0..src.width / channels {
            let mut score = 0.0;
            for c in 0..channels {
                let k = h * channels + c;
                let term = src.row(j)[k] + dst.row(i)[k] + edge.map_or(0.0, |m| m.row(e as u32)[k]);
                score += att.row(h as u32)[c] * leaky(term, slope);
            }
            out.push(score);
        }
    }
    out
}

pub fn dot_product_scores(
    query: &Mat,
    key: &Mat,
    edge: Option<&Mat>,
    heads: usize,
    edges: &EdgeIndex,
) -> Vec<f64> {
    let channels = query.width / heads;
    let mut out = Vec::new();
    for (e, (j, i)) in edges.iter().enumerate() {
        for h in 0..heads {
            let mut score = 0.0;
            for k in h * channels..(h + 1) * channels {
                let key = key.row(j)[k] + edge.map_or(0.0, |m| m.row(e as u32)[k]);
                score += query.row(i)[k] * key;
            }
            out.push(score / (channels as f64).sqrt());
        }
    }
    out
}

pub fn dropout(x: &[f64], d: &Dropout) -> Vec<f64> {
    let kept = |i: usize| f64::from(d.stream.uniform(i as u64)) >= d.p;
    x.iter().enumerate().map(|(i, &v)| if kept(i) { v / (1.0 - d.p) } else { 0.0 }).collect()
}
