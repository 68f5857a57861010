//! Norms and aggregations: what they compute and their gradients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_nn::aggr::{
    AttentionalAggregation, AttentionalAggregationConfig, Set2Set, Set2SetConfig, SetTransformerAggregation,
    SetTransformerAggregationConfig, SoftmaxAggregation, SoftmaxAggregationConfig,
};
use candle_geometric_nn::norm::{
    BatchNorm, BatchNormConfig, InstanceNorm, InstanceNormConfig, LayerNorm, LayerNormConfig, Norm,
    NormKwargs, PairNorm, PairNormConfig,
};
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_nn::VarBuilder;
use common::{check_gradients, distance, normal, values, var};

fn f64_map() -> (SeededVarMap, VarBuilder<'static>) {
    let map = SeededVarMap::new(3);
    let vb = map.var_builder(DType::F64, &Device::Cpu);
    (map, vb)
}

/// Graphs of 3, 0, 1 and 2 nodes, their nodes not in order.
fn batch() -> EdgeIndex {
    EdgeIndex::from_batch(&[0, 3, 0, 2, 3, 0], 4).unwrap()
}

#[test]
fn gradients_of_norms_are_those_of_finite_differences() {
    let x = var(&[6, 4], 1);
    let batch = batch();
    let generator = Generator::new(0);
    for name in ["batch", "LayerNorm", "graph_norm", "pair_norm", "instance"] {
        let mut kwargs = NormKwargs::default();
        if name == "instance" {
            kwargs.insert("affine".into(), true.into());
        }
        let (map, vb) = f64_map();
        let norm = Norm::resolve(name, 4, &kwargs, vb).unwrap();
        for (name, var) in map.vars() {
            if !name.contains("running") {
                var.set(&normal(var.dims(), 9)).unwrap();
            }
        }
        for batch in [None, Some(&batch)] {
            for mode in [Mode::Eval, Mode::Train(&generator)] {
                check_gradients(&map, &[&x], || norm.forward_t(&x, batch, mode));
            }
        }
    }
    let individual = PairNorm::new(&PairNormConfig { scale_individually: true, ..Default::default() });
    check_gradients(&f64_map().0, &[&x], || individual.forward(&x, Some(&batch)));
}

#[test]
fn batch_norm_keeps_running_statistics_in_the_map() {
    let (map, vb) = f64_map();
    let norm = BatchNorm::new(&BatchNormConfig::new(2), vb.pp("norms").pp(0)).unwrap();
    let x = Tensor::new(&[[1f64, 10.], [3., 30.], [5., 20.]], &Device::Cpu).unwrap();
    let generator = Generator::new(0);
    let y = norm.forward_t(&x, Mode::Train(&generator)).unwrap();
    assert!(values(&y.mean(0).unwrap()).iter().all(|m| m.abs() < 1e-12));
    let get = |name: &str| values(map.get(&format!("norms.0.module.{name}")).unwrap().as_tensor());
    // 0.9 · 0 + 0.1 · mean, 0.9 · 1 + 0.1 · unbiased variance
    let close = |a: Vec<f64>, b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(get("running_mean"), [0.3, 2.0]));
    assert!(close(get("running_var"), [0.9 + 0.4, 0.9 + 10.0]));
    // Inference uses them and leaves them.
    let y = norm.forward(&x).unwrap().to_vec2::<f64>().unwrap();
    assert!((y[0][0] - (1.0 - 0.3) / (1.3f64 + 1e-5).sqrt()).abs() < 1e-12);
    assert!(close(get("running_mean"), [0.3, 2.0]));

    let one = x.narrow(0, 0, 1).unwrap();
    assert!(norm.forward_t(&one, Mode::Train(&generator)).unwrap_err().to_string().contains("1 row"));
    let single = BatchNormConfig { allow_single_element: true, ..BatchNormConfig::new(2) };
    let norm = BatchNorm::new(&single, f64_map().1).unwrap();
    assert!(norm.forward_t(&one, Mode::Train(&generator)).is_ok());
    let untracked = BatchNormConfig { track_running_stats: false, ..single };
    assert!(BatchNorm::new(&untracked, f64_map().1).is_err());
}

#[test]
fn instance_norm_tracks_the_mean_over_graphs() {
    let (map, vb) = f64_map();
    let config = InstanceNormConfig { track_running_stats: true, ..InstanceNormConfig::new(1) };
    let norm = InstanceNorm::new(&config, vb).unwrap();
    let x = Tensor::new(&[[1f64], [3.], [10.]], &Device::Cpu).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 1], 2).unwrap();
    norm.forward_t(&x, Some(&batch), Mode::Train(&Generator::new(0))).unwrap();
    // Means 2 and 10; unbiased variances 2 and (of one node) 0.
    let get = |name: &str| values(map.get(name).unwrap().as_tensor())[0];
    assert!((get("running_mean") - 0.6).abs() < 1e-12);
    assert!((get("running_var") - 1.0).abs() < 1e-12);
    let y = norm.forward_t(&x, Some(&batch), Mode::Eval).unwrap().to_vec2::<f64>().unwrap();
    assert!((y[2][0] - 9.4 / (1f64 + 1e-5).sqrt()).abs() < 1e-12);
}

#[test]
fn norms_take_no_nodes_and_equal_nodes() {
    let generator = Generator::new(0);
    for name in ["batch", "layer", "graph", "pair", "instance"] {
        let norm = Norm::resolve(name, 4, &NormKwargs::default(), f64_map().1).unwrap();
        let none = Tensor::zeros((0, 4), DType::F64, &Device::Cpu).unwrap();
        assert_eq!(norm.forward_t(&none, None, Mode::Train(&generator)).unwrap().dims(), [0, 4]);
        // Equal values have no variance: the result and its gradient stay finite.
        let equal = Var::ones((3, 4), DType::F64, &Device::Cpu).unwrap();
        let y = norm.forward_t(&equal, None, Mode::Train(&generator)).unwrap();
        let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        assert!(
            values(&y).iter().chain(&values(grads.get(&equal).unwrap())).all(|v| v.is_finite()),
            "{name}"
        );
        let wrong = norm.forward_t(&equal, Some(&batch()), Mode::Train(&generator));
        assert!(wrong.is_err() == (name != "batch"), "{name}");
    }
}

#[test]
fn an_unknown_norm_or_argument_is_an_error() {
    let resolve = |name: &str, kwargs: &str| {
        Norm::resolve(name, 4, &serde_json::from_str(kwargs).unwrap(), f64_map().1).map(|_| ())
    };
    assert!(resolve("LayerNorm", r#"{"mode": "node"}"#).is_ok());
    assert!(
        resolve("batch_norm", r#"{"mode": "node"}"#)
            .unwrap_err()
            .to_string()
            .contains("unknown field `mode`")
    );
    assert!(
        resolve("LayerNorm", r#"{"mode": "nodes"}"#).unwrap_err().to_string().contains("unknown variant")
    );
    assert!(resolve("MessageNorm", "{}").unwrap_err().to_string().contains("batch_norm, layer_norm"));
}

#[test]
fn a_layer_norm_of_one_graph_does_not_depend_on_the_others() {
    let norm = LayerNorm::new(&LayerNormConfig::new(4), f64_map().1).unwrap();
    let x = normal(&[6, 4], 1);
    let all = norm.forward(&x, Some(&batch())).unwrap();
    let rows = Tensor::new(&[0u32, 2, 5], &Device::Cpu).unwrap();
    let alone = EdgeIndex::from_batch(&[0, 0, 0], 1).unwrap();
    let one = norm.forward(&x.index_select(&rows, 0).unwrap(), Some(&alone)).unwrap();
    assert!(distance(&all.index_select(&rows, 0).unwrap(), &one) < 1e-12);
}

#[test]
fn gradients_of_aggregations_are_those_of_finite_differences() {
    let x = var(&[6, 4], 1);
    let batch = batch();
    let (map, vb) = f64_map();
    let softmax = SoftmaxAggregationConfig { t: 0.7, learn: true, channels: 4, ..Default::default() };
    let softmax = SoftmaxAggregation::new(&softmax, vb).unwrap();
    check_gradients(&map, &[&x], || softmax.forward(&x, &batch));

    let (map, vb) = f64_map();
    let config = AttentionalAggregationConfig {
        gate_nn: "Linear(4,3),Tanh,Linear(3,2)".parse().unwrap(),
        nn: Some("Linear(4,2,bias=False)".parse().unwrap()),
    };
    let attentional = AttentionalAggregation::new(&config, vb).unwrap();
    check_gradients(&map, &[&x], || attentional.forward(&x, &batch));

    let (map, vb) = f64_map();
    let config = Set2SetConfig { num_layers: 2, ..Set2SetConfig::new(4, 2) };
    let set2set = Set2Set::new(&config, vb).unwrap();
    assert_eq!(map.get("lstm.weight_ih_l1").unwrap().dims(), [16, 4]);
    check_gradients(&map, &[&x], || set2set.forward(&x, &batch));

    let (map, vb) = f64_map();
    let config = SetTransformerAggregationConfig {
        heads: 2,
        num_seed_points: 2,
        layer_norm: true,
        concat: false,
        dropout: 0.3,
        ..SetTransformerAggregationConfig::new(4)
    };
    let transformer = SetTransformerAggregation::new(&config, vb).unwrap();
    check_gradients(&map, &[&x], || transformer.forward_t(&x, &batch, Mode::Train(&Generator::new(1))));
}

#[test]
fn a_group_without_rows_gives_what_nothing_gives_and_does_not_change_the_others() {
    let (_, vb) = f64_map();
    let config = SetTransformerAggregationConfig { heads: 2, ..SetTransformerAggregationConfig::new(4) };
    let transformer = SetTransformerAggregation::new(&config, vb.pp("a")).unwrap();
    let gate = AttentionalAggregationConfig { gate_nn: "Linear(4,1)".parse().unwrap(), nn: None };
    let attentional = AttentionalAggregation::new(&gate, vb.pp("b")).unwrap();
    let pools = |x: &Tensor, batch: &EdgeIndex| {
        [transformer.forward(x, batch).unwrap(), attentional.forward(x, batch).unwrap()]
    };
    let x = normal(&[6, 4], 1);
    let alone = EdgeIndex::from_batch(&[0, 0], 1).unwrap();
    let two = x.index_select(&Tensor::new(&[1u32, 4], &Device::Cpu).unwrap(), 0).unwrap();
    let none = Tensor::zeros((0, 4), DType::F64, &Device::Cpu).unwrap();
    let nothing = pools(&none, &EdgeIndex::from_batch(&[], 2).unwrap());
    for ((all, one), nothing) in pools(&x, &batch()).iter().zip(pools(&two, &alone)).zip(&nothing) {
        assert_eq!(values(&all.get(1).unwrap()), values(&nothing.get(0).unwrap()));
        assert_eq!(values(&all.get(1).unwrap()), values(&nothing.get(1).unwrap()));
        assert!(distance(&all.narrow(0, 3, 1).unwrap(), &one) < 1e-12);
    }
    assert_eq!(values(&nothing[1]), [0.0; 8]);
}

#[test]
fn the_transformer_refuses_heads_that_do_not_divide() {
    let config = SetTransformerAggregationConfig { heads: 3, ..SetTransformerAggregationConfig::new(4) };
    let message = SetTransformerAggregation::new(&config, f64_map().1).unwrap_err().to_string();
    assert_eq!(message, "SetTransformerAggregation: heads: expected a divisor of channels = 4, got 3");
}
