//! Models of graphs: what they are told wrongly, and what no peer and no gauntlet checks.

#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_models::{GraphModel, Level, ModelConfig};
use candle_geometric_nn::{Mode, SeededVarMap};
use serde_json::{Value, json};

fn build(architecture: &str, config: Value) -> Result<Box<dyn GraphModel>, String> {
    let vb = SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu);
    ModelConfig::new(architecture, config).and_then(|c| c.build(vb)).map_err(|e| e.to_string())
}

fn random(rows: usize, columns: usize, seed: u64) -> Tensor {
    let stream = Stream::new(seed, 0);
    let numbers: Vec<f64> = (0..(rows * columns) as u64).map(|i| stream.normal(i)).collect();
    Tensor::from_vec(numbers, (rows, columns), &Device::Cpu).unwrap()
}

/// A path of five nodes and a triangle, with both directions of every edge.
fn two_graphs() -> (EdgeIndex, EdgeIndex) {
    let pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6), (6, 7), (7, 5)];
    let edges = EdgeIndex::from_pairs(pairs.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]), 8).unwrap();
    (edges, EdgeIndex::from_batch(&[0, 0, 0, 0, 0, 1, 1, 1], 2).unwrap())
}

fn values(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Small models of every architecture of graphs that takes no edge features.
fn models() -> [(&'static str, Value); 4] {
    let sizes = |more: Value| {
        let mut all = json!({"in_channels": 3, "hidden_channels": 6, "out_channels": 2, "dropout": 0.5});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    [
        ("AttentionGraphClassifier", sizes(json!({"heads": 2}))),
        ("SAGPoolNet", sizes(json!({}))),
        ("SAGPoolNet", sizes(json!({"architecture": "global"}))),
        ("GMT", sizes(json!({"k": 3}))),
    ]
}

#[test]
fn without_batch_all_nodes_are_one_graph() {
    let (edges, _) = two_graphs();
    let (x, one) = (random(8, 3, 1), EdgeIndex::from_batch(&[0; 8], 1).unwrap());
    for (name, config) in models() {
        let model = build(name, config).unwrap();
        assert_eq!(model.level(), Level::Graph, "{name}");
        let expected = model.forward_batch(&x, &edges, None, Some(&one), Mode::Eval).unwrap();
        assert_eq!(values(&model.forward(&x, &edges).unwrap()), values(&expected), "{name}");
        assert_eq!(expected.dims(), [1, 2]);
    }
}

#[test]
fn an_empty_graph_gives_a_finite_row_and_changes_no_other() {
    let (edges, batch) = two_graphs();
    let x = random(8, 3, 2);
    let graphs: Vec<u32> = batch.destination().iter().map(|g| 2 * g).collect();
    let apart = EdgeIndex::from_batch(&graphs, 4).unwrap();
    for (name, config) in models() {
        let model = build(name, config).unwrap();
        let of = |batch| values(&model.forward_batch(&x, &edges, None, Some(batch), Mode::Eval).unwrap());
        let (two, four) = (of(&batch), of(&apart));
        let off = four[..2].iter().chain(&four[4..6]).zip(&two).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 1e-12, "{name}: {four:?} beside {two:?}");
        assert!(four.iter().all(|v| v.is_finite()), "{name}: {four:?}");
    }
}

#[test]
fn training_drops_by_the_seed() {
    let (edges, batch) = two_graphs();
    let x = random(8, 3, 3);
    for (name, config) in models() {
        let model = build(name, config).unwrap();
        let of = |seed| {
            let generator = Generator::new(seed);
            let mode = Mode::Train(&generator);
            values(&model.forward_batch(&x, &edges, None, Some(&batch), mode).unwrap())
        };
        assert_eq!(of(1), of(1), "{name}");
        assert_ne!(of(1), of(2), "{name}");
    }
}

#[test]
fn wrong_inputs_are_named() {
    let (edges, batch) = two_graphs();
    let (x, attr) = (random(8, 3, 4), random(14, 2, 5));
    let short = EdgeIndex::from_batch(&[0, 0, 1], 2).unwrap();
    for (name, config) in models() {
        let model = build(name, config).unwrap();
        let error = |x: &Tensor, attr, batch| {
            model.forward_batch(x, &edges, attr, Some(batch), Mode::Eval).unwrap_err().to_string()
        };
        let features = error(&x, Some(&attr), &batch);
        assert!(features.contains("edge_attr: expected none") && features.contains("[14, 2]"), "{features}");
        let rows = error(&x, None, &short);
        assert!(rows.contains("batch: expected") && rows.contains("got 3"), "{rows}");
        let narrow = error(&random(8, 4, 6), None, &batch);
        assert!(narrow.contains("x: expected [8, 3]") && narrow.contains("[8, 4]"), "{narrow}");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let wrong = |name: &str, change: Value| {
        let (_, mut config) = models().into_iter().find(|(n, _)| *n == name).unwrap();
        config.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        build(name, config).err().unwrap_or_else(|| panic!("{name} takes {change}"))
    };
    for (name, change, said) in [
        ("AttentionGraphClassifier", json!({"edge_dim": 2}), "edge_dim is 2, expected none: score = \"dot\""),
        ("AttentionGraphClassifier", json!({"score": "bilinear"}), "unknown variant `bilinear`"),
        ("AttentionGraphClassifier", json!({"dropout": 1.5}), "dropout is 1.5"),
        ("SAGPoolNet", json!({"hidden_channels": 1}), "hidden_channels is 1, expected at least 2"),
        ("SAGPoolNet", json!({"ratio": 0.0}), "ratio: expected"),
        ("SAGPoolNet", json!({"dropout": -0.1}), "dropout is -0.1"),
        ("SAGPoolNet", json!({"num_layers": 4}), "unknown field `num_layers`"),
        ("GMT", json!({"heads": 4}), "heads is 4, expected a divisor of num_layers"),
        ("GMT", json!({"k": 0}), "k is 0"),
    ] {
        let error = wrong(name, change);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn global_sag_pooling_sees_all_convolutions() {
    let config = |architecture| {
        let config =
            json!({"in_channels": 3, "out_channels": 2, "hidden_channels": 6, "architecture": architecture});
        ModelConfig::new("SAGPoolNet", config).unwrap().parameters().unwrap()
    };
    let shape =
        |architecture, name: &str| config(architecture).into_iter().find(|p| p.name == name).map(|p| p.shape);
    assert_eq!(shape("global", "lin1.weight"), Some(vec![6, 36]));
    assert_eq!(shape("global", "pool.gnn.lin.weight"), Some(vec![1, 18]));
    assert_eq!(shape("hierarchical", "lin1.weight"), Some(vec![6, 12]));
    assert_eq!(shape("hierarchical", "pool3.gnn.lin.weight"), Some(vec![1, 6]));
}
