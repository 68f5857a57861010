//! Random splits of nodes and links: sizes, no overlap, no leak.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::transforms::{
    LinkSplitConfig, LinkSubset, NodeSplitConfig, SplitKind, hetero_random_link_split, random_link_split,
    random_node_split, to_undirected,
};
use candle_geometric_graph::{EdgeIndex, EdgeType, HeteroGraph, Origin};
use proptest::prelude::*;

fn count(mask: &[bool]) -> usize {
    mask.iter().filter(|m| **m).count()
}

proptest! {
    #[test]
    fn no_node_is_for_two_purposes(labels in prop::collection::vec(0u32..4, 30..60), per_class in 0usize..5, seed: u64) {
        let kinds = [
            SplitKind::TrainRest,
            SplitKind::TestRest { num_train_per_class: per_class },
            SplitKind::Random { num_train_per_class: per_class },
        ];
        for split in kinds {
            let config = NodeSplitConfig { split, num_val: 5.into(), num_test: 0.1.into() };
            let s = random_node_split(&labels, &config, Stream::new(seed, 0)).unwrap();
            prop_assert_eq!(&s, &random_node_split(&labels, &config, Stream::new(seed, 0)).unwrap());
            let purposes = |i: usize| u8::from(s.train[i]) + u8::from(s.val[i]) + u8::from(s.test[i]);
            let most = (0..labels.len()).map(purposes).max().unwrap();
            prop_assert_eq!(most, 1);
            prop_assert_eq!(count(&s.val), 5);
            let a_tenth = (labels.len() as f64 * 0.1).round_ties_even() as usize;
            let of_classes: usize =
                (0..4).map(|c| labels.iter().filter(|&&l| l == c).count().min(per_class)).sum();
            let (train, test) = match split {
                SplitKind::TrainRest => (labels.len() - 5 - a_tenth, a_tenth),
                SplitKind::TestRest { .. } => (of_classes, labels.len() - of_classes - 5),
                SplitKind::Random { .. } => (of_classes, a_tenth),
            };
            prop_assert_eq!((count(&s.train), count(&s.test)), (train, test));
        }
    }
}

#[test]
fn too_many_nodes_are_an_error() {
    let split = |config| random_node_split(&[0; 10], &config, Stream::new(0, 0)).map_err(|e| e.to_string());
    let config = NodeSplitConfig { num_val: 6.into(), num_test: 5.into(), ..Default::default() };
    assert_eq!(split(config).unwrap_err(), "num_val + num_test: expected at most 10, of 10 nodes, got 6 + 5");
    let config = NodeSplitConfig { num_val: 1.5.into(), ..Default::default() };
    assert_eq!(
        split(config).unwrap_err(),
        "num_val: expected a number of them, or a share from 0 to 1, got 1.5"
    );
}

/// The pairs that edges join, without direction if asked for.
fn pairs(edges: &EdgeIndex, is_undirected: bool) -> HashSet<(u32, u32)> {
    edges.iter().map(|(j, i)| if is_undirected { (j.min(i), j.max(i)) } else { (j, i) }).collect()
}

fn check(edges: &EdgeIndex, config: &LinkSplitConfig, seed: u64) -> Result<(), TestCaseError> {
    let undirected = config.is_undirected;
    let split = random_link_split(edges, config, Stream::new(seed, 1)).unwrap();
    prop_assert_eq!(&split, &random_link_split(edges, config, Stream::new(seed, 1)).unwrap());
    let subsets = [&split.train, &split.val, &split.test];
    let all = pairs(edges, undirected);
    let links = |s: &LinkSubset, positive: bool| -> Vec<(u32, u32)> {
        s.links
            .iter()
            .zip(s.labels())
            .filter(|(_, l)| (*l == 1.0) == positive)
            .map(|(pair, _)| pair)
            .collect()
    };
    for s in subsets {
        for (pair, origin) in s.messages.edges.iter().zip(s.messages.origin()) {
            let Origin::Edge(e) = *origin else { panic!("not an edge") };
            prop_assert_eq!(pair, (edges.source()[e as usize], edges.destination()[e as usize]));
        }
        for ((j, i), &e) in links(s, true).into_iter().zip(&s.positives) {
            let edge = (edges.source()[e as usize], edges.destination()[e as usize]);
            prop_assert!((j, i) == edge || undirected && (i, j) == edge);
        }
    }
    // No message goes along a link that is asked for later, in either direction of an undirected one.
    let messages = subsets.map(|s| pairs(&s.messages.edges, undirected));
    let positive = subsets.map(|s| links(s, true).into_iter().collect::<HashSet<_>>());
    prop_assert!(messages[0].is_disjoint(&positive[1]) && messages[0].is_disjoint(&positive[2]));
    prop_assert!(messages[1].is_disjoint(&positive[1]) && messages[1].is_disjoint(&positive[2]));
    prop_assert!(messages[2].is_disjoint(&positive[2]) && messages[2].is_superset(&positive[1]));
    let training = all.len() - positive[1].len() - positive[2].len();
    prop_assert_eq!(messages[1].len(), training);
    prop_assert_eq!(messages[2].len(), training + positive[1].len());
    if positive[0].len() < training {
        prop_assert!(messages[0].is_disjoint(&positive[0]));
        prop_assert_eq!(messages[0].len() + positive[0].len(), training);
    }
    // What stands twice goes together.
    for s in subsets {
        let kept = pairs(&s.messages.edges, undirected);
        let of =
            |pair: &(u32, u32)| if undirected { (pair.0.min(pair.1), pair.0.max(pair.1)) } else { *pair };
        prop_assert_eq!(edges.iter().filter(|p| kept.contains(&of(p))).count(), s.messages.edges.num_edges());
    }
    let negative: Vec<_> = subsets.iter().flat_map(|s| links(s, false)).collect();
    let distinct: HashSet<_> =
        negative.iter().map(|&(j, i)| if undirected { (j.min(i), j.max(i)) } else { (j, i) }).collect();
    prop_assert_eq!(distinct.len(), negative.len());
    prop_assert!(distinct.is_disjoint(&all));
    prop_assert!(edges.is_bipartite() || distinct.iter().all(|(j, i)| j != i));
    Ok(())
}

proptest! {
    #[test]
    fn nothing_leaks(
        list in prop::collection::vec((0u32..12, 0u32..12), 12..80), disjoint in 0usize..2, ratio in 0.0f64..4.0, seed: u64,
    ) {
        let config = LinkSplitConfig {
            neg_sampling_ratio: ratio,
            disjoint_train_ratio: disjoint.into(),
            ..Default::default()
        };
        let directed = EdgeIndex::from_pairs(list.clone(), 12).unwrap();
        prop_assume!(pairs(&directed, true).len() > 6);
        check(&directed, &config, seed)?;
        let undirected = LinkSplitConfig { is_undirected: true, ..config };
        check(&directed, &undirected, seed)?; // not symmetric, and with duplicates
        check(&to_undirected(&directed).unwrap().edges, &undirected, seed)?;
        let (source, destination) = list.into_iter().unzip();
        check(&EdgeIndex::bipartite(source, destination, 12, 13).unwrap(), &config, seed)?;
    }
}

#[test]
fn sizes_are_those_of_pyg() {
    // 50 links: int(0.1·50) and int(0.2·50) held out, as many negatives as positives.
    let ring = EdgeIndex::from_pairs((0..50).map(|i| (i, (i + 1) % 50)), 50).unwrap();
    let split = random_link_split(&ring, &LinkSplitConfig::default(), Stream::new(0, 0)).unwrap();
    let sizes = |s: &LinkSubset| (s.messages.edges.num_edges(), s.positives.len(), s.links.num_edges());
    assert_eq!(
        [sizes(&split.train), sizes(&split.val), sizes(&split.test)],
        [(35, 35, 70), (35, 5, 10), (40, 10, 20)]
    );
    let config = LinkSplitConfig {
        add_negative_train_samples: false,
        disjoint_train_ratio: 0.3.into(),
        ..Default::default()
    };
    let split = random_link_split(&ring, &config, Stream::new(0, 0)).unwrap();
    assert_eq!([sizes(&split.train), sizes(&split.val)], [(25, 10, 10), (35, 5, 10)]);
    let config = LinkSplitConfig { num_val: 0.5.into(), num_test: 0.5.into(), ..Default::default() };
    let message = random_link_split(&ring, &config, Stream::new(0, 0)).unwrap_err().to_string();
    assert_eq!(message, "num_val + num_test: expected less than the number of links, 50, got 25 + 25");
    let bipartite = EdgeIndex::bipartite(vec![0, 1], vec![0, 0], 2, 1).unwrap();
    let config = LinkSplitConfig { is_undirected: true, ..Default::default() };
    assert!(random_link_split(&bipartite, &config, Stream::new(0, 0)).is_err());
}

#[test]
fn in_a_graph_with_types_reverses_do_not_leak_either() {
    let list: Vec<_> = (0..40u32).map(|k| (k * 7 % 11, k % 13)).collect();
    let (source, destination) = list.into_iter().unzip();
    let buys = EdgeIndex::bipartite(source, destination, 11, 13).unwrap();
    let knows = EdgeIndex::new(vec![0, 1], vec![1, 0], 11).unwrap();
    // The reverses stand in another order.
    let bought = EdgeIndex::bipartite(
        buys.destination().iter().rev().copied().collect(),
        buys.source().iter().rev().copied().collect(),
        13,
        11,
    )
    .unwrap();
    let types = [("u", "buys", "i"), ("i", "bought", "u"), ("u", "knows", "u")].map(EdgeType::from);
    let edges = types.clone().into_iter().zip([buys.clone(), bought, knows]);
    let graph = HeteroGraph::new([("u", 11), ("i", 13)], edges).unwrap();
    let split = |edge_type: &EdgeType, reverse: Option<&EdgeType>| {
        hetero_random_link_split(&graph, edge_type, reverse, &LinkSplitConfig::default(), Stream::new(1, 0))
    };
    let found = split(&types[0], Some(&types[1])).unwrap();
    let of = |graph: &HeteroGraph, k: usize| graph.edges_of(&types[k]).unwrap().clone();
    for subset in [&found.train, &found.val, &found.test] {
        assert_eq!(of(&subset.graph, 0), subset.links.messages.edges);
        assert_eq!(of(&subset.graph, 1), subset.links.messages.edges.reversed());
        assert_eq!(of(&subset.graph, 2), of(&graph, 2));
    }
    let hidden: HashSet<_> = found
        .test
        .links
        .positives
        .iter()
        .map(|&e| (buys.destination()[e as usize], buys.source()[e as usize]))
        .collect();
    assert!(of(&found.test.graph, 1).iter().all(|pair| !hidden.contains(&pair)));
    assert!(split(&types[0], Some(&types[0])).is_err());
    assert!(
        split(&types[0], Some(&types[2]))
            .unwrap_err()
            .to_string()
            .starts_with("rev_edge_type: expected another type")
    );
    assert!(split(&EdgeType::new("u", "sells", "i"), None).is_err());
}
