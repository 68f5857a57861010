use crate::rng::Stream;
use crate::{EdgeIndex, GraphError, Result};

/// A tree of the task Tree-NeighborsMatch (Alon and Yahav, *On the Bottleneck of Graph Neural Networks and its Practical
/// Implications*, ICLR 2021): the root asks for the leaf with its key, and so has to hear of all leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNeighborsMatch {
    /// From children to parents. Nodes are numbered depth first; the root is node 0.
    pub edges: EdgeIndex,
    /// The key of every node, from 1 on: that of the root is asked for, and each leaf has another one. 0 for all other nodes.
    pub keys: Vec<u32>,
    /// The value of every leaf, from 1 on, each another one. 0 for all other nodes.
    pub values: Vec<u32>,
    /// The value of the leaf with the root's key: what is to be predicted at the root.
    pub label: u32,
}

/// A random binary tree of that task, with `2^depth` leaves and as many classes, of values and a key that are random.
///
/// The self-loops that the authors add are a transform: [`add_self_loops`](crate::transforms::add_self_loops).
///
/// # Errors
/// If `depth` is not from 1 to 30.
///
/// ```
/// # use candle_geometric_graph::generators::tree_neighbors_match;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let tree = tree_neighbors_match(2, 0)?;
/// assert_eq!(tree.edges.iter().collect::<Vec<_>>(), [(1, 0), (4, 0), (2, 1), (3, 1), (5, 4), (6, 4)]);
/// assert_eq!(tree.keys[1..], [0, 1, 2, 0, 3, 4]);
/// # Ok(()) }
/// ```
pub fn tree_neighbors_match(depth: u32, seed: u64) -> Result<TreeNeighborsMatch> {
    if !(1..=30).contains(&depth) {
        let (expected, actual) = ("a number from 1 to 30".into(), depth.to_string());
        return Err(GraphError::Invalid { argument: "depth", expected, actual });
    }
    let num_nodes = (2usize << depth) - 1;
    let mut random = Stream::named(seed, "tree_neighbors_match").sequence();
    let mut of_leaves: Vec<u32> = (1..=1 << depth).collect();
    random.shuffle(&mut of_leaves);
    let (mut keys, mut values) = (vec![0; num_nodes], vec![0; num_nodes]);
    let mut pairs = Vec::with_capacity(num_nodes - 1);
    // Nodes whose subtree is still to be made, with its height.
    let mut open = vec![(0u32, depth)];
    let mut leaves = (1u32..).zip(&of_leaves);
    while let Some((node, height)) = open.pop() {
        if height > 0 {
            let (left, right) = (node + 1, node + (1 << height));
            pairs.extend([(left, node), (right, node)]);
            open.extend([(right, height - 1), (left, height - 1)]);
        } else if let Some((key, &value)) = leaves.next() {
            (keys[node as usize], values[node as usize]) = (key, value);
        }
    }
    keys[0] = 1 + random.below(1 << depth);
    let label = of_leaves[keys[0] as usize - 1];
    Ok(TreeNeighborsMatch { edges: EdgeIndex::from_pairs(pairs, num_nodes)?, keys, values, label })
}
