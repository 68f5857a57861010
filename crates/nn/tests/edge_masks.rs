//! Layers with a factor for the message of every edge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};
use candle_geometric_nn::aggr::Aggr;
use candle_geometric_nn::conv::{
    GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, GcnConv, GcnConvConfig, GinConv, GinConvConfig,
    SageConv, SageConvConfig, TransformerConv, TransformerConvConfig,
};
use candle_geometric_nn::{Mode, Result, SeededVarMap};
use candle_geometric_ops as ops;
use common::{check_gradients, distance, messy_graph, normal, values, var};

type Layer = Box<dyn Fn(&Tensor, &EdgeIndex, Option<&Tensor>) -> Result<Tensor>>;

/// Layers of 4 inputs, without edge features, each with and without a mask.
fn layers() -> Vec<(&'static str, SeededVarMap, Layer)> {
    macro_rules! layer {
        ($name:literal, $conv:ident, $config:expr $(, $none:expr)?) => {{
            let map = SeededVarMap::new(3);
            let conv = $conv::new(&$config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
            let run: Layer = Box::new(move |x, edges, mask| match mask {
                Some(mask) => conv.forward_masked(x, edges, $($none,)? mask),
                None => conv.forward(x, edges),
            });
            ($name, map, run)
        }};
    }
    vec![
        layer!("GCN", GcnConv, GcnConvConfig::new(4, 3), None),
        layer!("GCN, sum", GcnConv, GcnConvConfig { normalize: false, ..GcnConvConfig::new(4, 3) }, None),
        layer!("GAT", GatConv, GatConvConfig { heads: 2, ..GatConvConfig::new(4, 3) }, None),
        layer!(
            "GAT, residual, no loops",
            GatConv,
            GatConvConfig {
                heads: 2,
                concat: false,
                residual: true,
                add_self_loops: false,
                ..GatConvConfig::new(4, 3)
            },
            None
        ),
        layer!("GATv2", Gatv2Conv, Gatv2ConvConfig { heads: 2, ..Gatv2ConvConfig::new(4, 3) }, None),
        layer!(
            "transformer",
            TransformerConv,
            TransformerConvConfig { heads: 2, ..TransformerConvConfig::new(4, 3) },
            None
        ),
        layer!(
            "GIN",
            GinConv,
            GinConvConfig {
                train_eps: true,
                ..GinConvConfig::new("Linear(4,5),ReLU,Linear(5,3)".parse().unwrap())
            }
        ),
        layer!("SAGE", SageConv, SageConvConfig::new(4, 3)),
        layer!("SAGE, max", SageConv, SageConvConfig { aggr: Aggr::Max.into(), ..SageConvConfig::new(4, 3) }),
    ]
}

#[test]
fn a_mask_of_ones_changes_nothing() {
    let (edges, x) = (messy_graph(9, 24, 1), normal(&[9, 4], 2));
    let ones = Tensor::ones(edges.num_edges(), DType::F64, &Device::Cpu).unwrap();
    for (name, _, layer) in layers() {
        let gap = distance(&layer(&x, &edges, Some(&ones)).unwrap(), &layer(&x, &edges, None).unwrap());
        assert!(gap < 1e-12, "{name}: {gap}");
    }
}

/// Masked messages do not arrive, and a mask is not a change of the graph: degrees and softmax are those of all edges.
#[test]
fn a_mask_weighs_messages_and_not_the_graph() {
    // Into 2 from 0 and 1, without self-loops.
    let edges = EdgeIndex::new(vec![0, 1], vec![2, 2], 3).unwrap();
    let x = normal(&[3, 4], 5);
    let mask = Tensor::new(&[0.25f64, 0.0], &Device::Cpu).unwrap();
    let map = SeededVarMap::new(1);
    let vb = map.var_builder(DType::F64, &Device::Cpu);
    let config = GatConvConfig { add_self_loops: false, ..GatConvConfig::new(4, 3) };
    let gat = GatConv::new(&config, vb.pp("gat")).unwrap();
    let (_, attention) = gat.forward_with_attention(&x, &edges, None, Mode::Eval).unwrap();
    let h = ops::linear(&x, &vb.pp("gat.lin").get((3, 4), "weight").unwrap(), None).unwrap();
    let expected: Vec<f64> = values(&h)[..3].iter().map(|v| 0.25 * values(&attention.alpha)[0] * v).collect();
    let out = gat.forward_masked(&x, &edges, None, &mask).unwrap();
    let expected = Tensor::from_vec(expected, (1, 3), &Device::Cpu).unwrap();
    assert!(distance(&out.narrow(0, 2, 1).unwrap(), &expected) < 1e-12);
    assert!(values(&attention.alpha)[0] < 1.0);

    // A mean divides by two edges although one is masked.
    let sage = SageConvConfig { root_weight: false, bias: false, ..SageConvConfig::new(4, 3) };
    let sage = SageConv::new(&sage, vb.pp("sage")).unwrap();
    let out = sage.forward_masked(&x, &edges, &mask).unwrap();
    let h = ops::linear(&x, &vb.pp("sage.lin_l").get((3, 4), "weight").unwrap(), None).unwrap();
    let expected = (h.narrow(0, 0, 1).unwrap() * 0.125).unwrap();
    assert!(distance(&out.narrow(0, 2, 1).unwrap(), &expected) < 1e-12);
}

/// In a normalised convolution, with and without weights of the edges: the sum over edges and loops, one by one.
#[test]
fn gcn_masks_its_normalised_weights() {
    let (edges, x) = (messy_graph(8, 20, 3), normal(&[8, 4], 4));
    let (e, n) = (edges.num_edges(), 8);
    let mask = normal(&[e], 6).sqr().unwrap();
    let map = SeededVarMap::new(1);
    let vb = map.var_builder(DType::F64, &Device::Cpu);
    let conv = GcnConv::new(&GcnConvConfig { bias: false, ..GcnConvConfig::new(4, 2) }, vb.clone()).unwrap();
    let h = values(&ops::linear(&x, &vb.pp("lin").get((2, 4), "weight").unwrap(), None).unwrap());
    for weights in [None, Some(normal(&[e], 7).sqr().unwrap())] {
        let w = weights.as_ref().map_or(vec![1.0; e], values);
        let m = values(&mask);
        // (source, destination, weight, mask); a loop of the caller's stays where edges have weights, the last of a node's.
        let mut all: Vec<(usize, usize, f64, f64)> = Vec::new();
        let mut loops = vec![(1.0, 1.0); n];
        for (k, (j, i)) in edges.iter().enumerate() {
            match (j == i, &weights) {
                (false, _) => all.push((j as usize, i as usize, w[k], m[k])),
                (true, Some(_)) => loops[i as usize] = (w[k], m[k]),
                (true, None) => {}
            }
        }
        all.extend(loops.iter().enumerate().map(|(i, &(w, m))| (i, i, w, m)));
        let mut degree = vec![0.0; n];
        all.iter().for_each(|&(_, i, w, _)| degree[i] += w);
        let mut expected = vec![0.0; 2 * n];
        for (j, i, w, m) in all {
            for c in 0..2 {
                expected[2 * i + c] += m * w / (degree[i] * degree[j]).sqrt() * h[2 * j + c];
            }
        }
        let expected = Tensor::from_vec(expected, (n, 2), &Device::Cpu).unwrap();
        let out = conv.forward_masked(&x, &edges, weights.as_ref(), &mask).unwrap();
        assert!(distance(&out, &expected) < 1e-12);
    }
}

/// With edge features, whose values are masked as well in a graph transformer, and a gate.
#[test]
fn a_transformer_masks_its_edge_terms() {
    let (edges, x) = (messy_graph(8, 20, 3), normal(&[8, 4], 4));
    let attr = normal(&[edges.num_edges(), 2], 5);
    let map = SeededVarMap::new(1);
    let vb = map.var_builder(DType::F64, &Device::Cpu);
    let config =
        TransformerConvConfig { heads: 2, edge_dim: Some(2), beta: true, ..TransformerConvConfig::new(4, 3) };
    let conv = TransformerConv::new(&config, vb).unwrap();
    let ones = Tensor::ones(edges.num_edges(), DType::F64, &Device::Cpu).unwrap();
    let all = conv.forward_edges(&x, &edges, Some(&attr), Mode::Eval).unwrap();
    assert!(distance(&conv.forward_masked(&x, &edges, Some(&attr), &ones).unwrap(), &all) < 1e-12);
    // Nothing arrives where everything is masked: as in the graph without edges.
    let none = EdgeIndex::new(vec![], vec![], 8).unwrap();
    let empty = Tensor::zeros((0, 2), DType::F64, &Device::Cpu).unwrap();
    let expected = conv.forward_edges(&x, &none, Some(&empty), Mode::Eval).unwrap();
    let out = conv.forward_masked(&x, &edges, Some(&attr), &ones.zeros_like().unwrap()).unwrap();
    assert!(distance(&out, &expected) < 1e-12);
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (edges, x) = (messy_graph(7, 16, 3), var(&[7, 4], 4));
    let mask = var(&[edges.num_edges()], 6);
    for (_, map, layer) in layers() {
        check_gradients(&map, &[&x, &mask], || layer(&x, &edges, Some(&mask)));
    }
}

/// The result does not depend on the order of the edges, if the mask follows them.
#[test]
fn edges_may_come_in_any_order() {
    let (edges, x) = (transforms::coalesce(&messy_graph(9, 24, 1)).unwrap().edges, normal(&[9, 4], 2));
    let mask = values(&normal(&[edges.num_edges()], 6));
    let reversed = edges.iter().collect::<Vec<_>>().into_iter().rev();
    let reversed = EdgeIndex::from_pairs(reversed, 9).unwrap();
    let turned: Vec<f64> = mask.iter().rev().copied().collect();
    let host = |m: Vec<f64>| Tensor::new(m, &Device::Cpu).unwrap();
    let (mask, turned) = (host(mask), host(turned));
    for (name, _, layer) in layers() {
        let (a, b) = (layer(&x, &edges, Some(&mask)).unwrap(), layer(&x, &reversed, Some(&turned)).unwrap());
        assert!(distance(&a, &b) < 1e-12, "{name}");
    }
}

#[test]
fn a_mask_of_another_length_is_an_error() {
    let (edges, x) = (messy_graph(9, 24, 1), normal(&[9, 4], 2));
    for (name, _, layer) in layers() {
        let error = layer(&x, &edges, Some(&normal(&[23], 1))).unwrap_err().to_string();
        assert!(
            error.contains("edge_mask") && error.contains("[24]") && error.contains("[23]"),
            "{name}: {error}"
        );
    }
}
