//! The primitives of `ops`, forward and forward + backward: `cargo bench -p candle-geometric-benches --bench primitives`.
//!
//! `power-law` is a graph of N = 100k and E = 1.1M with 4×32 channels; `star` has a million edges into one node, as a
//! readout over all nodes has, with 4×8 channels, so that whatever does not cut rows runs on one thread. A name behind
//! `--` chooses: `-- power-law/spmm`.
//!
//! `BENCH_REFERENCE=1` also times the reference of the attentions, composed of stock Candle operations.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::graph::rng::Stream;
use candle_geometric::ops::{self, Dropout, DynamicScoring, Extras, Reduce, Result, reference};
use candle_geometric_benches::graphs::power_law;
use criterion::{Criterion, criterion_group, criterion_main};

const HEADS: usize = 4;

fn dynamic_scoring(att: &Tensor) -> DynamicScoring<'_> {
    DynamicScoring { att, edge_terms: None, negative_slope: 0.2 }
}

type Call = fn(&[Tensor], &EdgeIndex) -> Result<Tensor>;
type Op = (&'static str, Vec<Var>, Call);

/// Each with its differentiable inputs and how it is called.
fn operations(edges: &EdgeIndex, width: usize) -> Vec<Op> {
    // One row of numbers for another costs nothing to make, and what they are matters to none of these.
    let variable = |shape: &[usize]| {
        let stream = Stream::named(shape.iter().sum::<usize>() as u64, "primitives");
        let number = |i| 2.0 * stream.uniform(i % (1 << 20)) - 1.0;
        let numbers: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(number).collect();
        Var::from_vec(numbers, shape, &Device::Cpu).unwrap()
    };
    let (sources, destinations, edges) = (edges.num_src(), edges.num_dst(), edges.num_edges());
    let (source, source_heads) = (variable(&[sources, width]), variable(&[sources, HEADS]));
    let (destination, destination_heads) =
        (variable(&[destinations, width]), variable(&[destinations, HEADS]));
    let (edge, edge_heads, weights) =
        (variable(&[edges, width]), variable(&[edges, HEADS]), variable(&[edges]));
    let (att, bias) = (variable(&[HEADS, width / HEADS]), variable(&[width]));
    let half = Var::from_tensor(&source.to_dtype(DType::BF16).unwrap()).unwrap();
    let scores_values = [&edge_heads, &source];
    let additive = [&source, &source_heads, &destination_heads];
    let dynamic = [&source, &destination, &att];
    let value = variable(&[sources, width]);
    let dot_product = [&destination, &source, &value];
    let operations: [(_, &[&Var], Call); 25] = [
        ("gather_src", &[&source], |t, e| ops::gather_src(&t[0], e)),
        ("gather_dst", &[&destination], |t, e| ops::gather_dst(&t[0], e)),
        ("scatter/sum", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Sum)),
        ("scatter/mean", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Mean)),
        ("scatter/max", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Max)),
        ("scatter/min", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Min)),
        ("scatter/mul", &[&edge], |t, e| ops::scatter(&t[0], e, Reduce::Mul)),
        ("scatter/sum of one column", &[&weights], |t, e| ops::scatter(&t[0], e, Reduce::Sum)),
        ("segment_softmax", &[&edge_heads], |t, e| ops::segment_softmax(&t[0], e)),
        ("segment_softmax of one column", &[&weights], |t, e| ops::segment_softmax(&t[0], e)),
        ("spmm/weighted", &[&weights, &source], |t, e| ops::spmm(e, Some(&t[0]), &t[1])),
        ("spmm/sum", &[&source], |t, e| ops::spmm(e, None, &t[0])),
        ("spmm/sum in bf16", &[&half], |t, e| ops::spmm(e, None, &t[0])),
        ("sddmm", &[&source, &destination], |t, e| ops::sddmm(&t[0], &t[1], e)),
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
        ("bias_add", &[&source, &bias], |t, _| ops::bias_add(&t[0], &t[1])),
        ("mean_heads", &[&source], |t, _| ops::mean_heads(&t[0], HEADS, None)),
        ("dropout", &[&source], |t, _| ops::dropout(&t[0], Dropout { p: 0.5, stream: Stream::new(1, 1) })),
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

fn measure(c: &mut Criterion, graph: &str, edges: &EdgeIndex, width: usize) {
    let mut group = c.benchmark_group(graph);
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for (name, variables, op) in operations(edges, width) {
        let tracked: Vec<Tensor> = variables.iter().map(|v| v.as_tensor().clone()).collect();
        let untracked: Vec<Tensor> = variables.iter().map(Var::as_detached_tensor).collect();
        let mut gradient = None;
        group.bench_function(format!("{name}/forward"), |b| {
            b.iter(|| black_box(op(&untracked, edges).unwrap()));
        });
        group.bench_function(format!("{name}/forward and backward"), |b| {
            let gradient =
                gradient.get_or_insert_with(|| op(&untracked, edges).unwrap().ones_like().unwrap());
            b.iter(|| {
                let out = op(&tracked, edges).unwrap();
                black_box(ops::backward_from(&out, gradient).unwrap())
            });
        });
    }
    group.finish();
}

fn primitives(c: &mut Criterion) {
    const NODES: usize = 100_000;
    measure(c, "power-law", &power_law(NODES, 10 * NODES, true).unwrap(), 128);
    measure(c, "star", &EdgeIndex::from_batch(&vec![0; 1_000_000], 1).unwrap(), 32);
}

criterion_group!(benches, primitives);
criterion_main!(benches);
