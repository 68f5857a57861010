//! Ranks against a definition that is spelt out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::Stream;
use candle_geometric_train::Error;
use candle_geometric_train::ranking::{KnownTriples, Ranking, filtered_ranks};

const NODES: u32 = 13;

/// Few different scores, so that there are ties.
fn score(head: u32, relation: u32, tail: u32) -> f64 {
    f64::from((head * 7 + relation * 5 + tail * tail * 3) % 6)
}

fn scores(heads: &[u32], relations: &[u32]) -> candle_core::Result<Tensor> {
    let pairs = heads.iter().zip(relations);
    let all: Vec<f64> = pairs.flat_map(|(&h, &r)| (0..NODES).map(move |t| score(h, r, t))).collect();
    Tensor::from_vec(all, (heads.len(), NODES as usize), &Device::Cpu)
}

fn triples(count: usize, seed: u64) -> Vec<[u32; 3]> {
    let mut random = Stream::new(seed, 0).sequence();
    (0..count).map(|_| [random.below(NODES), random.below(3), random.below(NODES)]).collect()
}

#[test]
fn ranks_are_the_mean_of_the_best_and_the_worst_place() {
    let (test, train) = (triples(200, 1), triples(150, 2));
    let known = KnownTriples::new(train.iter().chain(&test).copied());
    let expected: Vec<f64> = test
        .iter()
        .map(|&[h, r, t]| {
            let rivals: Vec<f64> = (0..NODES)
                .filter(|&n| n != t && !train.contains(&[h, r, n]) && !test.contains(&[h, r, n]))
                .map(|n| score(h, r, n))
                .collect();
            let own = score(h, r, t);
            let optimistic = 1 + rivals.iter().filter(|&&s| s > own).count();
            let pessimistic = 1 + rivals.iter().filter(|&&s| s >= own).count();
            (optimistic + pessimistic) as f64 / 2.0
        })
        .collect();
    assert!(expected.iter().any(|r| r.fract() == 0.5));
    for (batch_size, threads) in [(1, 1), (7, 2), (200, 3), (1000, 8)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let ranks = pool.install(|| filtered_ranks(&test, &known, batch_size, scores)).unwrap();
        assert_eq!(ranks, expected);
    }
    let unfiltered = filtered_ranks(&test, &KnownTriples::default(), 64, scores).unwrap();
    assert!(unfiltered.iter().zip(&expected).all(|(raw, filtered)| raw >= filtered));
    assert_ne!(unfiltered, expected);
}

#[test]
fn ranks_are_summed_up() {
    let ranking = Ranking::of(&[1.0, 1.5, 3.0, 10.0, 100.0]).unwrap();
    let mrr = (1.0 + 1.0 / 1.5 + 1.0 / 3.0 + 0.1 + 0.01) / 5.0;
    assert!((ranking.mrr - mrr).abs() < 1e-15);
    assert_eq!((ranking.hits_at_1, ranking.hits_at_3, ranking.hits_at_10), (0.2, 0.6, 0.8));
    assert_eq!(ranking.mean_rank, 23.1);
    assert!(Ranking::of(&[]).is_err());
}

#[test]
fn what_cannot_be_ranked_is_told() {
    let known = KnownTriples::default();
    let told = |result: Result<Vec<f64>, Error>, part: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    assert!(filtered_ranks(&[], &known, 1, scores).unwrap().is_empty());
    told(filtered_ranks(&[[0, 0, 0]], &known, 0, scores), "batch_size");
    told(filtered_ranks(&[[0, 0, NODES]], &known, 1, scores), "tails below 13");
    let constant = |value: f64, rows| {
        move |_: &[u32], _: &[u32]| Tensor::full(value, (rows, 4), &Device::Cpu)?.to_dtype(DType::F32)
    };
    told(filtered_ranks(&[[5, 2, 1]], &known, 1, constant(f64::NAN, 1)), "(5, 2, ?)");
    told(filtered_ranks(&[[5, 2, 1]], &known, 1, constant(0.0, 2)), "score_tails");
    // All the same: in the middle.
    assert_eq!(filtered_ranks(&[[5, 2, 1]], &known, 1, constant(0.0, 1)).unwrap(), [2.5]);
}
