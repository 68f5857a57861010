//! Models of graphs: what they are told wrongly, and what no peer and no gauntlet checks.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_models::{GraphModel, Level, ModelConfig};
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_nn::VarBuilder;
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
fn models() -> [(&'static str, Value); 5] {
    let sizes = |more: Value| {
        let mut all = json!({"in_channels": 3, "hidden_channels": 12, "out_channels": 2, "dropout": 0.5});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    [
        ("AttentionGraphClassifier", sizes(json!({"heads": 2}))),
        ("SAGPoolNet", sizes(json!({}))),
        ("SAGPoolNet", sizes(json!({"architecture": "global"}))),
        ("GMT", sizes(json!({"k": 3}))),
        ("GPS", sizes(json!({"num_layers": 2, "heads": 2}))),
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
        ("GMT", json!({"heads": 5}), "heads is 5, expected a divisor of num_layers"),
        ("GMT", json!({"k": 0}), "k is 0"),
        ("GPS", json!({"hidden_channels": 3}), "hidden_channels is 3, expected at least 4"),
        ("GPS", json!({"heads": 5}), "heads is 5, expected a divisor"),
        ("GPS", json!({"pe_channels": 3}), "pe_channels is 3, expected less than in_channels (3)"),
        ("GPS", json!({"pe_channels": 2, "pe_dim": 12}), "pe_dim is 12, expected 1 to 11"),
        ("GPS", json!({"num_node_types": 4}), "in_channels is 3, expected 1 + pe_channels (1)"),
        ("GPS", json!({"edge_dim": 2, "num_edge_types": 3}), "edge_dim is 2, expected none beside"),
        ("GPS", json!({"attn_kwargs": {"windows": 3}}), "attn_kwargs"),
        ("GPS", json!({"level": "edge"}), "unknown variant `edge`"),
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

/// Each pooling leaves half of what the one before left, with weights from 0 to 1.
#[test]
fn sag_pooling_tells_what_it_leaves() {
    let source: Vec<u32> = (0..13).flat_map(|i| [i, (i + 1) % 13, i]).collect();
    let destination: Vec<u32> = (0..13).flat_map(|i| [(i + 1) % 13, i, (i * 5) % 13]).collect();
    let edges = EdgeIndex::new(source, destination, 13).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2], 3).unwrap();
    let values: Vec<f64> = (0..39).map(|i| f64::from(i * 17 % 23) / 11.0 - 1.0).collect();
    let x = Tensor::from_vec(values, (13, 3), &Device::Cpu).unwrap();
    for (architecture, left) in [("hierarchical", &[[4, 3], [2, 2], [1, 1]][..]), ("global", &[[4, 3]])] {
        let config =
            json!({"in_channels": 3, "out_channels": 2, "hidden_channels": 6, "architecture": architecture});
        let vb = SeededVarMap::new(3).var_builder(DType::F64, &Device::Cpu);
        let model = ModelConfig::new("SAGPoolNet", config).unwrap().build(vb).unwrap();
        let seen = model.attention(&x, &edges, None, Some(&batch)).unwrap();
        assert_eq!(seen.len(), left.len());
        let mut before = vec![true; 13];
        for (attention, left) in seen.iter().zip(left) {
            assert_eq!(attention.edges, batch);
            let alpha: Vec<f32> = attention.alpha.flatten_all().unwrap().to_vec1().unwrap();
            assert!(alpha.iter().all(|a| (0.0..=1.0).contains(a)), "{alpha:?}");
            let kept: Vec<bool> = alpha.iter().map(|&a| a > 0.0).collect();
            let count = |part: &[bool]| part.iter().filter(|&&k| k).count();
            assert_eq!([count(&kept[..8]), count(&kept[8..])], *left);
            assert!(kept.iter().zip(&before).all(|(now, before)| *before || !now), "a node came back");
            before = kept;
        }
    }
}

/// A model with these parameters.
fn gps(config: Value, parameters: &BTreeMap<String, Tensor>) -> Box<dyn GraphModel> {
    let tensors = parameters.clone().into_iter().collect();
    let vb = VarBuilder::from_tensors(tensors, DType::F64, &Device::Cpu);
    ModelConfig::new("GPS", config).unwrap().build(vb).unwrap()
}

/// Types of nodes and edges in a table give what a linear map of their one-hot vectors gives.
#[test]
fn gps_takes_types_as_one_hot_vectors() {
    let shared =
        json!({"hidden_channels": 16, "out_channels": 2, "num_layers": 2, "pe_channels": 2, "pe_dim": 3});
    let with = |more: Value| {
        let mut all = shared.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let types = with(json!({"in_channels": 3, "num_node_types": 4, "num_edge_types": 3}));
    let numbers = with(json!({"in_channels": 6, "edge_dim": 3}));

    let map = SeededVarMap::new(7);
    let vb = map.var_builder(DType::F64, &Device::Cpu);
    ModelConfig::new("GPS", types.clone()).unwrap().build(vb).unwrap();
    let tables: BTreeMap<String, Tensor> = map.to_tensors().unwrap().into_iter().collect();
    let mut maps = tables.clone();
    for name in ["node_emb", "edge_emb"] {
        let weight = tables[&format!("{name}.weight")].t().unwrap().contiguous().unwrap();
        let bias = Tensor::zeros(weight.dim(0).unwrap(), DType::F64, &Device::Cpu).unwrap();
        maps.extend([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]);
    }

    let (edges, batch) = two_graphs();
    let pe = random(8, 2, 8);
    let of_nodes = [0, 3, 1, 1, 2, 0, 3, 2];
    let of_edges = [2, 1, 0, 0, 1, 2, 2, 2, 0, 1, 1, 0, 2, 0];
    let one_hot = |types: &[u32], n: u32| {
        let bits = types.iter().flat_map(|&t| (0..n).map(move |k| f64::from(u8::from(t == k))));
        Tensor::from_vec(bits.collect(), (types.len(), n as usize), &Device::Cpu).unwrap()
    };
    let column = |types: &[u32]| {
        Tensor::from_vec(types.to_vec(), (types.len(), 1), &Device::Cpu)
            .unwrap()
            .to_dtype(DType::F64)
            .unwrap()
    };
    let model = gps(types, &tables);
    let run = |model: &dyn GraphModel, x: Tensor, attr: &Tensor| {
        let x = Tensor::cat(&[&x, &pe], 1).unwrap();
        model.forward_batch(&x, &edges, Some(attr), Some(&batch), Mode::Eval).map_err(|e| e.to_string())
    };
    let kinds = Tensor::new(&of_edges, &Device::Cpu).unwrap();
    let found = values(&run(&*model, column(&of_nodes), &kinds).unwrap());
    let expected = run(&*gps(numbers, &maps), one_hot(&of_nodes, 4), &one_hot(&of_edges, 3)).unwrap();
    for (a, b) in found.iter().zip(values(&expected)) {
        assert!((a - b).abs() < 1e-12, "{found:?}, {expected}");
    }
    assert_ne!(found[..2], found[2..]);
    // In a column of numbers, the types of edges are the same.
    assert_eq!(values(&run(&*model, column(&of_nodes), &column(&of_edges)).unwrap()), found);

    let wrong = run(&*model, column(&[0, 3, 1, 1, 4, 0, 3, 2]), &kinds).unwrap_err();
    assert!(wrong.contains("x: expected categories, whole numbers from 0 to 3, got 4"), "{wrong}");
    let half = run(&*model, column(&of_nodes), &(column(&of_edges) * 0.5).unwrap()).unwrap_err();
    assert!(half.contains("edge_attr: expected categories") && half.contains("got 0.5"), "{half}");
    let short = run(&*model, column(&of_nodes), &column(&of_edges[1..])).unwrap_err();
    assert!(short.contains("edge_attr: expected types [14] or [14, 1], got [13, 1]"), "{short}");
    let x = Tensor::cat(&[&column(&of_nodes), &pe], 1).unwrap();
    let none = model.forward_batch(&x, &edges, None, Some(&batch), Mode::Eval).unwrap_err().to_string();
    assert!(none.contains("edge_attr: expected types") && none.contains("got none"), "{none}");
}

#[test]
fn gps_of_nodes_answers_for_each() {
    let config =
        json!({"in_channels": 3, "hidden_channels": 8, "out_channels": 2, "num_layers": 1, "level": "node"});
    let model = build("GPS", config).unwrap();
    let (edges, batch) = two_graphs();
    assert_eq!(model.level(), Level::Node);
    let out = model.forward_batch(&random(8, 3, 9), &edges, None, Some(&batch), Mode::Eval).unwrap();
    assert_eq!(out.dims(), [8, 2]);
}

#[test]
fn nodes_of_graphs_may_stand_mixed() {
    let (edges, batch) = two_graphs();
    let x = random(8, 3, 10);
    // Node i stands at place[i].
    let place = [3u32, 7, 0, 5, 1, 6, 2, 4];
    let moved = |ids: &[u32]| ids.iter().map(|&i| place[i as usize]).collect::<Vec<_>>();
    let mut order = [0u32; 8];
    place.iter().zip(0..).for_each(|(&p, i)| order[p as usize] = i);
    let mixed_edges = EdgeIndex::new(moved(edges.source()), moved(edges.destination()), 8).unwrap();
    let graphs: Vec<u32> = order.iter().map(|&i| batch.destination()[i as usize]).collect();
    let mixed_batch = EdgeIndex::from_batch(&graphs, 2).unwrap();
    let mixed_x = x.index_select(&Tensor::new(&order, &Device::Cpu).unwrap(), 0).unwrap();
    for (name, config) in models() {
        let model = build(name, config).unwrap();
        let of =
            |x, edges, batch| values(&model.forward_batch(x, edges, None, Some(batch), Mode::Eval).unwrap());
        let (sorted, mixed) = (of(&x, &edges, &batch), of(&mixed_x, &mixed_edges, &mixed_batch));
        let off = sorted.iter().zip(&mixed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-12, "{name}: {sorted:?} and {mixed:?}");
    }
}
