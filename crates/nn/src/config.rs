//! What the configurations of layers share.

use candle_geometric_graph::FillValue;
use serde::{Deserialize, Serialize};

use crate::aggr::{Aggr, Aggrs};

/// The number of input channels: one number, or one for the sources and one for the destinations of a bipartite
/// graph. In JSON `5` or `[5, 7]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Channels {
    /// The same for sources and destinations, which then share their weights.
    One(usize),
    /// Sources, destinations.
    Pair(usize, usize),
}

impl Channels {
    /// Channels of the sources.
    pub fn source(self) -> usize {
        match self {
            Self::One(n) | Self::Pair(n, _) => n,
        }
    }

    /// Channels of the destinations.
    pub fn destination(self) -> usize {
        match self {
            Self::One(n) | Self::Pair(_, n) => n,
        }
    }
}

impl From<usize> for Channels {
    fn from(n: usize) -> Self {
        Self::One(n)
    }
}

impl From<(usize, usize)> for Channels {
    fn from((source, destination): (usize, usize)) -> Self {
        Self::Pair(source, destination)
    }
}

pub(crate) const fn yes() -> bool {
    true
}

pub(crate) const fn one() -> usize {
    1
}

pub(crate) const fn unit() -> f64 {
    1.0
}

pub(crate) const fn half() -> f64 {
    0.5
}

pub(crate) fn tanh() -> String {
    "tanh".into()
}

pub(crate) const fn beta() -> f64 {
    0.9
}

pub(crate) const fn head_channels() -> Option<usize> {
    Some(64)
}

pub(crate) fn relu() -> String {
    "relu".into()
}

pub(crate) const fn slope() -> f64 {
    0.2
}

pub(crate) const fn eps() -> f64 {
    1e-5
}

pub(crate) const fn momentum() -> f64 {
    0.1
}

pub(crate) const fn mean() -> FillValue {
    FillValue::Mean
}

pub(crate) const fn sum() -> Aggrs {
    Aggrs::One(Aggr::Sum)
}
