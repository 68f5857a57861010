//! Samplers of graphs with types and of whole parts, partitions, and the loader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_geometric_graph::generators::{barabasi_albert, grid, stochastic_block_model};
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::sampling::*;
use candle_geometric_graph::transforms::subgraph;
use candle_geometric_graph::{EdgeIndex, EdgeType, GraphError, HeteroGraph};
use proptest::prelude::*;

fn on<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

/// Two types of nodes; edges from each to each.
fn any_hetero() -> impl Strategy<Value = HeteroGraph> {
    let pairs = |n: u32, m: u32| prop::collection::vec((0..n, 0..m), 0..40);
    (1u32..8, 1u32..8)
        .prop_flat_map(move |(n, m)| (Just((n, m)), pairs(n, n), pairs(n, m), pairs(m, n), pairs(m, m)))
        .prop_map(|((n, m), aa, ab, ba, bb)| {
            let (n, m) = (n as usize, m as usize);
            let two = |pairs: Vec<(u32, u32)>, n, m| {
                let (source, destination) = pairs.into_iter().unzip();
                EdgeIndex::bipartite(source, destination, n, m).unwrap()
            };
            let edges = [
                (("a", "x", "a"), EdgeIndex::from_pairs(aa, n).unwrap()),
                (("a", "y", "b"), two(ab, n, m)),
                (("b", "y", "a"), two(ba, m, n)),
                (("b", "z", "b"), EdgeIndex::from_pairs(bb, m).unwrap()),
            ];
            HeteroGraph::new([("a", n), ("b", m)], edges).unwrap()
        })
}

fn number(graph: &HeteroGraph, node_type: &str) -> usize {
    graph.nodes().position(|(name, _)| name == node_type).unwrap()
}

/// Every edge of the sample is the edge of the graph that it says it is.
fn check_edges(graph: &HeteroGraph, sample: &HeteroNeighborSample) {
    for (k, ((edge_type, local), (other, whole))) in sample.graph.edges().zip(graph.edges()).enumerate() {
        assert_eq!(edge_type, other);
        let (from, to) = (number(graph, &edge_type.source), number(graph, &edge_type.destination));
        assert_eq!(sample.edge_ids[k].len(), local.num_edges());
        assert_eq!(sample.edges_per_hop[k].iter().sum::<usize>(), local.num_edges());
        for ((j, i), &e) in local.iter().zip(&sample.edge_ids[k]) {
            let edge = (whole.source()[e as usize], whole.destination()[e as usize]);
            assert_eq!((sample.nodes[from][j as usize], sample.nodes[to][i as usize]), edge);
            let tree = |t: usize, place: u32| sample.batch[t].get(place as usize);
            assert_eq!(tree(from, j), tree(to, i));
        }
    }
    for (nodes, per_hop) in sample.nodes.iter().zip(&sample.nodes_per_hop) {
        assert_eq!(per_hop.iter().sum::<usize>(), nodes.len());
    }
}

proptest! {
    #[test]
    fn all_types_are_expanded_hop_by_hop(graph in any_hetero(), seeds in prop::collection::vec(any::<prop::sample::Index>(), 0..4), seed: u64) {
        let n = graph.num_nodes("b").unwrap();
        let seeds: Vec<u32> = seeds.iter().map(|k| k.index(n) as u32).collect();
        let stream = Stream::new(seed, 0);
        // All neighbours: the same as a search by hand.
        let all = HeteroNeighborSampler::new(&graph, NeighborSamplerConfig::new([-1, -1])).unwrap();
        let sample = all.sample("b", &seeds, stream).unwrap();
        check_edges(&graph, &sample);
        let mut reached = [BTreeMap::new(), BTreeMap::new()];
        seeds.iter().for_each(|&s| { reached[1].insert(s, 0); });
        let mut edges = vec![HashSet::new(); 4];
        for hop in 0..2 {
            let before = reached.clone();
            for (k, (edge_type, index)) in graph.edges().enumerate() {
                let (from, to) = (number(&graph, &edge_type.source), number(&graph, &edge_type.destination));
                for (e, (j, i)) in (0u32..).zip(index.iter()) {
                    if before[to].get(&i) == Some(&hop) {
                        edges[k].insert(e);
                        reached[from].entry(j).or_insert(hop + 1);
                    }
                }
            }
        }
        for (t, reached) in reached.iter().enumerate() {
            let of_hop = |hop: i32| reached.values().filter(|h| **h == hop).count();
            prop_assert_eq!(&sample.nodes_per_hop[t], &[0, 1, 2].map(of_hop));
            prop_assert_eq!(sample.nodes[t].iter().copied().collect::<HashSet<_>>(), reached.keys().copied().collect());
        }
        for (k, ids) in sample.edge_ids.iter().enumerate() {
            prop_assert_eq!(ids.len(), edges[k].len());
            prop_assert_eq!(&ids.iter().copied().collect::<HashSet<_>>(), &edges[k]);
        }
        // Some neighbours, each type with its own fan-outs.
        let y = EdgeType::new("a", "y", "b");
        let some = HeteroNeighborSampler::new(&graph, NeighborSamplerConfig::new([2, 1])).unwrap();
        let some = some.with_num_neighbors(&y, &[Fanout::Most(0), Fanout::All]).unwrap();
        let sample = some.sample("b", &seeds, stream).unwrap();
        check_edges(&graph, &sample);
        prop_assert_eq!(sample.edges_per_hop[1][0], 0);
        for (k, (_, local)) in sample.graph.edges().enumerate() {
            prop_assert!(k == 1 || local.in_degrees().iter().all(|&d| d <= 2));
            let distinct: HashSet<_> = sample.edge_ids[k].iter().collect();
            prop_assert_eq!(distinct.len(), local.num_edges());
        }
        // With times for one type each seed has its own sample, and edges of that type are of the past.
        let times: Vec<i64> = (0..graph.edges_of(&y).unwrap().num_edges() as i64).collect();
        let temporal = HeteroNeighborSampler::new(&graph, NeighborSamplerConfig::new([-1, -1])).unwrap();
        let temporal = temporal.with_times(&y, Times::Edges(&times)).unwrap();
        let before: Vec<i64> = (0..seeds.len() as i64).map(|k| 3 * k).collect();
        let sample = temporal.sample_before("b", &seeds, &before, stream).unwrap();
        check_edges(&graph, &sample);
        for (&e, &i) in sample.edge_ids[1].iter().zip(sample.graph.edges_of(&y).unwrap().destination()) {
            prop_assert!(i64::from(e) < before[sample.batch[1][i as usize] as usize]);
        }
        prop_assert!(temporal.sample("b", &seeds, stream).is_err());
    }

    #[test]
    fn links_of_a_type_have_negatives_that_are_none_of_its_edges(graph in any_hetero(), seed: u64) {
        let sampler = HeteroNeighborSampler::new(&graph, NeighborSamplerConfig::new([3])).unwrap();
        for (edge_type, edges) in graph.edges() {
            let ends = (edges.source(), edges.destination());
            let Ok(links) = sampler.sample_links(edge_type, ends, None, NegativeLinks::Binary { ratio: 1.0 }, Stream::new(seed, 0)) else {
                continue; // edges between all nodes
            };
            check_edges(&graph, &links.sample);
            let of = |name: &str, places: &[u32]| -> Vec<u32> {
                places.iter().map(|&k| links.sample.nodes[number(&graph, name)][k as usize]).collect()
            };
            let source = of(&edge_type.source, &links.source);
            let pairs: Vec<_> = source.into_iter().zip(of(&edge_type.destination, &links.destination)).collect();
            let (positive, negative) = pairs.split_at(links.num_positives);
            prop_assert!(positive.iter().copied().eq(edges.iter()));
            prop_assert_eq!(negative.len(), positive.len());
            let all: HashSet<_> = edges.iter().collect();
            prop_assert!(negative.iter().all(|pair| !all.contains(pair)));
        }
    }

    #[test]
    fn parts_are_balanced_and_cover_all_nodes(pairs in prop::collection::vec((0u32..30, 0u32..30), 0..80), parts in 1usize..30) {
        let edges = EdgeIndex::from_pairs(pairs, 30).unwrap();
        let found = partition(&edges, parts).unwrap();
        let sizes: Vec<usize> = found.nodes().iter().map(Vec::len).collect();
        prop_assert_eq!(sizes.iter().sum::<usize>(), 30);
        let most = (30.0 / parts as f64 * 1.05).ceil() as usize;
        prop_assert!(sizes.iter().all(|&s| s > 0 && s <= most), "{:?}", sizes);
        let sampler = ClusterSampler::new(&edges, &found).unwrap();
        let mut covered = vec![];
        for parts in sampler.epoch(2, Stream::new(1, 1)).unwrap() {
            let part = sampler.sample(&parts).unwrap();
            prop_assert_eq!(&part.graph, &subgraph(&edges, &part.nodes).unwrap());
            covered.extend(part.nodes);
        }
        covered.sort_unstable();
        prop_assert!(covered.into_iter().eq(0..30));
    }
}

#[test]
fn a_partition_cuts_far_less_than_random_parts() {
    // Eight groups of 200: by the groups, 15 % of the edges are cut; by equal random parts 7 of 8.
    let mut probs = vec![0.005; 64];
    (0..8).for_each(|g| probs[9 * g] = 0.2);
    let groups = stochastic_block_model(&[200; 8], &probs, false, 1).unwrap().edges;
    let found = partition(&groups, 8).unwrap();
    let cut = |part: &Partition| part.edge_cut(&groups).unwrap() as f64 / groups.num_edges() as f64;
    let mut random: Vec<u32> = (0..1600).map(|i| i % 8).collect();
    Stream::new(0, 0).sequence().shuffle(&mut random);
    assert!(cut(&Partition::new(random, 8).unwrap()) > 0.85);
    assert!(cut(&found) < 0.4, "{}", cut(&found));
    assert!(found.nodes().iter().all(|nodes| nodes.len() <= 210));
    assert_eq!(partition(&groups, 8).unwrap(), found);
}

#[test]
fn a_partition_finds_what_hangs_together() {
    let square = grid(20, 20, false).unwrap();
    let found = partition(&square, 4).unwrap();
    // Diagonal stripes, as the search finds them, cut some 90 pairs; a random partition cuts three quarters of all 760.
    assert!(found.edge_cut(&square).unwrap() <= 2 * 100, "{}", found.edge_cut(&square).unwrap());
    assert!(partition(&square, 0).is_err() && partition(&square, 401).is_err());
    let empty = EdgeIndex::new(vec![], vec![], 0).unwrap();
    assert_eq!(partition(&empty, 0).unwrap().part, []);
    assert!(Partition::new(vec![0, 2], 2).is_err());
    assert!(ClusterSampler::new(&square, &Partition::new(vec![0], 1).unwrap()).is_err());
    let sampler = ClusterSampler::new(&square, &found).unwrap();
    assert!(sampler.sample(&[4]).unwrap_err().to_string().starts_with("parts: expected parts below"));
    assert!(sampler.sample(&[1, 1]).is_err());
}

#[cfg(feature = "metis")]
#[test]
fn metis_cuts_few_edges() {
    let square = grid(20, 20, false).unwrap();
    for (parts, most_pairs) in [(1, 0), (4, 50), (16, 150)] {
        let found = partition_metis(&square, parts, 0).unwrap();
        assert_eq!(found, partition_metis(&square, parts, 0).unwrap());
        assert!(found.nodes().iter().all(|nodes| nodes.len() <= 440 / parts));
        assert!(found.edge_cut(&square).unwrap() <= 2 * most_pairs);
    }
    let isolated = EdgeIndex::new(vec![0, 0], vec![0, 0], 9).unwrap();
    assert_eq!(partition_metis(&isolated, 3, 0).unwrap().part.len(), 9);
}

/// Enough seeds and neighbours for the work to be shared: whatever the number of threads, the same sample.
#[test]
fn graphs_with_types_are_sampled_alike_by_any_number_of_threads() {
    let same = barabasi_albert(3000, 8, 1).unwrap();
    let other = barabasi_albert(3000, 5, 2).unwrap();
    let ends = (other.source().to_vec(), other.destination().to_vec());
    let other = EdgeIndex::bipartite(ends.0, ends.1, 3000, 3000).unwrap();
    let edges = [(("a", "x", "a"), same.clone()), (("a", "y", "b"), other.clone()), (("b", "z", "a"), other)];
    let graph = HeteroGraph::new([("a", 3000), ("b", 3000)], edges).unwrap();
    let seeds: Vec<u32> = (0..3000).step_by(2).collect();
    for config in [
        NeighborSamplerConfig::new([10, 5]),
        NeighborSamplerConfig { replace: true, ..NeighborSamplerConfig::new([7, 7]) },
    ] {
        let of = |threads| {
            on(threads, || {
                let sampler = HeteroNeighborSampler::new(&graph, config.clone()).unwrap();
                sampler.sample("a", &seeds, Stream::new(3, 0)).unwrap()
            })
        };
        let one = of(1);
        assert!(one.edge_ids.iter().all(|ids| ids.len() > 5000), "{:?}", one.edges_per_hop);
        for threads in [2, 8] {
            let sample = of(threads);
            assert_eq!(sample.nodes, one.nodes);
            assert_eq!(sample.edge_ids, one.edge_ids);
            assert!(sample.graph.edges().zip(one.graph.edges()).all(|(a, b)| a == b));
        }
    }
}

#[test]
fn saint_takes_all_edges_between_what_it_chooses() {
    let edges = barabasi_albert(300, 3, 1).unwrap();
    let methods = [
        Saint::Node { batch_size: 60 },
        Saint::Edge { batch_size: 40 },
        Saint::Edge { batch_size: 1_000_000 },
        Saint::Walk { batch_size: 10, walk_length: 5 },
    ];
    for method in methods {
        let of = |threads| {
            on(threads, || {
                let sampler = SaintSampler::new(&edges, method).unwrap();
                (
                    sampler.sample(Stream::new(1, 0)).unwrap(),
                    sampler.normalisation(3, Stream::new(2, 0)).unwrap(),
                )
            })
        };
        let (part, norm) = of(1);
        assert!([2, 3, 8].into_iter().all(|threads| of(threads) == (part.clone(), norm.clone())));
        assert!(part.nodes.is_sorted_by(|a, b| a < b) && !part.nodes.is_empty());
        assert_eq!(part.graph, subgraph(&edges, &part.nodes).unwrap());
        assert!(part.nodes.len() <= 80 || method == methods[2]);
        assert!(norm.node.iter().all(|w| w.is_finite() && *w > 0.0));
        if method == methods[2] {
            assert!(norm.edge.iter().all(|w| *w == 1.0), "every sample is the whole graph");
            assert!(norm.node.iter().all(|w| *w == 1.0 / 300.0));
        }
    }
    // With the norm a sum over a sample estimates that over the graph: the mean of many estimates of N · 1/N is 1.
    let sampler = SaintSampler::new(&edges, Saint::Node { batch_size: 100 }).unwrap();
    let norm = sampler.normalisation(200, Stream::new(3, 0)).unwrap();
    let estimate = |id| -> f64 {
        let part = sampler.sample(Stream::new(4, id)).unwrap();
        part.nodes.iter().map(|&i| f64::from(norm.node[i as usize])).sum()
    };
    let mean = (0..400).map(estimate).sum::<f64>() / 400.0;
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    // The sources of random edges: hubs in proportion to their degree.
    let star = EdgeIndex::from_pairs((1..=50).flat_map(|i| [(0, i), (i, 0)]), 51).unwrap();
    let sampler = SaintSampler::new(&star, Saint::Node { batch_size: 1 }).unwrap();
    let hubs = (0..1000).filter(|&id| sampler.sample(Stream::new(5, id)).unwrap().nodes == [0]).count();
    assert!((420..580).contains(&hubs), "{hubs}");
    let none = EdgeIndex::new(vec![], vec![], 3).unwrap();
    assert!(SaintSampler::new(&none, Saint::Edge { batch_size: 1 }).is_err());
    let alone = SaintSampler::new(&none, Saint::Walk { batch_size: 2, walk_length: 3 }).unwrap();
    assert!(alone.sample(Stream::new(0, 0)).unwrap().nodes.len() <= 2);
    let nothing = SaintSampler::new(&none, Saint::Node { batch_size: 0 }).unwrap();
    assert!(nothing.normalisation(1, Stream::new(0, 0)).is_err());
}

#[test]
fn a_loader_gives_all_batches_in_order() {
    let batches = seed_batches(10, 3, Some(Stream::new(1, 0)), false).unwrap();
    for prefetch in [0, 1, 5] {
        let loader = Loader::new(batches.clone(), prefetch, |seeds: Vec<u32>| Ok(seeds));
        let loaded: Vec<Vec<u32>> = loader.map(Result::unwrap).collect();
        assert_eq!(loaded, batches);
    }
    let mut all = batches.concat();
    assert_ne!(all, (0..10).collect::<Vec<_>>());
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    assert!(seed_batches(10, 0, None, false).is_err());
    assert!(seed_batches(0, 3, None, true).unwrap().is_empty());
}

#[test]
fn a_loader_that_is_dropped_stops_early() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let mut loader = Loader::new(0.., 2, move |k: u32| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(k)
    });
    assert_eq!((loader.next(), loader.next()), (Some(Ok(0)), Some(Ok(1))));
    drop(loader); // which returns only when the thread has ended
    assert_eq!(Arc::strong_count(&made), 1, "the thread and all it held are gone");
    assert!(made.load(Ordering::SeqCst) <= 2 + 2 + 2);
}

#[test]
fn errors_and_panics_end_a_loader() {
    let failing = |k: u32| match k {
        2 => Err(GraphError::Invalid { argument: "k", expected: "less".into(), actual: "2".into() }),
        _ => Ok(k),
    };
    let loaded: Vec<_> = Loader::new(0..9, 1, failing).collect();
    assert_eq!(loaded.len(), 3);
    assert!(loaded[2].is_err());
    let panicking = |k: u32| if k == 1 { panic!("no sample {k}") } else { Ok(k) };
    let mut loader = Loader::new(0..9, 1, panicking);
    assert_eq!(loader.next(), Some(Ok(0)));
    assert_eq!(loader.next().unwrap().unwrap_err().to_string(), "loader: panicked: no sample 1");
    assert_eq!((loader.next(), loader.next()), (None, None));
}
