//! Poolings: what stays of a graph, whatever else is in the batch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_nn::aggr::{GraphMultisetTransformer, GraphMultisetTransformerConfig};
use candle_geometric_nn::pool::{
    AsapPooling, AsapPoolingConfig, MemPooling, MemPoolingConfig, Pooled, PoolingGnn, SagPooling,
    SagPoolingConfig, TopKPooling, TopKPoolingConfig,
};
use candle_geometric_nn::{Mode, Result, SeededVarMap};
use common::{check_gradients, distance, messy_graph, normal, values, var};

/// Two graphs side by side, and the graph of each node.
fn union(a: &EdgeIndex, b: &EdgeIndex) -> (EdgeIndex, EdgeIndex) {
    let (n, m) = (a.num_src(), b.num_src());
    let moved = b.iter().map(|(s, d)| (s + n as u32, d + n as u32));
    let edges = EdgeIndex::from_pairs(a.iter().chain(moved), n + m).unwrap();
    let batch: Vec<u32> = (0..n + m).map(|i| u32::from(i >= n)).collect();
    (edges, EdgeIndex::from_batch(&batch, 2).unwrap())
}

/// A pooling of (x, edges, edge_attr, batch).
type Pool = Box<dyn Fn(&Tensor, &EdgeIndex, Option<&Tensor>, Option<&EdgeIndex>) -> Result<Pooled>>;

fn pools(map: &SeededVarMap) -> Vec<(&'static str, Pool)> {
    let vb = |name: &str| map.var_builder(DType::F64, &Device::Cpu).pp(name);
    let topk = TopKPooling::new(&TopKPoolingConfig::new(5), vb("topk")).unwrap();
    let above = TopKPoolingConfig { min_score: Some(0.1), ..TopKPoolingConfig::new(5) };
    let above = TopKPooling::new(&above, vb("above")).unwrap();
    let sag =
        SagPooling::new(&SagPoolingConfig { ratio: 3.0, ..SagPoolingConfig::new(5) }, vb("sag")).unwrap();
    let asap = AsapPoolingConfig { gnn: Some(PoolingGnn::Gcn), ..AsapPoolingConfig::new(5) };
    let asap = AsapPooling::new(&asap, vb("asap")).unwrap();
    vec![
        ("TopK", Box::new(move |x, e, a, b| topk.forward(x, e, a, b))),
        ("TopK with min_score", Box::new(move |x, e, a, b| above.forward(x, e, a, b))),
        ("SAG", Box::new(move |x, e, a, b| sag.forward(x, e, a, b))),
        ("ASAP", Box::new(move |x, e, a, b| asap.forward(x, e, a, b))),
    ]
}

#[test]
fn a_graph_becomes_the_same_whatever_else_is_in_the_batch() {
    let (first, second) = (messy_graph(12, 30, 1), messy_graph(9, 20, 2));
    let (x, y) = (normal(&[12, 5], 1), (normal(&[9, 5], 2) * 100.0).unwrap());
    let (a, b) = (normal(&[30], 3).abs().unwrap(), normal(&[20], 4).abs().unwrap());
    let (edges, batch) = union(&first, &second);
    let (both, weights) = (Tensor::cat(&[&x, &y], 0).unwrap(), Tensor::cat(&[&a, &b], 0).unwrap());
    for (name, pool) in pools(&SeededVarMap::new(3)) {
        let alone = pool(&x, &first, Some(&a), None).unwrap();
        let mated = pool(&both, &edges, Some(&weights), Some(&batch)).unwrap();
        let in_first: Vec<u32> = (0u32..)
            .zip(mated.batch.destination())
            .filter(|(_, graph)| **graph == 0)
            .map(|(k, _)| k)
            .collect();
        let kept = |k: &u32| mated.perm[*k as usize];
        assert_eq!(in_first.iter().map(kept).collect::<Vec<_>>(), alone.perm, "{name}");
        let ids = Tensor::new(in_first.as_slice(), &Device::Cpu).unwrap();
        let rows = |t: &Tensor| t.index_select(&ids, 0).unwrap();
        assert!(distance(&rows(&mated.x), &alone.x) < 1e-12, "{name}");
        assert!(distance(&rows(&mated.score), &alone.score) < 1e-12, "{name}");
        let place = |k: u32| in_first.iter().position(|i| *i == k).map(|i| i as u32);
        let inside = mated.edges.iter().filter_map(|(s, d)| Some((place(s)?, place(d)?)));
        assert_eq!(inside.collect::<Vec<_>>(), alone.edges.iter().collect::<Vec<_>>(), "{name}");
        assert_eq!(mated.batch.num_dst(), 2, "{name}");
    }
}

#[test]
fn gradients_reach_the_weights_of_edges() {
    // Without self-loops: of several at a node all get the gradient of the last, as in PyTorch.
    let pairs = messy_graph(8, 24, 5);
    let edges = EdgeIndex::from_pairs(pairs.iter().filter(|(s, d)| s != d), 8).unwrap();
    let map = SeededVarMap::new(4);
    let (x, weight) = (var(&[8, 5], 7), var(&[edges.num_edges()], 6));
    for add_self_loops in [false, true] {
        let config = AsapPoolingConfig { ratio: 0.7, add_self_loops, ..AsapPoolingConfig::new(5) };
        let pool = AsapPooling::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
        check_gradients(&map, &[&x, &weight], || {
            Ok(pool.forward(&x, &edges, Some(&weight), None)?.edge_attr.unwrap())
        });
    }
}

#[test]
fn equal_scores_stay_in_the_order_of_nodes_and_counts_are_rounded_up() {
    let edges = EdgeIndex::new(vec![0, 4], vec![4, 0], 7).unwrap();
    let x = Tensor::ones((7, 2), DType::F64, &Device::Cpu).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 0, 0, 0, 2, 2], 3).unwrap();
    let kept = |config: TopKPoolingConfig| {
        let vb = SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu);
        let pooled = TopKPooling::new(&config, vb).unwrap().forward(&x, &edges, None, Some(&batch)).unwrap();
        (pooled.perm, pooled.batch.destination().to_vec())
    };
    let c = || TopKPoolingConfig::new(2);
    assert_eq!(kept(c()), (vec![0, 1, 2, 5], vec![0, 0, 0, 2]));
    // A ratio of 1 is one node, not all of them.
    assert_eq!(kept(TopKPoolingConfig { ratio: 1.0, ..c() }).0, [0, 5]);
    assert_eq!(kept(TopKPoolingConfig { ratio: 100.0, ..c() }).0, [0, 1, 2, 3, 4, 5, 6]);
    // All have the highest score of their graph, though it is below the smallest that may stay.
    assert_eq!(kept(TopKPoolingConfig { min_score: Some(0.9), ..c() }).0, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn dropout_acts_in_training_alone() {
    let (edges, x) = (messy_graph(10, 25, 8), normal(&[10, 4], 9));
    let vb = || SeededVarMap::new(2).var_builder(DType::F64, &Device::Cpu);
    let generator = Generator::new(1);
    let asap = AsapPoolingConfig { dropout: 0.5, ratio: 0.9, ..AsapPoolingConfig::new(4) };
    let asap = AsapPooling::new(&asap, vb()).unwrap();
    let run = |mode| asap.forward_t(&x, &edges, None, None, mode).unwrap();
    assert_ne!(values(&run(Mode::Train(&generator)).x), values(&run(Mode::Eval).x));
    assert_eq!(values(&run(Mode::Eval).x), values(&asap.forward(&x, &edges, None, None).unwrap().x));
    let gmt = GraphMultisetTransformerConfig { dropout: 0.5, ..GraphMultisetTransformerConfig::new(4, 3) };
    let gmt = GraphMultisetTransformer::new(&gmt, vb()).unwrap();
    let batch = EdgeIndex::from_batch(&[0; 10], 1).unwrap();
    let run = |mode| values(&gmt.forward_t(&x, &batch, mode).unwrap());
    assert_ne!(run(Mode::Train(&generator)), run(Mode::Eval));
}

#[test]
fn the_loss_of_memories_is_that_of_pyg() {
    let s = Tensor::new(&[[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]], &Device::Cpu).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 1], 2).unwrap();
    let loss = MemPooling::kl_loss(&s, Some(&batch)).unwrap().to_scalar::<f64>().unwrap();
    assert!((loss - KL_OF_PYG).abs() < 1e-15, "{loss}");
    let s = var(&[6, 3], 1);
    let shares = || candle_nn::ops::softmax(&s, 1);
    let batch = EdgeIndex::from_batch(&[0, 1, 0, 0, 1, 2], 4).unwrap();
    check_gradients(&SeededVarMap::new(0), &[&s], || MemPooling::kl_loss(&shares()?, Some(&batch)));
}

/// `MemPooling.kl_loss` of PyTorch Geometric 2.8.1 on the same shares, padded.
const KL_OF_PYG: f64 = 0.072_887_790_635_801_17;

/// A padded batch, whatever stands in the padding, gives what its graphs give alone.
#[test]
fn memories_of_padded_graphs() {
    let config = MemPoolingConfig::new(4, 3, 2, 5);
    let pool = MemPooling::new(&config, SeededVarMap::new(1).var_builder(DType::F64, &Device::Cpu)).unwrap();
    let x = normal(&[2, 3, 4], 7);
    let mask = Tensor::new(&[[1u8, 0, 1], [0, 0, 0]], &Device::Cpu).unwrap();
    let (pooled, s) = pool.forward_dense(&x, Some(&mask)).unwrap();
    assert_eq!((pooled.dims(), s.dims()), (&[2, 5, 3][..], &[2, 3, 5][..]));

    let flat = x.reshape((6, 4)).unwrap();
    let two = Tensor::cat(&[flat.narrow(0, 0, 1).unwrap(), flat.narrow(0, 2, 1).unwrap()], 0).unwrap();
    let (alone, of_two) = pool.forward(&two, None).unwrap();
    assert_eq!(values(&pooled.get(0).unwrap()), values(&alone.get(0).unwrap()));
    let rows = s.reshape((6, 5)).unwrap().to_vec2::<f64>().unwrap();
    let of_two = of_two.to_vec2::<f64>().unwrap();
    assert_eq!([&rows[0], &rows[2]], [&of_two[0], &of_two[1]]);
    assert!([1, 3, 4, 5].iter().all(|&i| rows[i] == [0.0; 5]));
    assert!(values(&pooled.get(1).unwrap()).iter().all(|&v| v == 0.0), "a graph of padding only");

    let (whole, _) = pool.forward_dense(&x, None).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 0, 1, 1, 1], 2).unwrap();
    assert_eq!(values(&whole), values(&pool.forward(&flat, Some(&batch)).unwrap().0));
    let error = pool.forward_dense(&x, Some(&mask.t().unwrap())).unwrap_err().to_string();
    assert_eq!(error, "MemPooling: mask: expected [2, 3], got [3, 2]");
}

#[test]
fn wrong_arguments_are_named() {
    let vb = || SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
    let (edges, x) = (messy_graph(6, 8, 1), normal(&[6, 4], 1));
    let topk = |c: TopKPoolingConfig| TopKPooling::new(&c, vb());
    let c = || TopKPoolingConfig::new(4);
    let message = |e: candle_geometric_nn::Error| e.to_string();
    assert_eq!(
        message(topk(TopKPoolingConfig { ratio: 0.0, ..c() }).unwrap_err()),
        "TopKPooling: ratio: expected a share of the nodes below 1, or a number of nodes, got 0"
    );
    let pool = topk(c()).unwrap();
    let batch = EdgeIndex::from_batch(&[0; 5], 1).unwrap();
    assert_eq!(
        message(pool.forward(&x, &edges, None, Some(&batch)).unwrap_err()),
        "TopKPooling: batch: expected a graph for each of the 6 rows of x, got 5 entries"
    );
    assert!(
        message(pool.forward_attn(&x, &normal(&[6, 3], 1), &edges, None, None).unwrap_err()).contains("attn")
    );
    let sag = serde_json::json!({"in_channels": 4, "GNN": "GATConv", "gnn_kwargs": {"head": 2}});
    let sag = SagPooling::new(&serde_json::from_value(sag).unwrap(), vb()).unwrap_err();
    assert!(message(sag).contains("gnn_kwargs"));
    let asap = AsapPoolingConfig { gnn: Some(PoolingGnn::Gat), ..AsapPoolingConfig::new(4) };
    assert!(message(AsapPooling::new(&asap, vb()).unwrap_err()).contains("GNN"));
    let mem = MemPooling::new(&MemPoolingConfig { tau: 0.0, ..MemPoolingConfig::new(4, 2, 1, 2) }, vb());
    assert_eq!(message(mem.unwrap_err()), "MemPooling: tau: expected a positive number, got 0");
}
