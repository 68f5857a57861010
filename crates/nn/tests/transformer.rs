//! The graph transformer against nested loops, finite differences, and its symmetries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_nn::conv::{TransformerConv, TransformerConvConfig};
use candle_geometric_nn::{Mode, SeededVarMap};
use common::{check_gradients, distance, messy_graph, normal, values, var};

fn layer(config: &TransformerConvConfig) -> (SeededVarMap, TransformerConv) {
    let map = SeededVarMap::new(3);
    let conv = TransformerConv::new(config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    (map, conv)
}

fn config() -> TransformerConvConfig {
    TransformerConvConfig { heads: 2, ..TransformerConvConfig::new(4, 3) }
}

fn rows(t: &Tensor, ids: &[u32]) -> Tensor {
    t.index_select(&Tensor::new(ids, &Device::Cpu).unwrap(), 0).unwrap()
}

/// Every way in which the layer can end.
fn endings() -> Vec<TransformerConvConfig> {
    let mut all = vec![];
    for concat in [true, false] {
        for (beta, root_weight) in [(false, true), (true, true), (false, false), (true, false)] {
            all.push(TransformerConvConfig { concat, beta, root_weight, edge_dim: Some(2), ..config() });
        }
    }
    all
}

/// The rows of `x` times the parameter `name.weight` plus `name.bias`.
fn affine(map: &SeededVarMap, name: &str, x: &Tensor) -> Vec<Vec<f64>> {
    let get = |what: &str| map.get(&format!("{name}.{what}"));
    let weight = get("weight").unwrap().to_vec2::<f64>().unwrap();
    let bias = get("bias").map_or(vec![0.0; weight.len()], |b| values(b.as_tensor()));
    let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let row = |x: &Vec<f64>| weight.iter().zip(&bias).map(|(w, b)| dot(w, x) + b).collect();
    x.to_vec2::<f64>().unwrap().iter().map(row).collect()
}

/// The equations of the paper, one number at a time.
fn by_loops(
    c: &TransformerConvConfig,
    map: &SeededVarMap,
    x: &Tensor,
    g: &EdgeIndex,
    f: &Tensor,
) -> Vec<f64> {
    let [q, k, v, r] = ["lin_query", "lin_key", "lin_value", "lin_skip"].map(|name| affine(map, name, x));
    let t = affine(map, "lin_edge", f);
    let edges: Vec<(usize, usize)> = g.iter().map(|(j, i)| (j as usize, i as usize)).collect();
    let mut out = vec![];
    for i in 0..g.num_dst() {
        let mut m = vec![0.0; c.heads * c.out_channels];
        let incoming: Vec<usize> = (0..edges.len()).filter(|&e| edges[e].1 == i).collect();
        for h in 0..c.heads {
            let channels = h * c.out_channels..(h + 1) * c.out_channels;
            let score = |e: usize| {
                let key = |at: usize| k[edges[e].0][at] + t[e][at];
                channels.clone().map(|at| q[i][at] * key(at)).sum::<f64>() / (c.out_channels as f64).sqrt()
            };
            let total: f64 = incoming.iter().map(|&e| score(e).exp()).sum();
            for &e in &incoming {
                for at in channels.clone() {
                    m[at] += score(e).exp() / total * (v[edges[e].0][at] + t[e][at]);
                }
            }
        }
        if !c.concat {
            let mean = |at| (0..c.heads).map(|h| m[h * c.out_channels + at]).sum::<f64>() / c.heads as f64;
            m = (0..c.out_channels).map(mean).collect();
        }
        let mixed = |gate: Option<f64>| {
            let both = m.iter().zip(&r[i]);
            both.map(|(m, r)| gate.map_or(m + r, |b| b * r + (1.0 - b) * m)).collect::<Vec<_>>()
        };
        out.extend(match (c.root_weight, c.beta) {
            (false, _) => m,
            (true, false) => mixed(None),
            (true, true) => {
                let difference = m.iter().zip(&r[i]).map(|(m, r)| m - r);
                let joined: Vec<f64> = m.iter().chain(&r[i]).copied().chain(difference).collect();
                let w = values(map.get("lin_beta.weight").unwrap().as_tensor());
                let logit: f64 = w.iter().zip(&joined).map(|(w, x)| w * x).sum();
                mixed(Some(1.0 / (1.0 + (-logit).exp())))
            }
        });
    }
    out
}

#[test]
fn the_layer_is_its_equations() {
    let g = messy_graph(9, 25, 0);
    let (x, f) = (normal(&[9, 4], 1), normal(&[25, 2], 2));
    for c in endings() {
        let (map, conv) = layer(&c);
        let out = conv.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap();
        let expected = Tensor::from_vec(by_loops(&c, &map, &x, &g, &f), out.shape(), &Device::Cpu).unwrap();
        assert!(distance(&out, &expected) < 1e-12, "{c:?}");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let g = messy_graph(7, 14, 1);
    let (x, f) = (var(&[7, 4], 1), var(&[14, 2], 2));
    for c in endings() {
        let (map, conv) = layer(&TransformerConvConfig { dropout: 0.4, ..c });
        // The same generator each time gives the same mask.
        check_gradients(&map, &[&x, &f], || {
            conv.forward_edges(x.as_tensor(), &g, Some(&f), Mode::Train(&Generator::new(4)))
        });
    }
    let (map, conv) = layer(&config());
    check_gradients(&map, &[&x], || conv.forward(x.as_tensor(), &g));
}

#[test]
fn parameters_are_those_of_the_state_dict() {
    let names = |c: &TransformerConvConfig| {
        layer(c).0.vars().into_iter().map(|(name, v)| (name, v.dims().to_vec())).collect::<Vec<_>>()
    };
    let shapes = |pairs: &[(&str, &[usize])]| {
        pairs.iter().map(|(name, shape)| (name.to_string(), shape.to_vec())).collect::<Vec<_>>()
    };
    let c = TransformerConvConfig {
        heads: 2,
        beta: true,
        edge_dim: Some(6),
        ..TransformerConvConfig::new((5, 7), 3)
    };
    assert_eq!(
        names(&c),
        shapes(&[
            ("lin_beta.weight", &[1, 18]),
            ("lin_edge.weight", &[6, 6]),
            ("lin_key.bias", &[6]),
            ("lin_key.weight", &[6, 5]),
            ("lin_query.bias", &[6]),
            ("lin_query.weight", &[6, 7]),
            ("lin_skip.bias", &[6]),
            ("lin_skip.weight", &[6, 7]),
            ("lin_value.bias", &[6]),
            ("lin_value.weight", &[6, 5]),
        ])
    );
    // PyTorch Geometric saves a `lin_skip` without `root_weight` too, but no `lin_beta`.
    assert_eq!(
        names(&TransformerConvConfig { concat: false, bias: false, root_weight: false, edge_dim: None, ..c }),
        shapes(&[
            ("lin_key.weight", &[6, 5]),
            ("lin_query.weight", &[6, 7]),
            ("lin_skip.weight", &[3, 7]),
            ("lin_value.weight", &[6, 5]),
        ])
    );
}

#[test]
fn bipartite() {
    let g = EdgeIndex::bipartite(vec![0, 1, 2, 3, 3, 1], vec![0, 0, 1, 1, 1, 1], 4, 3).unwrap();
    let (x, y) = (var(&[4, 3], 1), var(&[3, 5], 2));
    let (map, conv) =
        layer(&TransformerConvConfig { beta: true, heads: 2, ..TransformerConvConfig::new((3, 5), 2) });
    check_gradients(&map, &[&x, &y], || conv.forward((x.as_tensor(), y.as_tensor()), &g));
    let (out, attention) =
        conv.forward_with_attention((x.as_tensor(), y.as_tensor()), &g, None, Mode::Eval).unwrap();
    assert_eq!(out.dims(), [3, 4]);
    assert_eq!(attention.edges, g);
    let message = conv.forward((x.as_tensor(), None), &g).unwrap_err().to_string();
    assert!(
        message.starts_with("TransformerConv: x_dst: expected features of the destinations"),
        "{message}"
    );
}

#[test]
fn names_of_nodes_and_the_order_of_edges_do_not_matter() {
    let g = messy_graph(12, 40, 2);
    let (x, f) = (normal(&[12, 4], 1), normal(&[40, 2], 2));
    let shuffled = |n: u32, id| {
        let mut order: Vec<u32> = (0..n).collect();
        Stream::new(1, id).sequence().shuffle(&mut order);
        order
    };
    // Node `back[k]` is now called k, and edge `order[k]` stands at place k.
    let (back, order) = (shuffled(12, 1), shuffled(40, 2));
    let name = |i: u32| back.iter().position(|&b| b == i).unwrap() as u32;
    let pairs: Vec<_> = g.iter().collect();
    let moved = order.iter().map(|&e| (name(pairs[e as usize].0), name(pairs[e as usize].1)));
    let moved = EdgeIndex::from_pairs(moved, 12).unwrap();
    for c in endings() {
        let (_, conv) = layer(&c);
        let (here, alpha) = conv.forward_with_attention(&x, &g, Some(&f), Mode::Eval).unwrap();
        let (there, alpha_there) = conv
            .forward_with_attention(&rows(&x, &back), &moved, Some(&rows(&f, &order)), Mode::Eval)
            .unwrap();
        assert!(distance(&there, &rows(&here, &back)) < 1e-12);
        assert!(distance(&alpha_there.alpha, &rows(&alpha.alpha, &order)) < 1e-12);
    }
}

#[test]
fn graphs_of_a_batch_do_not_see_each_other() {
    let (a, b) = (messy_graph(7, 14, 1), messy_graph(5, 9, 2));
    let (x, y) = (normal(&[7, 4], 1), normal(&[5, 4], 2));
    let both = EdgeIndex::from_pairs(a.iter().chain(b.iter().map(|(j, i)| (j + 7, i + 7))), 12).unwrap();
    let (_, conv) = layer(&TransformerConvConfig { beta: true, ..config() });
    let out = conv.forward(&Tensor::cat(&[&x, &y], 0).unwrap(), &both).unwrap();
    assert!(distance(&out.narrow(0, 0, 7).unwrap(), &conv.forward(&x, &a).unwrap()) < 1e-12);
    assert!(distance(&out.narrow(0, 7, 5).unwrap(), &conv.forward(&y, &b).unwrap()) < 1e-12);
}

#[test]
fn a_node_without_in_edges_keeps_its_own_features_alone() {
    let (map, conv) = layer(&config());
    let x = normal(&[5, 4], 1);
    let skip = affine(&map, "lin_skip", &x);
    let same = |out: &[f64], i: usize| out.iter().zip(&skip[i]).all(|(a, b)| (a - b).abs() < 1e-14);
    let some = EdgeIndex::new(vec![0, 1], vec![1, 2], 5).unwrap();
    let out = conv.forward(&x, &some).unwrap().to_vec2::<f64>().unwrap();
    assert!(same(&out[0], 0) && same(&out[3], 3) && same(&out[4], 4) && !same(&out[1], 1));
    let none = EdgeIndex::new(vec![], vec![], 5).unwrap();
    let out = conv.forward(&x, &none).unwrap().to_vec2::<f64>().unwrap();
    assert!((0..5).all(|i| same(&out[i], i)));
    let (_, rootless) = layer(&TransformerConvConfig { root_weight: false, ..config() });
    assert!(values(&rootless.forward(&x, &none).unwrap()).iter().all(|v| *v == 0.0));
}

#[test]
fn graphs_of_nothing_and_of_one_node() {
    for c in endings() {
        let (map, conv) = layer(&c);
        let outputs = if c.concat { 6 } else { 3 };
        let no_features = Tensor::zeros((0, 2), DType::F64, &Device::Cpu).unwrap();
        for nodes in [0, 1] {
            let g = EdgeIndex::new(vec![], vec![], nodes).unwrap();
            let x = normal(&[nodes, 4], 1);
            let (out, a) = conv.forward_with_attention(&x, &g, Some(&no_features), Mode::Eval).unwrap();
            assert_eq!((out.dims(), a.alpha.dims()), (&[nodes, outputs][..], &[0, 2][..]));
        }
        let g = EdgeIndex::new(vec![0], vec![0], 1).unwrap();
        let (x, f) = (var(&[1, 4], 1), var(&[1, 2], 2));
        check_gradients(&map, &[&x, &f], || conv.forward_edges(x.as_tensor(), &g, Some(&f), Mode::Eval));
    }
}

#[test]
fn attention_sums_to_one_on_the_edges_of_the_caller() {
    let g = messy_graph(9, 25, 4);
    let (_, conv) = layer(&TransformerConvConfig { dropout: 0.5, ..config() });
    let x = normal(&[9, 4], 1);
    for mode in [Mode::Eval, Mode::Train(&Generator::new(0))] {
        let (_, a) = conv.forward_with_attention(&x, &g, None, mode).unwrap();
        assert_eq!(a.edges, g, "no self-loops are added");
        let mut sums = [[0.0; 2]; 9];
        for ((_, i), alpha) in g.iter().zip(a.alpha.to_vec2::<f64>().unwrap()) {
            sums[i as usize][0] += alpha[0];
            sums[i as usize][1] += alpha[1];
        }
        for (sum, degree) in sums.iter().flatten().zip(g.in_degrees().iter().flat_map(|d| [d, d])) {
            assert!((sum - f64::from(u8::from(*degree > 0))).abs() < 1e-12, "{sums:?}");
        }
    }
}

/// PyTorch Geometric adds features to the values as they are where the layer has no `edge_dim`.
#[test]
fn edge_features_are_never_ignored_and_never_missing() {
    let g = messy_graph(9, 25, 5);
    let (x, f) = (normal(&[9, 4], 1), normal(&[25, 2], 2));
    let (_, without) = layer(&config());
    assert_eq!(
        without.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap_err().to_string(),
        "TransformerConv: edge_attr: expected none, because the layer has no edge_dim (set it to use edge features), \
         got [25, 2]"
    );
    let (_, with) = layer(&TransformerConvConfig { edge_dim: Some(2), ..config() });
    assert_eq!(
        with.forward(&x, &g).unwrap_err().to_string(),
        "TransformerConv: edge_attr: expected [25, 2], because the layer has edge_dim = 2, got none"
    );
    // One feature may come as a vector.
    let (_, one) = layer(&TransformerConvConfig { edge_dim: Some(1), ..config() });
    let f = normal(&[25], 3);
    let a = one.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap();
    let b = one.forward_edges(&x, &g, Some(&f.unsqueeze(1).unwrap()), Mode::Eval).unwrap();
    assert_eq!(values(&a), values(&b));
}

/// Scores and gates far beyond what exp can take.
#[test]
fn large_numbers_are_harmless() {
    let g = messy_graph(9, 25, 6);
    let f = normal(&[25, 2], 2);
    for c in endings() {
        for dtype in [DType::F32, DType::F64] {
            let map = SeededVarMap::new(3);
            let conv = TransformerConv::new(&c, map.var_builder(dtype, &Device::Cpu)).unwrap();
            let large = |t: &Tensor| (t.to_dtype(dtype).unwrap() * 1e3).unwrap();
            let x = candle_core::Var::from_tensor(&large(&normal(&[9, 4], 1))).unwrap();
            let out = conv.forward_edges(x.as_tensor(), &g, Some(&large(&f)), Mode::Eval).unwrap();
            let grads = out.sum_all().unwrap().backward().unwrap();
            let parameters = map.vars().into_iter().filter_map(|(_, v)| grads.get(&v).cloned());
            let all = [out, grads.get(&x).unwrap().clone()].into_iter().chain(parameters);
            assert!(all.flat_map(|t| values(&t)).all(|v| v.is_finite()), "{c:?} in {dtype:?}");
        }
    }
}

#[test]
fn dropout_repeats_with_its_generator_and_is_off_in_inference() {
    let g = messy_graph(9, 25, 7);
    let x = normal(&[9, 4], 1);
    let (_, conv) = layer(&TransformerConvConfig { dropout: 0.6, ..config() });
    let train = |seed| values(&conv.forward_t(&x, &g, Mode::Train(&Generator::new(seed))).unwrap());
    assert_eq!(train(1), train(1));
    assert_ne!(train(1), train(2));
    assert_ne!(train(1), values(&conv.forward(&x, &g).unwrap()));
    let generator = Generator::new(1);
    conv.forward_t(&x, &g, Mode::Train(&generator)).unwrap();
    assert_eq!(generator.position(), 1, "one stream per dropout");
}

#[test]
fn what_was_saved_gives_the_same_bits() {
    let g = messy_graph(9, 25, 8);
    let (x, f) = (normal(&[9, 4], 1), normal(&[25, 2], 2));
    for c in endings() {
        let (map, conv) = layer(&c);
        let again = SeededVarMap::new(4);
        let copy = TransformerConv::new(&c, again.var_builder(DType::F64, &Device::Cpu)).unwrap();
        let out = |conv: &TransformerConv| values(&conv.forward_edges(&x, &g, Some(&f), Mode::Eval).unwrap());
        assert_ne!(out(&conv), out(&copy));
        again.load_tensors(&map.to_tensors().unwrap()).unwrap();
        assert_eq!(out(&conv), out(&copy));
    }
}
