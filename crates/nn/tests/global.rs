//! Global attention: within each graph, and as dense matrices say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_nn::conv::{GcnConv, GcnConvConfig, GineConv, GineConvConfig, SageConv, SageConvConfig};
use candle_geometric_nn::global::{
    AttentionType, GpsConv, GpsConvConfig, MultiheadAttention, MultiheadAttentionConfig, PerformerAttention,
    PerformerAttentionConfig, Polynormer, PolynormerConfig, SgFormer, SgFormerConfig,
};
use candle_geometric_nn::{Mode, SeededVarMap};
use common::{distance, messy_graph, normal, values};

fn vb(seed: u64) -> candle_nn::VarBuilder<'static> {
    SeededVarMap::new(seed).var_builder(DType::F64, &Device::Cpu)
}

#[test]
fn multi_head_attention_is_that_of_dense_matrices() {
    let map = SeededVarMap::new(1);
    let layer = MultiheadAttention::new(
        &MultiheadAttentionConfig::new(6, 2),
        map.var_builder(DType::F64, &Device::Cpu),
    )
    .unwrap();
    map.set("in_proj_bias", &normal(&[18], 1)).unwrap();
    // Nodes of the graphs mixed, one graph empty.
    let graphs = [0u32, 2, 0, 2, 2, 0, 3];
    let x = normal(&[7, 6], 2);
    let batch = EdgeIndex::from_batch(&graphs, 4).unwrap();
    let (out, attention) = layer.forward_with_attention(&x, Some(&batch), Mode::Eval).unwrap();
    let get = |name: &str| map.get(name).unwrap().as_detached_tensor();
    let qkv = x.matmul(&get("in_proj_weight").t().unwrap()).unwrap();
    let qkv = qkv.broadcast_add(&get("in_proj_bias")).unwrap();
    let part = |k: usize, head: usize| qkv.narrow(1, 6 * k + 3 * head, 3).unwrap().contiguous().unwrap();
    let other = graphs.iter().flat_map(|a| graphs.iter().map(move |b| if a == b { 0.0 } else { -1e30 }));
    let mask = Tensor::from_vec(other.collect::<Vec<f64>>(), (7, 7), &Device::Cpu).unwrap();
    let mut heads = Vec::new();
    for head in 0..2 {
        let scores = part(0, head).matmul(&part(1, head).t().unwrap().contiguous().unwrap()).unwrap();
        let scores = ((scores / 3f64.sqrt()).unwrap() + &mask).unwrap();
        let alpha = candle_nn::ops::softmax(&scores, D::Minus1).unwrap();
        for (e, (j, i)) in attention.edges.iter().enumerate() {
            let dense = alpha.get(i as usize).unwrap().get(j as usize).unwrap().to_scalar::<f64>().unwrap();
            assert!((values(&attention.alpha)[2 * e + head] - dense).abs() < 1e-14);
        }
        heads.push(alpha.matmul(&part(2, head)).unwrap());
    }
    let expected = Tensor::cat(&heads, 1).unwrap().matmul(&get("out_proj.weight").t().unwrap()).unwrap();
    assert!(distance(&out, &expected) < 1e-13);
    assert_eq!(attention.edges.num_edges(), 9 + 9 + 1);
}

#[test]
fn batch_mates_do_not_matter() {
    let (n, m) = (9usize, 14usize);
    let (first, second) = (messy_graph(n, 20, 1), messy_graph(m, 40, 2));
    let moved = second.iter().map(|(s, d)| (s + n as u32, d + n as u32));
    let edges = EdgeIndex::from_pairs(first.iter().chain(moved), n + m).unwrap();
    let ids: Vec<u32> = (0..n + m).map(|i| u32::from(i >= n)).collect();
    let batch = EdgeIndex::from_batch(&ids, 2).unwrap();
    let x = normal(&[n, 6], 1);
    let both = Tensor::cat(&[&x, &(normal(&[m, 6], 2) * 10.0).unwrap()], 0).unwrap();
    let sgformer = SgFormer::new(&SgFormerConfig::new(6, 4, 3), vb(1)).unwrap();
    let mut polynormer = Polynormer::new(&PolynormerConfig::new(6, 4, 3), vb(2)).unwrap();
    polynormer.set_global(true).unwrap();
    let performer = GpsConvConfig { attn_type: AttentionType::Performer, ..GpsConvConfig::new(6) };
    let performer = GpsConv::new(&performer, None, vb(3)).unwrap();
    let check = |alone: Tensor, mated: Tensor| {
        assert!(distance(&mated.narrow(0, 0, n).unwrap(), &alone) < 1e-12);
    };
    check(
        sgformer.forward(&x, &first, None).unwrap(),
        sgformer.forward(&both, &edges, Some(&batch)).unwrap(),
    );
    check(
        polynormer.forward(&x, &first, None).unwrap(),
        polynormer.forward(&both, &edges, Some(&batch)).unwrap(),
    );
    check(
        performer.forward(&x, &first, None).unwrap(),
        performer.forward(&both, &edges, Some(&batch)).unwrap(),
    );
}

#[test]
fn a_performer_draws_orthonormal_rows_once() {
    let config = PerformerAttentionConfig { head_channels: Some(6), ..PerformerAttentionConfig::new(4, 2) };
    let map = SeededVarMap::new(5);
    let layer = PerformerAttention::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    let projection = || map.get("fast_attn.projection_matrix").unwrap().as_detached_tensor();
    assert_eq!(projection().dims(), [10, 6]);
    let orthonormal = |p: &Tensor| {
        for (start, rows) in [(0, 6), (6, 4)] {
            let block = p.narrow(0, start, rows).unwrap();
            let gram = block.matmul(&block.t().unwrap().contiguous().unwrap()).unwrap();
            assert!(distance(&gram, &Tensor::eye(rows, DType::F64, &Device::Cpu).unwrap()) < 1e-14);
        }
    };
    let first = projection().copy().unwrap();
    orthonormal(&first);
    // A second layer on the same parameters leaves it as it is.
    PerformerAttention::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    assert_eq!(values(&projection()), values(&first));
    let x = normal(&[3, 4], 1);
    let before = layer.forward(&x, None).unwrap();
    layer.redraw_projection_matrix(Stream::new(1, 2)).unwrap();
    orthonormal(&projection());
    assert!(distance(&layer.forward(&x, None).unwrap(), &before) > 1e-6);
}

#[test]
fn training_drops_and_normalises_by_the_batch() {
    let map = SeededVarMap::new(6);
    let builder = map.var_builder(DType::F64, &Device::Cpu);
    let conv = GcnConv::new(&GcnConvConfig::new(4, 4), builder.pp("conv")).unwrap();
    let config = GpsConvConfig { dropout: 0.5, heads: 2, ..GpsConvConfig::new(4) };
    let layer = GpsConv::new(&config, Some(Arc::new(conv)), builder).unwrap();
    let (x, edges) = (normal(&[9, 4], 1), messy_graph(9, 20, 3));
    let train = || layer.forward_t(&x, &edges, None, Mode::Train(&Generator::new(1))).unwrap();
    assert_eq!(values(&train()), values(&train()));
    let mean = map.get("norm1.module.running_mean").unwrap();
    assert!(values(mean.as_tensor()).iter().all(|v| *v != 0.0));
    assert_ne!(values(&train()), values(&layer.forward(&x, &edges, None).unwrap()));
}

#[test]
fn wrong_arguments_are_named() {
    let message = |e: candle_geometric_nn::Error| e.to_string();
    let heads = MultiheadAttention::new(&MultiheadAttentionConfig::new(6, 4), vb(0)).unwrap_err();
    assert_eq!(message(heads), "MultiheadAttention: num_heads: expected a divisor of the 6 channels, got 4");
    let (x, edges) = (normal(&[5, 4], 1), messy_graph(5, 8, 1));
    let config = || GpsConvConfig::new(4);
    let layer = GpsConv::new(&config(), None, vb(0)).unwrap();
    let attr = normal(&[8, 2], 2);
    let unused = layer.forward_edges(&x, &edges, Some(&attr), None, Mode::Eval).unwrap_err();
    assert!(message(unused).contains("edge_attr: expected none, because there is no local layer"));
    let narrow = SageConv::new(&SageConvConfig::new(4, 3), vb(0).pp("conv")).unwrap();
    let layer = GpsConv::new(&config(), Some(Arc::new(narrow)), vb(0)).unwrap();
    assert!(message(layer.forward(&x, &edges, None).unwrap_err()).contains("conv: expected a layer with 4"));
    let gine = GineConvConfig { edge_dim: Some(2), ..GineConvConfig::new("Linear(4,4)".parse().unwrap()) };
    let gine = GineConv::new(&gine, vb(0).pp("conv")).unwrap();
    let layer = GpsConv::new(&config(), Some(Arc::new(gine)), vb(0)).unwrap();
    let missing = message(layer.forward(&x, &edges, None).unwrap_err());
    assert_eq!(
        missing,
        "GineConv: edge_attr: expected features of the 8 edges, which this layer needs, got none"
    );
    assert_eq!(layer.forward_edges(&x, &edges, Some(&attr), None, Mode::Eval).unwrap().dims(), [5, 4]);
    let kwargs = serde_json::json!({"channels": 4, "attn_kwargs": {"head_channels": 4}});
    let unknown = GpsConv::new(&serde_json::from_value(kwargs).unwrap(), None, vb(0)).unwrap_err();
    assert!(message(unknown).contains("attn_kwargs"));
    let config = PolynormerConfig { heads: 2, ..PolynormerConfig::new(4, 3, 2) };
    let mut model = Polynormer::new(&config, vb(0)).unwrap();
    assert!(message(model.set_global(true).unwrap_err()).contains("heads"));
    let tiny = PerformerAttentionConfig { head_channels: Some(1), ..PerformerAttentionConfig::new(4, 2) };
    assert!(message(PerformerAttention::new(&tiny, vb(0)).unwrap_err()).contains("head_channels"));
}
