//! Large graphs (N 1M, E 10M): the compressed form of random edges with the most memory that it took, R-MAT, neighbour sampling
//! (15, 10) from 1024 seeds, and the nearest neighbours of 100k points:
//! `RAYON_NUM_THREADS=2 cargo bench -p candle-geometric-benches --bench sampling`. `BENCH_EDGES` sets another number of edges;
//! `peers/sampling.py` times PyTorch Geometric on the same graph.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_geometric::graph::EdgeIndex;
use candle_geometric::graph::generators::{RMat, r_mat};
use candle_geometric::graph::rng::{Generator, Stream};
use candle_geometric::graph::sampling::{NeighborSampler, NeighborSamplerConfig};
use candle_geometric::graph::transforms::{Points, knn_graph};
use candle_geometric_benches::graphs::random_edges;
use candle_geometric_benches::meter;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn sampling(c: &mut Criterion) {
    let num_edges = std::env::var("BENCH_EDGES").map_or(10_000_000, |text| text.parse().unwrap());
    let num_nodes = num_edges / 10;
    let (source, destination) = random_edges(num_nodes, num_edges);
    let lists = || (source.clone(), destination.clone());
    let mut group = c.benchmark_group("sampling");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));

    let (s, d) = lists();
    let before = meter::resident_mb();
    meter::reset_peak();
    let edges = EdgeIndex::new(s, d, num_nodes).unwrap();
    edges.by_destination();
    if let (Some(before), Some(peak)) = (before, meter::peak_mb()) {
        // Both lists, which were there before, the two of the compressed form, and where rows begin.
        let megabytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let (given, graph) = (megabytes(8 * num_edges), megabytes(16 * num_edges + 4 * num_nodes));
        println!("peak memory: {:.2} of the final graph, {graph:.0} MB", (peak - before + given) / graph);
    }

    group.bench_function("edge list to compressed form", |b| {
        let made = |(s, d)| {
            let edges = EdgeIndex::new(s, d, num_nodes).unwrap();
            edges.by_destination();
            edges
        };
        b.iter_batched(lists, made, BatchSize::PerIteration);
    });
    group.bench_function("R-MAT", |b| b.iter(|| r_mat(num_nodes, num_edges, RMat::default(), 1).unwrap()));

    let sampler = NeighborSampler::new(&edges, NeighborSamplerConfig::new([15, 10])).unwrap();
    let generator = Generator::new(1);
    let seeds = || {
        let stream = generator.stream();
        (0..1024.min(num_nodes as u64)).map(|k| stream.word(k) % num_nodes as u32).collect::<Vec<_>>()
    };
    group.bench_function("neighbours (15, 10) of 1024 seeds", |b| {
        b.iter_batched(
            seeds,
            |seeds| sampler.sample(&seeds, generator.stream()).unwrap(),
            BatchSize::SmallInput,
        );
    });

    let positions: Vec<f32> = (0..300_000).map(|k| Stream::new(5, 0).uniform(k)).collect();
    let points = Points::new(&positions, 3).unwrap();
    group.bench_function("16 nearest of 100k points", |b| b.iter(|| knn_graph(&points, 16, false).unwrap()));
    group.finish();
}

criterion_group!(benches, sampling);
criterion_main!(benches);
