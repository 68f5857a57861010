use super::undirected;
use crate::validate::check_size;
use crate::{EdgeIndex, Result};

/// A grid of `height` rows and `width` columns, undirected: node `row · width + column` is joined to its neighbours left, right,
/// above and below. With `periodic` borders are joined as well, which makes a torus.
///
/// # Errors
/// If the number of nodes or edges exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, generators::grid};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// assert_eq!(grid(1, 3, false)?, EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?);
/// assert_eq!(grid(3, 4, false)?.num_edges(), 2 * (3 * 3 + 2 * 4));
/// assert_eq!(grid(3, 4, true)?.num_edges(), 2 * (12 + 12));
/// # Ok(()) }
/// ```
pub fn grid(height: usize, width: usize, periodic: bool) -> Result<EdgeIndex> {
    let num_nodes = height.saturating_mul(width);
    check_size("num_edges", num_nodes.saturating_mul(4))?;
    let mut pairs = Vec::with_capacity(2 * num_nodes);
    for row in 0..height {
        for column in 0..width {
            let node = |row: usize, column: usize| (row % height * width + column % width) as u32;
            if column + 1 < width || periodic && width > 1 {
                pairs.push((node(row, column), node(row, column + 1)));
            }
            if row + 1 < height || periodic && height > 1 {
                pairs.push((node(row, column), node(row + 1, column)));
            }
        }
    }
    undirected(pairs, num_nodes)
}
