//! Graphs of points in space: who is near whom.

mod tree;

use rayon::prelude::*;

use crate::validate::check_size;
use crate::{EdgeIndex, GraphError, Result};
use tree::{Search, Tree};

/// Points in space, row-major `[N, dim]`, perhaps of several sets side by side, which know nothing of each other.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    positions: &'a [f32],
    dim: usize,
    batch: Option<&'a [u32]>,
}

impl<'a> Points<'a> {
    /// Points of one set.
    ///
    /// # Errors
    /// If `dim` is 0 or does not divide the number of coordinates, a coordinate is not finite, or there are more points than
    /// 32 bits count.
    pub fn new(positions: &'a [f32], dim: usize) -> Result<Self> {
        let invalid = |argument, expected: &str, actual: String| {
            Err(GraphError::Invalid { argument, expected: expected.into(), actual })
        };
        if dim == 0 || !positions.len().is_multiple_of(dim) {
            let actual = format!("{} numbers in {dim} dimensions", positions.len());
            return invalid("positions", "[N, dim] with dim at least 1", actual);
        }
        check_size("positions", positions.len() / dim)?;
        if let Some(k) = positions.iter().position(|x| !x.is_finite()) {
            return invalid("positions", "finite numbers", format!("{} at point {}", positions[k], k / dim));
        }
        Ok(Self { positions, dim, batch: None })
    }

    /// The same points, where point `i` belongs to set `batch[i]`. The sets may stand in any order.
    ///
    /// # Errors
    /// If there is not one set for each point.
    pub fn with_batch(self, batch: &'a [u32]) -> Result<Self> {
        if batch.len() != self.len() {
            return Err(GraphError::Length { what: "batch", expected: self.len(), actual: batch.len() });
        }
        Ok(Self { batch: Some(batch), ..self })
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.positions.len() / self.dim
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    fn set_of(&self, i: usize) -> u32 {
        self.batch.map_or(0, |batch| batch[i])
    }

    fn point(&self, i: usize) -> &'a [f32] {
        &self.positions[i * self.dim..][..self.dim]
    }
}

/// Edges to every point from the `k` points of its set nearest to it, all where there are fewer: PyG's `knn_graph`. With
/// `self_loops` (PyG's `loop`) a point is among its own nearest; otherwise it never is, even where others stand at the same
/// place.
///
/// The distance is Euclidean, in double precision; of points at equal distances the one with the smaller index is nearer. The
/// edges of a point stand together, from its nearest neighbour on. Exact, and in few dimensions in O(N · (k + log N)).
///
/// # Errors
/// If the number of edges exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::{Points, knn_graph}};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let line = Points::new(&[0.0, 1.0, 3.0], 1)?;
/// assert_eq!(knn_graph(&line, 1, false)?, EdgeIndex::new(vec![1, 0, 1], vec![0, 1, 2], 3)?);
/// # Ok(()) }
/// ```
pub fn knn_graph(points: &Points<'_>, k: usize, self_loops: bool) -> Result<EdgeIndex> {
    search(points, points, Search { most: k, radius: f64::INFINITY }, Some(self_loops))
}

/// Bipartite edges from the `k` points of `x` nearest to each point of `y`, of the same set, to it: PyG's `knn`, whose rows
/// are the other way round. Orders as in [`knn_graph`].
///
/// # Errors
/// If the numbers of dimensions differ, or the number of edges exceeds 32 bits.
pub fn knn(x: &Points<'_>, y: &Points<'_>, k: usize) -> Result<EdgeIndex> {
    search(x, y, Search { most: k, radius: f64::INFINITY }, None)
}

/// Edges to every point from those of its set at a distance of at most `r`, from no more than the `max_num_neighbors` nearest:
/// PyG's `radius_graph`, which takes any of them where there are more. All else as in [`knn_graph`].
///
/// # Errors
/// If `r` is negative or no number, or the number of edges exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, transforms::{Points, radius_graph}};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let line = Points::new(&[0.0, 1.0, 3.0], 1)?;
/// assert_eq!(radius_graph(&line, 1.5, false, 32)?, EdgeIndex::new(vec![1, 0], vec![0, 1], 3)?);
/// # Ok(()) }
/// ```
pub fn radius_graph(
    points: &Points<'_>,
    r: f32,
    self_loops: bool,
    max_num_neighbors: usize,
) -> Result<EdgeIndex> {
    search(points, points, within(r, max_num_neighbors)?, Some(self_loops))
}

/// Bipartite edges from the points of `x` at a distance of at most `r` from each point of `y`, of the same set, to it: PyG's
/// `radius`, whose rows are the other way round. All else as in [`radius_graph`].
///
/// # Errors
/// As [`radius_graph`], and if the numbers of dimensions differ.
pub fn radius(x: &Points<'_>, y: &Points<'_>, r: f32, max_num_neighbors: usize) -> Result<EdgeIndex> {
    search(x, y, within(r, max_num_neighbors)?, None)
}

fn within(r: f32, most: usize) -> Result<Search> {
    if r >= 0.0 {
        return Ok(Search { most, radius: r.into() });
    }
    let (expected, actual) = ("a number, at least 0".into(), r.to_string());
    Err(GraphError::Invalid { argument: "r", expected, actual })
}

/// Edges from what is found in `x` for each point of `y`. On one set of points: whether a point may find itself.
fn search(x: &Points<'_>, y: &Points<'_>, search: Search, self_loops: Option<bool>) -> Result<EdgeIndex> {
    if x.dim != y.dim {
        return Err(GraphError::Length { what: "dimensions of y", expected: x.dim, actual: y.dim });
    }
    let mut ids: Vec<u32> = (0..x.len() as u32).collect();
    ids.sort_by_key(|&i| x.set_of(i as usize)); // stable: ascending in each set
    let sets: Vec<&[u32]> = ids.chunk_by(|&a, &b| x.set_of(a as usize) == x.set_of(b as usize)).collect();
    let trees: Vec<Tree> =
        sets.par_iter().map(|ids| Tree::new(ids.to_vec(), x.dim, |i| x.point(i as usize))).collect();
    let find = |i: u32| {
        let set = y.set_of(i as usize);
        let tree = sets.binary_search_by_key(&set, |ids| x.set_of(ids[0] as usize)).ok().map(|k| &trees[k]);
        let excluded = (self_loops == Some(false)).then_some(i);
        tree.map_or(Vec::new(), |tree| tree.find(y.point(i as usize), search, excluded))
    };
    let found: Vec<Vec<u32>> = (0..y.len() as u32).into_par_iter().with_min_len(64).map(find).collect();
    let num_edges = found.iter().map(Vec::len).sum();
    check_size("num_edges", num_edges)?;
    let mut destination = Vec::with_capacity(num_edges);
    for (i, found) in (0u32..).zip(&found) {
        destination.resize(destination.len() + found.len(), i);
    }
    Ok(EdgeIndex::trusted(found.concat(), destination, x.len(), y.len(), self_loops.is_none()))
}
