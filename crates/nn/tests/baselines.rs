//! What neither the parity cases nor the gauntlet see of the baselines: training, returned values, arguments that do not
//! go together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::Generator;
use candle_geometric_graph::{EdgeIndex, Origin};
use candle_geometric_nn::aggr::{Aggr, Aggrs, Scaler};
use candle_geometric_nn::conv::{
    Appnp, AppnpConfig, ChebConv, ChebConvConfig, GinConv, GinConvConfig, GineConv, GineConvConfig,
    GraphConv, GraphConvConfig, PnaConv, PnaConvConfig,
};
use candle_geometric_nn::{DropEdge, Mode, SeededVarMap};
use candle_nn::VarBuilder;
use common::{distance, messy_graph, normal, values};

fn parameters() -> VarBuilder<'static> {
    SeededVarMap::new(3).var_builder(DType::F64, &Device::Cpu)
}

#[test]
fn appnp_drops_other_edges_in_every_step_and_repeats_from_a_seed() {
    let (g, x) = (messy_graph(30, 200, 0), normal(&[30, 4], 1));
    let conv = Appnp::new(&AppnpConfig { dropout: 0.5, ..AppnpConfig::new(3, 0.1) }).unwrap();
    let run = |seed| {
        let generator = Generator::new(seed);
        let out = conv.forward_t(&x, &g, Mode::Train(&generator)).unwrap();
        assert_eq!(generator.position(), 3);
        out
    };
    assert_eq!(values(&run(1)), values(&run(1)));
    assert!(distance(&run(1), &run(2)) > 1e-3);
    assert!(distance(&run(1), &conv.forward(&x, &g).unwrap()) > 1e-3);
}

#[test]
fn an_eps_that_is_not_learnt_follows_what_is_loaded() {
    let (g, x) = (messy_graph(9, 25, 0), normal(&[9, 5], 1));
    let map = SeededVarMap::new(1);
    let config = GinConvConfig::new("Linear(5,2)".parse().unwrap());
    let conv = GinConv::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    let before = conv.forward(&x, &g).unwrap();
    map.set("eps", &Tensor::new(&[2f64], &Device::Cpu).unwrap()).unwrap();
    assert!(distance(&conv.forward(&x, &g).unwrap(), &before) > 1e-3);
    let loss = conv.forward(&x, &g).unwrap().sum_all().unwrap();
    assert!(loss.backward().unwrap().get(&map.get("eps").unwrap()).is_none());
}

#[test]
fn lambda_max_is_one_number_or_one_per_graph() {
    let (g, x) = (messy_graph(9, 25, 0), normal(&[9, 5], 1));
    let conv = ChebConv::new(&ChebConvConfig::new(5, 2, 3), parameters()).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 0, 0, 0, 1, 1, 1, 1], 2).unwrap();
    let with = |lambda: &[f64], batch: Option<&EdgeIndex>| {
        conv.forward_scaled(&x, &g, None, Some(&Tensor::new(lambda, &Device::Cpu).unwrap()), batch)
    };
    let one = with(&[1.7], None).unwrap();
    assert!(distance(&one, &with(&[1.7, 1.7], Some(&batch)).unwrap()) < 1e-12);
    let error = with(&[1.0, 2.0, 3.0], Some(&batch)).unwrap_err().to_string();
    assert!(error.contains("lambda_max") && error.contains("[3]"), "{error}");
    assert!(with(&[1.0, 2.0], None).is_err());
}

#[test]
fn drop_edge_keeps_order_features_and_reverses() {
    let pairs = (0..200u32).flat_map(|i| [(i, i + 1), (i + 1, i)]);
    let g = EdgeIndex::from_pairs(pairs, 201).unwrap();
    let ids = Tensor::arange(0f64, 400., &Device::Cpu).unwrap();
    let generator = Generator::new(7);
    let drop = DropEdge { p: 0.3, force_undirected: false };
    let (edges, attr) = drop.forward_edges(&g, &ids, Mode::Train(&generator)).unwrap();
    assert!((220..340).contains(&edges.num_edges()));
    for ((j, i), id) in edges.iter().zip(values(&attr)) {
        assert_eq!((j, i), (g.source()[id as usize], g.destination()[id as usize]));
    }
    assert!(values(&attr).is_sorted());

    let drop = DropEdge { p: 0.3, force_undirected: true };
    let left = drop.forward(&g, Mode::Train(&generator)).unwrap();
    let half = left.edges.num_edges() / 2;
    for k in 0..half {
        let (e, f) = (left.origin()[k], left.origin()[half + k]);
        assert!(matches!((e, f), (Origin::Edge(e), Origin::Reversed(f)) if e == f), "{e:?} {f:?}");
        assert_eq!(left.edges.source()[k], left.edges.destination()[half + k]);
    }
    assert!(drop.forward(&g, Mode::Eval).unwrap().edges.ptr_eq(&g));
    assert!(DropEdge { p: 1.5, ..drop }.forward(&g, Mode::Eval).is_err());
}

#[test]
fn arguments_that_cannot_be_used_are_named() {
    let said = |error: String, argument: &str| assert!(error.contains(argument), "{argument}: {error}");
    let many = Aggrs::Many(vec![Aggr::Sum, Aggr::Max]);
    let config = GraphConvConfig { aggr: many, ..GraphConvConfig::new(5, 2) };
    said(GraphConv::new(&config, parameters()).unwrap_err().to_string(), "aggr");
    let config = GineConvConfig { edge_dim: Some(2), ..GineConvConfig::new("ReLU".parse().unwrap()) };
    said(GineConv::new(&config, parameters()).unwrap_err().to_string(), "nn");
    let pna = |deg| PnaConvConfig::new(5, 4, vec![Aggr::Mean], vec![Scaler::Linear], deg);
    said(PnaConv::new(&pna(vec![3]), parameters()).unwrap_err().to_string(), "deg");
    let config = PnaConvConfig { towers: 3, ..pna(vec![1, 1]) };
    said(PnaConv::new(&config, parameters()).unwrap_err().to_string(), "out_channels");
    said(Appnp::new(&AppnpConfig::new(2, f64::NAN)).unwrap_err().to_string(), "alpha");
    assert!(serde_json::from_str::<AppnpConfig>(r#"{"K": 2, "alpha": 0.1, "k": 3}"#).is_err());
}
