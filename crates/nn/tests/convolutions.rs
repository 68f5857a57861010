//! GCN and GraphSAGE against dense references and finite differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::{Aggr, AggrKwargs, Aggrs};
use candle_geometric_nn::conv::{GcnConv, GcnConvConfig, SageConv, SageConvConfig};
use candle_geometric_nn::{Mode, SeededVarMap};
use common::{check_gradients, distance, messy_graph, normal, values, var};

fn gcn(config: &GcnConvConfig) -> (SeededVarMap, GcnConv) {
    let map = SeededVarMap::new(3);
    let conv = GcnConv::new(config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    (map, conv)
}

fn sage(config: &SageConvConfig) -> (SeededVarMap, SageConv) {
    let map = SeededVarMap::new(3);
    let conv = SageConv::new(config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    (map, conv)
}

/// D^-1/2 A D^-1/2 X Wᵀ with the dense matrix A[i][j] = Σ weights of the edges from j to i.
fn dense_gcn(edges: impl Iterator<Item = (u32, u32, f64)>, x: &Tensor, weight: &Tensor) -> Tensor {
    let n = x.dim(0).unwrap();
    let mut a = vec![vec![0.0; n]; n];
    edges.for_each(|(j, i, w)| a[i as usize][j as usize] += w);
    let root =
        |row: &Vec<f64>| Some(row.iter().sum::<f64>()).filter(|d| *d > 0.0).map_or(0.0, |d| d.powf(-0.5));
    let s: Vec<f64> = a.iter().map(root).collect();
    let a: Vec<f64> = (0..n * n).map(|k| a[k / n][k % n] * s[k / n] * s[k % n]).collect();
    let a = Tensor::from_vec(a, (n, n), &Device::Cpu).unwrap();
    a.matmul(x).unwrap().matmul(&weight.t().unwrap()).unwrap()
}

#[test]
fn gcn_is_its_equation() {
    let g = messy_graph(9, 25, 0);
    let x = normal(&[9, 4], 1);
    let (map, conv) = gcn(&GcnConvConfig::new(4, 3));
    let weight = map.get("lin.weight").unwrap();
    let looped = || g.iter().filter(|(j, i)| j != i).chain((0..9).map(|i| (i, i)));
    let expected = dense_gcn(looped().map(|(j, i)| (j, i, 1.0)), &x, &weight);
    for _ in 0..2 {
        // The second time from what the graph keeps.
        assert!(distance(&conv.forward(&x, &g).unwrap(), &expected) < 1e-12);
    }

    let (map, conv) = gcn(&GcnConvConfig { add_self_loops: Some(false), ..GcnConvConfig::new(4, 3) });
    let expected = dense_gcn(g.iter().map(|(j, i)| (j, i, 1.0)), &x, &map.get("lin.weight").unwrap());
    assert!(distance(&conv.forward(&x, &g).unwrap(), &expected) < 1e-12);

    let config = GcnConvConfig { normalize: false, ..GcnConvConfig::new(4, 3) };
    let (map, conv) = gcn(&config);
    let sum = conv.forward(&x, &g).unwrap();
    let lin = x.matmul(&map.get("lin.weight").unwrap().t().unwrap()).unwrap().to_vec2::<f64>().unwrap();
    let mut expected = vec![vec![0.0; 3]; 9];
    for (j, i) in g.iter() {
        (0..3).for_each(|k| expected[i as usize][k] += lin[j as usize][k]);
    }
    assert!(distance(&sum, &Tensor::new(expected, &Device::Cpu).unwrap()) < 1e-12);
}

#[test]
fn gcn_keeps_the_weights_of_the_self_loops_that_are_there() {
    // Loops: node 1 has two of which the last counts, node 2 has one, the others get 2 (improved).
    let g = EdgeIndex::from_pairs([(0, 1), (1, 1), (1, 1), (2, 2), (3, 0), (0, 1)], 4).unwrap();
    let w = [0.5, 7.0, 3.0, 0.25, 1.5, 0.5];
    let x = normal(&[4, 3], 1);
    let (map, conv) = gcn(&GcnConvConfig { improved: true, ..GcnConvConfig::new(3, 2) });
    let weight = Tensor::new(&w, &Device::Cpu).unwrap();
    let out = conv.forward_edges(&x, &g, Some(&weight), Mode::Eval).unwrap();
    let edges = [(0, 1, 0.5), (3, 0, 1.5), (0, 1, 0.5), (0, 0, 2.0), (1, 1, 3.0), (2, 2, 0.25), (3, 3, 2.0)];
    let expected = dense_gcn(edges.into_iter(), &x, &map.get("lin.weight").unwrap());
    assert!(distance(&out, &expected) < 1e-12);
}

/// PyTorch writes the weights of a node's self-loops to one place, and gives each of them the gradient of that place.
#[test]
fn gcn_gives_all_self_loops_of_a_node_the_gradient_of_the_last() {
    let g = EdgeIndex::from_pairs([(1, 1), (0, 1), (1, 1), (2, 2), (1, 2), (1, 1)], 3).unwrap();
    let (x, w) =
        (normal(&[3, 3], 1), candle_core::Var::new(&[9f64, 1., 8., 2., 3., 0.5], &Device::Cpu).unwrap());
    let (_, conv) = gcn(&GcnConvConfig::new(3, 2));
    let run = |g: &EdgeIndex, w: &candle_core::Var| {
        let out = conv.forward_edges(&x, g, Some(w), Mode::Eval).unwrap();
        let grads = out.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        (out, values(grads.get(w).unwrap()))
    };
    let (out, grads) = run(&g, &w);
    let once = EdgeIndex::from_pairs([(0, 1), (2, 2), (1, 2), (1, 1)], 3).unwrap();
    let w = candle_core::Var::new(&[1f64, 2., 3., 0.5], &Device::Cpu).unwrap();
    let (expected, single) = run(&once, &w);
    assert!(distance(&out, &expected) < 1e-12);
    for (gradient, of) in grads.iter().zip([3, 0, 3, 1, 2, 3]) {
        assert!((gradient - single[of]).abs() < 1e-12, "{grads:?} {single:?}");
    }
}

#[test]
fn gcn_gradients_reach_the_edge_weights_through_the_degrees() {
    let g = messy_graph(7, 14, 1);
    let x = var(&[7, 3], 1);
    let w = candle_core::Var::from_tensor(&(normal(&[14], 2).sqr().unwrap() + 0.1).unwrap()).unwrap();
    for (add_self_loops, normalize) in [(None, true), (Some(false), true), (None, false)] {
        let config = GcnConvConfig { add_self_loops, normalize, ..GcnConvConfig::new(3, 2) };
        let (map, conv) = gcn(&config);
        check_gradients(&map, &[&x, &w], || conv.forward_edges(&x, &g, Some(&w), Mode::Eval));
        check_gradients(&map, &[&x], || conv.forward(&x, &g));
    }
}

#[test]
fn a_node_whose_weights_add_up_to_zero_has_finite_gradients() {
    let g = EdgeIndex::from_pairs([(0, 1), (1, 2)], 3).unwrap();
    let (x, w) = (var(&[3, 3], 1), candle_core::Var::new(&[0f64, 1.0], &Device::Cpu).unwrap());
    let (_, conv) = gcn(&GcnConvConfig { add_self_loops: Some(false), ..GcnConvConfig::new(3, 2) });
    let out = conv.forward_edges(&x, &g, Some(&w), Mode::Eval).unwrap();
    assert!(values(&out).iter().all(|v| v.is_finite()));
    let grads = out.sum_all().unwrap().backward().unwrap();
    assert!(values(grads.get(&w).unwrap()).iter().all(|v| v.is_finite()));
}

#[test]
fn gcn_refuses_what_it_cannot_do() {
    let vb = SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu);
    let loops = GcnConvConfig { add_self_loops: Some(true), normalize: false, ..GcnConvConfig::new(3, 2) };
    assert!(GcnConv::new(&loops, vb).unwrap_err().to_string().contains("add_self_loops"));
    let (_, conv) = gcn(&GcnConvConfig::new(3, 2));
    let bipartite = EdgeIndex::bipartite(vec![0], vec![0], 2, 1).unwrap();
    assert!(conv.forward(&normal(&[2, 3], 1), &bipartite).unwrap_err().to_string().contains("bipartite"));
    let g = messy_graph(7, 14, 1);
    let message = conv.forward(&normal(&[7, 4], 1), &g).unwrap_err().to_string();
    assert_eq!(message, "GcnConv: x: expected [7, 3] ([nodes, in_channels]), got [7, 4]");
    let w = normal(&[13], 1);
    let message = conv.forward_edges(&normal(&[7, 3], 1), &g, Some(&w), Mode::Eval).unwrap_err().to_string();
    assert_eq!(message, "GcnConv: edge_weight: expected [14] (one number per edge), got [13]");
}

#[test]
fn sage_is_its_equation() {
    let g = messy_graph(9, 25, 2);
    let x = normal(&[9, 4], 1);
    let rows = x.to_vec2::<f64>().unwrap();
    let reduce = |aggr: Aggr, i: u32, k: usize| {
        let incoming: Vec<f64> = g.iter().filter(|e| e.1 == i).map(|e| rows[e.0 as usize][k]).collect();
        let n = incoming.len();
        let incoming = incoming.into_iter();
        match aggr {
            _ if n == 0 => {
                if aggr == Aggr::Mul {
                    1.0
                } else {
                    0.0
                }
            }
            Aggr::Mean => incoming.sum::<f64>() / n as f64,
            Aggr::Sum => incoming.sum(),
            Aggr::Max => incoming.fold(f64::NEG_INFINITY, f64::max),
            Aggr::Min => incoming.fold(f64::INFINITY, f64::min),
            Aggr::Mul => incoming.product(),
            Aggr::Var | Aggr::Std => {
                let mean = incoming.clone().sum::<f64>() / n as f64;
                let var = incoming.map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
                if aggr == Aggr::Var { var } else { var.sqrt() }
            }
            Aggr::Softmax => {
                incoming.clone().map(|v| v * v.exp()).sum::<f64>() / incoming.map(f64::exp).sum::<f64>()
            }
            Aggr::PowerMean => incoming.sum::<f64>() / n as f64,
        }
    };
    let all = [Aggr::Mean, Aggr::Sum, Aggr::Max, Aggr::Min, Aggr::Mul];
    for aggr in all.into_iter().chain([Aggr::Var, Aggr::Std, Aggr::Softmax, Aggr::PowerMean]) {
        // Fewer outputs than inputs, and more: sums are taken after, or before, the linear map.
        for out_channels in [2, 6] {
            let (map, conv) =
                sage(&SageConvConfig { aggr: aggr.into(), ..SageConvConfig::new(4, out_channels) });
            let get = |name: &str| map.get(name).unwrap().as_tensor().clone();
            let pooled: Vec<f64> = (0..36).map(|k| reduce(aggr, k / 4, k as usize % 4)).collect();
            let pooled = Tensor::from_vec(pooled, (9, 4), &Device::Cpu).unwrap();
            let left = pooled.matmul(&get("lin_l.weight").t().unwrap()).unwrap();
            let right = x.matmul(&get("lin_r.weight").t().unwrap()).unwrap();
            let expected = (left + right).unwrap().broadcast_add(&get("lin_l.bias")).unwrap();
            assert!(distance(&conv.forward(&x, &g).unwrap(), &expected) < 1e-12, "{aggr:?} {out_channels}");
        }
    }
}

/// Several aggregations stand side by side, each with its own arguments and parameters.
#[test]
fn sage_aggregates_in_several_ways_at_once() {
    let g = messy_graph(7, 14, 3);
    let x = var(&[7, 3], 1);
    let kwargs: AggrKwargs = serde_json::from_str(
        r#"{"aggrs_kwargs": [{"learn": true, "t": 0.5}, {}, {"p": 3.0, "learn": true}]}"#,
    )
    .unwrap();
    let names = vec![Aggr::Softmax, Aggr::Std, Aggr::PowerMean];
    let config = SageConvConfig {
        aggr: Aggrs::Many(names.clone()),
        aggr_kwargs: Some(kwargs),
        root_weight: false,
        bias: false,
        ..SageConvConfig::new(3, 2)
    };
    let (map, conv) = sage(&config);
    assert_eq!(map.get("lin_l.weight").unwrap().dims(), [2, 9]);
    assert_eq!(values(&map.get("aggr_module.aggrs.0.t").unwrap()), [0.5]);
    check_gradients(&map, &[&x], || conv.forward(x.as_tensor(), &g));

    let wrong = SageConvConfig { aggr: Aggrs::Many(names[1..].to_vec()), ..config };
    let vb = SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu);
    assert!(SageConv::new(&wrong, vb.clone()).unwrap_err().to_string().contains("2 and 3"));
    let kwargs = serde_json::from_str(r#"{"t": 1.0}"#).unwrap();
    let mean = SageConvConfig { aggr_kwargs: Some(kwargs), ..SageConvConfig::new(3, 2) };
    assert!(SageConv::new(&mean, vb).unwrap_err().to_string().contains("no arguments of Mean, got t"));
}

#[test]
fn sage_gradients_are_those_of_finite_differences() {
    let g = messy_graph(7, 14, 3);
    let x = var(&[7, 3], 1);
    for (aggr, project, normalize) in
        [(Aggr::Mean, true, true), (Aggr::Sum, false, false), (Aggr::Max, true, false)]
    {
        for out_channels in [2, 4] {
            let config = SageConvConfig {
                aggr: aggr.into(),
                project,
                normalize,
                ..SageConvConfig::new(3, out_channels)
            };
            let (map, conv) = sage(&config);
            check_gradients(&map, &[&x], || conv.forward(x.as_tensor(), &g));
        }
    }
    let g = EdgeIndex::bipartite(vec![0, 1, 2, 3, 3], vec![0, 0, 1, 1, 1], 4, 3).unwrap();
    let (x, y) = (var(&[4, 3], 1), var(&[3, 5], 2));
    let (map, conv) = sage(&SageConvConfig::new((3, 5), 2));
    check_gradients(&map, &[&x, &y], || conv.forward((x.as_tensor(), y.as_tensor()), &g));
    check_gradients(&map, &[&x], || conv.forward((x.as_tensor(), None), &g));
}

#[test]
fn a_row_of_zeros_is_normalised_to_zeros_with_finite_gradients() {
    let g = EdgeIndex::new(vec![], vec![], 2).unwrap();
    let x = candle_core::Var::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
    let config = SageConvConfig { normalize: true, bias: false, ..SageConvConfig::new(3, 2) };
    let map = SeededVarMap::new(3);
    let conv = SageConv::new(&config, map.var_builder(DType::F32, &Device::Cpu)).unwrap();
    let out = conv.forward(x.as_tensor(), &g).unwrap();
    assert_eq!(values(&out), [0.0; 4]);
    let grads = out.sum_all().unwrap().backward().unwrap();
    assert!(values(grads.get(&x).unwrap()).iter().all(|v| v.is_finite()));
}
