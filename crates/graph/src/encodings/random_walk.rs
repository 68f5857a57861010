use rayon::prelude::*;

use crate::validate::check_size;
use crate::{EdgeIndex, Result};

/// The probabilities that a random walk from a node is back at it after 1, 2, …, `walk_length` steps (Dwivedi et al.,
/// *Graph Neural Networks with Learnable Structural and Positional Representations*, ICLR 2022, eq. 6): the diagonals of
/// the powers of the transition matrix, `N · walk_length` numbers, node by node.
///
/// A step goes along an out-edge, each with the same probability. An edge that stands twice counts twice; from a node
/// without out-edges the walk goes nowhere. PyTorch Geometric's `AddRandomWalkPE`, whose small graphs forget duplicate
/// edges while their degrees count them. The work is that of `walk_length` steps from every node, each as large as what
/// the walk has reached.
///
/// # Errors
/// If the graph is bipartite, or the result has more than 2³² numbers.
///
/// ```
/// use candle_geometric_graph::{EdgeIndex, encodings::random_walk_pe};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let path = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?;
/// assert_eq!(random_walk_pe(&path, 2)?, [0.0, 0.5, 0.0, 1.0, 0.0, 0.5]);
/// # Ok(()) }
/// ```
pub fn random_walk_pe(edges: &EdgeIndex, walk_length: usize) -> Result<Vec<f64>> {
    let n = edges.num_nodes()?;
    check_size("walk_length", n.saturating_mul(walk_length))?;
    if walk_length == 0 {
        return Ok(vec![]);
    }
    let csr = edges.by_source();
    let mut out = vec![0.0; n * walk_length];
    let walk = |(now, next): &mut (Walk, Walk), (node, row): (usize, &mut [f64])| {
        now.clear();
        now.add(node as u32, 1.0);
        for back in row {
            next.clear();
            for &i in &now.reached {
                let neighbours = csr.neighbors(i as usize);
                let share = now.probability[i as usize] / neighbours.len() as f64;
                neighbours.iter().for_each(|&j| next.add(j, share));
            }
            std::mem::swap(now, next);
            *back = now.probability[node];
        }
    };
    let start = || (Walk::new(n), Walk::new(n));
    out.par_chunks_mut(walk_length).enumerate().for_each_init(start, walk);
    Ok(out)
}

/// Where a walk may be.
struct Walk {
    probability: Vec<f64>,
    /// The nodes with a probability, in the order in which they were reached: sums have one order.
    reached: Vec<u32>,
    is_reached: Vec<bool>,
}

impl Walk {
    fn new(n: usize) -> Self {
        Self { probability: vec![0.0; n], reached: vec![], is_reached: vec![false; n] }
    }

    fn add(&mut self, node: u32, probability: f64) {
        let i = node as usize;
        if !self.is_reached[i] {
            self.is_reached[i] = true;
            self.reached.push(node);
        }
        self.probability[i] += probability;
    }

    fn clear(&mut self) {
        for i in self.reached.drain(..) {
            self.probability[i as usize] = 0.0;
            self.is_reached[i as usize] = false;
        }
    }
}
