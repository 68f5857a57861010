//! The attentions that compare whole rows against their references: on rows that are cut, with everything that may be
//! added to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Tensor};
use candle_geometric_graph::{Csr, EdgeIndex};
use candle_geometric_ops::{
    DynamicScoring, Extras, Linked, Result, dot_product_attention, dynamic_attention, project_all, reference,
};
use common::cases::dropped;
use common::{assert_close, difference, graphs, numbers, random, random_edges, with_gradients};

/// Node 0 has more in-edges, and node 1 more out-edges, than one task takes.
fn cut() -> EdgeIndex {
    let many = 3 * Csr::GRAIN + 1;
    let some = random_edges(50, 50, 600, 5);
    let more = (0..many).flat_map(|k| [(k % 50, 0), (1, k % 49 + 1)]);
    EdgeIndex::from_pairs(some.iter().chain(more), 50).unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// GATv2's, with its slope.
    Dynamic(f64),
    /// The graph transformer's.
    Dot,
}

struct Layer {
    kind: Kind,
    heads: usize,
    channels: usize,
    with_edges: bool,
    with_dropout: bool,
}

impl Layer {
    /// x, three maps with their biases (source or key, destination or query, value), attention vectors, bias, weight of
    /// the residual, edge terms.
    fn inputs(&self, edges: &EdgeIndex, dtype: DType) -> Vec<Tensor> {
        let (h, c) = (self.heads, self.channels);
        let d = h * c;
        let (map, bias): (&[usize], &[usize]) = (&[d, 6], &[d]);
        let shapes: [&[usize]; 11] = [
            &[edges.num_src(), 6],
            map,
            bias,
            map,
            bias,
            map,
            bias,
            &[h, c],
            bias,
            map,
            &[edges.num_edges(), d],
        ];
        shapes.iter().zip(1..).map(|(s, k)| random(s, k).to_dtype(dtype).unwrap()).collect()
    }

    fn terms<'t>(&self, t: &'t [Tensor]) -> Option<&'t Tensor> {
        self.with_edges.then_some(&t[10])
    }

    fn ours(&self, t: &[Tensor], edges: &EdgeIndex) -> Result<Tensor> {
        let map = |k| (&t[k], Some(&t[k + 1]));
        let dropout = dropped().filter(|_| self.with_dropout);
        match self.kind {
            Kind::Dynamic(negative_slope) => {
                let [src, dst, residual] = project_all(&t[0], [map(1), map(3), (&t[9], None)])?;
                let scoring = DynamicScoring { att: &t[7], edge_terms: self.terms(t), negative_slope };
                let extras = Extras { dropout, bias: Some(&t[8]), residual: Some(&residual) };
                dynamic_attention(src, dst, scoring, edges, extras)
            }
            Kind::Dot => {
                let [key, query, value, residual] =
                    project_all(&t[0], [map(1), map(3), map(5), (&t[9], None)])?;
                let extras = Extras { dropout, bias: Some(&t[8]), residual: Some(&residual) };
                dot_product_attention(query, key, value, self.terms(t), self.heads, edges, extras)
            }
        }
    }

    fn theirs(&self, t: &[Tensor], edges: &EdgeIndex) -> Result<Tensor> {
        let map = |k| reference::linear(&t[0], &t[k], Some(&t[k + 1]));
        let (key, query, value) = (map(1)?, map(3)?, map(5)?);
        let dropout = dropped().filter(|_| self.with_dropout);
        let out = match self.kind {
            Kind::Dynamic(negative_slope) => {
                let scoring = DynamicScoring { att: &t[7], edge_terms: self.terms(t), negative_slope };
                reference::dynamic_attention(&key, &query, scoring, edges, dropout)?
            }
            Kind::Dot => {
                let (terms, heads) = (self.terms(t), self.heads);
                reference::dot_product_attention(&query, &key, &value, terms, heads, edges, dropout)?
            }
        };
        reference::bias_add(&(out + reference::linear(&t[0], &t[9], None)?)?, &t[8])
    }

    fn check(&self, name: &str, edges: &EdgeIndex, dtype: DType, tolerance: f64) {
        let inputs = self.inputs(edges, dtype);
        let (ours, of_ours) = with_gradients(&inputs, |t| self.ours(t, edges));
        // In double precision: in single precision the reference's own error is as large as ours.
        let exact: Vec<Tensor> = inputs.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
        let (theirs, of_theirs) = with_gradients(&exact, |t| self.theirs(t, edges));
        let (_, of_rounded) = with_gradients(&inputs, |t| self.theirs(t, edges));
        let Self { kind, heads, channels, with_edges, .. } = self;
        let what = format!("{name} {dtype:?} {kind:?} {heads}×{channels}, edge terms: {with_edges}");
        assert_close(&what, &ours, &theirs, tolerance);
        for (k, (a, b)) in of_ours.iter().zip(&of_theirs).enumerate() {
            // Or a few times the error of the reference in this precision: scores of ±80 have few digits after the point.
            let unavoidable = difference(&numbers(&of_rounded[k]), &numbers(b));
            assert_close(&format!("{what}, gradient {k}"), a, b, tolerance.max(4.0 * unavoidable));
        }
    }
}

#[test]
fn agrees_with_the_reference_where_rows_are_cut() {
    let edges = cut();
    for (heads, channels) in [(1, 1), (1, 40), (4, 16), (8, 3), (3, 33)] {
        for kind in [Kind::Dot, Kind::Dynamic(0.2), Kind::Dynamic(-0.5), Kind::Dynamic(2.0)] {
            for (with_edges, with_dropout) in [(false, false), (false, true), (true, true)] {
                let layer = Layer { kind, heads, channels, with_edges, with_dropout };
                layer.check("cut", &edges, DType::F64, 1e-12);
                layer.check("cut", &edges, DType::F32, 5e-5);
            }
        }
    }
}

#[test]
fn agrees_with_the_reference_on_every_kind_of_graph() {
    for (name, edges) in graphs().iter().filter(|(_, e)| !e.is_bipartite()) {
        for kind in [Kind::Dot, Kind::Dynamic(0.2)] {
            for with_edges in [false, true] {
                let layer = Layer { kind, heads: 4, channels: 5, with_edges, with_dropout: false };
                layer.check(name, edges, DType::F64, 1e-12);
            }
        }
    }
}

/// One projection for both ends, as GATv2 with shared weights has it: both gradients go the same way.
#[test]
fn one_linked_tensor_may_be_both_ends() {
    let edges = cut();
    let kind = Kind::Dynamic(0.2);
    let layer = Layer { kind, heads: 2, channels: 3, with_edges: false, with_dropout: false };
    let inputs = layer.inputs(&edges, DType::F64);
    fn scoring(att: &Tensor) -> DynamicScoring<'_> {
        DynamicScoring { att, edge_terms: None, negative_slope: 0.2 }
    }
    let (ours, of_ours) = with_gradients(&inputs, |t| {
        let [h] = project_all(&t[0], [(&t[1], None)])?;
        dynamic_attention(&h, &h, scoring(&t[7]), &edges, Extras::default())
    });
    let (theirs, of_theirs) = with_gradients(&inputs, |t| {
        let h = reference::linear(&t[0], &t[1], None)?;
        reference::dynamic_attention(&h, &h, scoring(&t[7]), &edges, None)
    });
    assert_close("both ends", &ours, &theirs, 1e-12);
    for (a, b) in of_ours.iter().zip(&of_theirs) {
        assert_close("both ends, gradient", a, b, 1e-12);
    }
}

#[test]
fn extras_that_do_not_fit_are_named() {
    let edges = random_edges(5, 5, 9, 1);
    let (x, att, bad) = (random(&[5, 6], 1), random(&[2, 3], 2), random(&[5], 3));
    let scoring = DynamicScoring { att: &att, edge_terms: None, negative_slope: 0.2 };
    let error = |extras| dynamic_attention(&x, &x, scoring, &edges, extras).unwrap_err().to_string();
    assert!(error(Extras { bias: Some(&bad), ..Extras::default() }).contains("bias"));
    let residual = Linked::from(&bad);
    assert!(error(Extras { residual: Some(&residual), ..Extras::default() }).contains("residual"));
}
