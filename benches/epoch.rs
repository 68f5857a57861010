//! A full-batch training epoch of the two-layer GAT of the paper at the size of Cora:
//! `cargo bench -p candle-geometric-benches --bench epoch`. `peers/compare.py` times the same beside PyTorch Geometric.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_geometric_benches::epoch::epoch;
use candle_geometric_benches::graphs::power_law;
use criterion::{Criterion, criterion_group, criterion_main};

fn epochs(c: &mut Criterion) {
    let mut group = c.benchmark_group("epoch");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for (name, share) in [("dense features", 1.0), ("1.3 % non-zeros, as Cora", 0.013)] {
        let edges = power_law(2708, 10_556, false).unwrap();
        let mut step = epoch(edges, 1433, share).unwrap();
        group.bench_function(name, |b| b.iter(|| step().unwrap()));
    }
    group.finish();
}

criterion_group!(benches, epochs);
criterion_main!(benches);
