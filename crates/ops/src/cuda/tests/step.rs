//! What a step of training copies from the GPU to the host.

use candle_core::{D, DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;

use super::super::emulator::{copies, emulated, is_here};
use super::common::{cut_graphs, random};
use super::{DROPPED, scoring_of};
use crate::{self as ops, Result};

const FEATURES: usize = 6;
const HEADS: usize = 2;
const CHANNELS: usize = 4;

fn var(shape: &[usize], seed: u64) -> Var {
    Var::from_tensor(&random(shape, seed).to_dtype(DType::F32).unwrap()).unwrap()
}

/// The parameters of a layer of attention: weight, att_src, att_dst, the weights of edge terms.
fn layer(inputs: usize, seed: u64) -> [Var; 4] {
    let width = HEADS * CHANNELS;
    [
        var(&[width, inputs], seed),
        var(&[HEADS, CHANNELS], seed + 1),
        var(&[HEADS, CHANNELS], seed + 2),
        var(&[width], seed + 3),
    ]
}

fn forward(x: &Tensor, [w, src, dst, bias]: &[Var; 4], scores: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
    let x = x.matmul(&w.t()?)?;
    let scoring = scoring_of(src, dst, scores);
    ops::layer_attention(&ops::Linked::from(x), scoring, Some(bias.as_tensor()), edges, Some(DROPPED))
}

/// Dropout, attention, ELU, attention, pooling, cross-entropy, the gradients and gradient descent.
fn step(x: &Tensor, scores: &Tensor, edges: &EdgeIndex, batch: &EdgeIndex, layers: &[[Var; 4]; 2]) {
    let x = ops::dropout(x, DROPPED).unwrap();
    let x = ops::elu(&forward(&x, &layers[0], scores, edges).unwrap(), 1.0).unwrap();
    let x = forward(&x, &layers[1], scores, edges).unwrap();
    let x = ops::scatter(&x, batch, ops::Reduce::Mean).unwrap();
    let exps = x.exp().unwrap();
    let log_sum = exps.sum_keepdim(D::Minus1).unwrap().log().unwrap();
    let loss = x.broadcast_sub(&log_sum).unwrap().narrow(1, 0, 1).unwrap().mean_all().unwrap().neg().unwrap();
    let gradients = ops::backward(&loss).unwrap();
    for var in layers.iter().flatten() {
        let gradient = gradients.get(var).unwrap();
        var.set(&(var.as_tensor() - (gradient * 0.1).unwrap()).unwrap()).unwrap();
    }
}

/// The first step reads how many rows there are of which length, for each graph and side that kernels ask for; the others read
/// nothing. A kernel for the CPU, which would read all of a tensor, fails where it is called.
#[test]
fn a_step_of_training_copies_nothing_to_the_host() {
    if !is_here() {
        return;
    }
    for (name, edges) in cut_graphs().into_iter().filter(|(_, e)| !e.is_bipartite()) {
        let (n, e) = (edges.num_src(), edges.num_edges());
        let batch = EdgeIndex::from_batch(&(0..n as u32).map(|i| i % 3).collect::<Vec<_>>(), 3).unwrap();
        let (x, scores) = (random(&[n, FEATURES], 1), random(&[e, HEADS], 2));
        let [x, scores] = [x, scores].map(|t| t.to_dtype(DType::F32).unwrap());
        let layers = [layer(FEATURES, 3), layer(HEADS * CHANNELS, 9)];
        let count = |steps: usize| {
            let before = copies();
            let ((), launches) =
                emulated(1, || (0..steps).for_each(|_| step(&x, &scores, &edges, &batch, &layers)));
            assert!(launches >= 10 * steps, "{name}: {launches} kernels ran");
            copies() - before
        };
        let first = count(1);
        assert!((3..=6).contains(&first), "{name}: {first} copies when the graph's structure is made");
        assert_eq!(count(3), 0, "{name}: copies in later steps");
    }
}

/// An edge list that is on the device stays there.
#[test]
fn edge_lists_of_the_device_are_not_copied_back_to_it() {
    if !is_here() {
        return;
    }
    let lists = [[2i64, 0, 1, 2, 2], [0, 1, 1, 0, 2]];
    for dtype in [DType::I64, DType::U32] {
        let t = Tensor::new(&lists, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
        let (edges, _) = emulated(1, || ops::edge_index(&t, 3).unwrap());
        assert_eq!((edges.source(), edges.destination()), (&[2, 0, 1, 2, 2][..], &[0, 1, 1, 0, 2][..]));
        assert!(crate::index::are_on(&edges, &Device::Cpu));
        let kept = crate::index::on_device(&edges, &Device::Cpu).unwrap();
        assert_eq!(kept.source.to_vec1::<u32>().unwrap(), edges.source());
        assert_eq!(kept.destination.to_vec1::<u32>().unwrap(), edges.destination());
        let (error, _) = emulated(1, || ops::edge_index(&t, 2).unwrap_err());
        assert!(error.to_string().contains("edge 0"), "{error}");
    }
}
