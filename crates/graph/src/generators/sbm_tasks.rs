use super::{chosen, erdos_renyi_undirected, random_order, stochastic_block_model, undirected};
use crate::rng::{Sequence, Stream};
use crate::{EdgeIndex, Result};

/// A graph whose nodes are to be classified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SbmTask {
    /// The edges, in both directions.
    pub edges: EdgeIndex,
    /// The feature of every node, a number of a small vocabulary: one-hot, or through an embedding.
    pub features: Vec<u32>,
    /// The class of every node.
    pub labels: Vec<u32>,
}

/// The number of nodes of a pattern.
const PATTERN_NODES: usize = 20;

/// A graph of the task PATTERN (Dwivedi et al., *Benchmarking Graph Neural Networks*, 2020): find the nodes of a planted
/// pattern. Five communities of 5 to 34 nodes, with edges of probability 0.5 within and 0.35 between them, and a pattern of 20
/// nodes with edges of probability 0.5 among themselves and to all others. Features are one of three values at random; label 1
/// marks the pattern. The order of the nodes is random.
///
/// Graphs of the same number of `pattern` have the same pattern, with the same features; the paper has 100 of them.
///
/// # Errors
/// None with these sizes.
///
/// ```
/// # use candle_geometric_graph::generators::pattern;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let task = pattern(3, 0)?;
/// assert_eq!(task.labels.iter().sum::<u32>(), 20);
/// # Ok(()) }
/// ```
pub fn pattern(pattern: u64, seed: u64) -> Result<SbmTask> {
    let planted = erdos_renyi_undirected(PATTERN_NODES, 0.5, pattern)?;
    let mut of_pattern = Stream::named(pattern, "PATTERN features").sequence();
    let mut random = Stream::named(seed, "PATTERN").split(pattern).sequence();
    let (background, blocks) = communities(5, 0.5, 0.35, &mut random)?;
    let first = blocks.len() as u32;
    let mut pairs: Vec<_> = background.iter().collect();
    pairs.extend(planted.iter().map(|(j, i)| (first + j, first + i)));
    let between = u64::from(first) * PATTERN_NODES as u64;
    let number = |k: u64| ((k % u64::from(first)) as u32, first + (k / u64::from(first)) as u32);
    pairs.extend(chosen(between, 0.5, &mut random).map(number));
    let mut features: Vec<u32> = blocks.iter().map(|_| random.below(3)).collect();
    features.extend((0..PATTERN_NODES).map(|_| of_pattern.below(3)));
    let mut labels = vec![0; blocks.len()];
    labels.resize(features.len(), 1);
    shuffled(pairs, &features, &labels, &mut random)
}

/// A graph of the task CLUSTER (Dwivedi et al. 2020): find the communities, given one node of each. Six communities of 5 to 34
/// nodes, with edges of probability 0.55 within and 0.25 between them. One node of community `c` has the feature `c + 1`, all
/// others have 0; the label is the community. The order of the nodes is random.
///
/// # Errors
/// None with these sizes.
///
/// ```
/// # use candle_geometric_graph::generators::cluster;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let task = cluster(0)?;
/// assert_eq!(task.features.iter().sum::<u32>(), 1 + 2 + 3 + 4 + 5 + 6);
/// # Ok(()) }
/// ```
pub fn cluster(seed: u64) -> Result<SbmTask> {
    let mut random = Stream::named(seed, "CLUSTER").sequence();
    let (edges, blocks) = communities(6, 0.55, 0.25, &mut random)?;
    let mut features = vec![0; blocks.len()];
    let mut start = 0;
    for block in blocks.chunk_by(|a, b| a == b) {
        features[start + random.below(block.len() as u32) as usize] = block[0] + 1;
        start += block.len();
    }
    shuffled(edges.iter().collect(), &features, &blocks, &mut random)
}

/// So many communities of 5 to 34 nodes, and the community of every node.
fn communities(
    count: usize,
    within: f64,
    between: f64,
    random: &mut Sequence,
) -> Result<(EdgeIndex, Vec<u32>)> {
    let sizes: Vec<usize> = (0..count).map(|_| 5 + random.below(30) as usize).collect();
    let probs: Vec<f64> =
        (0..count * count).map(|k| if k / count == k % count { within } else { between }).collect();
    let seed = u64::from(random.word()) << 32 | u64::from(random.word());
    let model = stochastic_block_model(&sizes, &probs, false, seed)?;
    Ok((model.edges, model.blocks))
}

fn shuffled(
    pairs: Vec<(u32, u32)>,
    features: &[u32],
    labels: &[u32],
    random: &mut Sequence,
) -> Result<SbmTask> {
    let n = labels.len();
    let order = random_order(n, random);
    let moved = |values: &[u32]| {
        let mut moved = vec![0; n];
        values.iter().zip(&order).for_each(|(&value, &to)| moved[to as usize] = value);
        moved
    };
    let pairs = pairs.into_iter().map(|(j, i)| (order[j as usize], order[i as usize])).collect();
    Ok(SbmTask { edges: undirected(pairs, n)?, features: moved(features), labels: moved(labels) })
}
