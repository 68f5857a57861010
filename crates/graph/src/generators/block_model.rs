use super::{check_probability, chosen, num_pairs, undirected, unordered_pair};
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// A graph in blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockModel {
    /// The edges.
    pub edges: EdgeIndex,
    /// The block of every node: nodes stand block by block.
    pub blocks: Vec<u32>,
}

/// A stochastic block model (Holland, Laskey, Leinhardt 1983): an edge from a node of block `a` to another one of block `b`
/// exists with probability `edge_probs[a·B + b]`, where B is the number of blocks. PyG's `stochastic_blockmodel_graph`.
///
/// An undirected graph joins each pair of nodes, or does not; a directed one comes block by block.
///
/// # Errors
/// If there are not B·B probabilities, all in 0..=1 and, for an undirected graph, symmetric; or a size exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::generators::stochastic_block_model;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let graph = stochastic_block_model(&[2, 3], &[1.0, 0.0, 0.0, 1.0], false, 0)?;
/// assert_eq!(graph.edges.num_edges(), 2 + 6);
/// assert_eq!(graph.blocks, [0, 0, 1, 1, 1]);
/// # Ok(()) }
/// ```
pub fn stochastic_block_model(
    block_sizes: &[usize],
    edge_probs: &[f64],
    directed: bool,
    seed: u64,
) -> Result<BlockModel> {
    let b = block_sizes.len();
    let num_nodes = block_sizes.iter().copied().fold(0, usize::saturating_add);
    check_size("block_sizes", num_nodes)?;
    if edge_probs.len() != b * b {
        return Err(GraphError::Length { what: "edge_probs", expected: b * b, actual: edge_probs.len() });
    }
    edge_probs.iter().try_for_each(|&p| check_probability("edge_probs", p))?;
    let starts: Vec<u32> = block_sizes
        .iter()
        .scan(0, |start, &size| Some(std::mem::replace(start, *start + size as u32)))
        .collect();
    let mut random = Stream::named(seed, "stochastic_block_model").sequence();
    let mut pairs = Vec::new();
    for from in 0..b {
        for to in if directed { 0..b } else { 0..from + 1 } {
            let probability = edge_probs[from * b + to];
            if !directed && probability != edge_probs[to * b + from] {
                return Err(GraphError::Invalid {
                    argument: "edge_probs",
                    expected: "symmetric probabilities for an undirected graph".into(),
                    actual: format!("{probability} from {from} to {to}, {} back", edge_probs[to * b + from]),
                });
            }
            let (rows, columns) = (block_sizes[from] as u64, block_sizes[to] as u64);
            let within = from == to && !directed;
            let total = if within { num_pairs(block_sizes[from]) } else { rows * columns };
            for number in chosen(total, probability, &mut random) {
                let (j, i) = if within {
                    unordered_pair(number)
                } else {
                    ((number / columns) as u32, (number % columns) as u32)
                };
                if within || from != to || j != i {
                    check_size("num_edges", pairs.len() + 1)?;
                    pairs.push((starts[from] + j, starts[to] + i));
                }
            }
        }
    }
    let blocks = (0u32..).zip(block_sizes).flat_map(|(k, &size)| std::iter::repeat_n(k, size)).collect();
    let edges =
        if directed { EdgeIndex::from_pairs(pairs, num_nodes)? } else { undirected(pairs, num_nodes)? };
    Ok(BlockModel { edges, blocks })
}
