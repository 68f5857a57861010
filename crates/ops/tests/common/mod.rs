//! What the tests of the operations share: graphs, random tensors, gradients, comparisons, and the table of all
//! operations on a graph.
#![allow(dead_code, unreachable_pub)]

pub mod cases;
pub mod naive;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops::{Result, backward_from};

/// `n` edges between random nodes.
pub fn random_edges(num_src: usize, num_dst: usize, n: usize, seed: u64) -> EdgeIndex {
    let mut q = Stream::new(seed, 77).sequence();
    let source = (0..n).map(|_| q.below(num_src as u32)).collect();
    let destination = (0..n).map(|_| q.below(num_dst as u32)).collect();
    EdgeIndex::bipartite(source, destination, num_src, num_dst).unwrap()
}

/// Edges that crowd at two nodes: one has about a third of them as in-edges, another one as out-edges.
pub fn hub_edges(nodes: usize, n: usize, seed: u64) -> EdgeIndex {
    let mut q = Stream::new(seed, 78).sequence();
    let source = (0..n).map(|e| if e % 3 == 1 { 2 } else { q.below(nodes as u32) }).collect();
    let destination = (0..n).map(|e| if e % 3 == 0 { 1 } else { q.below(nodes as u32) }).collect();
    EdgeIndex::new(source, destination, nodes).unwrap()
}

/// All edges as one segment, as for a reduction over all of them: row e is that of edge e.
pub fn one_segment(n: usize) -> EdgeIndex {
    EdgeIndex::from_batch(&vec![0; n], 1).unwrap()
}

/// Graphs with rows that kernels cut, of more than [`Csr::GRAIN`](candle_geometric_graph::Csr::GRAIN) edges.
pub fn cut_graphs() -> Vec<(&'static str, EdgeIndex)> {
    let mut batch = vec![0; 300];
    batch.extend([2; 5000]);
    batch.extend([3; 40]);
    // Neither by source nor by destination in order, with the power law of R-MAT: each bit of an index is mostly 0.
    let mut q = Stream::new(5, 79).sequence();
    let mut skewed = || (0..9).fold(0, |id, _| id << 1 | u32::from(q.below(4) == 0));
    let (source, destination) = (0..8000).map(|_| (skewed(), skewed())).unzip();
    vec![
        ("hubs", hub_edges(500, 9000, 4)),
        ("a power law", EdgeIndex::new(source, destination, 512).unwrap()),
        ("all edges", one_segment(5000)),
        ("a batch", EdgeIndex::from_batch(&batch, 5).unwrap()),
        ("all from one", one_segment(5000).reversed()),
    ]
}

/// Small graphs of every kind that real data has.
pub fn graphs() -> Vec<(&'static str, EdgeIndex)> {
    let new = |s: &[u32], d: &[u32], n| EdgeIndex::new(s.to_vec(), d.to_vec(), n).unwrap();
    vec![
        ("random", random_edges(7, 7, 20, 1)),
        // Node 3 is isolated, 0 → 1 stands twice, 2 → 2 is a self-loop, 4 has no in-edges.
        ("odd", new(&[0, 0, 2, 1, 4, 0], &[1, 1, 2, 0, 2, 2], 5)),
        ("star", new(&[1, 2, 3, 4, 5, 0], &[0, 0, 0, 0, 0, 0], 6)),
        ("bipartite", random_edges(4, 6, 11, 2)),
        ("batch", EdgeIndex::from_batch(&[0, 0, 0, 2, 2, 3], 5).unwrap()),
        ("one node", new(&[], &[], 1)),
        ("one loop", new(&[0], &[0], 1)),
        ("no edges", new(&[], &[], 4)),
        ("nothing", new(&[], &[], 0)),
    ]
}

/// Numbers in [-1, 1).
pub fn random(shape: &[usize], seed: u64) -> Tensor {
    let stream = Stream::new(seed, 0);
    let n: usize = shape.iter().product();
    let numbers: Vec<f64> = (0..n as u64).map(|i| 2.0 * stream.uniform_f64(i) - 1.0).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

pub fn numbers(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The result, and the gradient of `Σ result · cotangent` for every input.
pub fn with_gradients(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> (Tensor, Vec<Tensor>) {
    let vars: Vec<Var> = inputs.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let out = f(&tracked).unwrap();
    let zeros = |v: &Var| v.zeros_like().unwrap();
    if out.elem_count() == 0 || !out.track_op() {
        return (out.detach(), vars.iter().map(zeros).collect());
    }
    let cotangent = random(out.dims(), 99).to_dtype(out.dtype()).unwrap();
    let ours = backward_from(&out, &cotangent).unwrap();
    let of = |grads: &GradStore, v: &Var| grads.get(v).cloned().unwrap_or_else(|| zeros(v));
    if out.elem_count() < 1000 {
        let stock = (&out * &cotangent).unwrap().sum_all().unwrap().backward().unwrap();
        for v in &vars {
            assert_close("Candle's backward pass and ours", &of(&stock, v), &of(&ours, v), 1e-6);
        }
    }
    let gradients = vars.iter().map(|v| of(&ours, v)).collect();
    (out.detach(), gradients)
}

/// The largest difference relative to the largest number, or to 1 where that is smaller.
pub fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1f64, |m, v| m.max(v.abs()));
    let worst = a.iter().zip(b).map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() });
    worst.fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m }) / scale
}

pub fn assert_close(what: &str, a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.dims(), b.dims(), "{what}: shape");
    let d = difference(&numbers(a), &numbers(b));
    assert!(d <= tolerance, "{what}: off by {d:e}\n{a}\n{b}");
}
