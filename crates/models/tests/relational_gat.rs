//! A model of knowledge graphs: what neither the gauntlet nor the parity cases see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::{EdgeIndex, Relations};
use candle_geometric_models::{RelationalGat, RelationalGatConfig, TripleDecoderConfig};
use candle_geometric_nn::conv::{AttentionMechanism, RgatConvConfig};
use candle_geometric_nn::decoder::{ConvEConfig, Triples};
use candle_geometric_nn::{Mode, SeededVarMap};

const N: usize = 7;
const R: usize = 2;

/// Node 6 has no facts, the fact (0, 1, 1) stands twice.
fn facts() -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    (vec![0, 0, 1, 2, 3, 4, 5, 0], vec![1, 1, 0, 1, 0, 0, 1, 0], vec![1, 1, 2, 2, 0, 3, 4, 5])
}

fn graph() -> Relations {
    let (head, relation, tail) = facts();
    Relations::new(&EdgeIndex::new(head, tail, N).unwrap(), &relation, R).unwrap().with_inverses().unwrap()
}

fn dist_mult() -> RelationalGatConfig {
    let mut config = RelationalGatConfig::new(N, R, 8, 2);
    config.convs[0] = RgatConvConfig { heads: 2, num_bases: Some(2), ..RgatConvConfig::new(8, 3, 2 * R) };
    config.convs[1].in_channels = 6;
    config.convs[1].attention_mechanism = AttentionMechanism::WithinRelation;
    config
}

fn conv_e() -> RelationalGatConfig {
    let decoder = ConvEConfig { height: 2, filters: 3, kernel_size: 2, ..ConvEConfig::new(N, 2 * R, 8) };
    RelationalGatConfig {
        decoder: TripleDecoderConfig::ConvE(decoder),
        residual: true,
        dropout: 0.1,
        ..RelationalGatConfig::new(N, R, 8, 1)
    }
}

fn model(config: &RelationalGatConfig) -> (RelationalGat, SeededVarMap) {
    let map = SeededVarMap::new(1);
    (RelationalGat::new(config, map.var_builder(DType::F64, &Device::Cpu)).unwrap(), map)
}

fn rows(t: &Tensor) -> Vec<Vec<f64>> {
    t.to_vec2().unwrap()
}

#[test]
fn all_tails_and_all_heads_are_all_triples() {
    let r = R as u32;
    for config in [dist_mult(), conv_e()] {
        let (model, _) = model(&config);
        let z = model.encode(&graph(), Mode::Eval).unwrap();
        assert_eq!(z.dims(), [N, 8]);
        let score = |head: u32, relation: u32, tail: u32| {
            let triple = Triples::new(vec![head], vec![relation], vec![tail], N, 2 * R).unwrap();
            model.score(&z, &triple, Mode::Eval).unwrap().to_vec1::<f64>().unwrap()[0]
        };
        let tails = rows(&model.score_tails(&z, &[0, 6], &[1, 3], Mode::Eval).unwrap());
        let heads = rows(&model.score_heads(&z, &[2, 4], &[0, 3], Mode::Eval).unwrap());
        for k in 0..N as u32 {
            let at = k as usize;
            let expected = [score(0, 1, k), score(6, 3, k), score(2, r, k), score(4, 1, k)];
            let found = [tails[0][at], tails[1][at], heads[0][at], heads[1][at]];
            assert!(expected.iter().zip(found).all(|(e, f)| (e - f).abs() < 1e-12), "{expected:?} {found:?}");
        }
    }
}

/// Another name for every node, and another order of the facts.
#[test]
fn the_order_of_nodes_and_facts_does_not_matter() {
    let place: [u32; N] = [3, 0, 6, 2, 1, 5, 4];
    let (head, relation, tail) = facts();
    let moved = |ids: Vec<u32>| ids.into_iter().rev().map(|i| place[i as usize]).collect::<Vec<_>>();
    let edges = EdgeIndex::new(moved(head), moved(tail), N).unwrap();
    let relation: Vec<u32> = relation.into_iter().rev().collect();
    let other = Relations::new(&edges, &relation, R).unwrap().with_inverses().unwrap();
    for config in [dist_mult(), conv_e()] {
        let (model, map) = model(&config);
        let expected = rows(&model.encode(&graph(), Mode::Eval).unwrap());
        let table = map.get("node_emb.weight").unwrap();
        let back: Vec<u32> =
            (0..N as u32).map(|k| place.iter().position(|&p| p == k).unwrap() as u32).collect();
        let back = Tensor::new(back, &Device::Cpu).unwrap();
        table.set(&table.as_detached_tensor().index_select(&back, 0).unwrap()).unwrap();
        let found = rows(&model.encode(&other, Mode::Eval).unwrap());
        for (node, expected) in expected.iter().enumerate() {
            let found = &found[place[node] as usize];
            assert!(expected.iter().zip(found).all(|(e, f)| (e - f).abs() < 1e-12));
        }
    }
}

#[test]
fn losses_have_the_gradients_of_finite_differences() {
    let (heads, relations) = ([0, 1, 6], [1, 0, 3]);
    let tails = [vec![1, 2], vec![2], vec![]];
    let positive = Triples::new(vec![0, 1, 2], vec![1, 0, 3], vec![1, 2, 0], N, 2 * R).unwrap();
    let negative = Triples::new(vec![3, 1, 2], vec![1, 0, 3], vec![1, 5, 6], N, 2 * R).unwrap();
    for config in [dist_mult(), conv_e()] {
        let (model, map) = model(&config);
        let loss = || {
            let generator = Generator::new(5);
            let mode = Mode::Train(&generator);
            let z = model.encode(&graph(), mode).unwrap();
            let all = model.one_vs_all_loss(&z, &heads, &relations, &tails, 0.1, mode).unwrap();
            (all + model.negative_sampling_loss(&z, &positive, &negative, mode).unwrap()).unwrap()
        };
        let gradients = loss().backward().unwrap();
        for (k, (name, var)) in map.vars().into_iter().enumerate() {
            // Running statistics, and what only a `mod` uses.
            let Some(gradient) = gradients.get(&var) else { continue };
            if name.contains("running_") {
                continue;
            }
            let start = var.as_detached_tensor().copy().unwrap();
            let stream = Stream::new(7, k as u64);
            let direction: Vec<f64> = (0..start.elem_count() as u64).map(|i| stream.normal(i)).collect();
            let direction = Tensor::from_vec(direction, start.shape(), &Device::Cpu).unwrap();
            let at = |step: f64| {
                var.set(&(&start + (&direction * step).unwrap()).unwrap()).unwrap();
                loss().to_scalar::<f64>().unwrap()
            };
            let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
            var.set(&start).unwrap();
            let ours = (gradient * &direction).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!((slope - ours).abs() < 2e-6 * slope.abs().max(1.0), "{name}: {ours}, slope {slope}");
        }
    }
}

#[test]
fn graphs_without_facts_and_wrong_arguments() {
    let (model, _) = model(&dist_mult());
    let none = Relations::new(&EdgeIndex::new(vec![], vec![], N).unwrap(), &[], R).unwrap();
    let z = model.encode(&none.with_inverses().unwrap(), Mode::Eval).unwrap();
    assert!(rows(&z).iter().flatten().all(|v| v.is_finite()));
    assert_eq!(model.score_tails(&z, &[], &[], Mode::Eval).unwrap().dims(), [0, N]);
    let told = |error: String, parts: &[&str]| assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    told(
        model.encode(&none, Mode::Eval).unwrap_err().to_string(),
        &["edge_type", "4 relations", "2 relations"],
    );
    told(model.score_tails(&z, &[7], &[0], Mode::Eval).unwrap_err().to_string(), &["head_index", "below 7"]);
    told(model.score_heads(&z, &[0], &[9], Mode::Eval).unwrap_err().to_string(), &["rel_type", "below 4"]);
    let wrong = |config: RelationalGatConfig, parts: &[&str]| {
        let map = SeededVarMap::new(1);
        let vb = map.var_builder(DType::F32, &Device::Cpu);
        told(RelationalGat::new(&config, vb).unwrap_err().to_string(), parts);
    };
    let mut config = dist_mult();
    config.convs[1].in_channels = 5;
    wrong(config, &["convs[1]", "in_channels is 5", "expected 6"]);
    let mut config = dist_mult();
    config.convs[0].num_relations = R;
    wrong(config, &["convs[0]", "num_relations is 2", "expected 4"]);
    wrong(RelationalGatConfig { residual: true, ..dist_mult() }, &["convs[0]", "width is 6", "expected 8"]);
    wrong(RelationalGatConfig { dropout: -0.1, ..dist_mult() }, &["dropout", "-0.1"]);
    let mut config = dist_mult();
    if let TripleDecoderConfig::DistMult(decoder) = &mut config.decoder {
        decoder.num_relations = 3;
    }
    wrong(config, &["num_relations is 3", "even"]);
    let text = serde_json::to_string(&conv_e()).unwrap();
    assert_eq!(serde_json::from_str::<RelationalGatConfig>(&text).unwrap(), conv_e());
    assert!(serde_json::from_str::<RelationalGatConfig>(&text.replace("residual", "residuals")).is_err());
}

/// Across relations the weights of a node sum to 1; within relations, once for each relation that it has.
#[test]
fn the_attention_of_every_layer_is_told() {
    let (model, _) = model(&dist_mult());
    let graph = graph();
    let seen = model.attention(&graph).unwrap();
    assert_eq!(seen.iter().map(|a| a.alpha.dims().to_vec()).collect::<Vec<_>>(), [[16, 2], [16, 1]]);
    for (layer, attention) in seen.iter().enumerate() {
        assert_eq!(&attention.edges, graph.edges());
        let (mut sums, mut relations) = ([0.0; N], vec![std::collections::BTreeSet::new(); N]);
        for (((_, to), alpha), &relation) in
            graph.edges().iter().zip(rows(&attention.alpha)).zip(graph.edge_type())
        {
            sums[to as usize] += alpha[0];
            relations[to as usize].insert(relation);
        }
        for (sum, relations) in sums.iter().zip(&relations) {
            let expected = if layer == 0 { relations.len().min(1) } else { relations.len() };
            assert!((sum - expected as f64).abs() < 1e-12, "layer {layer}: {sums:?}");
        }
    }
}
