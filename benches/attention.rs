//! GAT's attention alone, kernels beside the reference on stock Candle operations:
//! `cargo bench -p candle-geometric-benches --bench attention`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric::ops::{Result, additive_attention, reference};
use candle_geometric_benches::power_law;
use criterion::{Criterion, criterion_group, criterion_main};

fn variable(rows: usize, columns: usize) -> Var {
    Var::from_tensor(&Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap()).unwrap()
}

fn attention(c: &mut Criterion) {
    for (name, nodes, random_edges, heads, channels) in
        [("cora", 2708, 13_264 - 2708, 8, 8), ("mid", 100_000, 1_000_000, 4, 32)]
    {
        let edges = power_law(nodes, random_edges, true).unwrap();
        let [v, s, d] = [heads * channels, heads, heads].map(|columns| variable(nodes, columns));
        let cotangent = variable(nodes, heads * channels).as_detached_tensor();
        assert_eq!(cotangent.dtype(), DType::F32);
        let kernels =
            |v: &Tensor, s: &Tensor, d: &Tensor| additive_attention(v, s, Some(d), None, &edges, 0.2, None);
        let stock = |v: &Tensor, s: &Tensor, d: &Tensor| {
            reference::additive_attention(v, s, Some(d), None, &edges, 0.2, None)
        };
        type Attention<'a> = &'a dyn Fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>;
        let mut group = c.benchmark_group(name);
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2));
        for (who, f) in [("kernels", &kernels as Attention<'_>), ("reference", &stock)] {
            let [v_, s_, d_] = [&v, &s, &d].map(Var::as_detached_tensor);
            group.bench_function(format!("forward/{who}"), |b| {
                b.iter(|| black_box(f(&v_, &s_, &d_).unwrap()));
            });
            group.bench_function(format!("forward and backward/{who}"), |b| {
                b.iter(|| {
                    let loss = (f(&v, &s, &d).unwrap() * &cotangent).unwrap().sum_all().unwrap();
                    black_box(loss.backward().unwrap())
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, attention);
criterion_main!(benches);
