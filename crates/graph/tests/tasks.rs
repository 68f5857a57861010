//! The cut of a compressed form into tasks: cover, order and limits, as kernels rely on them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_graph::{Csr, EdgeIndex};
use proptest::prelude::*;

const G: u32 = Csr::GRAIN;

/// A graph whose node `i` has `degrees[i]` in-edges.
fn with_in_degrees(degrees: &[u32]) -> EdgeIndex {
    let destination: Vec<u32> =
        (0..).zip(degrees).flat_map(|(i, &d)| std::iter::repeat_n(i, d as usize)).collect();
    EdgeIndex::new(vec![0; destination.len()], destination, degrees.len()).unwrap()
}

/// Checks every sentence of the documentation of `Csr::tasks` and `Csr::cut_rows`.
fn check(csr: &Csr) {
    let row_ptr = csr.row_ptr();
    let (mut row, mut edge, mut part) = (0, 0, 0);
    for task in csr.tasks() {
        assert_eq!(task.edges.start, edge);
        let (rows, edges) = (task.rows.len() as u32, task.edges.len() as u32);
        match task.part {
            None => {
                assert_eq!(task.rows.start, row);
                assert!(rows > 0);
                assert_eq!(task.edges.end, row_ptr[task.rows.end as usize]);
                assert!(edges <= G && rows <= G && (edges + rows <= G || rows == 1));
            }
            Some(number) => {
                assert_eq!(number, part);
                part += 1;
                assert_eq!(rows, 1);
                let r = task.rows.start as usize;
                assert!(csr.degree(r) as u32 > G);
                let (begin, end) = (row_ptr[r], row_ptr[r + 1]);
                assert_eq!(task.rows.start, if edge == begin { row } else { row - 1 });
                assert!(edges == G || edges > 0 && task.edges.end == end);
                assert!(task.edges.end <= end);
            }
        }
        (row, edge) = (task.rows.end, task.edges.end);
    }
    assert_eq!((row as usize, edge as usize), (csr.rows(), csr.columns().len()));
    assert_eq!(csr.num_parts(), part as usize);

    let cut = (0..csr.rows() as u32).filter(|&r| csr.degree(r as usize) as u32 > G);
    assert!(csr.cut_rows().iter().map(|c| c.row).eq(cut));
    let numbered = csr.tasks().iter().filter_map(|t| Some((t.rows.start, t.part?)));
    assert!(csr.cut_rows().iter().flat_map(|c| c.parts.clone().map(|p| (c.row, p))).eq(numbered));
    assert!(csr.cut_rows().iter().all(|c| c.parts.len() > 1));
}

/// Mostly rows of a few edges, some about as long as the grain, some many times longer.
fn degree() -> impl Strategy<Value = u32> {
    prop_oneof![20 => 0u32..4, 4 => 100u32..1500, 2 => G - 2..G + 3, 1 => 0u32..5 * G, 1 => Just(3 * G)]
}

proptest! {
    #[test]
    fn tasks_cover_all_rows_and_edges_in_order_within_their_limits(
        degrees in prop::collection::vec(degree(), 0..60), idle in 0usize..3 * G as usize, at in 0usize..60,
    ) {
        // A long run of rows without edges has to be split as well.
        let mut degrees = degrees;
        let at = at.min(degrees.len());
        degrees.splice(at..at, std::iter::repeat_n(0, idle));
        check(with_in_degrees(&degrees).by_destination());
    }
}

#[test]
fn rows_are_cut_at_fixed_lengths() {
    let edges = with_in_degrees(&[1, 2 * G + 7, 0, G, 3, G + 1]);
    let csr = edges.by_destination();
    check(csr);
    let tasks: Vec<_> = csr.tasks().iter().map(|t| (t.rows.clone(), t.edges.len() as u32, t.part)).collect();
    let expected = [
        (0..1, 1, None),
        (1..2, G, Some(0)),
        (1..2, G, Some(1)),
        (1..2, 7, Some(2)),
        (2..3, 0, None),
        (3..4, G, None),
        (4..5, 3, None),
        (5..6, G, Some(3)),
        (5..6, 1, Some(4)),
    ];
    assert_eq!(tasks, expected);
    assert_eq!(csr.num_parts(), 5);
}

#[test]
fn few_tasks_for_short_rows() {
    let csr_of = |degrees: &[u32]| with_in_degrees(degrees).by_destination().clone();
    assert_eq!(csr_of(&[]).tasks(), []);
    assert_eq!(csr_of(&[0]).tasks().len(), 1);
    // Tasks are nearly full: none could take the first row of the next.
    let csr = csr_of(&[10; 2000]);
    check(&csr);
    assert_eq!(csr.tasks().len(), (2000 * 11usize).div_ceil(2048 - 2048 % 11));
}

#[test]
fn whether_tasks_were_asked_for_does_not_matter_to_equality() {
    let (one, two) = (with_in_degrees(&[2, 3]), with_in_degrees(&[2, 3]));
    one.by_destination().tasks();
    assert_eq!(one.by_destination(), two.by_destination());
}
