//! The invariants of `EdgeIndex` and `Csr`, on random graphs and on the corner cases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use candle_geometric_graph::{Batch, Csr, EdgeIndex, GraphError, generators::erdos_renyi};
use proptest::prelude::*;

/// Bipartite edges with duplicates, on sides of up to 12 nodes, either of which may be empty.
fn any_edges() -> impl Strategy<Value = EdgeIndex> {
    (0u32..12, 0u32..12).prop_flat_map(|(n, m)| {
        let most = if n == 0 || m == 0 { 0 } else { 60 };
        prop::collection::vec((0..n.max(1), 0..m.max(1)), 0..=most).prop_map(move |pairs| {
            let (source, destination) = pairs.into_iter().unzip();
            EdgeIndex::bipartite(source, destination, n as usize, m as usize).unwrap()
        })
    })
}

fn check(csr: &Csr, keys: &[u32], others: &[u32], rows: usize) {
    assert_eq!(csr.rows(), rows);
    assert_eq!(csr.row_ptr().len(), rows + 1);
    assert_eq!((csr.row_ptr()[0], csr.row_ptr()[rows] as usize), (0, keys.len()));
    let mut seen = csr.edge_ids().to_vec();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..keys.len() as u32), "edge_ids must be a permutation");
    let in_order = (0..keys.len() as u32).collect::<Vec<_>>();
    let entries = csr.entries().unwrap_or(&in_order);
    assert!(entries.iter().map(|&k| csr.edge_ids()[k as usize]).eq(in_order.iter().copied()));
    for r in 0..rows {
        assert!(csr.edges(r).is_sorted(), "grouping must be stable");
        assert_eq!(csr.degree(r), csr.neighbors(r).len());
        for (&column, &e) in csr.neighbors(r).iter().zip(csr.edges(r)) {
            assert_eq!((keys[e as usize] as usize, others[e as usize]), (r, column));
        }
    }
}

proptest! {
    #[test]
    fn both_groupings_hold_every_edge_once_in_order(edges in any_edges()) {
        check(edges.by_destination(), edges.destination(), edges.source(), edges.num_dst());
        check(edges.by_source(), edges.source(), edges.destination(), edges.num_src());
        prop_assert_eq!(edges.in_degrees().iter().sum::<u32>() as usize, edges.num_edges());
        prop_assert_eq!(edges.out_degrees().len(), edges.num_src());
    }

    #[test]
    fn reversing_twice_changes_nothing(edges in any_edges(), warm: bool) {
        if warm {
            edges.by_destination();
        }
        let reversed = edges.reversed();
        prop_assert_eq!(reversed.by_source(), edges.by_destination());
        prop_assert_eq!(reversed.by_destination(), edges.by_source());
        prop_assert_eq!(reversed.reversed(), edges);
    }

    #[test]
    fn pairs_and_signed_indices_give_the_same_edges(edges in any_edges()) {
        let n = edges.num_src().max(edges.num_dst());
        let square = EdgeIndex::from_pairs(edges.iter(), n).unwrap();
        let wide = |ids: &[u32]| ids.iter().map(|&i| i64::from(i)).collect::<Vec<_>>();
        let signed = EdgeIndex::from_i64(&wide(edges.source()), &wide(edges.destination()), n);
        prop_assert_eq!(signed, Ok(square));
    }

    #[test]
    fn an_index_out_of_range_is_found_wherever_it_is(n in 1u32..9, before in 0usize..9, excess in 0u32..5) {
        let mut ids = vec![0; before];
        ids.push(n + excess);
        let zeros = vec![0; ids.len()];
        let found = |side| GraphError::IndexOutOfRange {
            side, edge: before, index: i64::from(n + excess), num_nodes: n as usize,
        };
        let as_source = EdgeIndex::new(ids.clone(), zeros.clone(), n as usize);
        prop_assert_eq!(as_source, Err(found("source")));
        prop_assert_eq!(EdgeIndex::new(zeros, ids, n as usize), Err(found("destination")));
    }

    #[test]
    fn unbatching_gives_back_what_was_batched(sizes in prop::collection::vec(0usize..6, 0..6), seed: u64) {
        let graphs: Vec<_> = (0..).zip(&sizes).map(|(i, &n)| erdos_renyi(n, 0.5, seed ^ i).unwrap()).collect();
        let batch = Batch::new(&graphs).unwrap();
        prop_assert_eq!(batch.num_graphs(), graphs.len());
        prop_assert_eq!(batch.batch().len(), sizes.iter().sum::<usize>());
        for (i, &n) in sizes.iter().enumerate() {
            let nodes = batch.node_range(i).unwrap();
            prop_assert_eq!(nodes.len(), n);
            prop_assert!(batch.batch()[nodes.clone()].iter().all(|&b| b as usize == i));
            let edges = batch.edge_range(i).unwrap();
            prop_assert!(batch.edges().source()[edges].iter().all(|&s| nodes.contains(&(s as usize))));
        }
        prop_assert_eq!(batch.unbatch().unwrap(), graphs);
    }
}

#[test]
fn errors_say_what_came_and_what_was_expected() {
    let message = |r: Result<EdgeIndex, GraphError>| r.unwrap_err().to_string();
    assert_eq!(
        message(EdgeIndex::new(vec![0, 1], vec![0], 2)),
        "edge_index: destination: expected length 2, got 1"
    );
    assert_eq!(
        message(EdgeIndex::from_i64(&[0, -1], &[0, 0], 2)),
        "edge_index: source of edge 1 is -1, but there are only 2 nodes (0..2)"
    );
    assert_eq!(
        message(EdgeIndex::from_i64(&[0], &[1 << 40], 2)),
        "edge_index: destination of edge 0 is 1099511627776, but there are only 2 nodes (0..2)"
    );
    assert_eq!(
        message(EdgeIndex::new(vec![0], vec![0], 0)),
        "edge_index: source of edge 0 is 0, but there are only 0 nodes (0..0)"
    );
    assert_eq!(
        message(EdgeIndex::new(vec![], vec![], u32::MAX as usize)),
        "num_nodes: 4294967295 is too large, at most 4294967294 are supported (indices are 32 bits wide)"
    );
    assert!(message(EdgeIndex::from_batch(&[0, 2], 2)).starts_with("edge_index: destination of edge 1 is 2"));
    let bipartite = EdgeIndex::bipartite(vec![0], vec![2], 1, 3).unwrap();
    assert_eq!(
        bipartite.num_nodes().unwrap_err().to_string(),
        "num_nodes: expected a graph on one set of nodes, got a bipartite one (1 sources, 3 destinations)"
    );
    assert!(Batch::new(&[bipartite]).is_err());
    let huge = EdgeIndex::new(vec![], vec![], u32::MAX as usize - 1).unwrap();
    assert!(matches!(Batch::new(&[huge.clone(), huge]), Err(GraphError::TooLarge { what: "num_nodes", .. })));
    assert!(
        Batch::new(&[]).unwrap().graph(0).unwrap_err().to_string().contains("below the number of graphs, 0")
    );
    assert!(
        erdos_renyi(3, f64::NAN, 0).unwrap_err().to_string().starts_with("probability: expected a number")
    );
}

/// Long lists are checked in pieces, on several threads: the first bad edge must be named all the same.
#[test]
fn in_a_long_list_the_first_bad_index_is_found() {
    const E: usize = 300_000;
    let found =
        |edge, index| Err(GraphError::IndexOutOfRange { side: "destination", edge, index, num_nodes: 9 });
    for first in [0, 65_535, 65_536, 123_456, E - 1] {
        let mut ids = vec![8u32; E];
        ids[first] = 9;
        ids[E - 1] = u32::MAX;
        let worst = if first == E - 1 { u32::MAX } else { 9 };
        assert_eq!(EdgeIndex::new(vec![0; E], ids.clone(), 9), found(first, worst.into()));
        for bad in [-1, 9, i64::MIN, 1 << 32, (1 << 32) + 5, i64::MAX] {
            let mut wide = vec![8i64; E];
            wide[E - 1] = 10;
            wide[first] = bad;
            assert_eq!(EdgeIndex::from_i64(&vec![0; E], &wide, 9), found(first, bad));
        }
    }
    let wide: Vec<i64> = (0..E as i64).collect();
    let edges = EdgeIndex::from_i64(&wide, &wide, E).unwrap();
    assert!(edges.source().iter().copied().eq(0..E as u32) && edges.source() == edges.destination());
}

#[test]
fn a_bipartite_structure_is_not_a_square_one() {
    let square = EdgeIndex::new(vec![0], vec![1], 2).unwrap();
    let bipartite = EdgeIndex::bipartite(vec![0], vec![1], 2, 2).unwrap();
    assert_ne!(square, bipartite);
    assert_eq!((square.num_nodes(), bipartite.num_nodes().is_err()), (Ok(2), true));
}

#[test]
fn attachments_are_made_once_shared_by_clones_and_may_nest() {
    let edges = EdgeIndex::new(vec![0], vec![1], 2).unwrap();
    let first = edges.attachment(|| edges.attachment(|| 7u8).to_string());
    let again = edges.clone().attachment(|| -> String { panic!("already made") });
    assert_eq!(first.as_str(), "7");
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(edges.try_attachment::<u16, _>(|| Err("no")).unwrap_err(), "no");
    assert_eq!(edges.try_attachment::<u16, &str>(|| Ok(3)).as_deref(), Ok(&3), "a failure is not kept");
    assert!(!edges.reversed().ptr_eq(&edges));
    assert_eq!(*edges.reversed().attachment(|| 9u8), 9, "another structure has attachments of its own");
}

#[test]
fn random_graphs_have_their_density_and_every_edge_at_most_once() {
    let graph = erdos_renyi(300, 0.05, 1).unwrap();
    let pairs = 300.0 * 299.0;
    // Six standard deviations of the binomial distribution.
    let slack = 6.0 * (pairs * 0.05 * 0.95_f64).sqrt();
    assert!((graph.num_edges() as f64 - pairs * 0.05).abs() < slack, "{}", graph.num_edges());
    assert!(graph.iter().all(|(s, d)| s != d));
    assert!(graph.iter().map(|(s, d)| (d, s)).is_sorted_by(|a, b| a < b));
    assert_ne!(graph, erdos_renyi(300, 0.05, 2).unwrap());
    assert_eq!(erdos_renyi(20, 1.0, 1).unwrap().num_edges(), 380);
    for empty in
        [erdos_renyi(20, 0.0, 1), erdos_renyi(20, 1e-300, 1), erdos_renyi(1, 1.0, 1), erdos_renyi(0, 1.0, 1)]
    {
        assert_eq!(empty.unwrap().num_edges(), 0);
    }
}
