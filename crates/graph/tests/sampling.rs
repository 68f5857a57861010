//! What samplers take is there, is what was asked for, and depends on the stream alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, HashSet};

use candle_geometric_graph::generators::{RMat, r_mat};
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::sampling::{
    Fanout, NegativeLinks, NeighborSample, NeighborSampler, NeighborSamplerConfig, TemporalStrategy, Times,
};
use candle_geometric_graph::{EdgeIndex, Result};
use proptest::prelude::*;

fn any_graph() -> impl Strategy<Value = EdgeIndex> {
    (1u32..15).prop_flat_map(|n| {
        prop::collection::vec((0..n, 0..n), 0..90)
            .prop_map(move |pairs| EdgeIndex::from_pairs(pairs, n as usize).unwrap())
    })
}

fn config(num_neighbors: &[i64], replace: bool, disjoint: bool) -> NeighborSamplerConfig {
    NeighborSamplerConfig { replace, disjoint, ..NeighborSamplerConfig::new(num_neighbors.iter().copied()) }
}

/// What holds for every sample. `allowed` says how many in-edges a node has that may be taken, in the tree of a seed.
fn check(
    edges: &EdgeIndex,
    seeds: &[u32],
    config: &NeighborSamplerConfig,
    sample: &NeighborSample,
    disjoint: bool,
    allowed: impl Fn(u32, usize) -> usize,
) {
    let NeighborSample { nodes, edges: local, edge_ids, nodes_per_hop, edges_per_hop, batch, .. } = sample;
    assert_eq!((local.num_src(), local.num_edges()), (nodes.len(), edge_ids.len()));
    assert_eq!(nodes_per_hop.iter().sum::<usize>(), nodes.len());
    assert_eq!(edges_per_hop.iter().sum::<usize>(), edge_ids.len());
    assert_eq!(
        (nodes_per_hop.len(), edges_per_hop.len()),
        (config.num_neighbors.len() + 1, config.num_neighbors.len())
    );
    // Seeds first, each node once (in its tree).
    assert_eq!(batch.len(), if disjoint { nodes.len() } else { 0 });
    let tree = |k: usize| batch.get(k).copied().unwrap_or(0);
    let places: HashSet<_> = (0..nodes.len()).map(|k| (tree(k), nodes[k])).collect();
    assert_eq!(places.len(), nodes.len());
    let mut first = Vec::new();
    seeds.iter().for_each(|s| {
        if disjoint || !first.contains(s) {
            first.push(*s)
        }
    });
    assert_eq!(nodes[..nodes_per_hop[0]], first);
    assert!(sample.seeds.iter().zip(seeds).all(|(&place, &seed)| nodes[place as usize] == seed));
    assert!(!disjoint || sample.seeds.iter().copied().eq(0..seeds.len() as u32));
    // Every edge is the edge that it says it is, and stays in its tree.
    for ((j, i), &e) in local.iter().zip(edge_ids) {
        let edge = (edges.source()[e as usize], edges.destination()[e as usize]);
        assert_eq!((nodes[j as usize], nodes[i as usize]), edge);
        assert_eq!(tree(j as usize), tree(i as usize));
    }
    assert!(local.destination().is_sorted());
    // As many in-edges as asked for, of the nodes that a hop has reached, in the next hop and no other.
    let (mut node, mut edge) = (0, 0);
    for (hop, &fanout) in config.num_neighbors.iter().enumerate() {
        let first_edge = edge;
        for (i, &id) in nodes.iter().enumerate().skip(node).take(nodes_per_hop[hop]) {
            let possible = allowed(id, tree(i) as usize);
            let row = local.by_destination().edges(i);
            let expected = match fanout {
                Fanout::All => possible,
                Fanout::Most(most) if config.replace && possible > 0 => most,
                Fanout::Most(most) => most.min(possible),
            };
            assert_eq!(row.len(), expected);
            assert!(row.iter().copied().eq(edge..edge + expected as u32));
            if !config.replace {
                let ids: HashSet<_> = row.iter().map(|&e| edge_ids[e as usize]).collect();
                assert_eq!(ids.len(), row.len());
            }
            edge += expected as u32;
        }
        assert_eq!((edge - first_edge) as usize, edges_per_hop[hop]);
        node += nodes_per_hop[hop];
    }
}

fn on<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

proptest! {
    #[test]
    fn samples_are_what_was_asked_for(
        edges in any_graph(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        fanouts in prop::collection::vec(-1i64..5, 0..4), replace: bool, disjoint: bool, seed: u64,
    ) {
        let seeds: Vec<u32> = picks.iter().map(|k| k.index(edges.num_src()) as u32).collect();
        let config = config(&fanouts, replace, disjoint);
        let sampler = NeighborSampler::new(&edges, config.clone()).unwrap();
        let sample = sampler.sample(&seeds, Stream::new(seed, 0)).unwrap();
        let degrees = edges.in_degrees();
        check(&edges, &seeds, &config, &sample, disjoint, |i, _| degrees[i as usize] as usize);
        // Again, with tables that another sample has used.
        sampler.sample(&seeds, Stream::new(seed, 1)).unwrap();
        prop_assert_eq!(&sampler.sample(&seeds, Stream::new(seed, 0)).unwrap(), &sample);

        let weights: Vec<f32> = (0..edges.num_edges()).map(|e| (e % 3) as f32).collect();
        let sampler = NeighborSampler::weighted(&edges, config.clone(), &weights).unwrap();
        let sample = sampler.sample(&seeds, Stream::new(seed, 0)).unwrap();
        prop_assert!(sample.edge_ids.iter().all(|e| e % 3 != 0));
        let heavy = |i: u32| edges.by_destination().edges(i as usize).iter().filter(|e| **e % 3 != 0).count();
        check(&edges, &seeds, &config, &sample, disjoint, |i, _| heavy(i));
    }

    #[test]
    fn only_the_past_is_seen(
        edges in any_graph(), picks in prop::collection::vec((any::<prop::sample::Index>(), -1i64..8), 0..6),
        fanouts in prop::collection::vec(-1i64..4, 0..4), replace: bool, seed: u64,
    ) {
        let seeds: Vec<u32> = picks.iter().map(|(k, _)| k.index(edges.num_src()) as u32).collect();
        let times: Vec<i64> = picks.iter().map(|(_, time)| *time).collect();
        let of_edges: Vec<i64> = (0..edges.num_edges() as u64).map(|e| i64::from(Stream::new(seed, 9).word(e) % 6)).collect();
        let of_nodes: Vec<i64> = (0..edges.num_src() as u64).map(|i| i64::from(Stream::new(seed, 8).word(i) % 6)).collect();
        let config = config(&fanouts, replace, false);
        for given in [Times::Edges(&of_edges), Times::Nodes(&of_nodes)] {
            let time = |e: u32| match given {
                Times::Edges(times) => times[e as usize],
                Times::Nodes(times) => times[edges.source()[e as usize] as usize],
            };
            let past = |i: u32, before: i64| -> Vec<u32> {
                edges.by_destination().edges(i as usize).iter().copied().filter(|&e| time(e) < before).collect()
            };
            for temporal_strategy in [TemporalStrategy::Uniform, TemporalStrategy::Last] {
                let config = NeighborSamplerConfig { temporal_strategy, ..config.clone() };
                let sampler = NeighborSampler::temporal(&edges, config.clone(), given).unwrap();
                let sample = sampler.sample_before(&seeds, &times, Stream::new(seed, 0)).unwrap();
                for (&e, &i) in sample.edge_ids.iter().zip(sample.edges.destination()) {
                    prop_assert!(time(e) < times[sample.batch[i as usize] as usize]);
                }
                if temporal_strategy == TemporalStrategy::Uniform {
                    check(&edges, &seeds, &config, &sample, true, |i, tree| past(i, times[tree]).len());
                    continue;
                }
                // The last ones are not drawn, so there is none twice.
                let config = NeighborSamplerConfig { replace: false, ..config };
                check(&edges, &seeds, &config, &sample, true, |i, tree| past(i, times[tree]).len());
                for i in 0..sample.nodes.len() {
                    let row: Vec<u32> = sample.edges.by_destination().edges(i).iter().map(|&e| sample.edge_ids[e as usize]).collect();
                    let mut all = past(sample.nodes[i], times[sample.batch[i] as usize]);
                    all.sort_by_key(|&e| time(e));
                    prop_assert_eq!(&row[..], &all[all.len() - row.len()..]);
                }
            }
        }
        if let Ok(sampler) = NeighborSampler::temporal(&edges, config, Times::Nodes(&of_nodes)) {
            let own: Vec<i64> = seeds.iter().map(|&i| of_nodes[i as usize]).collect();
            let stream = Stream::new(seed, 0);
            prop_assert_eq!(sampler.sample(&seeds, stream).unwrap(), sampler.sample_before(&seeds, &own, stream).unwrap());
        }
    }

    #[test]
    fn negative_links_are_no_edges(edges in any_graph(), amount in 0usize..4, seed: u64) {
        let sampler = NeighborSampler::new(&edges, config(&[2], false, false)).unwrap();
        let (source, destination) = (edges.source(), edges.destination());
        let all: HashSet<_> = edges.iter().collect();
        for negatives in [NegativeLinks::None, NegativeLinks::Binary { ratio: amount as f64 / 2.0 }, NegativeLinks::Triplet { amount }] {
            let Ok(links) = sampler.sample_links(source, destination, negatives, Stream::new(seed, 0)) else {
                let full = |j: u32| (0..edges.num_src() as u32).all(|i| i == j || all.contains(&(j, i)));
                prop_assert!(source.iter().any(|&j| full(j)));
                continue;
            };
            let e = edges.num_edges();
            let expected = match negatives {
                NegativeLinks::None => 0,
                NegativeLinks::Binary { .. } => (e * amount).div_ceil(2),
                NegativeLinks::Triplet { .. } => e * amount,
            };
            prop_assert_eq!((links.num_positives, links.source.len(), links.destination.len()), (e, e + expected, e + expected));
            let node = |place: &u32| links.sample.nodes[*place as usize];
            let pairs: Vec<_> = links.source.iter().map(node).zip(links.destination.iter().map(node)).collect();
            prop_assert!(pairs[..e].iter().copied().eq(edges.iter()));
            prop_assert!(pairs[e..].iter().all(|pair| pair.0 != pair.1 && !all.contains(pair)));
            if let NegativeLinks::Triplet { .. } = negatives {
                prop_assert!(pairs[e..].iter().enumerate().all(|(k, pair)| pair.0 == source[k / amount]));
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let edges = r_mat(5000, 60_000, RMat::default(), 1).unwrap();
    let weights: Vec<f32> = (0..60_000).map(|e| Stream::new(2, 2).uniform(e)).collect();
    let times: Vec<i64> = (0..60_000).map(|e| i64::from(Stream::new(2, 3).word(e) % 100)).collect();
    let seeds: Vec<u32> = (0..1000).map(|k| k * 5).collect();
    for (replace, disjoint) in [(false, false), (true, false), (false, true)] {
        let of = |threads| {
            on(threads, || {
                let config = config(&[10, 40, 3], replace, disjoint);
                let stream = Stream::new(7, 1);
                let uniform = NeighborSampler::new(&edges, config.clone()).unwrap();
                let weighted = NeighborSampler::weighted(&edges, config.clone(), &weights).unwrap();
                let temporal = NeighborSampler::temporal(&edges, config, Times::Edges(&times)).unwrap();
                let links = uniform.sample_links(
                    &seeds[1..],
                    &seeds[..999],
                    NegativeLinks::Binary { ratio: 2.0 },
                    stream,
                );
                (
                    uniform.sample(&seeds, stream).unwrap(),
                    weighted.sample(&seeds, stream).unwrap(),
                    temporal.sample_before(&seeds[..100], &[50; 100], stream).unwrap(),
                    links.unwrap(),
                )
            })
        };
        let one = of(1);
        assert!(one.0.edge_ids.len() > 10_000);
        assert!([2, 3, 8].into_iter().all(|threads| of(threads) == one));
    }
}

/// How often each of the in-edges of node 0 is taken, of so many samples.
fn counts(sampler: &NeighborSampler, in_degree: usize, samples: u64) -> Vec<f64> {
    let mut counts = vec![0.0; in_degree];
    for id in 0..samples {
        let sample = sampler.sample(&[0], Stream::new(3, id)).unwrap();
        sample.edge_ids.iter().for_each(|&e| counts[e as usize] += 1.0);
    }
    counts
}

fn chi_square(counts: &[f64], expected: impl Fn(usize) -> f64) -> f64 {
    counts.iter().enumerate().map(|(k, c)| (c - expected(k)).powi(2) / expected(k)).sum()
}

#[test]
fn edges_are_taken_with_the_probabilities_that_they_should_have() {
    // 50 in-edges of one node; with 49 degrees of freedom chi-square is below 94.0 but in 1 of 10,000 cases.
    let star = EdgeIndex::from_pairs((1..51).map(|j| (j, 0)), 51).unwrap();
    for (fanout, replace) in [(1, false), (10, false), (40, false), (5, true)] {
        let sampler = NeighborSampler::new(&star, config(&[fanout], replace, false)).unwrap();
        let chi = chi_square(&counts(&sampler, 50, 4000), |_| 4000.0 * fanout as f64 / 50.0);
        assert!(chi < 94.0, "{fanout} {replace}: {chi}");
    }
    // Pairs are as likely, too: Floyd's method draws subsets, not only members.
    let small = EdgeIndex::from_pairs((1..6).map(|j| (j, 0)), 6).unwrap();
    let sampler = NeighborSampler::new(&small, config(&[2], false, false)).unwrap();
    let mut pairs: HashMap<Vec<u32>, f64> = HashMap::new();
    for id in 0..5000 {
        let mut ids = sampler.sample(&[0], Stream::new(1, id)).unwrap().edge_ids;
        ids.sort_unstable();
        *pairs.entry(ids).or_default() += 1.0;
    }
    let found: Vec<f64> = pairs.into_values().collect();
    assert_eq!(found.len(), 10);
    assert!(chi_square(&found, |_| 500.0) < 33.7);
    // In proportion to the weight, with replacement and in the first draw without.
    let weights: Vec<f32> = (1..51).map(|w| w as f32).collect();
    let total: f64 = (1..51).map(f64::from).sum();
    for (fanout, replace) in [(3, true), (1, false)] {
        let sampler = NeighborSampler::weighted(&star, config(&[fanout], replace, false), &weights).unwrap();
        let chi =
            chi_square(&counts(&sampler, 50, 20_000), |k| 20_000.0 * fanout as f64 * (k + 1) as f64 / total);
        assert!(chi < 94.0, "{fanout} {replace}: {chi}");
    }
    // Two of three without replacement: that of weight w goes with 1 − P(both others are taken).
    let three = EdgeIndex::from_pairs((1..4).map(|j| (j, 0)), 4).unwrap();
    let w = [1.0, 2.0, 5.0];
    let sampler = NeighborSampler::weighted(&three, config(&[2], false, false), &[1.0, 2.0, 5.0]).unwrap();
    let both = |a: usize, b: usize| w[a] / 8.0 * w[b] / (8.0 - w[a]) + w[b] / 8.0 * w[a] / (8.0 - w[b]);
    let missing = [both(1, 2), both(0, 2), both(0, 1)];
    let left_out: Vec<f64> = counts(&sampler, 3, 20_000).iter().map(|c| 20_000.0 - c).collect();
    assert!(chi_square(&left_out, |k| 20_000.0 * missing[k]) < 18.5, "{left_out:?}");
}

#[test]
fn isolated_and_repeated_seeds() {
    let edges = EdgeIndex::new(vec![1, 2], vec![0, 1], 4).unwrap();
    let sampler = NeighborSampler::new(&edges, config(&[-1, -1], false, false)).unwrap();
    let sample = sampler.sample(&[3, 0, 3, 0], Stream::new(0, 0)).unwrap();
    assert_eq!((&sample.nodes[..], &sample.seeds[..]), (&[3, 0, 1, 2][..], &[0, 1, 0, 1][..]));
    assert_eq!((sample.nodes_per_hop, sample.edges_per_hop), (vec![2, 1, 1], vec![1, 1]));
    let none = sampler.sample(&[], Stream::new(0, 0)).unwrap();
    assert_eq!((none.nodes.len(), none.nodes_per_hop), (0, vec![0, 0, 0]));
    let empty = EdgeIndex::new(vec![], vec![], 0).unwrap();
    let sampler = NeighborSampler::new(&empty, config(&[2], true, false)).unwrap();
    assert_eq!(sampler.sample(&[], Stream::new(0, 0)).unwrap().edges, empty);
    // A full graph has no negative links.
    let full = EdgeIndex::new(vec![0, 1], vec![1, 0], 2).unwrap();
    let sampler = NeighborSampler::new(&full, config(&[2], true, false)).unwrap();
    for negatives in [NegativeLinks::Binary { ratio: 1.0 }, NegativeLinks::Triplet { amount: 1 }] {
        let message = sampler.sample_links(&[0], &[1], negatives, Stream::new(0, 0)).unwrap_err().to_string();
        assert!(message.starts_with("negative links: expected pairs without an edge"), "{message}");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let edges = EdgeIndex::new(vec![1], vec![0], 2).unwrap();
    let plain = NeighborSampler::new(&edges, config(&[1], false, false)).unwrap();
    let timed = NeighborSampler::temporal(&edges, config(&[1], false, false), Times::Edges(&[5])).unwrap();
    let stream = Stream::new(0, 0);
    let text = |r: Result<NeighborSample>| r.unwrap_err().to_string();
    assert_eq!(
        text(plain.sample(&[2], stream)),
        "nodes: expected indices below the number of nodes, 2, got 2 at position 0"
    );
    assert_eq!(
        text(plain.sample_before(&[0], &[1], stream)),
        "times: expected none, as the sampler was made without, got 1"
    );
    assert!(text(timed.sample(&[0], stream)).starts_with("times: expected a time for each seed"));
    assert_eq!(text(timed.sample_before(&[0], &[], stream)), "times: expected length 1, got 0");
    assert!(timed.sample_links(&[0], &[1], NegativeLinks::None, stream).is_err());
    assert!(
        timed.sample_links_before(&[0], &[1], &[6], NegativeLinks::Triplet { amount: 1 }, stream).is_ok()
    );
    assert!(plain.sample_links(&[0], &[], NegativeLinks::None, stream).is_err());
    assert!(plain.sample_links(&[0], &[1], NegativeLinks::Binary { ratio: f64::NAN }, stream).is_err());
    let new = |w: &[f32]| {
        NeighborSampler::weighted(&edges, config(&[1], false, false), w).err().unwrap().to_string()
    };
    assert_eq!(new(&[-1.0]), "edge_weight: expected finite numbers, at least 0, got -1 at edge 0");
    assert_eq!(new(&[]), "edge_weight: expected length 1, got 0");
    assert!(NeighborSampler::temporal(&edges, config(&[1], false, false), Times::Nodes(&[1])).is_err());
    assert!(NeighborSampler::new(&edges, config(&[i64::MAX], false, false)).is_err());
    let bipartite = EdgeIndex::bipartite(vec![], vec![], 1, 2).unwrap();
    assert!(NeighborSampler::new(&bipartite, config(&[1], false, false)).is_err());
}
