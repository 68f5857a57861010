//! What the transforms do to the edges, where each edge came from, and what happens to its attributes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use candle_geometric_graph::transforms::{
    Coalesced, add_remaining_self_loops, add_self_loops, coalesce, remove_self_loops, subgraph,
    to_undirected, with_self_loops,
};
use candle_geometric_graph::{EdgeIndex, FillValue, Origin, Transformed};
use proptest::prelude::*;

use Origin::{Edge, SelfLoop};

/// Four nodes; edges 1 and 4 are self-loops of node 1, node 3 is isolated.
fn example() -> EdgeIndex {
    EdgeIndex::new(vec![0, 1, 2, 0, 1], vec![1, 1, 1, 2, 1], 4).unwrap()
}

const ATTRIBUTES: [f64; 5] = [2.0, 10.0, 4.0, -3.0, 20.0];

fn pairs(edges: &EdgeIndex) -> Vec<(u32, u32)> {
    edges.iter().collect()
}

fn any_graph() -> impl Strategy<Value = EdgeIndex> {
    (1u32..9).prop_flat_map(|n| {
        prop::collection::vec((0..n, 0..n), 0..40)
            .prop_map(move |pairs| EdgeIndex::from_pairs(pairs, n as usize).unwrap())
    })
}

#[test]
fn removing_adding_and_replacing_self_loops() {
    let removed = remove_self_loops(&example()).unwrap();
    assert_eq!(pairs(&removed.edges), [(0, 1), (2, 1), (0, 2)]);
    assert_eq!(removed.origin(), [Edge(0), Edge(2), Edge(3)]);

    let added = add_self_loops(&example()).unwrap();
    assert_eq!(pairs(&added.edges)[5..], [(0, 0), (1, 1), (2, 2), (3, 3)]);
    assert_eq!(added.origin()[4..6], [Edge(4), SelfLoop(0)]);

    let replaced = with_self_loops(&example()).unwrap();
    assert_eq!(pairs(&replaced.edges), [(0, 1), (2, 1), (0, 2), (0, 0), (1, 1), (2, 2), (3, 3)]);
    assert_eq!(
        replaced.origin(),
        [Edge(0), Edge(2), Edge(3), SelfLoop(0), SelfLoop(1), SelfLoop(2), SelfLoop(3)]
    );
}

#[test]
fn of_several_existing_self_loops_the_last_one_is_kept() {
    let remaining = add_remaining_self_loops(&example()).unwrap();
    assert_eq!(remaining.edges, with_self_loops(&example()).unwrap().edges);
    assert_eq!(remaining.origin()[3..], [SelfLoop(0), Edge(4), SelfLoop(2), SelfLoop(3)]);
    let filled = remaining.attributes(&ATTRIBUTES, 1, 1.0.into()).unwrap();
    assert_eq!(filled, [2.0, 4.0, -3.0, 1.0, 20.0, 1.0, 1.0]);
}

#[test]
fn a_bipartite_graph_gets_as_many_loops_as_its_smaller_side_has_nodes() {
    for (num_src, num_dst) in [(2, 3), (3, 2)] {
        let edges = EdgeIndex::bipartite(vec![0, 1], vec![0, 0], num_src, num_dst).unwrap();
        let looped = with_self_loops(&edges).unwrap();
        assert_eq!(pairs(&looped.edges), [(1, 0), (0, 0), (1, 1)]);
        assert_eq!((looped.edges.num_src(), looped.edges.num_dst()), (num_src, num_dst));
        assert!(looped.edges.is_bipartite());
        assert_eq!(looped.attributes(&[3.0f32, 5.0], 1, FillValue::Mean).unwrap(), [5.0, 5.0, 0.0]);
    }
}

#[test]
fn the_graph_with_self_loops_is_made_once() {
    let edges = example();
    assert!(Arc::ptr_eq(&with_self_loops(&edges).unwrap(), &with_self_loops(&edges.clone()).unwrap()));
}

#[test]
fn fill_values_are_those_of_pyg() {
    let looped = with_self_loops(&example()).unwrap();
    let fill = |fill: &str| looped.attributes(&ATTRIBUTES, 1, fill.parse().unwrap()).unwrap()[3..].to_vec();
    // Into node 1 go edges 0 and 2 (2 and 4), into node 2 edge 3 (−3), into nodes 0 and 3 nothing.
    assert_eq!(fill("mean"), [0.0, 3.0, -3.0, 0.0]);
    assert_eq!(fill("add"), [0.0, 6.0, -3.0, 0.0]);
    assert_eq!(fill("sum"), fill("add"));
    assert_eq!(fill("min"), [0.0, 2.0, -3.0, 0.0]);
    assert_eq!(fill("max"), [0.0, 4.0, -3.0, 0.0]);
    assert_eq!(fill("mul"), [1.0, 8.0, -3.0, 1.0]);
    assert_eq!(fill("-0.5"), [-0.5; 4]);
    // Self-loops that stay count among the in-edges.
    let added = add_self_loops(&example()).unwrap();
    assert_eq!(added.attributes(&ATTRIBUTES, 1, FillValue::Mean).unwrap()[5..], [0.0, 9.0, -3.0, 0.0]);
}

#[test]
fn attributes_of_several_columns_are_filled_column_by_column() {
    let edges = EdgeIndex::new(vec![0, 1], vec![1, 1], 2).unwrap();
    let added = add_self_loops(&edges).unwrap();
    let filled = added.attributes(&[1.0f32, 8.0, 3.0, f32::NAN], 2, FillValue::Max).unwrap();
    assert_eq!(filled[4..7], [0.0, 0.0, 3.0]);
    assert!(filled[7].is_nan(), "a NaN must not be hidden");
    assert_eq!(
        added.attributes(&[1.0f32; 3], 2, FillValue::Max).unwrap_err().to_string(),
        "edge_attr: expected length 4, got 3"
    );
}

#[test]
fn an_unknown_fill_value_is_an_error_that_lists_the_known_ones() {
    assert_eq!(
        "median".parse::<FillValue>().unwrap_err().to_string(),
        "fill_value: expected 'mean', 'add' (or 'sum'), 'min', 'max', 'mul' or a number, got 'median'"
    );
    for value in
        [FillValue::Mean, FillValue::Add, FillValue::Min, FillValue::Max, FillValue::Mul, 0.25.into()]
    {
        assert_eq!(value.to_string().parse(), Ok(value));
    }
}

#[test]
fn a_subgraph_renumbers_its_nodes() {
    let part = subgraph(&example(), &[2, 1]).unwrap();
    assert_eq!(pairs(&part.edges), [(1, 1), (0, 1), (1, 1)]);
    assert_eq!(part.origin(), [Edge(1), Edge(2), Edge(4)]);
    assert_eq!(part.attributes(&ATTRIBUTES, 1, FillValue::Mean).unwrap(), [10.0, 4.0, 20.0]);
    let message = |nodes: &[u32]| subgraph(&example(), nodes).unwrap_err().to_string();
    assert_eq!(message(&[0, 4]), "nodes: expected indices below the number of nodes, 4, got 4 at position 1");
    assert_eq!(message(&[3, 3]), "nodes: expected every node at most once, got 3 at position 1");
}

#[test]
fn undirected_needs_one_set_of_nodes() {
    let bipartite = EdgeIndex::bipartite(vec![0], vec![1], 1, 2).unwrap();
    assert!(to_undirected(&bipartite).unwrap_err().to_string().starts_with("to_undirected: expected"));
    assert!(coalesce(&bipartite).unwrap().edges.is_bipartite());
}

/// Large graphs go through other code than small ones: positions of self-loops in blocks, grouping on all threads.
#[test]
fn on_a_large_graph_the_transforms_do_what_they_say() {
    let (n, e) = (500, 150_000);
    let q = candle_geometric_graph::rng::Stream::new(3, 3);
    // Every second pair on average stands more than once, and some are self-loops.
    let pairs = (0..e).map(|i| (q.word(2 * i) % n, q.word(2 * i + 1) % n));
    let edges = EdgeIndex::from_pairs(pairs, n as usize).unwrap();
    let loops = edges.iter().filter(|(s, d)| s == d).count();
    let removed = remove_self_loops(&edges).unwrap();
    assert_eq!(removed.edges.num_edges(), e as usize - loops);
    for transformed in
        [&removed, &*with_self_loops(&edges).unwrap(), &add_remaining_self_loops(&edges).unwrap()]
    {
        check_origin(&edges, transformed);
        let kept = transformed.origin().iter().filter_map(|o| if let Edge(e) = o { Some(*e) } else { None });
        let no_loops = (0u32..).zip(edges.iter()).filter(|(_, (s, d))| s != d).map(|(e, _)| e);
        assert!(kept.take(removed.edges.num_edges()).eq(no_loops));
    }
    check_coalesced(&edges, &coalesce(&edges).unwrap(), 1);
    check_coalesced(&edges, &to_undirected(&edges).unwrap(), 2);
    // The edges that were merged stand in their order, as their attributes shall be summed.
    for merged in [coalesce(&edges).unwrap(), to_undirected(&edges).unwrap()] {
        assert!(merged.origin.iter().map(|(before, after)| (after, before)).is_sorted());
    }
}

/// Every new edge agrees with the edge, or the node, that it is said to come from.
fn check_origin(before: &EdgeIndex, after: &Transformed) {
    assert_eq!(after.origin().len(), after.edges.num_edges());
    assert_eq!(after.num_edges_before, before.num_edges());
    let old = pairs(before);
    for (pair, &origin) in after.edges.iter().zip(after.origin()) {
        match origin {
            Edge(e) => assert_eq!(pair, old[e as usize]),
            SelfLoop(i) => assert_eq!(pair, (i, i)),
            Origin::Reversed(e) => assert_eq!((pair.1, pair.0), old[e as usize]),
        }
    }
}

/// The edges are strictly sorted, each is made of equal edges, and each old edge went in `times` times.
fn check_coalesced(before: &EdgeIndex, after: &Coalesced, times: u32) {
    assert!(pairs(&after.edges).is_sorted_by(|a, b| a < b));
    assert!(after.origin.out_degrees().iter().all(|&d| d == times));
    let (old, new) = (pairs(before), pairs(&after.edges));
    for (from, to) in after.origin.iter() {
        let ((s, d), pair) = (old[from as usize], new[to as usize]);
        assert!(pair == (s, d) || times == 2 && pair == (d, s));
    }
    assert!(after.origin.in_degrees().iter().all(|&d| d > 0));
}

proptest! {
    #[test]
    fn every_edge_says_where_it_came_from(edges in any_graph()) {
        for transform in [remove_self_loops, add_self_loops, add_remaining_self_loops] {
            check_origin(&edges, &transform(&edges).unwrap());
        }
        check_origin(&edges, &with_self_loops(&edges).unwrap());
    }

    #[test]
    fn each_node_ends_with_exactly_one_self_loop(edges in any_graph()) {
        let n = edges.num_src();
        for looped in [&*with_self_loops(&edges).unwrap(), &add_remaining_self_loops(&edges).unwrap()] {
            let kept = looped.edges.num_edges() - n;
            prop_assert!(looped.edges.iter().take(kept).all(|(s, d)| s != d));
            prop_assert!(looped.edges.iter().skip(kept).eq((0..n as u32).map(|i| (i, i))));
            prop_assert_eq!(&remove_self_loops(&looped.edges).unwrap().edges, &remove_self_loops(&edges).unwrap().edges);
        }
    }

    #[test]
    fn coalescing_sorts_merges_and_is_idempotent(edges in any_graph()) {
        let once = coalesce(&edges).unwrap();
        check_coalesced(&edges, &once, 1);
        prop_assert_eq!(&coalesce(&once.edges).unwrap().edges, &once.edges);
    }

    #[test]
    fn undirected_graphs_are_symmetric(edges in any_graph()) {
        let both = to_undirected(&edges).unwrap();
        check_coalesced(&edges, &both, 2);
        prop_assert_eq!(&coalesce(&both.edges.reversed()).unwrap().edges, &both.edges);
        prop_assert_eq!(&to_undirected(&both.edges).unwrap().edges, &both.edges);
    }

    #[test]
    fn the_subgraph_of_all_nodes_is_the_graph(edges in any_graph()) {
        let all: Vec<u32> = (0..edges.num_src() as u32).collect();
        prop_assert_eq!(subgraph(&edges, &all).unwrap().edges, edges);
    }
}
