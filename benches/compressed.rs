//! The compressed forms of a power-law graph (N 100k, E 1.1M with self-loops): both orders of the edges and the ways
//! back to the caller's: `cargo bench -p candle-geometric-benches --bench compressed`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_geometric::graph::EdgeIndex;
use candle_geometric_benches::graphs::power_law;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn compressed(c: &mut Criterion) {
    let edges = power_law(100_000, 1_000_000, true).unwrap();
    let (source, destination, nodes) = (edges.source(), edges.destination(), edges.num_src());
    // Without the compressed forms, which an EdgeIndex keeps.
    let fresh = || EdgeIndex::new(source.to_vec(), destination.to_vec(), nodes).unwrap();
    let mut group = c.benchmark_group("compressed");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    group.bench_function("validation", |b| {
        let lists = || (source.to_vec(), destination.to_vec());
        b.iter_batched(lists, |(s, d)| EdgeIndex::new(s, d, nodes).unwrap(), BatchSize::LargeInput);
    });
    group.bench_function("by destination", |b| {
        b.iter_batched(fresh, |e| e.by_destination().rows(), BatchSize::LargeInput);
    });
    group.bench_function("both orders and both ways back", |b| {
        let all = |e: EdgeIndex| {
            for csr in [e.by_destination(), e.by_source()] {
                csr.entries();
                csr.tasks();
            }
            e
        };
        b.iter_batched(fresh, all, BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, compressed);
criterion_main!(benches);
