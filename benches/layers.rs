//! Whole layers, forward and forward + backward, on a power-law graph (N 20k, E 200k, 128 → 4×32):
//! `cargo bench -p candle-geometric-benches --bench layers`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_geometric_benches::graphs::{Case, power_law};
use candle_geometric_benches::workload::{Pass, workload};
use criterion::{Criterion, criterion_group, criterion_main};

fn layers(c: &mut Criterion) {
    let edges = power_law(20_000, 200_000, false).unwrap();
    let case = Case { edges, features: 128, heads: 4, channels: 32 };
    let mut group = c.benchmark_group("layers");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for layer in ["GATConv", "GATv2Conv", "TransformerConv", "GCNConv", "SAGEConv"] {
        for (name, pass) in [("forward", Pass::Forward), ("forward and backward", Pass::ForwardBackward)] {
            let mut step = workload(&case, layer, pass).unwrap();
            group.bench_function(format!("{layer}/{name}"), |b| b.iter(|| step().unwrap()));
        }
    }
    group.finish();
}

criterion_group!(benches, layers);
criterion_main!(benches);
