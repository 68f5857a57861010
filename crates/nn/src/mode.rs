use candle_core::Tensor;
use candle_geometric_graph::rng::Generator;
use candle_geometric_ops::{self as ops, Dropout};

use crate::Result;

/// Whether a layer is used or trained.
///
/// Training carries the generator of the run, so that dropout is repeatable: each dropout takes the next stream,
/// and a model called twice with generators in the same state gives the same bits.
#[derive(Debug, Clone, Copy)]
pub enum Mode<'g> {
    /// Inference: no dropout, running statistics are used.
    Eval,
    /// Training: dropout from the generator, batch statistics are used.
    Train(&'g Generator),
}

impl Mode<'_> {
    /// Whether this is [`Mode::Train`].
    pub fn is_train(&self) -> bool {
        matches!(self, Self::Train(_))
    }

    /// The dropout with probability `p` to apply, with a stream of its own; none in [`Mode::Eval`] or where `p` is 0.
    pub fn dropout(&self, p: f64) -> Option<Dropout> {
        match self {
            Self::Train(generator) if p > 0.0 => Some(Dropout { p, stream: generator.stream() }),
            _ => None,
        }
    }
}

/// Sets each element to 0 with probability `p` and divides the others by 1 − p, in training; gives `x` in
/// [`Mode::Eval`] or where `p` is 0. (Srivastava et al. 2014, in the inverted form.)
///
/// # Errors
/// If `p` is not a probability.
pub fn dropout(x: &Tensor, p: f64, mode: Mode) -> Result<Tensor> {
    match mode.dropout(p) {
        Some(d) => Ok(ops::dropout(x, d)?),
        None => Ok(x.clone()),
    }
}
