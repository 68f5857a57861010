//! Attention over edges, hyperedges and dense graphs, and scorers of edges: what neither a peer nor the gauntlet checks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_nn::conv::{
    EdgeGatConv, EdgeGatConvConfig, EgatConv, EgatConvConfig, GatConv, GatConvConfig,
    HypergraphAttentionMode, HypergraphConv, HypergraphConvConfig,
};
use candle_geometric_nn::decoder::{MlpDecoder, MlpDecoderConfig};
use candle_geometric_nn::dense::{DenseGatConv, DenseGatConvConfig};
use candle_geometric_nn::edge::{
    DotEdgeAttentionConv, DotEdgeAttentionConvConfig, EdgeAttentionConv, EdgeAttentionConvConfig,
};
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_geometric_ops::{Reduce, scatter};
use candle_nn::VarBuilder;
use common::{check_gradients, distance, messy_graph, normal, values, var};

fn vb(map: &SeededVarMap) -> VarBuilder<'static> {
    map.var_builder(DType::F64, &Device::Cpu)
}

/// `[N, N]` with `adj[i, j] = 1` for every edge from j to i.
fn adjacency(edges: &EdgeIndex) -> Tensor {
    let n = edges.num_dst();
    let mut adj = vec![0f64; n * n];
    edges.iter().for_each(|(j, i)| adj[i as usize * n + j as usize] = 1.0);
    Tensor::from_vec(adj, (n, n), &Device::Cpu).unwrap()
}

#[test]
fn dense_attention_is_sparse_attention() {
    // No edge twice: a dense matrix cannot say that.
    let graphs: Vec<EdgeIndex> = [21, 22]
        .map(|seed| {
            let mut pairs: Vec<_> = messy_graph(9, 30, seed).iter().collect();
            pairs.sort_unstable();
            pairs.dedup();
            EdgeIndex::from_pairs(pairs, 9).unwrap()
        })
        .to_vec();
    let x = normal(&[2, 9, 5], 1);
    let adj = Tensor::stack(&[adjacency(&graphs[0]), adjacency(&graphs[1])], 0).unwrap();
    let mut mask = vec![1u8; 18];
    mask[7] = 0;
    let mask = Tensor::from_vec(mask, (2, 9), &Device::Cpu).unwrap();
    for (concat, add_loop) in [(true, true), (false, true), (true, false)] {
        let map = SeededVarMap::new(4);
        let config = DenseGatConvConfig { heads: 2, concat, ..DenseGatConvConfig::new(5, 3) };
        let dense = DenseGatConv::new(&config, vb(&map)).unwrap();
        map.get("bias").unwrap().set(&normal(&[if concat { 6 } else { 3 }], 5)).unwrap();
        let tensors = map.to_tensors().unwrap().into_iter().map(|(name, t)| {
            let t = if name.starts_with("att_") { t.squeeze(0).unwrap() } else { t };
            (name, t)
        });
        let config = GatConvConfig { heads: 2, concat, add_self_loops: add_loop, ..GatConvConfig::new(5, 3) };
        let tensors = VarBuilder::from_tensors(tensors.collect(), DType::F64, &Device::Cpu);
        let sparse = GatConv::new(&config, tensors).unwrap();
        let out = dense.forward_t(&x, &adj, None, add_loop, Mode::Eval).unwrap();
        for (g, graph) in graphs.iter().enumerate() {
            let expected = sparse.forward(&x.get(g).unwrap(), graph).unwrap();
            assert!(distance(&out.get(g).unwrap(), &expected) < 1e-14);
        }
        let masked = dense.forward_t(&x, &adj, Some(&mask), add_loop, Mode::Eval).unwrap();
        assert!(values(&masked.get(0).unwrap().get(7).unwrap()).iter().all(|v| *v == 0.0));
        assert_eq!(distance(&masked.get(1).unwrap(), &out.get(1).unwrap()), 0.0);
        // One matrix for all, however it is written.
        let shared = dense.forward(&x, &adjacency(&graphs[0])).unwrap();
        let broadcast = dense.forward(&x, &adjacency(&graphs[0]).unsqueeze(0).unwrap()).unwrap();
        assert_eq!(distance(&shared, &broadcast), 0.0);
    }
}

#[test]
fn edge_attention_is_its_definition() {
    let edges = messy_graph(8, 20, 31);
    let batch = EdgeIndex::from_batch(&[0, 0, 1, 0, 1, 1, 1, 0], 3).unwrap();
    let graph_of = [0, 0, 1, 0, 1, 1, 1, 0];
    let (x, f) = (normal(&[8, 5], 2), normal(&[20, 4], 3));
    let map = SeededVarMap::new(6);
    let config =
        EdgeAttentionConvConfig { heads: 2, edge_dim: Some(4), ..EdgeAttentionConvConfig::new(5, 3) };
    let conv = EdgeAttentionConv::new(&config, vb(&map)).unwrap();
    let (out, attention) =
        conv.forward_with_attention(&x, &edges, Some(&f), Some(&batch), Mode::Eval).unwrap();

    let p = |name: &str| map.get(name).unwrap().as_tensor().clone();
    let w = Tensor::cat(&[p("lin_dst.weight"), p("lin_src.weight")], 1).unwrap();
    let rows = |ids: &[u32]| x.index_select(&Tensor::new(ids, &Device::Cpu).unwrap(), 0).unwrap();
    let ends = Tensor::cat(&[rows(edges.destination()), rows(edges.source())], 1).unwrap();
    let z = ends.matmul(&w.t().unwrap()).unwrap().reshape((20, 2, 3)).unwrap();
    let terms = f.matmul(&p("lin_edge.weight").t().unwrap()).unwrap().reshape((20, 2, 3)).unwrap();
    let score = |z: &Tensor, a: &str| z.broadcast_mul(&p(a)).unwrap().sum(2).unwrap();
    let scores = values(&(score(&z, "att") + score(&terms, "att_edge")).unwrap());
    let scores: Vec<f64> = scores.into_iter().map(|s| if s > 0.0 { s } else { 0.2 * s }).collect();
    let graphs: Vec<i32> = edges.destination().iter().map(|&i| graph_of[i as usize]).collect();
    let alpha: Vec<f64> = (0..40)
        .map(|at| {
            let same = (0..20).filter(|&e| graphs[e] == graphs[at / 2]);
            scores[at].exp() / same.map(|e| scores[e * 2 + at % 2].exp()).sum::<f64>()
        })
        .collect();
    let alpha = Tensor::from_vec(alpha, (20, 2), &Device::Cpu).unwrap();
    assert!(distance(&attention.alpha, &alpha) < 1e-14);
    let messages = z.broadcast_mul(&alpha.unsqueeze(2).unwrap()).unwrap().reshape((20, 6)).unwrap();
    assert!(distance(&out, &scatter(&messages, &edges, Reduce::Sum).unwrap()) < 1e-14);

    // Without a batch all edges are one graph; the same edges may be asked for both.
    let alone = conv.forward_with_attention(&x, &edges, Some(&f), None, Mode::Eval).unwrap().1;
    assert!(values(&alone.alpha.sum(0).unwrap()).iter().all(|s| (s - 1.0).abs() < 1e-14));
    let again = conv.forward_batch(&x, &edges, Some(&f), Some(&batch), Mode::Eval).unwrap();
    assert_eq!(distance(&again, &out), 0.0);
    let few = EdgeIndex::from_batch(&[0; 7], 1).unwrap();
    let error = conv.forward_batch(&x, &edges, Some(&f), Some(&few), Mode::Eval).unwrap_err().to_string();
    assert!(error.contains("batch") && error.contains("8 nodes") && error.contains("7 nodes"), "{error}");
}

#[test]
fn dot_scores_compare_the_ends() {
    let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 2], 3).unwrap();
    let map = SeededVarMap::new(7);
    let conv = DotEdgeAttentionConv::new(&DotEdgeAttentionConvConfig::new(2, 3), vb(&map)).unwrap();
    map.get("att").unwrap().set(&Tensor::new(&[[[2.0, 0.5]]], &Device::Cpu).unwrap()).unwrap();
    let x = Tensor::new(&[[1.0, 2.0], [0.5, -1.0], [0.0, 2.0]], &Device::Cpu).unwrap();
    let (_, attention) = conv.forward_with_attention(&x, &edges, None, Mode::Eval).unwrap();
    let scores = [2.0 * 0.5 - 0.5 * 2.0, -1.0, 2.0f64];
    let total: f64 = scores.iter().map(|s| s.exp()).sum();
    for (alpha, score) in values(&attention.alpha).into_iter().zip(scores) {
        assert!((alpha - score.exp() / total).abs() < 1e-15);
    }
}

#[test]
fn attention_on_hypergraphs_sums_to_one() {
    let hyperedges = EdgeIndex::bipartite(vec![0, 1, 2, 2, 3], vec![0, 0, 0, 1, 1], 5, 3).unwrap();
    let (x, f) = (var(&[5, 4], 8), var(&[3, 4], 9));
    let weight = candle_core::Var::from_tensor(&normal(&[3], 10).abs().unwrap()).unwrap();
    for mode in [HypergraphAttentionMode::Node, HypergraphAttentionMode::Edge] {
        let map = SeededVarMap::new(8);
        let config = HypergraphConvConfig {
            use_attention: true,
            attention_mode: mode,
            heads: 2,
            ..HypergraphConvConfig::new(4, 3)
        };
        let conv = HypergraphConv::new(&config, vb(&map)).unwrap();
        check_gradients(&map, &[&x, &f, &weight], || {
            conv.forward_hyperedges(&x, &hyperedges, Some(&weight), Some(&f), Mode::Eval)
        });
        // The hyperedge without nodes and the node in no hyperedge change nothing and get nothing.
        let out = conv.forward_hyperedges(&x, &hyperedges, Some(&weight), Some(&f), Mode::Eval).unwrap();
        assert!(values(&out.get(4).unwrap()).iter().all(|v| *v == 0.0));
        let missing = conv.forward(&x, &hyperedges).unwrap_err().to_string();
        assert!(missing.contains("hyperedge_attr") && missing.contains("[3, 4]"), "{missing}");
    }
}

#[test]
fn weights_of_edges_scale_attention() {
    let edges = messy_graph(8, 20, 33);
    let (x, f) = (normal(&[8, 5], 2), normal(&[20, 4], 3));
    let map = SeededVarMap::new(9);
    let conv = EgatConv::new(&EgatConvConfig::new(5, 4, 3, 2, 2), vb(&map)).unwrap();
    let (nodes, new) = conv.forward(&x, &edges, &f).unwrap();
    let twos = (Tensor::ones(20, DType::F64, &Device::Cpu).unwrap() * 2.0).unwrap();
    let (doubled, same, attention) = conv.forward_with_attention(&x, &edges, &f, Some(&twos)).unwrap();
    assert!(distance(&doubled, &(nodes * 2.0).unwrap()) < 1e-14);
    assert_eq!(distance(&same, &new), 0.0);
    for total in values(&scatter(&attention.alpha, &edges, Reduce::Sum).unwrap()) {
        assert!(total == 0.0 || (total - 2.0).abs() < 1e-14);
    }
    let error = conv.forward_with_attention(&x, &edges, &f, Some(&f)).unwrap_err().to_string();
    assert!(error.contains("edge_weight") && error.contains("[20, 4]"), "{error}");
}

#[test]
fn dropout_of_attention_drops_whole_messages() {
    // One edge into node 1: its message, with that of its features, is dropped or doubled.
    let edges = EdgeIndex::new(vec![0], vec![1], 2).unwrap();
    let (x, f) = (normal(&[2, 5], 2), normal(&[1, 4], 3));
    let config = EdgeGatConvConfig { residual: false, attn_drop: 0.5, ..EdgeGatConvConfig::new(5, 4, 3, 4) };
    let conv = EdgeGatConv::new(&config, vb(&SeededVarMap::new(9))).unwrap();
    let whole = values(&conv.forward(&x, &edges, &f, Mode::Eval).unwrap().get(1).unwrap());
    let (mut dropped, mut kept) = (0, 0);
    for seed in 0..8 {
        let generator = Generator::new(seed);
        let out = conv.forward(&x, &edges, &f, Mode::Train(&generator)).unwrap();
        for (head, whole) in values(&out.get(1).unwrap()).chunks(3).zip(whole.chunks(3)) {
            if head.iter().all(|v| *v == 0.0) {
                dropped += 1;
            } else {
                assert!(head.iter().zip(whole).all(|(v, w)| (v - 2.0 * w).abs() < 1e-14));
                kept += 1;
            }
        }
    }
    assert!(dropped > 4 && kept > 4, "{dropped} dropped, {kept} kept");
}

#[test]
fn wrong_sizes_are_told() {
    let config =
        MlpDecoderConfig { in_channels: 4.into(), hidden_channels: 0, out_channels: 1, dropout: 0.0 };
    let map = SeededVarMap::new(2);
    assert!(MlpDecoder::new(&config, vb(&map)).unwrap_err().to_string().contains("hidden_channels"));
}
