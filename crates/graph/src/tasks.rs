use std::ops::Range;

/// A piece of work of a kernel that goes over the rows of a [`Csr`](crate::Csr): some whole rows, or a part of a
/// long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The rows; exactly one if [`part`](Self::part) is given.
    pub rows: Range<u32>,
    /// The entries of these rows, as a range into `columns` and `edge_ids`: all of them, or the part.
    pub edges: Range<u32>,
    /// `None` for whole rows. For a part of a row its number among all such parts of the graph: the place of its
    /// partial result.
    pub part: Option<u32>,
}

/// A row that was cut, and the parts that it was cut into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutRow {
    /// The row.
    pub row: u32,
    /// The numbers of its parts, in the order of its entries: two or more.
    pub parts: Range<u32>,
}

/// How the entries of a compressed form are split into tasks; the invariants are those of `Csr::tasks`.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) tasks: Vec<Task>,
    pub(crate) cut_rows: Vec<CutRow>,
}

impl Plan {
    pub(crate) fn new(row_ptr: &[u32], grain: u32) -> Self {
        let mut plan = Self { tasks: Vec::new(), cut_rows: Vec::new() };
        // The first row that is in no task yet, and its first entry.
        let (mut row, mut edge) = (0, 0);
        let mut parts = 0;
        for (r, ends) in (0u32..).zip(row_ptr.windows(2)) {
            let (begin, end) = (ends[0], ends[1]);
            let cut = end - begin > grain;
            if r > row && (cut || u64::from(end - edge) + u64::from(r + 1 - row) > u64::from(grain)) {
                plan.tasks.push(Task { rows: row..r, edges: edge..begin, part: None });
                (row, edge) = (r, begin);
            }
            if cut {
                let first = parts;
                while edge < end {
                    let edges = edge..end.min(edge.saturating_add(grain));
                    edge = edges.end;
                    plan.tasks.push(Task { rows: r..r + 1, edges, part: Some(parts) });
                    parts += 1;
                }
                plan.cut_rows.push(CutRow { row: r, parts: first..parts });
                row = r + 1;
            }
        }
        let (rows, edges) = ((row_ptr.len() - 1) as u32, row_ptr[row_ptr.len() - 1]);
        if row < rows {
            plan.tasks.push(Task { rows: row..rows, edges: edge..edges, part: None });
        }
        plan
    }
}
