//! How much memory a training step takes, counted by the allocator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/counting.rs"]
mod counting;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_models::{GraphModel, PaperGat, PaperGatConfig};
use candle_geometric_nn::conv::{
    GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, TransformerConv, TransformerConvConfig,
};
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_geometric_ops::{
    DynamicScoring, Scoring, backward, backward_from, elu, linear, reference, release_memory, relu,
};
use candle_geometric_train::optim::{AdamConfig, SgdConfig};
use candle_geometric_train::{Clip, MaskedLoss, Optimizer, OptimizerConfig, Targets};
use candle_nn::VarBuilder;
use counting::{counted, live, peak_of};

fn graph(n: u32, edges: u32) -> EdgeIndex {
    let mut draw = Stream::named(1, "edges").sequence();
    EdgeIndex::from_pairs((0..edges).map(|_| (draw.below(n), draw.below(n))), n as usize).unwrap()
}

fn random(rows: usize, columns: usize, name: &str) -> Tensor {
    let numbers: Vec<f32> =
        (0..rows * columns).map(|i| Stream::named(2, name).normal(i as u64) as f32).collect();
    Tensor::from_vec(numbers, (rows, columns), &Device::Cpu).unwrap()
}

const N: usize = 2000;
const E: usize = 200_000;
const F: usize = 64;
const H: usize = 4;
const C: usize = 32;

/// `[N, F]` and a graph: `[N, H·C]`.
type Layer = Box<dyn Fn(&Tensor, &EdgeIndex) -> Tensor + Sync>;

/// A layer of the library.
fn layer(name: &str, vb: VarBuilder<'_>) -> Layer {
    let mode = Mode::Eval;
    match name {
        "GATConv" => {
            let conv = GatConv::new(&GatConvConfig { heads: H, ..GatConvConfig::new(F, C) }, vb).unwrap();
            Box::new(move |x, edges| conv.forward_t(x, edges, mode).unwrap())
        }
        "GATv2Conv" => {
            let config = Gatv2ConvConfig { heads: H, ..Gatv2ConvConfig::new(F, C) };
            let conv = Gatv2Conv::new(&config, vb).unwrap();
            Box::new(move |x, edges| conv.forward_t(x, edges, mode).unwrap())
        }
        "TransformerConv" => {
            let config = TransformerConvConfig { heads: H, ..TransformerConvConfig::new(F, C) };
            let conv = TransformerConv::new(&config, vb).unwrap();
            Box::new(move |x, edges| conv.forward_t(x, edges, mode).unwrap())
        }
        _ => panic!("no layer {name}"),
    }
}

/// The attention of the same layers composed of Candle's operations, with the maps before it.
fn composed(name: &'static str, vb: VarBuilder<'_>) -> Layer {
    let weights: Vec<Tensor> = (0..3).map(|k| vb.get((H * C, F), &format!("w{k}")).unwrap()).collect();
    let att = vb.get((H, C), "att").unwrap();
    Box::new(move |x, edges| {
        let map = |k: usize| linear(x, &weights[k], None).unwrap();
        match name {
            "GATConv" => {
                let scoring =
                    Scoring { att_src: &att, att_dst: &att, edge_scores: None, negative_slope: 0.2 };
                reference::layer_attention(&map(0), scoring, None, edges, None)
            }
            "GATv2Conv" => {
                let scoring = DynamicScoring { att: &att, edge_terms: None, negative_slope: 0.2 };
                reference::dynamic_attention(&map(0), &map(1), scoring, edges, None)
            }
            _ => reference::dot_product_attention(&map(0), &map(1), &map(2), None, H, edges, None),
        }
        .unwrap()
    })
}

/// The most memory that forward and backward of a layer take beyond parameters, x, graph and the gradient that is
/// given, after a first time in which what is kept with the graph is made.
fn peak(make: impl Fn(VarBuilder<'_>) -> Layer) -> usize {
    let edges = graph(N as u32, E as u32);
    let x = Var::from_tensor(&random(N, F, "x")).unwrap();
    let gradient = random(N, H * C, "gradient");
    let map = SeededVarMap::new(0);
    let layer = make(map.var_builder(DType::F32, &Device::Cpu));
    counted(|| {
        let step = || backward_from(&layer(&x, &edges), &gradient).unwrap();
        // Of several: a thread that multiplies matrices for the first time takes a buffer that it keeps.
        let peaks = (0..4).map(|_| {
            drop(step());
            release_memory();
            peak_of(|| drop(step()))
        });
        peaks.min().unwrap_or(usize::MAX)
    })
}

/// The most that a layer may take, in bytes, where `arrays` of `[N, H·C]` must be there at once.
///
/// At the peak of the backward pass there are besides these: the gradient of x `[N, F]`; some arrays `[N, H]`: scores, maxima, sums, and their gradients; and what does not grow with the graph: gradients of
/// the parameters, blocks of matrix products, lists of tasks.
///
/// An array `[E, H]` (3.2 MB) more would exceed it, let alone an `[E, H, C]` (102 MB).
fn bound(arrays: usize) -> usize {
    4 * N * (arrays * H * C + F + 16 * H) + (512 << 10)
}

#[test]
fn layers_take_memory_for_nodes_and_none_for_edges() {
    // GATConv keeps Wx, the result, and the result before the bias; then the gradient of Wx is computed.
    // GATv2Conv keeps two maps of x, and makes gradients of both.
    // TransformerConv keeps queries, keys, values, the skip and the result with and without it; the gradients of queries,
    // keys and values follow. That of the skip is the one that is given.
    for (name, arrays) in [("GATConv", 3 + 1), ("GATv2Conv", 4 + 2), ("TransformerConv", 6 + 3)] {
        let (ours, bound) = (peak(|vb| layer(name, vb)), bound(arrays));
        println!("{name}: {ours} of {bound} bytes");
        assert!(ours <= bound, "{name}: {ours} bytes, more than {bound}");
        let stock = peak(|vb| composed(name, vb));
        assert!(stock > 2 * 4 * E * H * C, "{name}: {stock} bytes are too few for messages [E, H, C]");
    }
}

/// The bound notices a single array `[E, H]`: the attention, where a caller asks for it.
#[test]
fn attention_that_is_asked_for_exceeds_the_bound() {
    let with_attention = peak(|vb| {
        let conv = GatConv::new(&GatConvConfig { heads: H, ..GatConvConfig::new(F, C) }, vb).unwrap();
        Box::new(move |x, edges| conv.forward_with_attention(x, edges, None, Mode::Eval).unwrap().0)
    });
    assert!(with_attention > bound(4), "{with_attention} bytes");
}

/// A model of two layers, from `[N, 16]` to `[N, 7]`.
type Model = Box<dyn Fn(&Tensor, &EdgeIndex, Mode<'_>) -> Tensor + Sync>;

fn model(name: &str, vb: VarBuilder<'_>) -> Model {
    let (first, second) = (vb.pp("conv1"), vb.pp("conv2"));
    match name {
        "PaperGAT" => {
            let model = PaperGat::new(&PaperGatConfig::new(16, 7), vb).unwrap();
            Box::new(move |x, edges, mode| model.forward_t(x, edges, None, mode).unwrap())
        }
        "GATv2Conv" => {
            let config = |from, to, heads| Gatv2ConvConfig {
                heads,
                dropout: 0.3,
                residual: true,
                ..Gatv2ConvConfig::new(from, to)
            };
            let first = Gatv2Conv::new(&config(16, 16, 4), first).unwrap();
            let second = Gatv2Conv::new(&config(64, 7, 1), second).unwrap();
            Box::new(move |x, edges, mode| {
                let x = elu(&first.forward_t(x, edges, mode).unwrap(), 1.0).unwrap();
                second.forward_t(&x, edges, mode).unwrap()
            })
        }
        "TransformerConv" => {
            let config = |from, to, heads, beta| TransformerConvConfig {
                heads,
                beta,
                dropout: 0.3,
                ..TransformerConvConfig::new(from, to)
            };
            let first = TransformerConv::new(&config(16, 16, 4, true), first).unwrap();
            let second = TransformerConv::new(&config(64, 7, 1, false), second).unwrap();
            Box::new(move |x, edges, mode| {
                let x = relu(&first.forward_t(x, edges, mode).unwrap()).unwrap();
                second.forward_t(&x, edges, mode).unwrap()
            })
        }
        _ => panic!("no model {name}"),
    }
}

/// On a graph on which an array `[N, 64]` has more than 4 MiB: memory of that size is kept from step to step.
#[test]
fn memory_does_not_grow_from_step_to_step() {
    let n = 17_000u32;
    let (edges, x) = (graph(n, 3 * n), random(n as usize, 16, "x"));
    let targets = Targets::classes(&(0..n).map(|i| i % 7).collect::<Vec<_>>(), 7).unwrap();
    let mask: Vec<bool> = (0..n).map(|i| i % 3 == 0).collect();
    let loss = MaskedLoss::new(&targets, &mask, "train_mask").unwrap();
    for name in ["PaperGAT", "GATv2Conv", "TransformerConv"] {
        release_memory();
        let map = SeededVarMap::new(0);
        let model = model(name, map.var_builder(DType::F32, &Device::Cpu));
        let parameters = map.vars();
        let adam = OptimizerConfig::Adam(AdamConfig { weight_decay: 5e-4, ..AdamConfig::default() });
        let mut optimizer = Optimizer::new(&adam, &parameters).unwrap();
        let generator = Generator::new(0);
        let mut step = || {
            let logits = model(&x, &edges, Mode::Train(&generator));
            let mut grads = backward(&loss.forward(&logits).unwrap()).unwrap();
            Clip::Norm(0.01).apply(&mut grads, &parameters).unwrap();
            optimizer.step(&grads).unwrap();
        };
        let mut steps = |n: usize| {
            let peak = (0..n).map(|_| peak_of(&mut step)).fold(0, usize::max);
            (live(), peak)
        };
        let ((live, peak), (live_later, peak_later)) = counted(|| {
            steps(3);
            (steps(2), steps(15))
        });
        println!("{name}: {live} then {live_later} bytes, at most {peak} then {peak_later} more");
        // A thread of the pool that had no work before keeps a buffer of 1 MiB; 15 steps that keep an array have 60.
        let late = 2usize << 20;
        assert!(
            live_later <= live + late as isize,
            "{name}: {live} bytes after 5 steps, {live_later} after 20"
        );
        assert!(peak_later <= peak + late, "{name}: steps took {peak} bytes, later {peak_later}");
    }
}

/// The optimiser updates in place: what it takes is a list of chunks.
#[test]
fn a_step_of_the_optimiser_takes_no_memory() {
    let parameters: Vec<(String, Var)> = [1_000_000, 10, 300, 0, 77]
        .iter()
        .map(|&n| (String::new(), Var::zeros(n, DType::F32, &Device::Cpu).unwrap()))
        .collect();
    let mut grads = Tensor::zeros((), DType::F32, &Device::Cpu).unwrap().backward().unwrap();
    for (_, var) in &parameters {
        grads.insert(var, var.ones_like().unwrap());
    }
    for config in [
        OptimizerConfig::Adam(AdamConfig::default()),
        OptimizerConfig::Sgd(SgdConfig { momentum: 0.9, ..SgdConfig::default() }),
    ] {
        let mut optimizer = Optimizer::new(&config, &parameters).unwrap();
        let (peak, kept) = counted(|| {
            // The first step makes the moments, and threads take what they keep for themselves.
            optimizer.step(&grads).unwrap();
            let before = live();
            (peak_of(|| optimizer.step(&grads).unwrap()), live() - before)
        });
        assert!(peak < 100 << 10, "{config:?}: {peak} bytes for parameters of 4 MB");
        assert!(kept <= 4096, "{config:?}: {kept} bytes are kept");
    }
}
