//! What neither the parity cases nor the gauntlet see of layers with several kinds of edges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::{EdgeIndex, EdgeType, HeteroGraph, Relations};
use candle_geometric_nn::aggr::Aggr;
use candle_geometric_nn::conv::{
    AttentionMode, ChebConv, ChebConvConfig, GatConv, GatConvConfig, GcnConv, GcnConvConfig, Modulation,
    RgatConv, RgatConvConfig, RgcnConv, RgcnConvConfig, SageConv, SageConvConfig,
};
use candle_geometric_nn::hetero::{
    HanConv, HanConvConfig, HeteroAggr, HeteroConv, HgtConv, HgtConvConfig, MessagePassing, NodeTensors,
};
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_nn::VarBuilder;
use common::{check_gradients, distance, messy_graph, normal, values};

fn parameters(seed: u64) -> VarBuilder<'static> {
    SeededVarMap::new(seed).var_builder(DType::F64, &Device::Cpu)
}

fn relations(nodes: usize, edges: usize, kinds: u32) -> Relations {
    let mut random = Stream::new(5, 5).sequence();
    let types: Vec<u32> = (0..edges).map(|_| random.below(kinds)).collect();
    Relations::new(&messy_graph(nodes, edges, 0), &types, kinds as usize).unwrap()
}

/// A node without features is a row of the unit matrix.
#[test]
fn nodes_without_features_are_unit_vectors() {
    let r = relations(9, 30, 3);
    for aggr in [Aggr::Mean, Aggr::Sum, Aggr::Max] {
        for num_bases in [None, Some(2)] {
            let map = SeededVarMap::new(2);
            let config = RgcnConvConfig { aggr: aggr.into(), num_bases, ..RgcnConvConfig::new(9, 4, 3) };
            let conv = RgcnConv::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
            let unit = Tensor::eye(9, DType::F64, &Device::Cpu).unwrap();
            let all = conv.forward_all(&r).unwrap();
            if aggr != Aggr::Max {
                assert!(distance(&all, &conv.forward(&unit, &r).unwrap()) < 1e-12);
            }
            let ids: Vec<u32> = (0..9).collect();
            assert!(distance(&all, &conv.forward_ids(&ids, &ids, &r).unwrap()) < 1e-12);
            let twins = [3u32; 9];
            let same = conv.forward_ids(&twins, &twins, &r).unwrap();
            assert!(distance(&same.narrow(0, 7, 1).unwrap(), &same.narrow(0, 8, 1).unwrap()) == 0.0);
            check_gradients(&map, &[], || conv.forward_ids(&[0, 1, 2, 3, 3, 3, 6, 7, 8], &ids, &r));
        }
    }
}

#[test]
fn relations_and_numbers_of_nodes_are_checked() {
    let r = relations(9, 30, 3);
    let conv = RgcnConv::new(&RgcnConvConfig::new(9, 4, 2), parameters(1)).unwrap();
    let error = conv.forward_all(&r).unwrap_err().to_string();
    assert!(error.contains("edge_type") && error.contains("3 relations"), "{error}");
    let conv = RgcnConv::new(&RgcnConvConfig::new(8, 4, 3), parameters(1)).unwrap();
    assert!(conv.forward_all(&r).is_err());
    assert!(
        conv.forward_ids(&[8; 9], &[0; 9], &r).unwrap_err().to_string().contains("below in_channels = 8")
    );
    let blocks = RgcnConvConfig { num_blocks: Some(2), ..RgcnConvConfig::new(8, 4, 3) };
    let conv = RgcnConv::new(&blocks, parameters(1)).unwrap();
    assert!(conv.forward_ids(&[0; 9], &[0; 9], &r).is_err());
    let both = RgcnConvConfig { num_bases: Some(2), ..blocks };
    assert!(RgcnConv::new(&both, parameters(1)).unwrap_err().to_string().contains("num_blocks"));
}

/// PyTorch Geometric leaves l2 as it finds it in memory.
#[test]
fn the_scaled_mod_starts_from_numbers() {
    let (r, x) = (relations(9, 30, 3), normal(&[9, 5], 1));
    let plain = RgatConvConfig { bias: false, ..RgatConvConfig::new(5, 4, 3) };
    let scaled = RgatConvConfig { modulation: Some(Modulation::Scaled), ..plain.clone() };
    let [plain, scaled] =
        [plain, scaled].map(|config| RgatConv::new(&config, parameters(1)).unwrap().forward(&x, &r).unwrap());
    // ReLU(d · 1 + 0) · 1/C · 1 = d.
    let degrees: Vec<f64> = r.edges().in_degrees().into_iter().map(f64::from).collect();
    let degrees = Tensor::from_vec(degrees, (9, 1), &Device::Cpu).unwrap();
    assert!(distance(&scaled, &plain.broadcast_mul(&degrees).unwrap()) < 1e-12);
}

#[test]
fn the_fused_and_the_plain_attention_agree_and_dropout_repeats() {
    let (r, x) = (relations(9, 30, 3), normal(&[9, 5], 1));
    let config = RgatConvConfig { heads: 2, dropout: 1e-9, ..RgatConvConfig::new(5, 4, 3) };
    let conv = RgatConv::new(&config, parameters(1)).unwrap();
    let (out, attention) = conv.forward_with_attention(&x, &r, None, Mode::Eval).unwrap();
    assert_eq!(attention.alpha.dims(), [30, 2]);
    let plain = conv.forward_t(&x, &r, Mode::Train(&Generator::new(1))).unwrap();
    assert!(distance(&out, &plain) < 1e-7);

    let conv = RgatConv::new(&RgatConvConfig { dropout: 0.5, ..config }, parameters(1)).unwrap();
    let run = |seed| conv.forward_t(&x, &r, Mode::Train(&Generator::new(seed))).unwrap();
    assert_eq!(values(&run(1)), values(&run(1)));
    assert!(distance(&run(1), &run(2)) > 1e-3);
    let with_mod = RgatConvConfig { modulation: Some(Modulation::Additive), ..conv.config().clone() };
    assert!(RgatConv::new(&with_mod, parameters(1)).is_err());
    let config = RgatConvConfig { dim: 2, ..RgatConvConfig::new(5, 4, 3) };
    assert!(RgatConv::new(&config, parameters(1)).unwrap_err().to_string().contains("dim"));
    let config = RgatConvConfig { attention_mode: AttentionMode::MultiplicativeSelfAttention, ..config };
    assert!(RgatConv::new(&config, parameters(1)).is_ok());
}

fn academic() -> (NodeTensors, HeteroGraph) {
    let writes = EdgeIndex::bipartite(vec![0, 1, 2, 2], vec![0, 0, 1, 1], 3, 4).unwrap();
    let cites = EdgeIndex::new(vec![0, 3], vec![1, 0], 4).unwrap();
    let graph = HeteroGraph::new(
        [("author", 3), ("paper", 4)],
        [(("author", "writes", "paper"), writes), (("paper", "cites", "paper"), cites)],
    );
    let x = [("author".to_string(), normal(&[3, 5], 1)), ("paper".to_string(), normal(&[4, 5], 2))].into();
    (x, graph.unwrap())
}

#[test]
fn only_types_that_edges_end_in_have_results() {
    let (x, graph) = academic();
    let config = HgtConvConfig { heads: 2, ..HgtConvConfig::new(5, 6, &graph) };
    let out = HgtConv::new(&config, parameters(1)).unwrap().forward(&x, &graph).unwrap();
    assert_eq!(out.keys().collect::<Vec<_>>(), ["paper"]);
    let conv = HanConv::new(&HanConvConfig::new(5, 6, &graph), parameters(1)).unwrap();
    let (out, beta) = conv.forward_with_semantic_attention(&x, &graph, Mode::Eval).unwrap();
    assert_eq!(out.keys().collect::<Vec<_>>(), ["paper"]);
    assert_eq!(beta["paper"].dims(), [2]);
    assert!((values(&beta["paper"]).iter().sum::<f64>() - 1.0).abs() < 1e-12);

    let other = HeteroGraph::new(
        [("author", 3), ("paper", 4)],
        [(("paper", "by", "author"), EdgeIndex::bipartite(vec![0], vec![0], 4, 3).unwrap())],
    );
    let error = conv.forward(&x, &other.unwrap()).unwrap_err().to_string();
    assert!(error.contains("paper__by__author"), "{error}");
    let error = conv.forward(&NodeTensors::new(), &graph).unwrap_err().to_string();
    assert!(error.contains("x_dict") && error.contains("author: [3, 5]"), "{error}");
}

/// One type of edges has all of β, so the result is ReLU(Σ α h) with the α that are told.
#[test]
fn han_tells_the_attention_that_it_uses() {
    let (x, graph) = academic();
    let writes = EdgeType::from(("author", "writes", "paper"));
    let edges = graph.edges_of(&writes).unwrap().clone();
    let one =
        HeteroGraph::new([("author", 3), ("paper", 4)], [(("author", "writes", "paper"), edges.clone())])
            .unwrap();
    let config = HanConvConfig { heads: 2, dropout: 0.5, ..HanConvConfig::new(5, 6, &one) };
    let map = SeededVarMap::new(4);
    let conv = HanConv::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    let (out, alpha, beta) = conv.forward_with_attention(&x, &one, Mode::Eval).unwrap();
    assert_eq!(values(&beta["paper"]), [1.0]);
    assert_eq!(alpha.keys().collect::<Vec<_>>(), [&writes]);
    assert_eq!(alpha[&writes].edges, edges);
    let parameters: BTreeMap<String, Tensor> = map.to_tensors().unwrap().into_iter().collect();
    let weight = &parameters["proj.author.weight"];
    let h = x["author"].matmul(&weight.t().unwrap()).unwrap();
    let h: Vec<Vec<f64>> = h.broadcast_add(&parameters["proj.author.bias"]).unwrap().to_vec2().unwrap();
    let alpha: Vec<Vec<f64>> = alpha[&writes].alpha.to_vec2().unwrap();
    let mut expected = vec![vec![0.0; 6]; 4];
    for ((from, to), alpha) in edges.iter().zip(&alpha) {
        for (c, sum) in expected[to as usize].iter_mut().enumerate() {
            *sum += alpha[c / 3] * h[from as usize][c];
        }
    }
    let expected: Vec<f64> = expected.concat().into_iter().map(|v: f64| v.max(0.0)).collect();
    let found = values(&out["paper"]);
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
}

#[test]
fn han_repeats_its_dropout_from_a_seed() {
    let (x, graph) = academic();
    let config = HanConvConfig { dropout: 0.5, ..HanConvConfig::new(5, 6, &graph) };
    let conv = HanConv::new(&config, parameters(1)).unwrap();
    let run = |seed| conv.forward_t(&x, &graph, Mode::Train(&Generator::new(seed))).unwrap();
    assert_eq!(values(&run(1)["paper"]), values(&run(1)["paper"]));
    assert!((2..20).any(|seed| distance(&run(1)["paper"], &run(seed)["paper"]) > 1e-6));
}

#[test]
fn hetero_conv_gives_each_layer_its_edges() {
    let (x, graph) = academic();
    let types = || graph.edges().map(|(edge_type, _)| edge_type.clone());
    let map = SeededVarMap::new(1);
    let conv = HeteroConv::build(
        types(),
        HeteroAggr::Sum,
        map.var_builder(DType::F64, &Device::Cpu),
        |edge_type, vb| {
            let edge_dim = (edge_type.relation == "writes").then_some(1);
            let config = GatConvConfig { add_self_loops: false, edge_dim, ..GatConvConfig::new((5, 5), 2) };
            Ok(Box::new(GatConv::new(&config, vb)?))
        },
    );
    let conv = conv.unwrap();
    assert!(map.get("convs.<paper___cites___paper>.att_src").is_some());
    let attr: BTreeMap<_, _> = [(("author", "writes", "paper").into(), normal(&[4, 1], 3))].into();
    let out = conv.forward(&x, &graph, &attr, Mode::Eval).unwrap();
    assert_eq!(out["paper"].dims(), [4, 2]);
    assert!(conv.forward(&x, &graph, &BTreeMap::new(), Mode::Eval).is_err());

    let looped = HeteroConv::build(types(), HeteroAggr::Sum, parameters(1), |_, vb| {
        Ok(Box::new(GatConv::new(&GatConvConfig::new(5, 2), vb)?))
    });
    assert!(looped.unwrap_err().to_string().contains("author__writes__paper"));
    let gcn = GcnConvConfig { add_self_loops: Some(false), ..GcnConvConfig::new(5, 2) };
    let gcn: Box<dyn MessagePassing> = Box::new(GcnConv::new(&gcn, parameters(1)).unwrap());
    let conv = HeteroConv::new(vec![(("author", "writes", "paper").into(), gcn)], HeteroAggr::Max).unwrap();
    let error = conv.forward(&x, &graph, &BTreeMap::new(), Mode::Eval).unwrap_err().to_string();
    assert!(error.contains("GcnConv: x"), "{error}");
}

/// A layer that was made heterogeneous has a copy for every type of edges, under the names of `to_hetero`.
#[test]
fn to_hetero_copies_a_layer() {
    let (x, graph) = academic();
    let (map, vb) = (SeededVarMap::new(1), |map: &SeededVarMap| map.var_builder(DType::F64, &Device::Cpu));
    let types = || graph.edges().map(|(edge_type, _)| edge_type.clone());
    let make = |_: &EdgeType, vb: VarBuilder| -> candle_geometric_nn::Result<Box<dyn MessagePassing>> {
        Ok(Box::new(SageConv::new(&SageConvConfig::new((5, 5), 2), vb)?))
    };
    let conv = HeteroConv::to_hetero(types(), HeteroAggr::Mean, vb(&map).pp("conv1"), make).unwrap();
    let out = conv.forward(&x, &graph, &BTreeMap::new(), Mode::Eval).unwrap();
    let each = graph.edges().map(|(edge_type, edges)| {
        let layer =
            SageConv::new(&SageConvConfig::new((5, 5), 2), vb(&map).pp("conv1").pp(edge_type.to_string()));
        layer.unwrap().forward((&x[&edge_type.source], &x["paper"]), edges).unwrap()
    });
    let each: Vec<Tensor> = each.collect();
    let mean = ((&each[0] + &each[1]).unwrap() / 2.0).unwrap();
    assert!(distance(&out["paper"], &mean) < 1e-12);
    assert!(map.get("conv1.author__writes__paper.lin_l.weight").is_some());
    let odd = [EdgeType::new("author", "co-wrote: with", "author")];
    HeteroConv::to_hetero(odd, HeteroAggr::Sum, vb(&map), make).unwrap();
    assert!(map.get("author__co_wrote__with__author.lin_l.weight").is_some());
}

/// Layers of one set of nodes with weights of edges, ChebConv among them.
#[test]
fn cheb_conv_is_a_layer_of_hetero_conv() {
    let (x, graph) = academic();
    let cites = EdgeType::new("paper", "cites", "paper");
    let cheb = || ChebConv::new(&ChebConvConfig::new(5, 2, 3), parameters(1)).unwrap();
    let boxed: Box<dyn MessagePassing> = Box::new(cheb());
    let conv = HeteroConv::new(vec![(cites.clone(), boxed)], HeteroAggr::Sum).unwrap();
    let weight = Tensor::new(&[0.5f64, 2.0], &Device::Cpu).unwrap();
    let out = conv.forward(&x, &graph, &[(cites.clone(), weight.clone())].into(), Mode::Eval).unwrap();
    let edges = graph.edges_of(&cites).unwrap();
    let alone = cheb().forward_scaled(&x["paper"], edges, Some(&weight), None, None).unwrap();
    assert_eq!(values(&out["paper"]), values(&alone));
}

#[test]
fn a_typed_graph_is_checked_once() {
    let edges = || EdgeIndex::bipartite(vec![0], vec![1], 3, 4).unwrap();
    let graph = |n, edge_type: (&str, &str, &str), edges| {
        HeteroGraph::new([("author", n), ("paper", 4)], [(edge_type, edges)])
    };
    assert!(graph(3, ("author", "writes", "paper"), edges()).is_ok());
    let error = graph(5, ("author", "writes", "paper"), edges()).unwrap_err().to_string();
    assert!(error.contains("author__writes__paper") && error.contains("from 3 to 4"), "{error}");
    assert!(graph(3, ("author", "in", "venue"), edges()).unwrap_err().to_string().contains("venue"));
    let within = EdgeIndex::bipartite(vec![0], vec![1], 4, 4).unwrap();
    assert!(graph(3, ("paper", "cites", "paper"), within).is_err());
    let twice = [(("author", "writes", "paper"), edges()), (("author", "writes", "paper"), edges())];
    assert!(HeteroGraph::new([("author", 3), ("paper", 4)], twice).is_err());
}
