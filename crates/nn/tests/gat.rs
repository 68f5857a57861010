//! Graph attention against nested loops, finite differences, and its symmetries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::{EdgeIndex, FillValue};
use candle_geometric_nn::conv::{GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig};
use candle_geometric_nn::{Mode, SeededVarMap};
use common::{check_gradients, distance, messy_graph, normal, values, var};

fn gat(config: &GatConvConfig) -> (SeededVarMap, GatConv) {
    let map = SeededVarMap::new(3);
    let conv = GatConv::new(config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    if let Some(bias) = map.get("bias") {
        bias.set(&normal(bias.dims(), 5)).unwrap();
    }
    (map, conv)
}

/// Equations 1 to 6 of the paper, one number at a time, with the mean over in-edges for the loops' features.
fn by_loops(config: &GatConvConfig, map: &SeededVarMap, x: &Tensor, g: &EdgeIndex, f: &Tensor) -> Vec<f64> {
    let (n, i, h, c, d) = (
        g.num_src(),
        config.in_channels.source(),
        config.heads,
        config.out_channels,
        config.edge_dim.unwrap(),
    );
    let p = |name: &str| values(map.get(name).unwrap().as_tensor());
    let (w, we, a_src, a_dst, a_edge, res, bias) = (
        p("lin.weight"),
        p("lin_edge.weight"),
        p("att_src"),
        p("att_dst"),
        p("att_edge"),
        p("res.weight"),
        p("bias"),
    );
    let (x, f) = (values(x), values(f));
    let map_row =
        |w: &[f64], x: &[f64], o: usize| (0..x.len()).map(|k| w[o * x.len() + k] * x[k]).sum::<f64>();

    let mut edges: Vec<(usize, usize, Vec<f64>)> = g
        .iter()
        .enumerate()
        .filter(|(_, (j, i))| j != i)
        .map(|(e, (j, i))| (j as usize, i as usize, f[e * d..(e + 1) * d].to_vec()))
        .collect();
    let loops = (0..n).map(|i| {
        let incoming: Vec<_> = edges.iter().filter(|e| e.1 == i).collect();
        let mean = |k| incoming.iter().map(|e| e.2[k]).sum::<f64>() / incoming.len().max(1) as f64;
        (i, i, (0..d).map(mean).collect())
    });
    let loops: Vec<_> = loops.collect();
    edges.extend(loops);

    let mut out = vec![0.0; n * h * c];
    for node in 0..n {
        for head in 0..h {
            let wx = |j: usize, k: usize| map_row(&w, &x[j * i..(j + 1) * i], head * c + k);
            let score = |(j, to, f): &(usize, usize, Vec<f64>)| {
                let s: f64 = (0..c)
                    .map(|k| {
                        let at = head * c + k;
                        a_src[at] * wx(*j, k) + a_dst[at] * wx(*to, k) + a_edge[at] * map_row(&we, f, at)
                    })
                    .sum();
                if s > 0.0 { s } else { config.negative_slope * s }
            };
            let incoming: Vec<_> = edges.iter().filter(|e| e.1 == node).collect();
            let total: f64 = incoming.iter().map(|e| score(e).exp()).sum();
            for e in incoming {
                for k in 0..c {
                    out[(node * h + head) * c + k] += score(e).exp() / total * wx(e.0, k);
                }
            }
        }
    }
    let channels = if config.concat { h * c } else { c };
    let mut finished = vec![0.0; n * channels];
    for node in 0..n {
        for o in 0..channels {
            let value = if config.concat {
                out[node * channels + o]
            } else {
                (0..h).map(|head| out[(node * h + head) * c + o]).sum::<f64>() / h as f64
            };
            finished[node * channels + o] = value + map_row(&res, &x[node * i..(node + 1) * i], o) + bias[o];
        }
    }
    finished
}

#[test]
fn gat_is_its_equations() {
    for concat in [true, false] {
        let config = GatConvConfig {
            heads: 3,
            concat,
            negative_slope: 0.1,
            edge_dim: Some(2),
            residual: true,
            ..GatConvConfig::new(4, 2)
        };
        let (map, conv) = gat(&config);
        let g = messy_graph(9, 25, 0);
        let (x, f) = (normal(&[9, 4], 1), normal(&[25, 2], 2));
        let out = conv.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap();
        let expected =
            Tensor::from_vec(by_loops(&config, &map, &x, &g, &f), out.shape(), &Device::Cpu).unwrap();
        assert!(distance(&out, &expected) < 1e-12);
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let g = messy_graph(7, 14, 1);
    let (x, f) = (var(&[7, 3], 1), var(&[14, 2], 2));
    for fill_value in [FillValue::Mean, FillValue::Add, FillValue::Max, FillValue::Constant(0.5)] {
        let config = GatConvConfig {
            heads: 2,
            edge_dim: Some(2),
            fill_value,
            residual: true,
            dropout: 0.4,
            ..GatConvConfig::new(3, 2)
        };
        let (map, conv) = gat(&config);
        // The same generator each time gives the same mask.
        check_gradients(&map, &[&x, &f], || {
            conv.forward_edges(x.as_tensor(), &g, Some(&f), Mode::Train(&Generator::new(4)))
        });
    }
    for share_weights in [false, true] {
        let config = Gatv2ConvConfig {
            heads: 2,
            concat: false,
            edge_dim: Some(2),
            share_weights,
            dropout: 0.4,
            ..Gatv2ConvConfig::new(3, 2)
        };
        let map = SeededVarMap::new(3);
        let conv = Gatv2Conv::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
        check_gradients(&map, &[&x, &f], || {
            conv.forward_edges(x.as_tensor(), &g, Some(&f), Mode::Train(&Generator::new(4)))
        });
    }
}

#[test]
fn bipartite_with_and_without_features_of_the_destinations() {
    let g = EdgeIndex::bipartite(vec![0, 1, 2, 3, 3, 1], vec![0, 0, 1, 1, 1, 1], 4, 3).unwrap();
    let (x, y) = (var(&[4, 3], 1), var(&[3, 5], 2));
    for add_self_loops in [false, true] {
        let config = GatConvConfig { heads: 2, add_self_loops, ..GatConvConfig::new((3, 5), 2) };
        let (map, conv) = gat(&config);
        check_gradients(&map, &[&x, &y], || conv.forward((x.as_tensor(), y.as_tensor()), &g));
        check_gradients(&map, &[&x], || conv.forward((x.as_tensor(), None), &g));
        let (_, attention) =
            conv.forward_with_attention((x.as_tensor(), y.as_tensor()), &g, None, Mode::Eval).unwrap();
        // min(4, 3) loops in place of the edges 0 → 0 and 1 → 1, which join equal numbers.
        assert_eq!(attention.edges.num_edges(), if add_self_loops { 4 + 3 } else { 6 });
    }
}

#[test]
fn a_renumbering_of_the_nodes_renumbers_the_output() {
    let g = messy_graph(12, 40, 2);
    let x = normal(&[12, 4], 1);
    let mut order: Vec<u32> = (0..12).collect();
    Stream::new(1, 1).sequence().shuffle(&mut order);
    let renumbered = g.iter().map(|(j, i)| (order[j as usize], order[i as usize]));
    let h = EdgeIndex::from_pairs(renumbered, 12).unwrap();
    let mut back = vec![0u32; 12];
    for (i, to) in order.iter().enumerate() {
        back[*to as usize] = i as u32;
    }
    let rows = |t: &Tensor, ids: &[u32]| t.index_select(&Tensor::new(ids, &Device::Cpu).unwrap(), 0).unwrap();
    let (_, conv) = gat(&GatConvConfig { heads: 2, ..GatConvConfig::new(4, 3) });
    let expected = rows(&conv.forward(&x, &g).unwrap(), &back);
    assert!(distance(&conv.forward(&rows(&x, &back), &h).unwrap(), &expected) < 1e-12);
}

#[test]
fn the_order_of_the_edges_does_not_matter() {
    let g = messy_graph(12, 40, 3);
    let (x, f) = (normal(&[12, 4], 1), normal(&[40, 2], 2));
    let mut order: Vec<u32> = (0..40).collect();
    Stream::new(1, 2).sequence().shuffle(&mut order);
    let pairs: Vec<_> = g.iter().collect();
    let h = EdgeIndex::from_pairs(order.iter().map(|e| pairs[*e as usize]), 12).unwrap();
    let shuffled = f.index_select(&Tensor::new(&order[..], &Device::Cpu).unwrap(), 0).unwrap();
    let (_, conv) = gat(&GatConvConfig { heads: 2, edge_dim: Some(2), ..GatConvConfig::new(4, 3) });
    let expected = conv.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap();
    assert!(distance(&conv.forward_edges(&x, &h, Some(&shuffled), Mode::Eval).unwrap(), &expected) < 1e-12);
}

#[test]
fn a_node_without_in_edges_gets_the_bias_alone() {
    let config = GatConvConfig { heads: 2, add_self_loops: false, ..GatConvConfig::new(4, 3) };
    let (map, conv) = gat(&config);
    let bias = values(map.get("bias").unwrap().as_tensor());
    let x = normal(&[5, 4], 1);
    let some = EdgeIndex::new(vec![0, 1], vec![1, 2], 5).unwrap();
    let out = conv.forward(&x, &some).unwrap().to_vec2::<f64>().unwrap();
    assert_eq!(out[0], bias);
    assert_eq!(out[4], bias);
    let none = EdgeIndex::new(vec![], vec![], 5).unwrap();
    assert!(conv.forward(&x, &none).unwrap().to_vec2::<f64>().unwrap().iter().all(|row| *row == bias));
    // No edges, with features: self-loops are then all there is.
    let (_, conv) = gat(&GatConvConfig { edge_dim: Some(2), ..GatConvConfig::new(4, 3) });
    let f = Tensor::zeros((0, 2), DType::F64, &Device::Cpu).unwrap();
    assert_eq!(conv.forward_edges(&x, &none, Some(&f), Mode::Eval).unwrap().dims(), [5, 3]);
}

#[test]
fn attention_sums_to_one_and_comes_with_its_edges() {
    let g = messy_graph(9, 25, 4);
    let (_, conv) = gat(&GatConvConfig { heads: 2, dropout: 0.5, ..GatConvConfig::new(4, 3) });
    let x = normal(&[9, 4], 1);
    for mode in [Mode::Eval, Mode::Train(&Generator::new(0))] {
        let (_, a) = conv.forward_with_attention(&x, &g, None, mode).unwrap();
        let mut sums = [[0.0; 2]; 9];
        for ((_, i), alpha) in a.edges.iter().zip(a.alpha.to_vec2::<f64>().unwrap()) {
            sums[i as usize][0] += alpha[0];
            sums[i as usize][1] += alpha[1];
        }
        assert!(sums.iter().flatten().all(|s| (s - 1.0).abs() < 1e-12), "{sums:?}");
        let n = a.edges.num_edges();
        assert_eq!(&a.edges.source()[n - 9..], (0..9).collect::<Vec<u32>>());
    }
}

/// PyTorch Geometric ignores edge features silently where the layer has no `edge_dim`, and their absence where it has.
#[test]
fn edge_features_are_never_ignored_and_never_missing() {
    let g = messy_graph(9, 25, 5);
    let (x, f) = (normal(&[9, 4], 1), normal(&[25, 2], 2));
    let (_, without) = gat(&GatConvConfig::new(4, 3));
    let message = without.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap_err().to_string();
    assert_eq!(
        message,
        "GatConv: edge_attr: expected none, because the layer has no edge_dim (set it to use edge features), got [25, 2]"
    );
    let (_, with) = gat(&GatConvConfig { edge_dim: Some(2), ..GatConvConfig::new(4, 3) });
    let message = with.forward(&x, &g).unwrap_err().to_string();
    assert_eq!(message, "GatConv: edge_attr: expected [25, 2], because the layer has edge_dim = 2, got none");
    let map = SeededVarMap::new(0);
    let v2 = Gatv2Conv::new(&Gatv2ConvConfig::new(4, 3), map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    assert!(v2.forward_edges(&x, &g, Some(&f), Mode::Eval).is_err());
    // One feature may come as a vector.
    let (_, one) = gat(&GatConvConfig { edge_dim: Some(1), ..GatConvConfig::new(4, 3) });
    let f = normal(&[25], 3);
    let a = one.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap();
    let b = one.forward_edges(&x, &g, Some(&f.unsqueeze(1).unwrap()), Mode::Eval).unwrap();
    assert_eq!(values(&a), values(&b));
}

/// Where every logit of a node is −∞ (all its edges are masked out), PyTorch Geometric gives NaN.
#[test]
fn a_node_whose_edges_are_all_masked_gets_the_bias_alone() {
    let config = GatConvConfig { add_self_loops: false, edge_dim: Some(1), ..GatConvConfig::new(2, 2) };
    let (map, conv) = gat(&config);
    for name in ["lin_edge.weight", "att_edge"] {
        map.get(name).unwrap().set(&map.get(name).unwrap().ones_like().unwrap()).unwrap();
    }
    let g = EdgeIndex::new(vec![0, 1, 0], vec![2, 2, 1], 3).unwrap();
    let f = Tensor::new(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0], &Device::Cpu).unwrap();
    let out = conv.forward_edges(&normal(&[3, 2], 1), &g, Some(&f), Mode::Eval).unwrap();
    let out = out.to_vec2::<f64>().unwrap();
    assert_eq!(out[2], values(map.get("bias").unwrap().as_tensor()));
    assert!(out.iter().flatten().all(|v| v.is_finite()));
}

#[test]
fn dropout_repeats_with_its_generator_and_is_off_in_inference() {
    let g = messy_graph(9, 25, 6);
    let x = normal(&[9, 4], 1);
    let (_, conv) = gat(&GatConvConfig { heads: 2, dropout: 0.6, ..GatConvConfig::new(4, 3) });
    let train = |seed| values(&conv.forward_t(&x, &g, Mode::Train(&Generator::new(seed))).unwrap());
    assert_eq!(train(1), train(1));
    assert_ne!(train(1), train(2));
    assert_ne!(train(1), values(&conv.forward(&x, &g).unwrap()));
    let generator = Generator::new(1);
    conv.forward_t(&x, &g, Mode::Train(&generator)).unwrap();
    assert_eq!(generator.position(), 1, "one stream per dropout");
}
