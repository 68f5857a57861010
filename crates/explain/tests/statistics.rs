//! Entropy and most attended neighbours against what can be worked out by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use approx::assert_relative_eq;
use candle_core::{DType, Device, Tensor};
use candle_geometric_explain::{
    Entropy, Heads, NodeStatistics, SelfLoops, Statistics, Weights, heads_csv, most_attended, nodes_csv,
    rollout, rollout_from, summarise,
};
use candle_geometric_graph::EdgeIndex;

/// 1 and 2 send to 0, 0 sends to 1, node 3 stands alone; self-loops at 0 and 1.
fn small() -> EdgeIndex {
    EdgeIndex::new(vec![1, 2, 0, 0, 1], vec![0, 0, 1, 0, 1], 4).unwrap()
}

/// Rows are edges, columns two heads: the first uniform, the second not.
fn small_weights() -> Weights {
    let third = 1.0 / 3.0;
    Weights::new(small(), vec![third, 0.5, third, 0.25, 0.5, 1.0, third, 0.25, 0.5, 0.0], 2).unwrap()
}

#[test]
fn entropy_by_hand() {
    let entropy = Entropy::new(&small_weights());
    let (ln2, ln3) = (2f64.ln(), 3f64.ln());
    // Nodes 2 and 3 have no in-edges.
    assert_eq!(entropy.nodes(), [0, 1]);
    assert_eq!(entropy.uniform(), [ln3, ln2]);
    assert_relative_eq!(entropy.by_head()[0][0], ln3, max_relative = 1e-7);
    assert_relative_eq!(entropy.by_head()[0][1], ln2, max_relative = 1e-12);
    // −½ ln ½ − 2 · ¼ ln ¼ = 1.5 ln 2, and all attention on one edge.
    assert_relative_eq!(entropy.by_head()[1][0], 1.5 * ln2, max_relative = 1e-12);
    assert_eq!(entropy.by_head()[1][1], 0.0);

    let heads = entropy.summary();
    assert_relative_eq!(heads[0].relative.unwrap(), 1.0, max_relative = 1e-7);
    assert_relative_eq!(heads[1].entropy, 0.75 * ln2, max_relative = 1e-12);
    assert_relative_eq!(heads[1].uniform, (ln2 + ln3) / 2.0, max_relative = 1e-12);
}

#[test]
fn attention_to_one_edge_has_no_sign() {
    let edges = EdgeIndex::from_pairs([(0, 1)], 2).unwrap();
    for alpha in [1.0, 1.000_000_1] {
        let entropy = Entropy::new(&Weights::new(edges.clone(), vec![alpha], 1).unwrap());
        assert!(entropy.by_head()[0][0].is_sign_positive());
        assert_eq!(entropy.summary()[0].entropy, 0.0);
        assert_eq!(entropy.summary()[0].relative, None);
    }
}

#[test]
fn entropy_is_at_most_that_of_uniform_attention() {
    let entropy = Entropy::new(&common::attention(&common::karate(), 3));
    for head in entropy.by_head() {
        assert!(head.iter().zip(entropy.uniform()).all(|(h, max)| *h < *max));
    }
}

#[test]
fn the_order_of_edges_makes_no_difference() {
    let edges = common::karate();
    let mut order: Vec<(u32, u32)> = edges.iter().collect();
    candle_geometric_graph::rng::Stream::new(3, 0).sequence().shuffle(&mut order);
    let shuffled = EdgeIndex::from_pairs(order, 34).unwrap();
    let (a, b) = (common::attention(&edges, 4), common::attention(&shuffled, 4));
    assert_ne!(a.select(Heads::Mean).unwrap(), b.select(Heads::Mean).unwrap());
    // To the last bit.
    assert_eq!(summarise(&[a], 5), summarise(&[b], 5));
}

#[test]
fn graphs_without_edges() {
    for nodes in [0, 3] {
        let edges = EdgeIndex::new(vec![], vec![], nodes).unwrap();
        let weights = Weights::new(edges, vec![], 2).unwrap();
        let summary = summarise(std::slice::from_ref(&weights), 3);
        assert_eq!((summary[0].edges, summary[0].nodes), (0, 0));
        assert_eq!(summary[0].heads[1].entropy, 0.0);
        assert_eq!(summary[0].most_attended, vec![vec![]; nodes]);
    }
}

#[test]
fn most_attended_by_hand() {
    let weights = small_weights();
    let names = |heads, self_loops, count| -> Vec<Vec<u32>> {
        let found = most_attended(&weights, count, heads, self_loops).unwrap();
        found.iter().map(|n| n.iter().map(|n| n.node).collect()).collect()
    };
    // Head 0 is uniform: the smaller index first.
    assert_eq!(names(Heads::One(0), SelfLoops::Include, 9), [vec![0, 1, 2], vec![0, 1], vec![], vec![]]);
    assert_eq!(names(Heads::One(0), SelfLoops::Exclude, 9), [vec![1, 2], vec![0], vec![], vec![]]);
    assert_eq!(names(Heads::One(1), SelfLoops::Include, 2), [vec![1, 0], vec![0, 1], vec![], vec![]]);
    let mean = most_attended(&weights, 1, Heads::Mean, SelfLoops::Exclude).unwrap();
    assert_relative_eq!(mean[0][0].weight, (1.0 / 3.0 + 0.5) / 2.0, max_relative = 1e-7);
}

#[test]
fn parallel_edges_are_added_up_and_bipartite_indices_are_no_self_loops() {
    let edges = EdgeIndex::bipartite(vec![1, 0, 1, 2], vec![1, 1, 1, 0], 3, 2).unwrap();
    let weights = Weights::new(edges, vec![0.3, 0.4, 0.3, 1.0], 1).unwrap();
    let found = most_attended(&weights, 5, Heads::Mean, SelfLoops::Exclude).unwrap();
    assert_eq!(found[1].iter().map(|n| n.node).collect::<Vec<_>>(), [1, 0]);
    assert_relative_eq!(found[1][0].weight, 0.6, max_relative = 1e-6);
}

#[test]
fn tensors_of_any_float_type() {
    let edges = EdgeIndex::from_pairs([(0, 1), (1, 1)], 2).unwrap();
    let alpha = Tensor::new(&[[0.25f32, 0.5], [0.75, 0.5]], &Device::Cpu).unwrap();
    for dtype in [DType::F32, DType::F64, DType::BF16] {
        let weights = Weights::from_tensor(&edges, &alpha.to_dtype(dtype).unwrap()).unwrap();
        assert_eq!(weights.select(Heads::One(0)).unwrap(), [0.25, 0.75]);
        assert_eq!(weights.select(Heads::Mean).unwrap(), [0.375, 0.625]);
    }
    let one = Weights::from_tensor(&edges, &Tensor::new(&[0.5f32, 0.5], &Device::Cpu).unwrap()).unwrap();
    assert_eq!(one.heads(), 1);
}

#[test]
fn bad_weights_are_refused_by_name() {
    let edges = EdgeIndex::from_pairs([(0, 1), (1, 1)], 2).unwrap();
    let message = |alpha: Vec<f32>, heads| Weights::new(edges.clone(), alpha, heads).unwrap_err().to_string();
    assert_eq!(message(vec![0.5; 3], 2), "alpha: expected 2 edges × 2 heads, got 3 weights");
    assert_eq!(
        message(vec![0.5, f32::NAN], 1),
        "alpha: expected finite weights of at least 0, got NaN at edge 1, head 0"
    );
    assert!(message(vec![-0.5, 1.5], 1).contains("got -0.5 at edge 0"));
    assert!(message(vec![], 0).contains("at least one head"));

    let weights = Weights::new(edges.clone(), vec![0.5; 4], 2).unwrap();
    let error = weights.select(Heads::One(2)).unwrap_err().to_string();
    assert_eq!(error, "head: expected a number below 2 (heads are counted from 0), got 2");
    let cube = Tensor::zeros((2, 1, 1), DType::F32, &Device::Cpu).unwrap();
    assert!(Weights::from_tensor(&edges, &cube).unwrap_err().to_string().contains("[2, 1, 1]"));
}

#[test]
fn the_summary_as_json() {
    let edges = EdgeIndex::from_pairs([(1, 0), (0, 0)], 2).unwrap();
    let summary = summarise(&[Weights::new(edges, vec![0.5, 0.5], 1).unwrap()], 1);
    let ln2 = 2f64.ln();
    let expected = serde_json::json!([{
        "layer": 0, "edges": 2, "nodes": 1,
        "heads": [{ "head": 0, "entropy": ln2, "uniform": ln2, "relative": 1.0 }],
        "most_attended": [[{ "node": 1, "weight": 0.5 }], []],
    }]);
    assert_eq!(serde_json::to_value(summary).unwrap(), expected);
}

#[test]
fn shares_by_hand() {
    // Node 0 has in-edges from 1 (twice), 2 and itself; node 1 only its self-loop; node 2 only from 0, of another label.
    let edges = EdgeIndex::new(vec![1, 2, 0, 1, 1, 0], vec![0, 0, 0, 0, 1, 2], 4).unwrap();
    let alpha = vec![0.1, 0.4, 0.3, 0.2, 1.0, 1.0];
    let weights = Weights::new(edges, alpha, 1).unwrap();
    let statistics = Statistics::new(&weights, Some(&[0, 0, 1, 1])).unwrap();
    let nodes: Vec<NodeStatistics> = statistics.nodes().collect();
    assert_eq!(nodes.iter().map(|n| (n.node, n.in_degree)).collect::<Vec<_>>(), [(0, 4), (1, 1), (2, 1)]);
    let self_attention: Vec<f64> = nodes.iter().map(|n| n.self_attention.unwrap()).collect();
    for (found, expected) in self_attention.iter().zip([0.3, 1.0, 0.0]) {
        assert_relative_eq!(*found, expected, max_relative = 1e-6);
    }
    // Of the 0.7 that goes to others, 0.3 goes to node 1; node 1 attends to nobody else; node 2 to none of its label.
    assert_relative_eq!(nodes[0].same_label.unwrap(), 3.0 / 7.0, max_relative = 1e-6);
    assert_eq!((nodes[1].same_label, nodes[2].same_label), (None, Some(0.0)));
    let entropy: f64 = [0.1f64, 0.4, 0.3, 0.2].iter().map(|a| -a * a.ln()).sum();
    assert_relative_eq!(nodes[0].effective_neighbors, entropy.exp(), max_relative = 1e-6);

    let head = &statistics.heads()[0];
    assert_relative_eq!(head.in_degree, 2.0);
    assert_relative_eq!(head.effective_neighbors, (entropy.exp() + 2.0) / 3.0, max_relative = 1e-6);
    let own = head.self_attention.unwrap();
    assert_relative_eq!(own.attention, 1.3 / 3.0, max_relative = 1e-6);
    assert_relative_eq!(own.uniform, 1.25 / 3.0, max_relative = 1e-12);
    let like = head.same_label.unwrap();
    assert_relative_eq!(like.attention, 3.0 / 14.0, max_relative = 1e-6);
    assert_relative_eq!(like.uniform, 1.0 / 3.0, max_relative = 1e-12);

    let without = Statistics::new(&weights, None).unwrap();
    assert_eq!(without.heads()[0].same_label, None);
    let csv = nodes_csv(&[statistics.clone(), without]);
    assert_eq!(csv.lines().count(), 1 + 6);
    assert!(csv.lines().nth(2).unwrap().starts_with("0,0,1,1,0,0,1,1,"), "{csv}");
    assert!(csv.lines().last().unwrap().ends_with(",0,"), "{csv}");
    let csv = heads_csv(&[statistics]);
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(columns, [11, 11]);
}

#[test]
fn statistics_do_not_depend_on_the_order_of_edges() {
    let edges = common::karate();
    let mut order: Vec<(u32, u32)> = edges.iter().collect();
    candle_geometric_graph::rng::Stream::new(4, 0).sequence().shuffle(&mut order);
    let shuffled = EdgeIndex::from_pairs(order, 34).unwrap();
    let labels: Vec<u32> = (0..34).map(|i| i % 3).collect();
    let of = |edges: &EdgeIndex| Statistics::new(&common::attention(edges, 3), Some(&labels)).unwrap();
    let (a, b) = (of(&edges), of(&shuffled));
    assert_eq!(a.nodes().collect::<Vec<_>>(), b.nodes().collect::<Vec<_>>());
    assert_eq!(heads_csv(&[a]), heads_csv(&[b]));
}

#[test]
fn statistics_between_two_sets_and_of_nothing() {
    let bipartite = EdgeIndex::bipartite(vec![0, 1], vec![0, 0], 2, 1).unwrap();
    let weights = Weights::new(bipartite, vec![0.5, 0.5], 1).unwrap();
    assert_eq!(Statistics::new(&weights, None).unwrap().heads()[0].self_attention, None);
    assert!(Statistics::new(&weights, Some(&[0, 0])).unwrap_err().to_string().contains("bipartite"));
    let empty = Weights::new(EdgeIndex::new(vec![], vec![], 3).unwrap(), vec![], 2).unwrap();
    let statistics = Statistics::new(&empty, Some(&[0, 1, 2])).unwrap();
    assert_eq!(statistics.nodes().count(), 0);
    let head = &statistics.heads()[1];
    assert_eq!((head.effective_neighbors, head.in_degree, head.same_label), (0.0, 0.0, None));
    let error = Statistics::new(&empty, Some(&[0])).unwrap_err().to_string();
    assert_eq!(error, "labels: expected one entry for each of 3 nodes, got 1 entries");
}

#[test]
fn rollout_is_the_product_of_the_layers() {
    let edges = common::karate();
    let layers = [common::attention(&edges, 2), common::attention(&edges, 3)];
    let dense = |weights: &Weights, residual: f64| {
        let mut a = vec![vec![0.0; 34]; 34];
        for ((j, i), w) in edges.iter().zip(weights.mean()) {
            a[i as usize][j as usize] += (1.0 - residual) * w;
        }
        for (i, row) in a.iter_mut().enumerate() {
            row[i] += residual;
        }
        a
    };
    for residual in [0.0, 0.5] {
        let [first, second] = [dense(&layers[0], residual), dense(&layers[1], residual)];
        for node in [0u32, 11, 33] {
            let found = rollout(&layers, node, Heads::Mean, residual).unwrap();
            assert_relative_eq!(found.iter().sum::<f64>(), 1.0, max_relative = 1e-6);
            for (j, found) in found.iter().enumerate() {
                let expected: f64 = (0..34).map(|k| second[node as usize][k] * first[k][j]).sum();
                assert_relative_eq!(*found, expected, max_relative = 1e-9, epsilon = 1e-15);
            }
        }
    }
    let one = rollout(&layers, 5, Heads::One(1), 0.0).unwrap();
    assert_ne!(one, rollout(&layers, 5, Heads::One(0), 0.0).unwrap());
    // From a weight for each node.
    let mut start = vec![0.0; 34];
    start[5] = 2.0;
    let twice = rollout_from(&layers, start, Heads::One(1), 0.0).unwrap();
    assert!(one.iter().zip(&twice).all(|(a, b)| (2.0 * a - b).abs() < 1e-12));
}

#[test]
fn rollout_at_nodes_without_edges_and_bad_arguments() {
    let weights = Weights::new(EdgeIndex::from_pairs([(1, 0)], 3).unwrap(), vec![1.0], 1).unwrap();
    let layers = [weights.clone(), weights];
    // Node 1 has no in-edges: it keeps what it has.
    assert_eq!(rollout(&layers, 0, Heads::Mean, 0.0).unwrap(), [0.0, 1.0, 0.0]);
    assert_eq!(rollout(&layers, 2, Heads::Mean, 0.0).unwrap(), [0.0, 0.0, 1.0]);
    assert_eq!(rollout(&layers, 0, Heads::Mean, 0.5).unwrap(), [0.25, 0.75, 0.0]);
    let message = |r: candle_geometric_explain::Result<Vec<f64>>| r.unwrap_err().to_string();
    assert_eq!(message(rollout(&layers, 3, Heads::Mean, 0.0)), "node: expected a node below 3, got 3");
    assert!(message(rollout(&layers, 0, Heads::One(1), 0.0)).starts_with("head: "));
    assert!(message(rollout(&layers, 0, Heads::Mean, 1.5)).starts_with("residual: "));
    assert!(message(rollout(&[], 0, Heads::Mean, 0.0)).contains("at least one layer"));
    assert!(message(rollout_from(&layers, vec![1.0], Heads::Mean, 0.0)).contains("got 3 entries"));
}
