//! What layers with attention do beyond what the cases of their peers hold: training, losses, errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_nn::conv::{
    AgnnConv, AgnnConvConfig, FaConv, FaConvConfig, FeaStConv, FeaStConvConfig, GeneralAttention,
    GeneralConv, GeneralConvConfig, GmmConv, GmmConvConfig, Negatives, PointTransformerConv,
    PointTransformerConvConfig, ResGatedGraphConv, ResGatedGraphConvConfig, SuperGatAttention, SuperGatConv,
    SuperGatConvConfig,
};
use candle_geometric_nn::{Mode, Result, SeededVarMap};
use candle_nn::VarBuilder;
use common::{check_gradients, distance, messy_graph, normal, values, var};

fn builder(map: &SeededVarMap) -> VarBuilder<'static> {
    map.var_builder(DType::F64, &Device::Cpu)
}

fn supergat(config: &SuperGatConvConfig) -> (SeededVarMap, SuperGatConv) {
    let map = SeededVarMap::new(3);
    let conv = SuperGatConv::new(config, builder(&map)).unwrap();
    (map, conv)
}

fn scalar(t: &Tensor) -> f64 {
    t.to_scalar().unwrap()
}

#[track_caller]
fn refused<T>(result: Result<T>, message: &str) {
    match result {
        Ok(_) => panic!("taken, instead of: {message}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

/// Numbers that PyTorch Geometric 2.8.1 computes for these edges, weights and negative edges.
#[test]
fn the_loss_of_supergat_is_that_of_pytorch_geometric() {
    let new = |rows: &[[f64; 2]; 4]| Tensor::new(rows, &Device::Cpu).unwrap();
    let x = new(&[[1., -2.], [0.5, 3.], [-1., 0.25], [2., 1.]]);
    let weight = (new(&[[1., 0.5], [-0.5, 1.], [0.25, -1.], [2., 0.5]]) * 0.5).unwrap();
    let edges = EdgeIndex::new(vec![0, 1, 2, 2], vec![1, 2, 2, 0], 4).unwrap();
    let negative = EdgeIndex::new(vec![0, 3], vec![2, 1], 4).unwrap();
    for (attention_type, expected) in
        [(SuperGatAttention::MX, 0.7736023563330785), (SuperGatAttention::SD, 0.696520290817255)]
    {
        let config = SuperGatConvConfig { heads: 2, attention_type, ..SuperGatConvConfig::new(2, 2) };
        let att = normal(&[1, 2, 2], 1);
        let parameters = HashMap::from([
            ("lin.weight".to_string(), weight.clone()),
            ("att_l".to_string(), att.clone()),
            ("att_r".to_string(), att),
            ("bias".to_string(), normal(&[4], 2)),
        ]);
        let conv = SuperGatConv::new(&config, VarBuilder::from_tensors(parameters, DType::F64, &Device::Cpu))
            .unwrap();
        let mode = Mode::Train(&Generator::new(0));
        let (out, loss) = conv.forward_supervised(&x, &edges, Negatives::Given(&negative), mode).unwrap();
        assert!((scalar(&loss) - expected).abs() < 1e-14, "{attention_type:?}: {loss}");
        let (same, none) =
            conv.forward_supervised(&x, &edges, Negatives::Given(&negative), Mode::Eval).unwrap();
        assert_eq!((distance(&out, &same), scalar(&none)), (0.0, 0.0));
        let looped = candle_geometric_graph::transforms::with_self_loops(&edges).unwrap();
        let again = conv.get_attention_loss(&x, &looped.edges, &negative).unwrap();
        assert_eq!(scalar(&again), scalar(&loss));
    }
}

#[test]
fn supergat_trains_on_edges_that_the_generator_chooses() {
    let edges = messy_graph(12, 30, 1);
    let x = var(&[12, 4], 1);
    let config = SuperGatConvConfig {
        heads: 2,
        dropout: 0.3,
        edge_sample_ratio: 0.6,
        ..SuperGatConvConfig::new(4, 3)
    };
    let (map, conv) = supergat(&config);
    let run = |seed| conv.forward_t(&x, &edges, Mode::Train(&Generator::new(seed))).unwrap();
    let ((a, loss), (b, same), (c, other)) = (run(1), run(1), run(2));
    assert_eq!((distance(&a, &b), scalar(&loss)), (0.0, scalar(&same)));
    assert!(distance(&a, &c) > 0.0 && scalar(&loss) != scalar(&other));
    for attention_type in [SuperGatAttention::MX, SuperGatAttention::SD] {
        let (map, conv) = supergat(&SuperGatConvConfig { attention_type, ..config.clone() });
        check_gradients(&map, &[&x], || {
            let (out, loss) = conv.forward_t(&x, &edges, Mode::Train(&Generator::new(4)))?;
            Ok((out.sum_all()? + loss)?)
        });
    }
    check_gradients(&map, &[&x], || conv.forward(&x, &edges));
}

/// Far away, products are large; in the other graph they are 0: a loss of ln 2 for each of its edges.
#[test]
fn in_a_batch_negative_edges_stay_within_their_graphs() {
    let edges = EdgeIndex::new(vec![0, 1, 3, 4], vec![1, 2, 4, 5], 6).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 0, 0, 1, 1, 1], 2).unwrap();
    let config =
        SuperGatConvConfig { add_self_loops: false, neg_sample_ratio: 1.0, ..SuperGatConvConfig::new(2, 2) };
    let (_, conv) = supergat(&config);
    let near = Tensor::zeros((3, 2), DType::F64, &Device::Cpu).unwrap();
    let far = Tensor::ones((3, 2), DType::F64, &Device::Cpu).unwrap();
    let x = Tensor::cat(&[near, far], 0).unwrap();
    let loss = |seed| {
        let mode = Mode::Train(&Generator::new(seed));
        scalar(&conv.forward_supervised(&x, &edges, Negatives::Batched(&batch), mode).unwrap().1)
    };
    // In each graph two edges and two that are none, and all products within a graph are equal.
    let product = {
        let pair = EdgeIndex::new(vec![3], vec![4], 6).unwrap();
        let none = EdgeIndex::new(vec![], vec![], 6).unwrap();
        scalar(&conv.get_attention_loss(&x, &pair, &none).unwrap())
            + scalar(&conv.get_attention_loss(&x, &none, &pair).unwrap())
    };
    let expected = (4.0 * 2f64.ln() + 2.0 * product) / 8.0;
    for seed in 0..5 {
        assert!((loss(seed) - expected).abs() < 1e-12, "{} instead of {expected}", loss(seed));
    }
}

#[test]
fn nothing_to_learn_from_is_no_loss() {
    let (_, conv) = supergat(&SuperGatConvConfig { add_self_loops: false, ..SuperGatConvConfig::new(2, 2) });
    let edges = EdgeIndex::new(vec![], vec![], 3).unwrap();
    let (out, loss) = conv.forward_t(&normal(&[3, 2], 1), &edges, Mode::Train(&Generator::new(0))).unwrap();
    assert_eq!((values(&out), scalar(&loss)), (vec![0.0; 6], 0.0));
}

#[test]
fn the_weights_of_fa_conv_are_signed_and_dropped_in_training() {
    let (edges, x, x_0) = (messy_graph(9, 20, 2), var(&[9, 4], 1), var(&[9, 4], 2));
    let map = SeededVarMap::new(3);
    let conv = FaConv::new(&FaConvConfig { dropout: 0.5, ..FaConvConfig::new(4) }, builder(&map)).unwrap();
    let (_, attention) = conv.forward_with_attention(&x, &x_0, &edges, None, Mode::Eval).unwrap();
    assert_eq!(attention.alpha.dims(), [attention.edges.num_edges(), 1]);
    let alpha = values(&attention.alpha);
    assert!(alpha.iter().any(|a| *a < 0.0) && alpha.iter().all(|a| a.abs() <= 1.0));
    let train = |seed| conv.forward_t(&x, &x_0, &edges, Mode::Train(&Generator::new(seed)));
    assert!(distance(&train(1).unwrap(), &train(2).unwrap()) > 0.0);
    check_gradients(&map, &[&x, &x_0], || train(1));
}

#[test]
fn constants_are_stored_and_not_learnt() {
    let (edges, x) = (messy_graph(9, 20, 2), normal(&[9, 4], 1));
    let (agnn, general) = (SeededVarMap::new(0), SeededVarMap::new(0));
    let config = AgnnConvConfig { requires_grad: false, ..AgnnConvConfig::default() };
    let a = AgnnConv::new(&config, builder(&agnn)).unwrap().forward(&x, &edges).unwrap();
    let config = GeneralConvConfig {
        attention: true,
        attention_type: GeneralAttention::DotProduct,
        ..GeneralConvConfig::new(4, 3)
    };
    let b = GeneralConv::new(&config, builder(&general)).unwrap().forward(&x, &edges).unwrap();
    for (map, out, name, value) in [(agnn, a, "beta", 1.0), (general, b, "scaler", 3f64.sqrt())] {
        let constant = map.get(name).unwrap();
        assert_eq!(values(&constant), [value]);
        assert!(out.sum_all().unwrap().backward().unwrap().get(&constant).is_none());
    }
}

#[test]
fn errors_name_the_argument() {
    let map = SeededVarMap::new(0);
    let vb = || builder(&map).pp(map.vars().len());
    let (edges, x) = (messy_graph(9, 20, 2), normal(&[9, 4], 1));
    let two_sides = EdgeIndex::bipartite(vec![0], vec![0], 9, 2).unwrap();

    let config = SuperGatConvConfig::new(4, 3);
    let wrong = SuperGatConvConfig { neg_sample_ratio: 0.0, ..config.clone() };
    refused(
        SuperGatConv::new(&wrong, vb()),
        "SuperGatConv: neg_sample_ratio: expected a number above 0, got 0",
    );
    let wrong = SuperGatConvConfig { edge_sample_ratio: 1.5, ..config.clone() };
    refused(
        SuperGatConv::new(&wrong, vb()),
        "SuperGatConv: edge_sample_ratio: expected a number in (0, 1], got 1.5",
    );
    let conv = SuperGatConv::new(&config, vb()).unwrap();
    let mode = Mode::Train(&Generator::new(0));
    refused(
        conv.forward_supervised(&x, &edges, Negatives::Given(&two_sides), mode),
        "SuperGatConv: neg_edge_index: expected edges on 9 nodes, got edges from 9 to 2 nodes",
    );
    assert!(conv.forward(&x, &two_sides).is_err());

    let wrong = ResGatedGraphConvConfig { act: "sigmoidal".into(), ..ResGatedGraphConvConfig::new(4, 3) };
    let error = ResGatedGraphConv::new(&wrong, vb()).unwrap_err().to_string();
    assert!(error.contains("act") && error.contains("sigmoidal"), "{error}");
    let conv = ResGatedGraphConv::new(&ResGatedGraphConvConfig::new(4, 3), vb()).unwrap();
    refused(
        conv.forward((&x, None), &two_sides),
        "ResGatedGraphConv: x_dst: expected features of the destinations, which this layer needs, got none",
    );

    let wrong = FeaStConvConfig { heads: 0, ..FeaStConvConfig::new(4, 3) };
    refused(FeaStConv::new(&wrong, vb()), "FeaStConv: heads: expected at least 1, got 0");

    let wrong = GeneralConvConfig { directed_msg: false, ..GeneralConvConfig::new((4, 5), 3) };
    refused(
        GeneralConv::new(&wrong, vb()),
        "GeneralConv: in_channels: expected one number of channels, because of directed_msg = false or the dot_product, \
         got [4, 5]",
    );
    let config = GeneralConvConfig { in_edge_channels: Some(2), ..GeneralConvConfig::new(4, 3) };
    refused(
        GeneralConv::new(&config, vb()).unwrap().forward(&x, &edges),
        "GeneralConv: edge_attr: expected [20, 2], because the layer has in_edge_channels = 2, got none",
    );

    let conv = FaConv::new(&FaConvConfig::new(4), vb()).unwrap();
    let weight = normal(&[20], 1);
    refused(
        conv.forward_edges(&x, &x, &edges, Some(&weight), Mode::Eval),
        "FaConv: edge_weight: expected none, because the layer has normalize = true, got [20]",
    );
    refused(
        conv.forward(&x, &normal(&[9, 5], 1), &edges),
        "FaConv: x_0: expected [9, 4], the shape of x, got [9, 5]",
    );
    let conv = FaConv::new(&FaConvConfig { normalize: false, ..FaConvConfig::new(4) }, vb()).unwrap();
    refused(
        conv.forward(&x, &x, &edges),
        "FaConv: edge_weight: expected [20], because the layer has normalize = false, got none",
    );

    let config = PointTransformerConvConfig::new(4, 3);
    let wrong = PointTransformerConvConfig { pos_nn: Some("Linear(3,5)".parse().unwrap()), ..config.clone() };
    refused(
        PointTransformerConv::new(&wrong, vb()),
        "PointTransformerConv: pos_nn: expected a network that gives 3 channels, got Linear(3,5)",
    );
    let wrong =
        PointTransformerConvConfig { attn_nn: Some("Linear(4,3)".parse().unwrap()), ..config.clone() };
    refused(
        PointTransformerConv::new(&wrong, vb()),
        "PointTransformerConv: attn_nn: expected a network from 3 to 3 channels, got Linear(4,3)",
    );
    refused(
        PointTransformerConv::new(&config, vb()).unwrap().forward(&x, &normal(&[9, 2], 1), &edges),
        "PointTransformerConv: pos: expected [9, 3] ([nodes, what pos_nn takes]), got [9, 2]",
    );

    refused(
        GmmConv::new(&GmmConvConfig::new(4, 3, 2, 0), vb()),
        "GmmConv: kernel_size: expected at least 1, got 0",
    );
    refused(
        GmmConv::new(&GmmConvConfig::new(4, 3, 2, 5), vb()).unwrap().forward(&x, &edges, &weight),
        "GmmConv: edge_attr: expected [20, 2], because the layer has dim = 2, got [20]",
    );
}
