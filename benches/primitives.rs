//! The primitives of `ops`, forward and forward + backward, on a power-law graph (N 20k, E 220k, 4×32):
//! `cargo bench -p candle-geometric-benches --bench primitives`.
//!
//! `BENCH_REFERENCE=1` also times the reference of the attentions, composed of stock Candle operations.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use candle_core::{Device, Tensor, Var};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::ops::{self, DynamicScoring, Extras, Reduce, Result, reference};
use candle_geometric_benches::graphs::power_law;
use candle_geometric_benches::upstream;
use criterion::{Criterion, criterion_group, criterion_main};

const NODES: usize = 20_000;
const HEADS: usize = 4;
const WIDTH: usize = 128;

fn dynamic_scoring(att: &Tensor) -> DynamicScoring<'_> {
    DynamicScoring { att, edge_terms: None, negative_slope: 0.2 }
}

type Call = fn(&[Tensor], &EdgeIndex) -> Result<Tensor>;
type Op = (&'static str, Vec<Var>, Call);

/// Each with its differentiable inputs and how it is called.
fn operations(edges: usize) -> Vec<Op> {
    let variable = |shape: (usize, usize)| Var::randn(0f32, 1f32, shape, &Device::Cpu).unwrap();
    let [node, node2, node3] = [(); 3].map(|()| variable((NODES, WIDTH)));
    let [node_heads, node_heads2] = [(); 2].map(|()| variable((NODES, HEADS)));
    let (edge, edge_heads) = (variable((edges, WIDTH)), variable((edges, HEADS)));
    let (att, weights) =
        (variable((HEADS, WIDTH / HEADS)), Var::randn(0f32, 1f32, edges, &Device::Cpu).unwrap());
    let scores_values = [&edge_heads, &node];
    let additive = [&node, &node_heads, &node_heads2];
    let dynamic = [&node, &node2, &att];
    let dot_product = [&node, &node2, &node3];
    let operations: [(_, &[&Var], Call); 17] = [
        ("gather_src", &[&node], |t, e| ops::gather_src(&t[0], e)),
        ("scatter/sum", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Sum)),
        ("scatter/mean", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Mean)),
        ("scatter/max", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Max)),
        ("scatter/min", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Min)),
        ("scatter/mul", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Mul)),
        ("segment_softmax", &[&edge_heads], |t, e| ops::segment_softmax(&t[0], e)),
        ("spmm", &[&weights, &node], |t, e| ops::spmm(e, Some(&t[0]), &t[1])),
        ("sddmm", &[&node, &node2], |t, e| ops::sddmm(&t[0], &t[1], e)),
        ("attend", &scores_values, |t, e| ops::attend(&t[0], &t[1], e)),
        ("additive_attention", &additive, |t, e| {
            ops::additive_attention(&t[0], &t[1], Some(&t[2]), None, e, 0.2, None)
        }),
        ("dynamic_attention", &dynamic, |t, e| {
            ops::dynamic_attention(&t[0], &t[1], dynamic_scoring(&t[2]), e, Extras::default())
        }),
        ("dot_product_attention", &dot_product, |t, e| {
            ops::dot_product_attention(&t[0], &t[1], &t[2], None, HEADS, e, Extras::default())
        }),
        ("reference/attend", &scores_values, |t, e| reference::attend(&t[0], &t[1], e)),
        ("reference/additive_attention", &additive, |t, e| {
            reference::additive_attention(&t[0], &t[1], Some(&t[2]), None, e, 0.2, None)
        }),
        ("reference/dynamic_attention", &dynamic, |t, e| {
            reference::dynamic_attention(&t[0], &t[1], dynamic_scoring(&t[2]), e, None)
        }),
        ("reference/dot_product_attention", &dot_product, |t, e| {
            reference::dot_product_attention(&t[0], &t[1], &t[2], None, HEADS, e, None)
        }),
    ];
    let with_reference = std::env::var_os("BENCH_REFERENCE").is_some();
    let wanted = |name: &str| with_reference || !name.starts_with("reference");
    let owned = |(name, inputs, op): (_, &[&Var], _)| (name, inputs.iter().map(|&v| v.clone()).collect(), op);
    operations.into_iter().filter(|(name, ..)| wanted(name)).map(owned).collect()
}

fn primitives(c: &mut Criterion) {
    let edges = power_law(NODES, 10 * NODES, true).unwrap();
    let mut group = c.benchmark_group("primitives");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (name, variables, op) in operations(edges.num_edges()) {
        let tracked: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
        let untracked: Vec<Tensor> = variables.iter().map(Var::as_detached_tensor).collect();
        let out = op(&untracked, &edges).unwrap();
        let gradient = Tensor::randn(0f32, 1f32, out.shape(), &Device::Cpu).unwrap();
        group.bench_function(format!("{name}/forward"), |b| {
            b.iter(|| black_box(op(&untracked, &edges).unwrap()));
        });
        group.bench_function(format!("{name}/forward and backward"), |b| {
            b.iter(|| {
                let out = op(&tracked, &edges).unwrap();
                black_box(upstream(&out, &gradient).unwrap().backward().unwrap())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, primitives);
criterion_main!(benches);
