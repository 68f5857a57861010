use std::ops::RangeInclusive;

use super::{between, gnm};
use crate::rng::{Sequence, Stream};
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// Which graphs [`colors`] makes. The default is the training set of COLORS-3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColorsConfig {
    /// The number of nodes: 4 to 25; in the large test set 26 to 200.
    pub num_nodes: RangeInclusive<usize>,
    /// The greatest number of green nodes: 10.
    pub max_green: usize,
    /// The number of channels of a colour, of which the second is green: 3; 4 in the test set with new colours.
    pub dim: usize,
    /// Whether nodes that are not green have any mixture of the other channels instead of one of them.
    pub new_colors: bool,
}

impl Default for ColorsConfig {
    fn default() -> Self {
        Self { num_nodes: 4..=25, max_green: 10, dim: 3, new_colors: false }
    }
}

/// A graph whose green nodes are to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Colors {
    /// The edges, in both directions.
    pub edges: EdgeIndex,
    /// The colours, row-major `[N, dim]`.
    pub features: Vec<f32>,
    /// The number of green nodes.
    pub label: u32,
    /// The attention that solves the task: the same on every green node, 0 on all others. Sums to 1 unless there are none.
    pub attention: Vec<f32>,
}

/// A random graph of the task COLORS (Knyazev, Taylor, Amer, *Understanding Attention and Generalization in Graph Neural
/// Networks*, NeurIPS 2019): count the green nodes. Their number, and that of all nodes, are uniform; there are N to 2N edges.
///
/// # Errors
/// If there can be no nodes or the range is empty, or `dim` is less than 2.
///
/// ```
/// # use candle_geometric_graph::generators::{ColorsConfig, colors};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let task = colors(&ColorsConfig::default(), 7)?;
/// assert_eq!(task.features.chunks(3).filter(|c| c == &[0.0, 1.0, 0.0]).count() as u32, task.label);
/// # Ok(()) }
/// ```
pub fn colors(config: &ColorsConfig, seed: u64) -> Result<Colors> {
    const GREEN: usize = 1;
    check_nodes(&config.num_nodes)?;
    let dim = config.dim;
    if dim < 2 {
        let (expected, actual) = ("at least 2 channels".into(), dim.to_string());
        return Err(GraphError::Invalid { argument: "dim", expected, actual });
    }
    let mut random = Stream::named(seed, "colors").sequence();
    let edges = sparse(&config.num_nodes, &mut random)?;
    let n = edges.num_src();
    check_size("dim", n.saturating_mul(dim))?;
    let green = between(&(0..=config.max_green.min(n)), &mut random);
    let mut is_green: Vec<bool> = (0..n).map(|i| i < green).collect();
    random.shuffle(&mut is_green);
    let mut features = vec![0.0; n * dim];
    for (color, &is_green) in features.chunks_exact_mut(dim).zip(&is_green) {
        if is_green {
            color[GREEN] = 1.0;
        } else if config.new_colors {
            let others = color.iter_mut().enumerate().filter(|(channel, _)| *channel != GREEN);
            others.for_each(|(_, value)| *value = (random.word() >> 31) as f32);
        } else {
            let other = random.below(dim as u32 - 1) as usize;
            color[if other < GREEN { other } else { other + 1 }] = 1.0;
        }
    }
    let attention = is_green.iter().map(|&is| if is { 1.0 / green as f32 } else { 0.0 }).collect();
    Ok(Colors { edges, features, label: green as u32, attention })
}

pub(super) fn check_nodes(num_nodes: &RangeInclusive<usize>) -> Result<()> {
    if num_nodes.is_empty() || *num_nodes.start() == 0 {
        return Err(GraphError::Invalid {
            argument: "num_nodes",
            expected: "a range of numbers from 1 on".into(),
            actual: format!("{num_nodes:?}"),
        });
    }
    check_size("num_nodes", *num_nodes.end())
}

/// A graph of N nodes, from the range, and N to 2N pairs.
pub(super) fn sparse(num_nodes: &RangeInclusive<usize>, random: &mut Sequence) -> Result<EdgeIndex> {
    let n = between(num_nodes, random);
    let num_edges = ((1.0 + random.uniform_f64()) * n as f64) as usize;
    gnm(n, num_edges, false, u64::from(random.word()) << 32 | u64::from(random.word()))
}
