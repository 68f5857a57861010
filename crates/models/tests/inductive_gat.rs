//! The model of proteins: three layers composed by hand, names, attention, masks, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_models::{GraphModel, InductiveGat, InductiveGatConfig, ModelConfig, Skip};
use candle_nn::VarBuilder;
use serde_json::json;
use support::numbers;

const HEADS: usize = 2;
const WIDTH: usize = 3;

fn config(skip: Skip) -> InductiveGatConfig {
    InductiveGatConfig {
        hidden_channels: WIDTH,
        heads: HEADS,
        out_heads: 3,
        skip,
        ..InductiveGatConfig::new(4, 5)
    }
}

fn weights(skip: Skip) -> HashMap<String, Tensor> {
    let config = ModelConfig::InductiveGat(config(skip));
    let parameters = config.parameters().unwrap();
    parameters.iter().zip(1..).map(|(p, i)| (p.name.clone(), numbers(&p.shape, i))).collect()
}

fn model(skip: Skip) -> InductiveGat {
    let vb = VarBuilder::from_tensors(weights(skip), DType::F32, &Device::Cpu);
    InductiveGat::new(&config(skip), vb).unwrap()
}

/// A duplicate edge, a self-loop of the caller's, and node 5 by itself.
const PAIRS: [(u32, u32); 8] = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 4), (1, 0), (1, 0), (2, 4)];

fn graph() -> (Tensor, EdgeIndex) {
    (numbers(&[6, 4], 99), EdgeIndex::from_pairs(PAIRS, 6).unwrap())
}

fn close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    assert!(difference.to_scalar::<f32>().unwrap() < 1e-5, "{a}\n{b}");
}

type Rows = Vec<Vec<f64>>;

/// Matrices by plain loops.
struct Plain(HashMap<String, Tensor>);

impl Plain {
    fn rows(&self, name: &str) -> Rows {
        let tensor = self.0[name].to_dtype(DType::F64).unwrap();
        let last = *tensor.dims().last().unwrap();
        let flat = tensor.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        flat.chunks(last).map(<[f64]>::to_vec).collect()
    }

    fn linear(&self, x: &Rows, name: &str) -> Rows {
        let weight = self.rows(&format!("{name}.weight"));
        let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(a, b)| a * b).sum::<f64>();
        x.iter().map(|x| weight.iter().map(|w| dot(x, w)).collect()).collect()
    }

    /// The result of every head, `[N][H * C]`, of a layer of attention that replaces self-loops by one for each node.
    fn attend(&self, x: &Rows, name: &str) -> Rows {
        let projected = self.linear(x, &format!("{name}.lin"));
        let (source, target) = (self.rows(&format!("{name}.att_src")), self.rows(&format!("{name}.att_dst")));
        let (heads, channels) = (source.len(), source[0].len());
        let loops = (0..x.len() as u32).map(|node| (node, node));
        let pairs: Vec<_> = PAIRS.into_iter().filter(|(a, b)| a != b).chain(loops).collect();
        let mut out = vec![vec![0.0; heads * channels]; x.len()];
        for head in 0..heads {
            let part = |node: u32| &projected[node as usize][head * channels..(head + 1) * channels];
            let score = |&(from, to): &(u32, u32)| {
                let dot = |x: &[f64], a: &[f64]| x.iter().zip(a).map(|(a, b)| a * b).sum::<f64>();
                let sum = dot(part(from), &source[head]) + dot(part(to), &target[head]);
                if sum > 0.0 { sum } else { 0.2 * sum }
            };
            for (node, row) in out.iter_mut().enumerate() {
                let edges: Vec<_> = pairs.iter().filter(|(_, to)| *to as usize == node).collect();
                let sum: f64 = edges.iter().map(|edge| score(edge).exp()).sum();
                for edge in edges {
                    let alpha = score(edge).exp() / sum;
                    for (out, x) in row[head * channels..].iter_mut().zip(part(edge.0)) {
                        *out += alpha * x;
                    }
                }
            }
        }
        out
    }

    fn plus(&self, mut x: Rows, name: &str) -> Rows {
        let bias = self.0[name].to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        x.iter_mut().for_each(|row| row.iter_mut().zip(&bias).for_each(|(x, b)| *x += b));
        x
    }

    fn forward(&self, x: &Rows, skip: Skip) -> Tensor {
        let every = skip == Skip::Every;
        let mut x = x.clone();
        for layer in 1..=3 {
            let conv = format!("conv{layer}");
            let mut out = self.attend(&x, &conv);
            if layer == 3 {
                let mean = |row: &Vec<f64>| {
                    (0..5).map(|c| row.iter().skip(c).step_by(5).sum::<f64>() / 3.0).collect::<Vec<_>>()
                };
                out = out.iter().map(mean).collect();
            }
            out = self.plus(out, &format!("{conv}.bias"));
            let beside = match (every, layer) {
                (true, _) => {
                    Some(self.plus(self.linear(&x, &format!("lin{layer}")), &format!("lin{layer}.bias")))
                }
                (false, 2) => Some(self.linear(&x, "conv2.res")),
                (false, _) => None,
            };
            for (out, beside) in out.iter_mut().zip(beside.into_iter().flatten()) {
                out.iter_mut().zip(beside).for_each(|(a, b)| *a += b);
            }
            if layer < 3 {
                let elu = |v: &mut f64| *v = if *v > 0.0 { *v } else { v.exp() - 1.0 };
                out.iter_mut().flatten().for_each(elu);
            }
            x = out;
        }
        let n = x.len();
        Tensor::from_vec(x.concat(), (n, 5), &Device::Cpu).unwrap().to_dtype(DType::F32).unwrap()
    }
}

#[test]
fn three_layers_by_plain_loops() {
    let (x, edges) = graph();
    for skip in [Skip::Intermediate, Skip::Every] {
        let plain = Plain(weights(skip));
        let rows: Rows = x.to_dtype(DType::F64).unwrap().to_vec2().unwrap();
        close(&model(skip).forward(&x, &edges).unwrap(), &plain.forward(&rows, skip));
    }
}

#[test]
fn names_are_those_of_the_papers_model_and_of_pytorch_geometrics_example() {
    let names = |skip| {
        let mut names: Vec<String> = weights(skip).into_keys().collect();
        names.sort();
        names
    };
    let layer = |n: usize| ["att_dst", "att_src", "bias", "lin.weight"].map(|p| format!("conv{n}.{p}"));
    let mut papers: Vec<String> = (1..=3).flat_map(layer).collect();
    papers.push("conv2.res.weight".into());
    papers.sort();
    assert_eq!(names(Skip::Intermediate), papers);
    let mut example: Vec<String> = (1..=3).flat_map(layer).collect();
    example.extend((1..=3).flat_map(|n| [format!("lin{n}.bias"), format!("lin{n}.weight")]));
    example.sort();
    assert_eq!(names(Skip::Every), example);

    let full = ModelConfig::new("InductiveGAT", json!({"in_channels": 50, "out_channels": 121})).unwrap();
    let shapes: HashMap<_, _> = full.parameters().unwrap().into_iter().map(|p| (p.name, p.shape)).collect();
    assert_eq!(shapes["conv1.lin.weight"], [1024, 50]);
    assert_eq!(shapes["conv3.lin.weight"], [6 * 121, 1024]);
    assert_eq!(shapes["conv3.bias"], [121]);
}

#[test]
fn attention_sums_to_one_and_masks_of_ones_change_nothing() {
    let (x, edges) = graph();
    let model = model(Skip::Intermediate);
    let attention = model.attention(&x, &edges, None, None).unwrap();
    assert_eq!(attention.len(), 3);
    for (layer, heads) in attention.iter().zip([HEADS, HEADS, 3]) {
        // Seven edges without the self-loop, and a self-loop for each of six nodes.
        assert_eq!(layer.alpha.dims(), [13, heads]);
        let sum = layer.alpha.sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((sum - 6.0 * heads as f32).abs() < 1e-4);
    }
    let out = model.forward(&x, &edges).unwrap();
    let ones = Tensor::ones(edges.num_edges(), DType::F32, &Device::Cpu).unwrap();
    close(&model.forward_masked(&x, &edges, None, None, &ones).unwrap(), &out);
    // Without any message from others, a node's result is its own.
    let alone = model.forward_masked(&x, &edges, None, None, &ones.zeros_like().unwrap()).unwrap();
    assert_ne!(alone.to_vec2::<f32>().unwrap()[0], out.to_vec2::<f32>().unwrap()[0]);
    close(&alone.narrow(0, 5, 1).unwrap(), &out.narrow(0, 5, 1).unwrap());
}

#[test]
fn a_graph_without_edges_and_a_permuted_one() {
    let (x, edges) = graph();
    for skip in [Skip::Intermediate, Skip::Every] {
        let model = model(skip);
        assert_eq!(model.forward(&x, &EdgeIndex::from_pairs([], 6).unwrap()).unwrap().dims(), [6, 5]);
        let none = x.narrow(0, 0, 0).unwrap();
        assert_eq!(model.forward(&none, &EdgeIndex::from_pairs([], 0).unwrap()).unwrap().dims(), [0, 5]);
        // Node k becomes node 5 - k; the edges come in reverse.
        let order = Tensor::new(&[5u32, 4, 3, 2, 1, 0], &Device::Cpu).unwrap();
        let pairs = PAIRS.iter().rev().map(|&(a, b)| (5 - a, 5 - b));
        let mirrored = EdgeIndex::from_pairs(pairs, 6).unwrap();
        let out = model.forward(&x.index_select(&order, 0).unwrap(), &mirrored).unwrap();
        close(&out, &model.forward(&x, &edges).unwrap().index_select(&order, 0).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let (x, edges) = graph();
    let model = model(Skip::Intermediate);
    let error = model.forward_t(&x, &edges, Some(&x), candle_geometric_nn::Mode::Eval).unwrap_err();
    assert!(error.to_string().contains("edge_attr"), "{error}");
    let narrow = x.narrow(1, 0, 3).unwrap();
    assert!(model.forward(&narrow, &edges).unwrap_err().to_string().contains("4"));
    for field in ["in_channels", "out_channels", "hidden_channels", "heads", "out_heads"] {
        let mut arguments = json!({"in_channels": 4, "out_channels": 5});
        arguments[field] = json!(0);
        let config = ModelConfig::new("InductiveGAT", arguments).unwrap();
        let error = config.parameters().unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
    let unknown =
        ModelConfig::new("InductiveGAT", json!({"in_channels": 4, "out_channels": 5, "skip": "all"}));
    assert!(unknown.unwrap_err().to_string().contains("intermediate"));
}
