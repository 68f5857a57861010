use rayon::prelude::*;

use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// The shares of the quarters of the adjacency matrix in which the edges of [`r_mat`] fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RMat {
    /// From the first half of the nodes to itself.
    pub a: f64,
    /// From the first half to the second.
    pub b: f64,
    /// From the second half to the first; what remains of 1 is from the second half to itself.
    pub c: f64,
}

impl Default for RMat {
    /// Those of the benchmark Graph500.
    fn default() -> Self {
        Self { a: 0.57, b: 0.19, c: 0.19 }
    }
}

/// A graph with hubs and communities (Chakrabarti, Zhan, Faloutsos, *R-MAT*, 2004), directed: every edge falls into a quarter of
/// the adjacency matrix, then into a quarter of that, and so on. Self-loops and duplicates occur.
///
/// Edges are drawn on all threads, each from random numbers of its own.
///
/// # Errors
/// If the shares are negative or exceed 1 together, a size exceeds 32 bits, or there are edges but no nodes.
///
/// ```
/// # use candle_geometric_graph::generators::{RMat, r_mat};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let graph = r_mat(1000, 20_000, RMat::default(), 42)?;
/// let greatest = graph.in_degrees().into_iter().max();
/// assert!(greatest > Some(200), "a hub has many times the mean, 20");
/// # Ok(()) }
/// ```
pub fn r_mat(num_nodes: usize, num_edges: usize, shares: RMat, seed: u64) -> Result<EdgeIndex> {
    /// Where the number of nodes is no power of two, so many draws may miss them.
    const TRIES: usize = 64;
    check_size("num_nodes", num_nodes)?;
    check_size("num_edges", num_edges)?;
    let RMat { a, b, c } = shares;
    // Shares that are to be 1 together may be more by what rounding adds.
    if !(a >= 0.0 && b >= 0.0 && c >= 0.0 && a + b + c <= 1.0 + 1e-9) {
        return Err(GraphError::Invalid {
            argument: "shares",
            expected: "numbers, at least 0 and together at most 1".into(),
            actual: format!("{a}, {b} and {c}"),
        });
    }
    if num_nodes == 0 && num_edges > 0 {
        let (expected, actual) = ("at least one node for the edges".into(), "0".into());
        return Err(GraphError::Invalid { argument: "num_nodes", expected, actual });
    }
    let limit = |share: f64| (share * 4_294_967_296.0) as u64;
    let limits = [limit(a), limit(a + b), limit(a + b + c)];
    let bits = num_nodes.next_power_of_two().trailing_zeros();
    let stream = Stream::named(seed, "r_mat");
    let edge = |e: usize| {
        let mut random = stream.split(e as u64).sequence();
        let (mut s, mut d) = (0u32, 0u32);
        for _ in 0..TRIES {
            (s, d) = (0, 0);
            for _ in 0..bits {
                let word = u64::from(random.word());
                let quarter = limits.iter().filter(|&&limit| word >= limit).count() as u32;
                (s, d) = (s << 1 | quarter >> 1, d << 1 | quarter & 1);
            }
            if (s.max(d) as usize) < num_nodes {
                return (s, d);
            }
        }
        // Shares that hardly ever hit the nodes there are.
        let scaled = |i: u32| ((u64::from(i) * num_nodes as u64) >> bits) as u32;
        (scaled(s), scaled(d))
    };
    let (mut source, mut destination) = (vec![0; num_edges], vec![0; num_edges]);
    let places = source.par_iter_mut().zip(&mut destination).enumerate();
    places.with_min_len(1024).for_each(|(e, (s, d))| (*s, *d) = edge(e));
    EdgeIndex::new(source, destination, num_nodes)
}
