//! A graph file of 10M random edges between 1M nodes: how long writing and loading take, and the most memory that loading takes:
//! `cargo bench -p candle-geometric-benches --bench graph_file`. `BENCH_EDGES` sets another number of edges.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use candle_geometric::data::{NodeIds, RawGraph, graph_file};
use candle_geometric::graph::EdgeIndex;
use candle_geometric_benches::graphs::random_edges;
use candle_geometric_benches::meter;
use criterion::{Criterion, criterion_group, criterion_main};

fn graph_files(c: &mut Criterion) {
    let num_edges = std::env::var("BENCH_EDGES").map_or(10_000_000, |text| text.parse().unwrap());
    let num_nodes = num_edges / 10;
    let folder = std::env::temp_dir().join(format!("candle-geometric-bench-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("graph.safetensors");
    let (source, destination) = random_edges(num_nodes, num_edges);
    let edges = EdgeIndex::new(source, destination, num_nodes).unwrap();
    let graph = RawGraph::new(edges, NodeIds::Positions).unwrap();
    let mut group = c.benchmark_group("graph file");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    group.bench_function("save", |b| b.iter(|| graph_file::save(&graph, &path).unwrap()));
    drop(graph);

    let before = meter::resident_mb();
    meter::reset_peak();
    let loaded = graph_file::load(&path).unwrap();
    if let (Some(before), Some(peak)) = (before, meter::peak_mb()) {
        let edges = (8 * num_edges) as f64 / f64::from(1 << 20);
        println!("peak memory of loading: {:.0} MB, of which the edges are {edges:.0} MB", peak - before);
    }
    drop(loaded);
    group.bench_function("load", |b| b.iter(|| graph_file::load(&path).unwrap()));
    group.finish();
    std::fs::remove_dir_all(&folder).unwrap();
}

criterion_group!(benches, graph_files);
criterion_main!(benches);
