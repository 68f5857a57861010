use std::sync::OnceLock;

use crate::group::group;
use crate::tasks::{CutRow, Plan, Task};

/// Edges grouped by one of their ends: a compressed sparse row form with the way back to the caller's edges.
///
/// Row `r` holds the edges whose grouped end is `r`, in the caller's order (the grouping is stable).
///
/// Invariants, established when edges are grouped and relied upon by kernels without checks:
/// `row_ptr` has `rows + 1` entries, starts at 0, never decreases and ends at `E`; `columns` and `edge_ids` have
/// length `E`; `edge_ids` is a permutation of `0..E`; every column is below the number of nodes on the other side.
#[derive(Debug, Clone)]
pub struct Csr {
    row_ptr: Vec<u32>,
    columns: Vec<u32>,
    edge_ids: Vec<u32>,
    plan: OnceLock<Plan>,
    entries: OnceLock<Option<Vec<u32>>>,
}

impl PartialEq for Csr {
    /// Whether both hold the same entries; all else follows from these.
    fn eq(&self, other: &Self) -> bool {
        self.row_ptr == other.row_ptr && self.columns == other.columns && self.edge_ids == other.edge_ids
    }
}

impl Eq for Csr {}

impl Csr {
    /// The most edges that a [`Task`] has, and the length of the parts that longer rows are cut into.
    pub const GRAIN: u32 = 2048;

    /// Groups edges by `keys` (each below `rows`), stably: O(E + rows) time.
    pub(crate) fn group(keys: &[u32], values: &[u32], rows: usize) -> Self {
        let (row_ptr, columns, edge_ids) = group(keys, values, rows);
        Self { row_ptr, columns, edge_ids, plan: OnceLock::new(), entries: OnceLock::new() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.row_ptr.len() - 1
    }

    /// Where each row begins, and at the end the number of edges: `rows + 1` entries.
    pub fn row_ptr(&self) -> &[u32] {
        &self.row_ptr
    }

    /// The other end of every edge, row after row: `E` entries.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The position in the caller's edge list of every entry, row after row: a permutation of `0..E`.
    pub fn edge_ids(&self) -> &[u32] {
        &self.edge_ids
    }

    /// Where each of the caller's edges stands: the inverse of [`edge_ids`](Self::edge_ids), with
    /// `edge_ids()[entries[e]] == e`. `None` if the entries stand in the caller's order. Built on first use and kept.
    pub fn entries(&self) -> Option<&[u32]> {
        let inverse = || {
            let mut entries = vec![0; self.edge_ids.len()];
            for (entry, &e) in (0..).zip(&self.edge_ids) {
                entries[e as usize] = entry;
            }
            entries
        };
        let moved = || !self.edge_ids.is_sorted();
        self.entries.get_or_init(|| moved().then(inverse)).as_deref()
    }

    /// The entries of row `r`, as a range into [`columns`](Self::columns) and [`edge_ids`](Self::edge_ids).
    ///
    /// # Panics
    /// If `r` is not below [`rows`](Self::rows).
    pub fn range(&self, r: usize) -> std::ops::Range<usize> {
        self.row_ptr[r] as usize..self.row_ptr[r + 1] as usize
    }

    /// The other ends of the edges of row `r`.
    ///
    /// # Panics
    /// If `r` is not below [`rows`](Self::rows).
    pub fn neighbors(&self, r: usize) -> &[u32] {
        &self.columns[self.range(r)]
    }

    /// The positions in the caller's edge list of the edges of row `r`.
    ///
    /// # Panics
    /// If `r` is not below [`rows`](Self::rows).
    pub fn edges(&self, r: usize) -> &[u32] {
        &self.edge_ids[self.range(r)]
    }

    /// The number of edges of row `r`.
    ///
    /// # Panics
    /// If `r` is not below [`rows`](Self::rows).
    pub fn degree(&self, r: usize) -> usize {
        (self.row_ptr[r + 1] - self.row_ptr[r]) as usize
    }

    /// The work of a kernel that goes over all rows, in pieces of about equal cost. Built on first use and kept.
    ///
    /// The pieces depend on the graph alone, never on the number of threads, so a kernel that computes each on its
    /// own and combines parts in their order gives the same bits on any number of threads. With
    /// G = [`GRAIN`](Self::GRAIN):
    ///
    /// - In their order, the tasks cover every entry once: `edges` of the first begins at 0, `edges` of each other
    ///   one where the one before ends, and the last ends at `E`. They cover every row, too, with and without edges:
    ///   `rows` begins where the one before ends, or, in a later part of a cut row, is the same row again.
    /// - A task without `part` is of whole rows: `rows` is not empty and `edges` is all entries of these rows
    ///   (`row_ptr[rows.start]..row_ptr[rows.end]`), perhaps none. It has at most G edges and at most G rows;
    ///   edges and rows together are at most G, unless it is a single row.
    /// - A row is cut if, and only if, it has more than G edges. Each of its tasks has `rows == r..r + 1` and a
    ///   `part`; `edges` has exactly G entries, in the last part of the row those that remain (1 to G).
    /// - Parts are numbered 0, 1, 2, … through all tasks, in their order; there are [`num_parts`](Self::num_parts).
    ///
    /// There are no tasks only if there are no rows.
    pub fn tasks(&self) -> &[Task] {
        &self.plan().tasks
    }

    /// The rows with more than [`GRAIN`](Self::GRAIN) edges, ascending, and the numbers of the parts that
    /// [`tasks`](Self::tasks) cuts each into: `parts` of the first begins at 0, of each other one where the one
    /// before ends, and the last ends at [`num_parts`](Self::num_parts).
    pub fn cut_rows(&self) -> &[CutRow] {
        &self.plan().cut_rows
    }

    /// The number of tasks that are parts of rows: how many partial results a kernel has to hold.
    pub fn num_parts(&self) -> usize {
        self.cut_rows().last().map_or(0, |cut| cut.parts.end as usize)
    }

    fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| Plan::new(&self.row_ptr, Self::GRAIN))
    }
}
