//! Components, neighbourhoods and weights, against definitions that are slow and plain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_graph::transforms::{
    Connection, Induced, connected_components, ego_graphs, gcn_norm, k_hop_subgraph,
    largest_connected_components, one_hot_degree, row_norm, subgraph,
};
use candle_geometric_graph::{EdgeIndex, Origin, Result};
use proptest::prelude::*;

fn any_graph() -> impl Strategy<Value = EdgeIndex> {
    (1u32..12).prop_flat_map(|n| {
        prop::collection::vec((0..n, 0..n), 0..24)
            .prop_map(move |pairs| EdgeIndex::from_pairs(pairs, n as usize).unwrap())
    })
}

/// `reach[i][j]`: whether j is reached from i in at most so many steps, in either direction if asked for.
fn reach(edges: &EdgeIndex, steps: usize, both: bool) -> Vec<Vec<bool>> {
    let n = edges.num_src();
    let mut reach: Vec<Vec<bool>> = (0..n).map(|i| (0..n).map(|j| i == j).collect()).collect();
    for _ in 0..steps {
        let before = reach.clone();
        for (j, i) in edges.iter().map(|(j, i)| (j as usize, i as usize)) {
            for k in 0..n {
                reach[k][i] |= before[k][j];
                reach[k][j] |= both && before[k][i];
            }
        }
    }
    reach
}

proptest! {
    #[test]
    fn components_are_the_nodes_that_reach_each_other(edges in any_graph()) {
        let n = edges.num_src();
        for (connection, both) in [(Connection::Weak, true), (Connection::Strong, false)] {
            let (component, sizes) = connected_components(&edges, connection).unwrap();
            let reach = reach(&edges, n, both);
            for i in 0..n {
                for j in 0..n {
                    prop_assert_eq!(component[i] == component[j], reach[i][j] && reach[j][i]);
                }
            }
            for (c, &size) in sizes.iter().enumerate() {
                prop_assert_eq!(component.iter().filter(|&&other| other as usize == c).count(), size as usize);
            }
            let first: Vec<_> = (0..sizes.len()).map(|c| component.iter().position(|&o| o as usize == c)).collect();
            prop_assert!(first.is_sorted());
            let all = largest_connected_components(&edges, sizes.len(), connection).unwrap();
            prop_assert_eq!(&all.graph.edges, &edges);
            let largest = largest_connected_components(&edges, 1, connection).unwrap();
            prop_assert_eq!(largest.nodes.len(), *sizes.iter().max().unwrap() as usize);
        }
    }

    #[test]
    fn a_neighbourhood_has_all_that_reaches_the_node(edges in any_graph(), hops in 0usize..4) {
        let n = edges.num_src();
        let reach = reach(&edges, hops, false);
        let every: Vec<u32> = (0..n as u32).collect();
        for (node, ego) in ego_graphs(&edges, &every, hops).unwrap().into_iter().enumerate() {
            let expected: Vec<u32> = (0..n as u32).filter(|&j| reach[j as usize][node]).collect();
            prop_assert_eq!(&ego.nodes, &expected);
            let within = |&(_, (j, i)): &(u32, (u32, u32))| expected.contains(&j) && expected.contains(&i);
            let kept: Vec<_> = (0u32..).zip(edges.iter()).filter(within).map(|(e, _)| Origin::Edge(e)).collect();
            prop_assert_eq!(ego.graph.origin(), &kept[..]);
            prop_assert_eq!(&ego.graph, &subgraph(&edges, &expected).unwrap());
        }
    }

    #[test]
    fn weights_of_in_edges_sum_to_one(edges in any_graph()) {
        let mut sums = vec![0.0; edges.num_dst()];
        for (&i, w) in edges.destination().iter().zip(row_norm(&edges, None).unwrap()) {
            sums[i as usize] += w;
        }
        for (sum, degree) in sums.into_iter().zip(edges.in_degrees()) {
            prop_assert!((sum - f32::from(degree > 0)).abs() < 1e-6);
        }
    }
}

#[test]
fn a_long_path_needs_no_deep_stack() {
    let n = 300_000u32;
    let cycle = EdgeIndex::from_pairs((0..n).map(|i| (i, (i + 1) % n)), n as usize).unwrap();
    assert_eq!(connected_components(&cycle, Connection::Strong).unwrap().1, [n]);
    let path = EdgeIndex::from_pairs((1..n).map(|i| (i - 1, i)), n as usize).unwrap();
    assert_eq!(connected_components(&path, Connection::Strong).unwrap().1.len(), n as usize);
    assert_eq!(connected_components(&path, Connection::Weak).unwrap().1, [n]);
}

#[test]
fn without_nodes_there_are_no_components() {
    let empty = EdgeIndex::new(vec![], vec![], 0).unwrap();
    assert_eq!(connected_components(&empty, Connection::Strong).unwrap(), (vec![], vec![]));
    assert!(k_hop_subgraph(&empty, &[], 2).unwrap().nodes.is_empty());
    let message = |r: Result<Induced>| r.unwrap_err().to_string();
    assert_eq!(
        message(largest_connected_components(&empty, 1, Connection::Weak)),
        "num_components: expected at most the number of components, 0, got 1"
    );
    assert_eq!(
        message(k_hop_subgraph(&empty, &[0], 2)),
        "nodes: expected indices below the number of nodes, 0, got 0 at position 0"
    );
}

#[test]
fn repeated_seeds_of_a_neighbourhood_count_once_and_isolated_ones_stay() {
    let edges = EdgeIndex::new(vec![0], vec![1], 4).unwrap();
    assert_eq!(k_hop_subgraph(&edges, &[3, 1, 3], 1).unwrap().nodes, [0, 1, 3]);
}

#[test]
fn weights_and_degrees_by_hand() {
    // Node 2 has no in-edges, node 0 in-weights that sum to 0.
    let edges = EdgeIndex::new(vec![0, 1, 2, 1], vec![1, 0, 1, 0], 3).unwrap();
    let weight = [3.0, 1.0, 1.0, -1.0];
    assert_eq!(gcn_norm(&edges, Some(&weight)).unwrap(), [0.0; 4]);
    assert_eq!(row_norm(&edges, Some(&weight)).unwrap(), [0.75, 0.0, 0.25, 0.0]);
    assert_eq!(gcn_norm(&edges, None).unwrap()[0], 0.5);
    assert!(gcn_norm(&edges, Some(&[1.0])).unwrap_err().to_string().contains("expected length 4, got 1"));
    assert_eq!(one_hot_degree(&edges, 2, false).unwrap(), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(
        one_hot_degree(&edges, 1, true).unwrap_err().to_string(),
        "max_degree: expected at least the degree of node 0, 2, got 1"
    );
    assert!(one_hot_degree(&edges, usize::MAX, true).is_err());
}
