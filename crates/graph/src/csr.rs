/// Edges grouped by one of their ends: a compressed sparse row form with the way back to the caller's edges.
///
/// Row `r` holds the edges whose grouped end is `r`, in the caller's order (the grouping is stable).
///
/// Invariants, established when edges are grouped and relied upon by kernels without checks:
/// `row_ptr` has `rows + 1` entries, starts at 0, never decreases and ends at `E`; `columns` and `edge_ids` have
/// length `E`; `edge_ids` is a permutation of `0..E`; every column is below the number of nodes on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    row_ptr: Vec<u32>,
    columns: Vec<u32>,
    edge_ids: Vec<u32>,
}

impl Csr {
    /// Groups edges by `keys` (each below `rows`) with a stable counting sort: O(E + rows) time.
    pub(crate) fn group(keys: &[u32], values: &[u32], rows: usize) -> Self {
        let mut row_ptr = vec![0u32; rows + 1];
        for &k in keys {
            row_ptr[k as usize + 1] += 1;
        }
        for r in 0..rows {
            row_ptr[r + 1] += row_ptr[r];
        }
        let mut next = row_ptr.clone();
        let mut columns = vec![0u32; keys.len()];
        let mut edge_ids = vec![0u32; keys.len()];
        for (e, (&k, &v)) in keys.iter().zip(values).enumerate() {
            let slot = next[k as usize] as usize;
            next[k as usize] += 1;
            columns[slot] = v;
            edge_ids[slot] = e as u32;
        }
        Self { row_ptr, columns, edge_ids }
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
}
