use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};

/// The in-degree or the out-degree of every node as a one-hot row of `max_degree + 1` numbers: `N · (max_degree + 1)`, for
/// graphs whose nodes have no features. PyG's `OneHotDegree`, which counts out-edges by default.
///
/// # Errors
/// If a degree is greater than `max_degree`, or the result has more than 2³² numbers.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::one_hot_degree};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2)?;
/// assert_eq!(one_hot_degree(&edges, 2, true)?, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
/// assert!(one_hot_degree(&edges, 1, true).is_err());
/// # Ok(()) }
/// ```
pub fn one_hot_degree(edges: &EdgeIndex, max_degree: usize, in_degree: bool) -> Result<Vec<f32>> {
    let degrees = if in_degree { edges.in_degrees() } else { edges.out_degrees() };
    let width = max_degree.saturating_add(1);
    let size = width.saturating_mul(degrees.len());
    check_size("max_degree", size)?;
    let mut rows = vec![0.0; size];
    for (node, &degree) in degrees.iter().enumerate() {
        if degree as usize > max_degree {
            return Err(GraphError::Invalid {
                argument: "max_degree",
                expected: format!("at least the degree of node {node}, {degree}"),
                actual: max_degree.to_string(),
            });
        }
        rows[node * width + degree as usize] = 1.0;
    }
    Ok(rows)
}
