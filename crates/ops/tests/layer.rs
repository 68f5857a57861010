//! The attention of a layer, and what passes between operations: against the reference, on rows that are cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Tensor, Var};
use candle_geometric_graph::{Csr, EdgeIndex};
use candle_geometric_ops::{Linked, Result, Scoring, layer_attention, mean_heads, project, reference};
use common::cases::dropped;
use common::{assert_close, difference, graphs, numbers, random, random_edges, with_gradients};

/// Node 0 has more in-edges, and node 1 more out-edges, than one task takes.
fn cut() -> EdgeIndex {
    let many = 3 * Csr::GRAIN + 1;
    let some = random_edges(50, 50, 600, 5);
    let more = (0..many).flat_map(|k| [(k % 50, 0), (1, k % 49 + 1)]);
    EdgeIndex::from_pairs(some.iter().chain(more), 50).unwrap()
}

/// A layer: x, weight, att_src, att_dst, bias, edge scores.
struct Layer {
    heads: usize,
    channels: usize,
    slope: f64,
    with_edges: bool,
    with_dropout: bool,
}

impl Layer {
    fn inputs(&self, edges: &EdgeIndex, dtype: DType) -> Vec<Tensor> {
        let (h, c) = (self.heads, self.channels);
        let shapes: [&[usize]; 6] =
            [&[edges.num_src(), 6], &[h * c, 6], &[h, c], &[h, c], &[h * c], &[edges.num_edges(), h]];
        shapes.iter().zip(1..).map(|(s, k)| random(s, k).to_dtype(dtype).unwrap()).collect()
    }

    fn run(&self, t: &[Tensor], edges: &EdgeIndex, ours: bool) -> Result<Tensor> {
        let scoring = Scoring {
            att_src: &t[2],
            att_dst: &t[3],
            edge_scores: self.with_edges.then_some(&t[5]),
            negative_slope: self.slope,
        };
        let dropout = dropped().filter(|_| self.with_dropout);
        if ours {
            layer_attention(&project(&t[0], &t[1], None)?, scoring, Some(&t[4]), edges, dropout)
        } else {
            let h = reference::linear(&t[0], &t[1], None)?;
            reference::layer_attention(&h, scoring, Some(&t[4]), edges, dropout)
        }
    }

    fn check(&self, name: &str, edges: &EdgeIndex, dtype: DType, tolerance: f64) {
        let inputs = self.inputs(edges, dtype);
        let (ours, of_ours) = with_gradients(&inputs, |t| self.run(t, edges, true));
        // In double precision: in single precision the reference's own error is as large as ours.
        let exact: Vec<Tensor> = inputs.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
        let (theirs, of_theirs) = with_gradients(&exact, |t| self.run(t, edges, false));
        let (_, of_rounded) = with_gradients(&inputs, |t| self.run(t, edges, false));
        let Self { heads, channels, slope, .. } = self;
        let what = format!("{name} {dtype:?} {heads}×{channels} slope {slope}");
        assert_close(&what, &ours, &theirs, tolerance);
        for (k, (a, b)) in of_ours.iter().zip(&of_theirs).enumerate() {
            // Or twice the error of the reference in this precision: sums over thousands of edges that cancel.
            let unavoidable = difference(&numbers(&of_rounded[k]), &numbers(b));
            assert_close(&format!("{what}, gradient {k}"), a, b, tolerance.max(2.0 * unavoidable));
        }
    }
}

#[test]
fn agrees_with_the_reference_where_rows_are_cut() {
    let edges = cut();
    for (heads, channels) in [(1, 1), (1, 40), (4, 16), (8, 3), (3, 33), (2, 8)] {
        for slope in [0.2, -0.5, 0.0, 1.0, 2.0] {
            for (with_edges, with_dropout) in [(false, false), (true, true)] {
                let layer = Layer { heads, channels, slope, with_edges, with_dropout };
                layer.check("cut", &edges, DType::F64, 1e-12);
                layer.check("cut", &edges, DType::F32, 5e-5);
            }
        }
    }
}

#[test]
fn agrees_with_the_reference_on_every_kind_of_graph() {
    for (name, edges) in graphs().iter().filter(|(_, e)| !e.is_bipartite()) {
        for with_edges in [false, true] {
            let layer = Layer { heads: 4, channels: 5, slope: 0.2, with_edges, with_dropout: false };
            layer.check(name, edges, DType::F64, 1e-12);
        }
    }
}

/// Terms that cancel: the slope of the LeakyReLU hangs on the order in which they are added.
#[test]
fn terms_that_cancel_are_added_in_one_order() {
    let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3).unwrap();
    let column = |v: [f32; 3]| Tensor::new(&v, &candle_core::Device::Cpu).unwrap().reshape((3, 1)).unwrap();
    let values = column([1.0, -2.0, 0.0]);
    let (src, dst) = (column([1e4, 1e4, 0.0]), column([0.0, 0.0, -1e4]));
    let edge = Tensor::new(&[3e-4f32, -3e-4], values.device()).unwrap().reshape((2, 1)).unwrap();
    let run = |t: &[Tensor]| {
        candle_geometric_ops::additive_attention(&t[0], &t[1], Some(&t[2]), Some(&t[3]), &edges, 0.2, None)
    };
    let (_, gradients) = with_gradients(&[values, src, dst, edge], run);
    let [of_src, of_edge] = [numbers(&gradients[1]), numbers(&gradients[3])];
    assert_eq!(of_src[..2], of_edge[..], "each source has one edge");
}

/// A bias so large that the result without it drowns in it.
#[test]
fn a_large_bias_costs_the_gradients_nothing() {
    let edges = cut();
    let layer = Layer { heads: 2, channels: 3, slope: 0.2, with_edges: false, with_dropout: false };
    let mut inputs = layer.inputs(&edges, DType::F32);
    let of = |inputs: &[Tensor]| with_gradients(inputs, |t| layer.run(t, &edges, true)).1;
    let small = of(&inputs);
    inputs[4] = (&inputs[4] * 1e6).unwrap();
    for (k, (a, b)) in of(&inputs).iter().zip(&small).enumerate() {
        assert_close(&format!("gradient {k}"), a, b, 1e-5);
    }
}

#[test]
fn a_linked_tensor_may_have_several_readers_and_several_backward_passes() {
    let edges = cut();
    let layer = Layer { heads: 2, channels: 3, slope: 0.2, with_edges: false, with_dropout: false };
    let inputs = layer.inputs(&edges, DType::F64);
    let twice = |t: &[Tensor], h: &Linked| {
        let scoring = Scoring { att_src: &t[2], att_dst: &t[3], edge_scores: None, negative_slope: 0.2 };
        let a = layer_attention(h, scoring, None, &edges, None)?;
        let scoring = Scoring { att_src: &t[3], att_dst: &t[2], ..scoring };
        let b = layer_attention(h, scoring, None, &edges, None)?;
        Ok(((a + b)? + h.tensor()?)?)
    };
    let (ours, of_ours) = with_gradients(&inputs, |t| twice(t, &project(&t[0], &t[1], None)?));
    let plain = |t: &[Tensor]| -> Result<Linked> { Ok(Linked::from(reference::linear(&t[0], &t[1], None)?)) };
    let (theirs, of_theirs) = with_gradients(&inputs, |t| twice(t, &plain(t)?));
    assert_close("several readers", &ours, &theirs, 1e-12);
    for (a, b) in of_ours.iter().zip(&of_theirs) {
        assert_close("several readers, gradient", a, b, 1e-12);
    }

    let x = Var::from_tensor(&inputs[0]).unwrap();
    let mut tracked = inputs.clone();
    tracked[0] = x.as_tensor().clone();
    let loss = layer.run(&tracked, &edges, true).unwrap().sqr().unwrap().sum_all().unwrap();
    let gradient = || loss.backward().unwrap().get(&x).unwrap().clone();
    let (first, second) = (gradient(), gradient());
    assert_eq!(numbers(&first), numbers(&second));
}

/// Memory that is used again, from 4 MB on, keeps nothing of what it held.
#[test]
fn steps_on_large_features_repeat_bit_by_bit() {
    let edges = random_edges(20_000, 20_000, 60_000, 3);
    let edges = EdgeIndex::from_pairs(edges.iter(), 20_000).unwrap();
    let layer = Layer { heads: 4, channels: 16, slope: 0.2, with_edges: false, with_dropout: true };
    let inputs = layer.inputs(&edges, DType::F32);
    let step = || {
        let (out, gradients) = with_gradients(&inputs, |t| layer.run(t, &edges, true));
        [&out].into_iter().chain(&gradients).flat_map(numbers).collect::<Vec<_>>()
    };
    let first = step();
    assert!(first.iter().all(|v| v.is_finite()));
    for _ in 0..3 {
        assert!(step() == first);
    }
    candle_geometric_ops::release_memory();
    assert!(step() == first);
}

#[test]
fn mean_of_heads() {
    let inputs = [random(&[5, 6], 1), random(&[2], 2)];
    let (ours, of_ours) = with_gradients(&inputs, |t| mean_heads(&t[0], 3, Some(&t[1])));
    let (theirs, of_theirs) = with_gradients(&inputs, |t| reference::mean_heads(&t[0], 3, Some(&t[1])));
    assert_close("mean", &ours, &theirs, 1e-15);
    for (a, b) in of_ours.iter().zip(&of_theirs) {
        assert_close("mean, gradient", a, b, 1e-15);
    }
    let error = mean_heads(&inputs[0], 4, None).unwrap_err().to_string();
    assert!(error.contains("multiple of the 4 heads"), "{error}");
}
