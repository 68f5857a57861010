use std::ops::RangeInclusive;

use super::between;
use super::colors::{check_nodes, sparse};
use crate::rng::Stream;
use crate::{EdgeIndex, GraphError, Result};

/// Which graphs [`triangles`] makes. The default is the training set of the paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrianglesConfig {
    /// The number of nodes: 4 to 25; in the large test set 26 to 100.
    pub num_nodes: RangeInclusive<usize>,
    /// The number of triangles: 1 to 10.
    pub num_triangles: RangeInclusive<usize>,
}

impl Default for TrianglesConfig {
    fn default() -> Self {
        Self { num_nodes: 4..=25, num_triangles: 1..=10 }
    }
}

/// A graph whose triangles are to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Triangles {
    /// The edges, in both directions. The features are the degrees: [`one_hot_degree`](crate::transforms::one_hot_degree).
    pub edges: EdgeIndex,
    /// The number of triangles.
    pub label: u32,
    /// The attention that solves the task: in proportion to the number of triangles that a node is in. Sums to 1 unless there
    /// are none.
    pub attention: Vec<f32>,
}

/// A random graph of the task TRIANGLES (Knyazev, Taylor, Amer, NeurIPS 2019): count the triangles. Their number is uniform: of
/// random graphs of N nodes and N to 2N edges, the first is taken that has as many.
///
/// # Errors
/// If there can be no nodes or a range is empty, or no graph with so many triangles is found in a hundred thousand.
///
/// ```
/// # use candle_geometric_graph::generators::{TrianglesConfig, triangles};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let task = triangles(&TrianglesConfig::default(), 7)?;
/// assert!((1..=10).contains(&task.label));
/// assert!((task.attention.iter().sum::<f32>() - 1.0).abs() < 1e-6);
/// # Ok(()) }
/// ```
pub fn triangles(config: &TrianglesConfig, seed: u64) -> Result<Triangles> {
    const TRIES: usize = 100_000;
    check_nodes(&config.num_nodes)?;
    let invalid = |expected: String| GraphError::Invalid {
        argument: "num_triangles",
        expected,
        actual: format!("{:?}", config.num_triangles),
    };
    if config.num_triangles.is_empty() {
        return Err(invalid("a range of numbers".into()));
    }
    let mut random = Stream::named(seed, "triangles").sequence();
    let wanted = between(&config.num_triangles, &mut random);
    for _ in 0..TRIES {
        let edges = sparse(&config.num_nodes, &mut random)?;
        let of_nodes = triangles_of_nodes(&edges);
        let corners: usize = of_nodes.iter().sum();
        if corners == 3 * wanted {
            let share = |&of_node: &usize| if corners == 0 { 0.0 } else { of_node as f32 / corners as f32 };
            let attention = of_nodes.iter().map(share).collect();
            return Ok(Triangles { edges, label: wanted as u32, attention });
        }
    }
    Err(invalid(format!(
        "numbers that occur in graphs of {:?} nodes, such as not {wanted}",
        config.num_nodes
    )))
}

/// The number of triangles that each node is in, of an undirected graph without self-loops.
fn triangles_of_nodes(edges: &EdgeIndex) -> Vec<usize> {
    let csr = edges.by_source();
    let mut count = vec![0; edges.num_src()];
    for (j, i) in edges.iter().filter(|(j, i)| j < i) {
        // Rows are sorted, as the edges are.
        let (a, b) = (csr.neighbors(j as usize), csr.neighbors(i as usize));
        for &k in a.iter().filter(|&&k| k > i && b.binary_search(&k).is_ok()) {
            [j, i, k].into_iter().for_each(|corner| count[corner as usize] += 1);
        }
    }
    count
}
