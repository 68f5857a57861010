//! A graph to look at.

use candle_geometric_explain::Weights;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;

/// The friendships of Zachary's karate club (1977), members counted from 0.
#[rustfmt::skip]
pub(crate) const KARATE: [(u32, u32); 78] = [
    (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (0, 8), (0, 10), (0, 11), (0, 12), (0, 13),
    (0, 17), (0, 19), (0, 21), (0, 31), (1, 2), (1, 3), (1, 7), (1, 13), (1, 17), (1, 19), (1, 21), (1, 30),
    (2, 3), (2, 7), (2, 8), (2, 9), (2, 13), (2, 27), (2, 28), (2, 32), (3, 7), (3, 12), (3, 13), (4, 6),
    (4, 10), (5, 6), (5, 10), (5, 16), (6, 16), (8, 30), (8, 32), (8, 33), (9, 33), (13, 33), (14, 32),
    (14, 33), (15, 32), (15, 33), (18, 32), (18, 33), (19, 33), (20, 32), (20, 33), (22, 32), (22, 33),
    (23, 25), (23, 27), (23, 29), (23, 32), (23, 33), (24, 25), (24, 27), (24, 31), (25, 31), (26, 29),
    (26, 33), (27, 33), (28, 31), (28, 33), (29, 32), (29, 33), (30, 32), (30, 33), (31, 32), (31, 33),
    (32, 33),
];

/// The club with both directions of every friendship and self-loops last.
pub(crate) fn karate() -> EdgeIndex {
    let there = KARATE.iter().copied();
    let back = KARATE.iter().map(|&(a, b)| (b, a));
    EdgeIndex::from_pairs(there.chain(back).chain((0..34).map(|i| (i, i))), 34).unwrap()
}

/// Attention as a layer gives it: a softmax over the in-edges of each node, of scores that only the two ends and
/// the head decide, so that the order of the edges does not matter.
pub(crate) fn attention(edges: &EdgeIndex, heads: usize) -> Weights {
    let score = |e: usize, h: usize| {
        let (j, i) = (u64::from(edges.source()[e]), u64::from(edges.destination()[e]));
        (1.2 * Stream::new(h as u64, 1).normal(1000 * j + i)).exp()
    };
    let mut alpha = vec![0.0; edges.num_edges() * heads];
    let rows = edges.by_destination();
    for i in 0..rows.rows() {
        for h in 0..heads {
            let mut terms: Vec<f64> = rows.edges(i).iter().map(|&e| score(e as usize, h)).collect();
            terms.sort_unstable_by(f64::total_cmp);
            let sum: f64 = terms.iter().sum();
            for &e in rows.edges(i) {
                alpha[e as usize * heads + h] = (score(e as usize, h) / sum) as f32;
            }
        }
    }
    Weights::new(edges.clone(), alpha, heads).unwrap()
}
