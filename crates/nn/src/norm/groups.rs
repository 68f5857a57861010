//! Statistics of rows by graph, and the parameters that norms share.

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;

use crate::{Error, Result, init};

/// The graphs that the N rows of a tensor belong to, B of them.
pub(super) enum Groups<'a> {
    One { rows: usize },
    Many(&'a EdgeIndex),
}

impl<'a> Groups<'a> {
    /// Checks x against the channels of the layer (if it has a number of them) and the batch.
    pub(super) fn of(
        layer: &'static str,
        x: &Tensor,
        channels: Option<usize>,
        batch: Option<&'a EdgeIndex>,
    ) -> Result<Self> {
        let rows = match *x.dims() {
            [n, c] if channels.is_none_or(|channels| channels == c) => n,
            _ => {
                let c = channels.map_or("channels".to_string(), |c| c.to_string());
                let expected = format!("[nodes, {c}]");
                return Err(Error::argument(layer, "x", expected, format!("{:?}", x.dims())));
            }
        };
        match batch {
            None => Ok(Self::One { rows }),
            Some(batch) if batch.num_edges() == rows => Ok(Self::Many(batch)),
            Some(batch) => {
                let expected = format!("a graph for each of the {rows} rows of x");
                Err(Error::argument(layer, "batch", expected, format!("{} entries", batch.num_edges())))
            }
        }
    }

    /// The mean of the rows of each graph: `[N, F] → [B, F]`.
    ///
    /// For one graph it is a product with ones, which Candle runs on all cores, unlike a sum over rows.
    pub(super) fn mean(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::One { rows } => {
                let ones = Tensor::ones((1, *rows), x.dtype(), x.device())?;
                Ok((ones.matmul(x)? / *rows as f64)?)
            }
            Self::Many(batch) => Ok(ops::scatter(x, batch, Reduce::Mean)?),
        }
    }

    /// The row of its graph for each row: `[B, F] → [N, F]`.
    pub(super) fn spread(&self, rows: &Tensor) -> Result<Tensor> {
        match self {
            Self::One { rows: n } => Ok(Tensor::ones((*n, 1), rows.dtype(), rows.device())?.matmul(rows)?),
            Self::Many(batch) => Ok(ops::gather_dst(rows, batch)?),
        }
    }
}

/// One row `[1, F]`, `n` times: a broadcast whose gradient is a product of matrices.
pub(super) fn repeat(row: &Tensor, n: usize) -> Result<Tensor> {
    Groups::One { rows: n }.spread(row)
}

/// A learnt factor and shift of each channel: parameters `weight` (ones) and `bias` (zeros), `[F]`.
#[derive(Debug, Clone)]
pub(super) struct Affine {
    pub weight: Tensor,
    pub bias: Tensor,
}

impl Affine {
    pub(super) fn new(channels: usize, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints(channels, "weight", init::ONES)?,
            bias: vb.get_with_hints(channels, "bias", init::ZEROS)?,
        })
    }

    /// x · weight + bias.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let weight = repeat(&self.weight.unsqueeze(0)?, x.dim(0)?)?;
        Ok(ops::bias_add(&(x * weight)?, &self.bias)?)
    }
}

/// Mean and variance over all that was seen in training: `running_mean` and `running_var`, `[F]`.
///
/// They are kept in the very tensors that `vb` gives: a `SeededVarMap` so saves and loads them, and a second model on
/// the same memory, such as one that training is evaluated with, sees every update.
#[derive(Debug, Clone)]
pub(super) struct Running {
    mean: Tensor,
    var: Tensor,
    momentum: f64,
}

impl Running {
    pub(super) fn new(channels: usize, momentum: f64, vb: &VarBuilder) -> Result<Self> {
        Ok(Self {
            mean: vb.get_with_hints(channels, "running_mean", init::ZEROS)?,
            var: vb.get_with_hints(channels, "running_var", init::ONES)?,
            momentum,
        })
    }

    /// Mean and variance, each `[1, F]`.
    pub(super) fn get(&self) -> Result<(Tensor, Tensor)> {
        let row = |t: &Tensor| t.detach().unsqueeze(0);
        Ok((row(&self.mean)?, row(&self.var)?))
    }

    /// Moves both towards a new mean and (unbiased) variance, each `[1, F]`.
    pub(super) fn update(&self, mean: &Tensor, var: &Tensor) -> Result<()> {
        for (running, new) in [(&self.mean, mean), (&self.var, var)] {
            let old = (running.detach() * (1.0 - self.momentum))?;
            running.slice_set(&(old + (new.detach().squeeze(0)? * self.momentum)?)?, 0, 0)?;
        }
        Ok(())
    }
}
