//! Graphs of points, against the comparison of all pairs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::transforms::{Points, knn, knn_graph, radius, radius_graph};
use proptest::prelude::*;

/// For each point of y all of x in its set that may be found, by distance, then by index.
fn all(
    x: &[f32],
    y: &[f32],
    dim: usize,
    of_x: &[u32],
    of_y: &[u32],
    not_itself: bool,
) -> Vec<Vec<(f64, u32)>> {
    let distance = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
    };
    let of_one = |(i, b): (usize, &[f32])| {
        let others =
            x.chunks(dim).enumerate().filter(|&(j, _)| of_x[j] == of_y[i] && !(not_itself && i == j));
        let mut row: Vec<_> = others.map(|(j, a)| (distance(a, b), j as u32)).collect();
        row.sort_by(|a, b| a.partial_cmp(b).unwrap());
        row
    };
    y.chunks(dim).enumerate().map(of_one).collect()
}

fn edges(rows: &[Vec<(f64, u32)>], most: usize, r: f64) -> Vec<(u32, u32)> {
    let of_row = |(i, row): (usize, &Vec<(f64, u32)>)| {
        let near = row.iter().filter(|(d, _)| *d <= r * r).take(most);
        near.map(|&(_, j)| (j, i as u32)).collect::<Vec<_>>()
    };
    rows.iter().enumerate().flat_map(of_row).collect()
}

/// Points on a coarse grid, so that many are equally far or at one place, or anywhere.
fn any_points() -> impl Strategy<Value = (Vec<f32>, usize, Vec<u32>)> {
    (1usize..4, 0usize..120, any::<bool>()).prop_flat_map(|(dim, n, coarse)| {
        let number = if coarse { (0i8..4).prop_map(f32::from).boxed() } else { (-1.0f32..1.0).boxed() };
        (prop::collection::vec(number, n * dim), Just(dim), prop::collection::vec(0u32..3, n))
    })
}

proptest! {
    #[test]
    fn what_is_found_is_what_comparing_all_pairs_finds(
        (positions, dim, batch) in any_points(), k in 0usize..20, r in 0.0f32..2.0, loops: bool,
    ) {
        let points = Points::new(&positions, dim).unwrap().with_batch(&batch).unwrap();
        let rows = all(&positions, &positions, dim, &batch, &batch, !loops);
        let found = |e: EdgeIndex| e.iter().collect::<Vec<_>>();
        prop_assert_eq!(found(knn_graph(&points, k, loops).unwrap()), edges(&rows, k, f64::INFINITY));
        prop_assert_eq!(found(radius_graph(&points, r, loops, k).unwrap()), edges(&rows, k, r.into()));
        // Between two sets of points: the first third looks among all.
        let m = points.len() / 3;
        let y = Points::new(&positions[..m * dim], dim).unwrap().with_batch(&batch[..m]).unwrap();
        let rows = all(&positions, &positions[..m * dim], dim, &batch, &batch[..m], false);
        prop_assert_eq!(found(knn(&points, &y, k).unwrap()), edges(&rows, k, f64::INFINITY));
        prop_assert_eq!(found(radius(&points, &y, r, usize::MAX).unwrap()), edges(&rows, usize::MAX, r.into()));
    }
}

#[test]
fn many_points_at_one_place_are_no_trouble() {
    let n = 20_000;
    let points = vec![1.0f32; 2 * n];
    let graph = knn_graph(&Points::new(&points, 2).unwrap(), 2, false).unwrap();
    assert_eq!(graph.iter().take(6).collect::<Vec<_>>(), [(1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (1, 2)]);
    assert_eq!(graph.num_edges(), 2 * n);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let s = Stream::new(2, 2);
    let positions: Vec<f32> = (0..3 * 5000).map(|i| s.uniform(i)).collect();
    let points = Points::new(&positions, 3).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            (knn_graph(&points, 16, false).unwrap(), radius_graph(&points, 0.1, true, 32).unwrap())
        })
    };
    let one = on(1);
    assert!([2, 3, 8].into_iter().all(|threads| on(threads) == one));
}

#[test]
fn points_are_checked() {
    let message = |r: candle_geometric_graph::Result<Points<'_>>| r.unwrap_err().to_string();
    assert_eq!(
        message(Points::new(&[0.0; 3], 2)),
        "positions: expected [N, dim] with dim at least 1, got 3 numbers in 2 dimensions"
    );
    assert!(message(Points::new(&[], 0)).contains("0 numbers in 0 dimensions"));
    assert_eq!(
        message(Points::new(&[0.0, 1.0, 2.0, f32::NAN], 2)),
        "positions: expected finite numbers, got NaN at point 1"
    );
    let plane = Points::new(&[0.0; 4], 2).unwrap();
    assert_eq!(message(plane.with_batch(&[0])), "batch: expected length 2, got 1");
    assert!(radius_graph(&plane, f32::NAN, false, 1).is_err());
    assert!(radius_graph(&plane, -1.0, false, 1).is_err());
    assert!(knn(&plane, &Points::new(&[0.0; 3], 3).unwrap(), 1).is_err());
    // The limit itself is near enough.
    let line = Points::new(&[0.0, 0.1], 1).unwrap();
    assert_eq!(radius_graph(&line, 0.1, false, 9).unwrap().num_edges(), 2);
}
