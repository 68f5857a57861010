//! Conversion from and to petgraph.
#![cfg(feature = "petgraph")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_graph::{EdgeIndex, FillValue, Origin, from_petgraph, to_petgraph, transforms};
use petgraph::graph::{DiGraph, Graph, UnGraph};
use petgraph::{Directed, Undirected};
use proptest::prelude::*;

#[test]
fn edge_weights_follow_into_both_directions() {
    let mut graph = UnGraph::<&str, f32>::new_undirected();
    let [a, b] = ["a", "b"].map(|name| graph.add_node(name));
    graph.add_edge(a, a, 7.0);
    graph.add_edge(b, a, 9.0);
    let converted = from_petgraph(&graph).unwrap();
    assert_eq!(converted.edges, EdgeIndex::new(vec![0, 1, 0], vec![0, 0, 1], 2).unwrap());
    assert_eq!(converted.origin(), [Origin::Edge(0), Origin::Edge(1), Origin::Reversed(1)]);
    let weights: Vec<f32> = graph.edge_weights().copied().collect();
    assert_eq!(converted.attributes(&weights, 1, FillValue::Mean).unwrap(), [7.0, 9.0, 9.0]);
}

#[test]
fn what_petgraph_cannot_hold_is_an_error() {
    let one_way = EdgeIndex::new(vec![0], vec![1], 2).unwrap();
    let refused = to_petgraph::<_, _, Undirected, u32>(&one_way, |_| (), |_| ()).unwrap_err();
    assert!(refused.to_string().contains("to_undirected"), "{refused}");
    let many = EdgeIndex::new(vec![], vec![], 300).unwrap();
    let refused = to_petgraph::<_, (), Directed, u8>(&many, |_| (), |_| ()).unwrap_err();
    assert!(refused.to_string().starts_with("num_nodes: 300 is too large, at most 255"), "{refused}");
    let full = EdgeIndex::new(vec![], vec![], 255).unwrap();
    let held: Graph<(), (), Directed, u8> = to_petgraph(&full, |_| (), |_| ()).unwrap();
    assert_eq!(held.node_count(), 255);
    let bipartite = EdgeIndex::bipartite(vec![0], vec![0], 1, 2).unwrap();
    assert!(to_petgraph::<_, _, Directed, u32>(&bipartite, |_| (), |_| ()).is_err());
}

proptest! {
    #[test]
    fn there_and_back_is_the_same_graph(pairs in prop::collection::vec((0u32..7, 0u32..7), 0..30)) {
        let edges = EdgeIndex::from_pairs(pairs, 7).unwrap();
        let directed: DiGraph<usize, usize> = to_petgraph(&edges, |i| i, |e| e).unwrap();
        prop_assert!(directed.edge_weights().copied().eq(0..edges.num_edges()));
        prop_assert_eq!(&from_petgraph(&directed).unwrap().edges, &edges);

        let both = transforms::to_undirected(&edges).unwrap().edges;
        let undirected: UnGraph<usize, usize> = to_petgraph(&both, |i| i, |e| e).unwrap();
        let back = from_petgraph(&undirected).unwrap().edges;
        prop_assert_eq!(transforms::coalesce(&back).unwrap().edges, both.clone());
        prop_assert_eq!(back.num_edges(), both.num_edges(), "no edge is doubled");
    }
}
