//! Which nodes a pooling keeps.

use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;

use crate::{Activation, Error, Result, init};

/// How many nodes of each graph stay.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    /// A share of them, rounded up, or where it is at least 1 so many.
    Ratio(f64),
    /// All with a higher score than this, and at least the one with the highest.
    MinScore(f64),
}

impl Keep {
    /// As PyTorch Geometric, which ignores `ratio` where there is a `min_score`.
    pub(super) fn new(layer: &'static str, ratio: f64, min_score: Option<f64>) -> Result<Self> {
        if let Some(min) = min_score {
            return match min.is_finite() {
                true => Ok(Self::MinScore(min)),
                false => Err(Error::argument(layer, "min_score", "a finite number", min.to_string())),
            };
        }
        if ratio.is_finite() && ratio > 0.0 {
            return Ok(Self::Ratio(ratio));
        }
        let expected = "a share of the nodes below 1, or a number of nodes";
        Err(Error::argument(layer, "ratio", expected, ratio.to_string()))
    }

    /// The nodes to keep, by their scores `[N]`: graph by graph with falling scores (equal ones in the order of the
    /// nodes), or with a smallest score in the order of the nodes.
    pub(super) fn choose(self, score: &Tensor, batch: &EdgeIndex) -> Result<Vec<u32>> {
        // In f64, so that as many nodes stay whatever the type of the features.
        let score: Vec<f64> = score.to_dtype(DType::F64)?.to_vec1()?;
        let graph = |i: u32| batch.destination()[i as usize] as usize;
        let nodes = 0..score.len() as u32;
        match self {
            Self::Ratio(ratio) => {
                let mut order: Vec<u32> = nodes.collect();
                order.sort_by(|&i, &j| {
                    let falling = score[j as usize].total_cmp(&score[i as usize]);
                    graph(i).cmp(&graph(j)).then(falling).then(i.cmp(&j))
                });
                let share =
                    |&n: &u32| if ratio < 1.0 { (ratio * f64::from(n)).ceil() } else { ratio.floor() };
                let mut left: Vec<f64> = batch.in_degrees().iter().map(share).collect();
                order.retain(|&i| {
                    let left = &mut left[graph(i)];
                    *left -= 1.0;
                    *left >= 0.0
                });
                Ok(order)
            }
            Self::MinScore(min) => {
                let mut largest = vec![f64::NEG_INFINITY; batch.num_dst()];
                for i in nodes.clone() {
                    largest[graph(i)] = largest[graph(i)].max(score[i as usize]);
                }
                let stays = |&i: &u32| score[i as usize] > (largest[graph(i)] - 1e-7).min(min);
                Ok(nodes.filter(stays).collect())
            }
        }
    }
}

/// The scores of nodes, and which of them stay (`SelectTopK`): parameter `weight` `[1, C]`.
#[derive(Debug, Clone)]
pub(super) struct Select {
    weight: Tensor,
    keep: Keep,
    act: Activation,
}

impl Select {
    pub(super) fn new(channels: usize, keep: Keep, act: Activation, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get_with_hints((1, channels), "weight", init::fan_in_uniform(channels))?;
        Ok(Self { weight, keep, act })
    }

    /// The nodes that stay, and the scores `[N]` of all.
    pub(super) fn forward(&self, x: &Tensor, batch: &EdgeIndex) -> Result<(Vec<u32>, Tensor)> {
        let score = match self.keep {
            Keep::Ratio(_) => {
                // The bound keeps weights of 0 from dividing by it.
                let norm = self.weight.sqr()?.sum_all()?.maximum(1e-30)?.sqrt()?;
                let unit = self.weight.broadcast_div(&norm)?;
                self.act.forward(&ops::linear(x, &unit, None)?)?
            }
            Keep::MinScore(_) => ops::segment_softmax(&ops::linear(x, &self.weight, None)?, batch)?,
        };
        let score = score.squeeze(1)?;
        Ok((self.keep.choose(&score, batch)?, score))
    }
}
