use crate::rng::Stream;
use crate::{GraphError, Result};

/// So many of them, or such a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// A number.
    Count(usize),
    /// A share of all, from 0 to 1.
    Fraction(f64),
}

impl From<usize> for Amount {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for Amount {
    fn from(fraction: f64) -> Self {
        Self::Fraction(fraction)
    }
}

impl Amount {
    /// How many of `all`, where a share is made a whole number by `round`.
    pub(super) fn of(self, argument: &'static str, all: usize, round: fn(f64) -> f64) -> Result<usize> {
        match self {
            Self::Count(count) => Ok(count),
            Self::Fraction(f) if (0.0..=1.0).contains(&f) => Ok(round(f * all as f64) as usize),
            Self::Fraction(f) => {
                let expected = "a number of them, or a share from 0 to 1".into();
                Err(GraphError::Invalid { argument, expected, actual: f.to_string() })
            }
        }
    }
}

/// Who is for training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitKind {
    /// All nodes that are neither for validation nor for testing.
    TrainRest,
    /// So many nodes of each class; what is not for validation either is for testing.
    TestRest {
        /// The number of training nodes of each class; all of a class that has fewer.
        num_train_per_class: usize,
    },
    /// So many nodes of each class; some nodes may be for nothing.
    Random {
        /// The number of training nodes of each class; all of a class that has fewer.
        num_train_per_class: usize,
    },
}

/// How nodes are split. The default is that of PyG: 500 nodes for validation, 1000 for testing, all others for training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeSplitConfig {
    /// Who is for training.
    pub split: SplitKind,
    /// How many nodes are for validation. A share is rounded to the nearest number, halves to the even one.
    pub num_val: Amount,
    /// How many nodes are for testing; of no meaning where the rest is for that.
    pub num_test: Amount,
}

impl Default for NodeSplitConfig {
    fn default() -> Self {
        Self { split: SplitKind::TrainRest, num_val: Amount::Count(500), num_test: Amount::Count(1000) }
    }
}

/// One mask over all nodes for each purpose. No node is in two of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSplit {
    /// For training.
    pub train: Vec<bool>,
    /// For validation.
    pub val: Vec<bool>,
    /// For testing.
    pub test: Vec<bool>,
}

/// Splits nodes with these labels at random: PyG's `RandomNodeSplit`. The same stream gives the same split.
///
/// # Errors
/// If a share is not in 0 to 1, or more nodes are asked for than there are.
///
/// ```
/// # use candle_geometric_graph::{rng::Stream, transforms::{NodeSplitConfig, random_node_split}};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let config = NodeSplitConfig { num_val: 0.2.into(), num_test: 3.into(), ..Default::default() };
/// let split = random_node_split(&[0; 10], &config, Stream::new(0, 0))?;
/// let count = |mask: &[bool]| mask.iter().filter(|m| **m).count();
/// assert_eq!((count(&split.train), count(&split.val), count(&split.test)), (5, 2, 3));
/// # Ok(()) }
/// ```
pub fn random_node_split(labels: &[u32], config: &NodeSplitConfig, stream: Stream) -> Result<NodeSplit> {
    let n = labels.len();
    crate::validate::check_size("labels", n)?;
    let mut random = stream.sequence();
    let mut order: Vec<usize> = (0..n).collect();
    random.shuffle(&mut order);
    let mut train = vec![false; n];
    if let SplitKind::TestRest { num_train_per_class } | SplitKind::Random { num_train_per_class } =
        config.split
    {
        let mut by_class = order.clone();
        by_class.sort_by_key(|&i| labels[i]);
        for class in by_class.chunk_by(|&a, &b| labels[a] == labels[b]) {
            class.iter().take(num_train_per_class).for_each(|&i| train[i] = true);
        }
        order.retain(|&i| !train[i]);
    }
    let num_val = config.num_val.of("num_val", n, f64::round_ties_even)?;
    let num_test = match config.split {
        SplitKind::TestRest { .. } => order.len().saturating_sub(num_val),
        _ => config.num_test.of("num_test", n, f64::round_ties_even)?,
    };
    if num_val.saturating_add(num_test) > order.len() {
        return Err(GraphError::Invalid {
            argument: "num_val + num_test",
            expected: format!("at most {}, of {n} nodes", order.len()),
            actual: format!("{num_val} + {num_test}"),
        });
    }
    let mask = |nodes: &[usize]| {
        let mut mask = vec![false; n];
        nodes.iter().for_each(|&i| mask[i] = true);
        mask
    };
    let (val, test) = (mask(&order[..num_val]), mask(&order[num_val..num_val + num_test]));
    if config.split == SplitKind::TrainRest {
        train = mask(&order[num_val + num_test..]);
    }
    Ok(NodeSplit { train, val, test })
}
