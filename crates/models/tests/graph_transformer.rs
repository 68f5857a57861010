//! Masked labels: what they change, and what they must never change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_models::{
    GraphModel, GraphTransformer, GraphTransformerConfig, LabelMethod, MaskLabel, MaskLabelConfig,
    ModelConfig,
};
use candle_geometric_nn::Mode;
use candle_geometric_nn::conv::{TransformerConv, TransformerConvConfig};
use candle_geometric_nn::norm::{LayerNorm, LayerNormConfig};
use candle_nn::VarBuilder;
use support::numbers;

const N: usize = 6;

fn config(label_method: Option<LabelMethod>) -> GraphTransformerConfig {
    GraphTransformerConfig { label_method, ..GraphTransformerConfig::new(5, 4, 3) }
}

fn weights(config: &GraphTransformerConfig) -> VarBuilder<'static> {
    let parameters = ModelConfig::GraphTransformer(config.clone()).parameters().unwrap();
    let tensors: HashMap<_, _> =
        parameters.iter().zip(1..).map(|(p, i)| (p.name.clone(), numbers(&p.shape, i))).collect();
    VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
}

/// A ring in both directions, so that every node hears from itself after two layers.
fn graph() -> (Tensor, EdgeIndex) {
    let ring = (0..N as u32).flat_map(|i| [(i, (i + 1) % N as u32), ((i + 1) % N as u32, i)]);
    (numbers(&[N, 5], 99), EdgeIndex::from_pairs(ring, N).unwrap())
}

fn rows(t: &Tensor) -> Vec<Vec<f32>> {
    t.to_vec2().unwrap()
}

#[test]
fn names_are_those_of_pytorch_geometric() {
    let parameters = ModelConfig::GraphTransformer(config(Some(LabelMethod::Add))).parameters().unwrap();
    let shape = |name: &str| parameters.iter().find(|p| p.name == name).map(|p| p.shape.clone());
    assert_eq!(shape("label_emb.emb.weight"), Some(vec![3, 5]));
    assert_eq!(shape("convs.0.lin_key.weight"), Some(vec![4, 5]));
    assert_eq!(shape("convs.2.lin_key.weight"), Some(vec![6, 4]));
    assert_eq!(shape("convs.2.lin_beta.weight"), Some(vec![1, 9]));
    assert_eq!(shape("norms.1.weight"), Some(vec![4]));
    assert_eq!(shape("norms.2.weight"), None);
}

/// The model is the composition of its layers.
#[test]
fn a_model_is_its_layers_in_order() {
    let (x, edges) = graph();
    let config = config(Some(LabelMethod::Add));
    let vb = weights(&config);
    let (y, mask) = ([0, 1, 2, 2, 1, 0], [true, false, true, true, false, false]);
    let labels = MaskLabel::new(&MaskLabelConfig::new(3, 5), vb.pp("label_emb")).unwrap();
    let mut h = labels.forward(&x, &y, &mask).unwrap();
    for i in 0..3 {
        let (channels, concat) = if i < 2 { (2, true) } else { (3, false) };
        let inputs = h.dim(1).unwrap();
        let conv = TransformerConvConfig {
            heads: 2,
            beta: true,
            concat,
            ..TransformerConvConfig::new(inputs, channels)
        };
        h = TransformerConv::new(&conv, vb.pp("convs").pp(i)).unwrap().forward(&h, &edges).unwrap();
        if i < 2 {
            let norm = LayerNorm::new(&LayerNormConfig::by_node(4), vb.pp("norms").pp(i)).unwrap();
            h = norm.forward(&h, None).unwrap().relu().unwrap();
        }
    }
    let model = GraphTransformer::new(&config, vb).unwrap();
    let out = model.forward_labels(&x, &edges, None, (&y, &mask), Mode::Eval).unwrap();
    assert_eq!(rows(&out), rows(&h));
}

#[test]
fn no_known_label_is_no_labels() {
    let (x, edges) = graph();
    for method in [LabelMethod::Add, LabelMethod::Concat] {
        let config = config(Some(method));
        let model = GraphTransformer::new(&config, weights(&config)).unwrap();
        // What stands for an unknown label is not looked at.
        let none = model.forward_labels(&x, &edges, None, (&[u32::MAX; N], &[false; N]), Mode::Eval).unwrap();
        assert_eq!(rows(&none), rows(&model.forward(&x, &edges).unwrap()));
    }
}

/// A label that is hidden reaches nothing; one that is given reaches the others.
#[test]
fn a_hidden_label_never_reaches_its_own_prediction() {
    let (x, edges) = graph();
    for method in [LabelMethod::Add, LabelMethod::Concat] {
        let config = config(Some(method));
        let model = GraphTransformer::new(&config, weights(&config)).unwrap();
        let run = |y: &[u32], mask: &[bool]| {
            rows(&model.forward_labels(&x, &edges, None, (y, mask), Mode::Eval).unwrap())
        };
        let mut hidden = [true; N];
        hidden[3] = false;
        let out = run(&[0, 1, 2, 0, 1, 2], &hidden);
        assert_eq!(out, run(&[0, 1, 2, 2, 1, 2], &hidden), "the label of node 3 is hidden");
        let other = run(&[0, 1, 0, 0, 1, 2], &hidden);
        assert_ne!(out[3], other[3], "the label of its neighbour is an input");
        assert_ne!(out[2], other[2]);
        assert_ne!(out, run(&[0, 1, 2, 0, 1, 2], &[true; N]));
    }
}

#[test]
fn masks_divide_the_known_labels() {
    let known: Vec<bool> = (0..10_000).map(|i| i % 4 != 0).collect();
    let of = |ratio, id| MaskLabel::ratio_mask(&known, ratio, Stream::new(7, id)).unwrap();
    let step = of(0.65, 0);
    for ((&known, &input), &target) in known.iter().zip(&step.input).zip(&step.target) {
        assert_eq!((input || target, input && target), (known, false));
    }
    let share = step.input.iter().filter(|&&b| b).count() as f64 / 7_500.0;
    assert!((share - 0.65).abs() < 0.02, "{share}");
    assert_eq!(step, of(0.65, 0));
    assert_ne!(step, of(0.65, 1));
    assert_eq!((of(1.0, 0).input, of(0.0, 0).target), (known.clone(), known.clone()));
    for ratio in [-0.1, 1.1, f64::NAN] {
        let error = MaskLabel::ratio_mask(&known, ratio, Stream::new(7, 0)).unwrap_err().to_string();
        assert!(error.contains("ratio"), "{error}");
    }
}

#[test]
fn the_embedding_has_a_gradient_from_known_labels_only() {
    let map = candle_geometric_nn::SeededVarMap::new(0);
    let layer =
        MaskLabel::new(&MaskLabelConfig::new(3, 2), map.var_builder(DType::F32, &Device::Cpu)).unwrap();
    let x = Tensor::zeros((4, 2), DType::F32, &Device::Cpu).unwrap();
    let out = layer.forward(&x, &[0, 0, 1, 2], &[true, true, true, false]).unwrap();
    let gradients = out.sum_all().unwrap().backward().unwrap();
    let gradient = gradients.get(map.get("emb.weight").unwrap().as_tensor()).unwrap();
    assert_eq!(rows(gradient), [[2.0, 2.0], [1.0, 1.0], [0.0, 0.0]]);
}

#[test]
fn errors_name_the_argument() {
    let (x, edges) = graph();
    let add = config(Some(LabelMethod::Add));
    let model = GraphTransformer::new(&add, weights(&add)).unwrap();
    let run = |model: &GraphTransformer, y: &[u32], mask: &[bool]| {
        model.forward_labels(&x, &edges, None, (y, mask), Mode::Eval).unwrap_err().to_string()
    };
    assert_eq!(run(&model, &[0; 5], &[true; N]), "MaskLabel: y: expected 6 entries, one per node, got 5");
    assert_eq!(run(&model, &[0; N], &[true; 7]), "MaskLabel: mask: expected 6 entries, one per node, got 7");
    assert_eq!(
        run(&model, &[0, 0, 0, 3, 0, 0], &[true; N]),
        "MaskLabel: y: expected labels below 3, got 3 for node 3"
    );
    let without = config(None);
    let model = GraphTransformer::new(&without, weights(&without)).unwrap();
    assert!(run(&model, &[0; N], &[true; N]).contains("label_method"));

    for (arguments, names) in [
        (GraphTransformerConfig { hidden_channels: 5, ..add.clone() }, "hidden_channels"),
        (GraphTransformerConfig { heads: 0, ..add.clone() }, "heads"),
        (GraphTransformerConfig { dropout: 1.5, ..add.clone() }, "dropout"),
        (GraphTransformerConfig { label_channels: Some(4), ..add.clone() }, "label_channels"),
        (GraphTransformerConfig { label_channels: Some(5), ..without }, "label_channels"),
        (GraphTransformerConfig { num_layers: 0, ..add }, "num_layers"),
    ] {
        let error = ModelConfig::GraphTransformer(arguments).parameters().unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }
}
