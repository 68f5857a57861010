//! What the basic models make of their shared arguments: normalisation, activation, dropout, jumping knowledge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_models::{GraphModel, ModelConfig};
use candle_geometric_nn::conv::{GcnConv, GcnConvConfig};
use candle_geometric_nn::norm::{LayerNorm, LayerNormConfig};
use candle_geometric_nn::{Linear, Mode, SeededVarMap};
use candle_nn::VarBuilder;
use serde_json::{Value, json};
use support::numbers;

fn config(architecture: &str, extra: Value) -> ModelConfig {
    let mut arguments = json!({"in_channels": 5, "hidden_channels": 4, "num_layers": 3});
    arguments.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    ModelConfig::new(architecture, arguments).unwrap()
}

fn names(config: &ModelConfig) -> Vec<String> {
    config.parameters().unwrap().into_iter().map(|p| p.name).collect()
}

/// Weights under the model's names, and a builder that gives them.
fn weights(config: &ModelConfig) -> VarBuilder<'static> {
    let parameters = config.parameters().unwrap();
    let tensors: HashMap<_, _> =
        parameters.iter().zip(1..).map(|(p, i)| (p.name.clone(), numbers(&p.shape, i))).collect();
    VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
}

fn graph() -> (Tensor, EdgeIndex) {
    (
        numbers(&[6, 5], 99),
        EdgeIndex::from_pairs([(0, 1), (1, 2), (2, 0), (3, 4), (4, 4), (1, 5)], 6).unwrap(),
    )
}

fn close(a: &Tensor, b: &Tensor) {
    let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    assert!(difference.to_scalar::<f32>().unwrap() < 1e-6, "{a}\n{b}");
}

#[test]
fn names_are_those_of_pytorch_geometric() {
    let plain = config("GCN", json!({"out_channels": 2, "norm": "batch_norm"}));
    let expected = [
        "convs.0.bias",
        "convs.0.lin.weight",
        "convs.1.bias",
        "convs.1.lin.weight",
        "convs.2.bias",
        "convs.2.lin.weight",
        "norms.0.module.bias",
        "norms.0.module.running_mean",
        "norms.0.module.running_var",
        "norms.0.module.weight",
        "norms.1.module.bias",
        "norms.1.module.running_mean",
        "norms.1.module.running_var",
        "norms.1.module.weight",
    ];
    assert_eq!(names(&plain), expected);

    let jk = names(&config("GAT", json!({"norm": "GraphNorm", "jk": "lstm"})));
    for name in
        ["norms.2.mean_scale", "jk.lstm.weight_ih_l0_reverse", "jk.att.weight", "lin.weight", "lin.bias"]
    {
        assert!(jk.iter().any(|n| n == name), "{name} is not among {jk:?}");
    }
}

#[test]
fn shapes_follow_the_arguments() {
    let (x, edges) = graph();
    for (extra, width, conv, lin) in [
        (json!({}), 4, [4, 4], None),
        (json!({"out_channels": 2}), 2, [2, 4], None),
        (json!({"out_channels": 2, "jk": "last"}), 2, [4, 4], Some([2, 4])),
        (json!({"out_channels": 2, "jk": "cat"}), 2, [4, 4], Some([2, 12])),
        (json!({"jk": "max"}), 4, [4, 4], Some([4, 4])),
        (json!({"num_layers": 1, "out_channels": 2}), 2, [2, 5], None),
        (json!({"num_layers": 1}), 4, [4, 5], None),
    ] {
        let config = config("GCN", extra.clone());
        let parameters = config.parameters().unwrap();
        let shape = |name: &str| parameters.iter().find(|p| p.name == name).map(|p| p.shape.clone());
        let last = format!("convs.{}.lin.weight", if extra.get("num_layers").is_some() { 0 } else { 2 });
        assert_eq!(shape(&last).unwrap(), conv, "{extra}");
        assert_eq!(shape("lin.weight"), lin.map(|l| l.to_vec()), "{extra}");
        assert_eq!(config.out_channels(), width);
        let model = config.build(weights(&config)).unwrap();
        assert_eq!(model.forward(&x, &edges).unwrap().dims(), [6, width], "{extra}");
    }
}

/// The model is the composition of its layers that PyTorch Geometric's `BasicGNN` is.
#[test]
fn a_model_is_its_layers_in_order() {
    let (x, edges) = graph();
    for act_first in [false, true] {
        let arguments = json!({"num_layers": 2, "out_channels": 3, "norm": "layer", "act": "tanh", "jk": "cat", "act_first": act_first});
        let config = config("GCN", arguments);
        let vb = weights(&config);
        let (mut h, mut layers) = (x.clone(), Vec::new());
        for (i, inputs) in [5, 4].into_iter().enumerate() {
            let conv = GcnConv::new(&GcnConvConfig::new(inputs, 4), vb.pp("convs").pp(i)).unwrap();
            let norm = LayerNorm::new(&LayerNormConfig::new(4), vb.pp("norms").pp(i)).unwrap();
            h = conv.forward(&h, &edges).unwrap();
            h = if act_first {
                norm.forward(&h.tanh().unwrap(), None).unwrap()
            } else {
                norm.forward(&h, None).unwrap().tanh().unwrap()
            };
            layers.push(h.clone());
        }
        let lin = Linear::new(8, 3, true, vb.pp("lin")).unwrap();
        let expected = lin.forward(&Tensor::cat(&layers, 1).unwrap()).unwrap();
        close(&config.build(vb).unwrap().forward(&x, &edges).unwrap(), &expected);
    }
}

#[test]
fn every_norm_and_jumping_knowledge_trains_all_parameters() {
    let (x, edges) = graph();
    for norm in ["batch", "layer", "graph", "pair", "instance"] {
        for jk in ["last", "cat", "max", "lstm"] {
            let arguments = json!({"norm": norm, "jk": jk, "heads": 2, "dropout": 0.25, "act": "elu"});
            let config = config("GAT", arguments);
            let map = SeededVarMap::new(3);
            let model = config.build(map.var_builder(DType::F32, &Device::Cpu)).unwrap();
            let generator = Generator::new(1);
            let train = |g: &Generator| model.forward_t(&x, &edges, None, Mode::Train(g)).unwrap();
            let out = train(&generator);
            let again = train(&Generator::new(1));
            assert_eq!(
                out.to_vec2::<f32>().unwrap(),
                again.to_vec2::<f32>().unwrap(),
                "one seed, one result"
            );
            let gradients = (&out * &numbers(&[6, 4], 5)).unwrap().sum_all().unwrap().backward().unwrap();
            for (name, var) in map.vars().into_iter().filter(|(name, _)| !name.contains("running")) {
                assert!(gradients.get(&var).is_some(), "{norm}, {jk}: no gradient of {name}");
            }
        }
    }
}

/// Norms that look at graphs: each graph of a batch comes out as it does alone.
#[test]
fn the_graphs_of_a_batch_do_not_see_each_other() {
    let (x, edges) = graph();
    let pairs = edges.iter().chain(edges.iter().map(|(j, i)| (j + 6, i + 6)));
    let both = EdgeIndex::from_pairs(pairs, 12).unwrap();
    let y = (numbers(&[6, 5], 7) * 3.0).unwrap();
    let x_both = Tensor::cat(&[&x, &y], 0).unwrap();
    let ids: Vec<u32> = (0..12).map(|i| i / 6).collect();
    let batch = EdgeIndex::from_batch(&ids, 2).unwrap();
    let one = EdgeIndex::from_batch(&[0; 6], 1).unwrap();
    for norm in ["layer", "graph", "pair", "instance"] {
        let config = config("GraphSAGE", json!({"norm": norm, "act": "elu"}));
        let model = config.build(weights(&config)).unwrap();
        let run = |batch| model.forward_batch(&x_both, &both, None, batch, Mode::Eval).unwrap();
        let together = run(Some(&batch));
        let alone = |x| model.forward_batch(x, &edges, None, Some(&one), Mode::Eval).unwrap();
        close(&together.narrow(0, 0, 6).unwrap(), &alone(&x));
        close(&together.narrow(0, 6, 6).unwrap(), &alone(&y));
        assert_ne!(together.to_vec2::<f32>().unwrap(), run(None).to_vec2::<f32>().unwrap(), "{norm}");
    }
}

#[test]
fn what_comes_with_an_edge_is_used_or_refused() {
    let (x, edges) = graph();
    let model = |architecture: &str, extra: Value| -> Box<dyn GraphModel> {
        let config = config(architecture, extra);
        config.build(weights(&config)).unwrap()
    };
    let run = |model: &dyn GraphModel, attr: Option<&Tensor>| model.forward_t(&x, &edges, attr, Mode::Eval);
    let (features, weight) = (numbers(&[6, 2], 4), (numbers(&[6], 4) + 1.0).unwrap());
    let with_features = model("GAT", json!({"edge_dim": 2}));
    assert!(run(&*with_features, Some(&features)).is_ok());
    assert!(run(&*with_features, None).unwrap_err().to_string().contains("edge_attr"));
    assert!(run(&*model("GAT", json!({})), Some(&features)).unwrap_err().to_string().contains("edge_attr"));
    let sage = run(&*model("GraphSAGE", json!({})), Some(&features)).unwrap_err().to_string();
    assert!(sage.contains("GraphSAGE: edge_attr: expected none, got [6, 2]"), "{sage}");
    let gcn = model("GCN", json!({}));
    let (plain, weighted) = (run(&*gcn, None).unwrap(), run(&*gcn, Some(&weight)).unwrap());
    assert_ne!(plain.to_vec2::<f32>().unwrap(), weighted.to_vec2::<f32>().unwrap());
    assert!(gcn.attention(&x, &edges, None, None).unwrap().is_empty());
}
