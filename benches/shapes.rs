//! The fused attentions at widths that are no multiple of a vector, at one head, one channel and 512 channels, on a
//! power-law graph (N 20k, E 220k with self-loops): `cargo bench -p candle-geometric-benches --bench shapes`.
//!
//! The throughput is in elements of messages, E·H·C: it should not fall much at odd shapes of equal width.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::ops::{
    self, DynamicScoring, Extras, Linked, Result, Scoring, backward_from, dynamic_attention, layer_attention,
};
use candle_geometric_benches::graphs::power_law;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// H and C.
const SHAPES: [(usize, usize); 11] =
    [(1, 1), (8, 1), (1, 7), (1, 8), (1, 121), (1, 128), (4, 31), (4, 32), (3, 43), (1, 512), (8, 64)];

type Attention = fn(&Tensor, &Tensor, &EdgeIndex) -> Result<Tensor>;

fn additive(x: &Tensor, att: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let scoring = Scoring { att_src: att, att_dst: att, edge_scores: None, negative_slope: 0.2 };
    layer_attention(&Linked::from(x), scoring, None, edges, None)
}

fn dynamic(x: &Tensor, att: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let scoring = DynamicScoring { att, edge_terms: None, negative_slope: 0.2 };
    dynamic_attention(x, x, scoring, edges, Extras::default())
}

fn dot_product(x: &Tensor, att: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    ops::dot_product_attention(x, x, x, None, att.dim(0)?, edges, Extras::default())
}

fn shapes(c: &mut Criterion) {
    let edges = power_law(20_000, 200_000, true).unwrap();
    let n = edges.num_src();
    let attentions: [(&str, Attention); 3] =
        [("additive", additive), ("dynamic", dynamic), ("dot product", dot_product)];
    for (name, attention) in attentions {
        let mut group = c.benchmark_group(name);
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(600));
        for (heads, channels) in SHAPES {
            let random = |shape| Var::randn(0f32, 1f32, shape, &Device::Cpu).unwrap();
            let (x, att) = (random((n, heads * channels)), random((heads, channels)));
            let (x_alone, att_alone) = (x.as_detached_tensor(), att.as_detached_tensor());
            let gradient = Tensor::ones((n, heads * channels), DType::F32, &Device::Cpu).unwrap();
            group.throughput(Throughput::Elements((edges.num_edges() * heads * channels) as u64));
            group.bench_function(format!("{heads}×{channels}/forward"), |b| {
                b.iter(|| attention(&x_alone, &att_alone, &edges).unwrap());
            });
            group.bench_function(format!("{heads}×{channels}/forward and backward"), |b| {
                b.iter(|| backward_from(&attention(&x, &att, &edges).unwrap(), &gradient).unwrap());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, shapes);
criterion_main!(benches);
