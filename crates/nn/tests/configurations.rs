//! Configurations in JSON, as PyTorch Geometric's arguments, and the errors of wrong ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::{EdgeIndex, FillValue};
use candle_geometric_nn::aggr::{
    Aggr, Aggrs, AttentionalAggregationConfig, MaxAggregation, Set2Set, Set2SetConfig,
    SetTransformerAggregation, SetTransformerAggregationConfig, SoftmaxAggregation, SoftmaxAggregationConfig,
};
use candle_geometric_nn::conv::{
    AgnnConvConfig, FaConvConfig, FeaStConvConfig, GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig,
    GcnConv, GcnConvConfig, GeneralConvConfig, GmmConvConfig, PointTransformerConvConfig,
    ResGatedGraphConvConfig, SageConv, SageConvConfig, SuperGatConvConfig, TransformerConv,
    TransformerConvConfig,
};
use candle_geometric_nn::norm::{
    BatchNormConfig, GraphNormConfig, InstanceNormConfig, LayerNormConfig, Norm, NormKwargs, PairNormConfig,
};
use candle_geometric_nn::{
    Activation, ActivationKwargs, Channels, JumpingKnowledgeConfig, MlpConfig, Mode, SeededVarMap,
};
use serde::{Serialize, de::DeserializeOwned};

/// The shortest JSON gives the defaults of `expected`, they survive writing and reading, and an unknown field does not.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(shortest: &str, expected: T) {
    let read: T = serde_json::from_str(shortest).unwrap();
    assert_eq!(read, expected);
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<T>(&written).unwrap(), expected, "{written}");
    let separator = if shortest == "{}" { "" } else { "," };
    let unknown = format!("{}{separator}\"flow\":1}}", &shortest[..shortest.len() - 1]);
    let error = serde_json::from_str::<T>(&unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `flow`"), "{error}");
}

#[test]
fn defaults_are_those_of_pytorch_geometric() {
    let two = r#"{"in_channels":5,"out_channels":4}"#;
    round_trip(two, GatConvConfig::new(5, 4));
    round_trip(two, Gatv2ConvConfig::new(5, 4));
    round_trip(two, GcnConvConfig::new(5, 4));
    round_trip(two, SageConvConfig::new(5, 4));
    round_trip(two, TransformerConvConfig::new(5, 4));
    round_trip(two, SuperGatConvConfig::new(5, 4));
    round_trip(two, ResGatedGraphConvConfig::new(5, 4));
    round_trip(two, FeaStConvConfig::new(5, 4));
    round_trip(two, GeneralConvConfig::new(5, 4));
    round_trip(two, PointTransformerConvConfig::new(5, 4));
    round_trip("{}", AgnnConvConfig::default());
    round_trip(r#"{"channels":5}"#, FaConvConfig::new(5));
    let gmm = r#"{"in_channels":5,"out_channels":4,"dim":2,"kernel_size":3}"#;
    round_trip(gmm, GmmConvConfig::new(5, 4, 2, 3));
    let one = r#"{"in_channels":6}"#;
    round_trip(one, BatchNormConfig::new(6));
    round_trip(one, GraphNormConfig::new(6));
    round_trip(one, InstanceNormConfig::new(6));
    round_trip(one, LayerNormConfig::new(6));
    round_trip("{}", PairNormConfig::default());
    round_trip("{}", SoftmaxAggregationConfig::default());
    round_trip("{}", MaxAggregation::default());
    round_trip(r#"{"channels":6}"#, SetTransformerAggregationConfig::new(6));
    round_trip(r#"{"in_channels":6,"processing_steps":3}"#, Set2SetConfig::new(6, 3));
    let gate_nn: MlpConfig = "Linear(6,1)".parse().unwrap();
    round_trip(r#"{"gate_nn":"Linear(6,1)"}"#, AttentionalAggregationConfig { gate_nn, nn: None });

    let gat = GatConvConfig::new(5, 4);
    assert_eq!((gat.heads, gat.concat, gat.negative_slope, gat.dropout), (1, true, 0.2, 0.0));
    assert_eq!((gat.add_self_loops, gat.edge_dim, gat.fill_value), (true, None, FillValue::Mean));
    assert_eq!((gat.bias, gat.residual), (true, false));
    let transformer = TransformerConvConfig::new(5, 4);
    assert_eq!((transformer.heads, transformer.concat, transformer.beta), (1, true, false));
    assert_eq!((transformer.dropout, transformer.edge_dim), (0.0, None));
    assert_eq!((transformer.bias, transformer.root_weight), (true, true));
}

#[test]
fn pytorch_geometrics_arguments_are_taken_as_they_stand() {
    let gat: GatConvConfig = serde_json::from_str(
        r#"{"in_channels": [5, 7], "out_channels": 3, "heads": 2, "edge_dim": null, "fill_value": 0.5}"#,
    )
    .unwrap();
    assert_eq!((gat.in_channels, gat.fill_value), (Channels::Pair(5, 7), FillValue::Constant(0.5)));
    let fill = |text: &str| {
        let json = format!(r#"{{"in_channels": 1, "out_channels": 1, "fill_value": {text}}}"#);
        serde_json::from_str::<GatConvConfig>(&json).map(|c| c.fill_value).map_err(|e| e.to_string())
    };
    assert_eq!(fill("\"add\""), Ok(FillValue::Add));
    assert_eq!(fill("\"mul\""), Ok(FillValue::Mul));
    assert_eq!(fill("2"), Ok(FillValue::Constant(2.0)));
    assert!(fill("\"median\"").unwrap_err().contains("median"));
    let aggr = |text: &str| serde_json::from_str::<Aggrs>(text).map_err(|e| e.to_string());
    assert_eq!(aggr("\"add\""), Ok(Aggr::Sum.into()));
    assert_eq!(aggr("[\"std\", \"max\"]"), Ok(Aggrs::Many(vec![Aggr::Std, Aggr::Max])));
    assert!(aggr("\"lstm\"").unwrap_err().contains("unknown variant `lstm`"));
    let jk: JumpingKnowledgeConfig = serde_json::from_str(r#"{"mode":"cat"}"#).unwrap();
    assert_eq!(jk.channels, None);
}

#[test]
fn an_activation_takes_its_own_arguments_only() {
    let kwargs = |json: &str| serde_json::from_str::<ActivationKwargs>(json).unwrap();
    let resolve = |name: &str, json: &str| Activation::resolve(name, &kwargs(json));
    assert_eq!(
        resolve("leaky_relu", r#"{"negative_slope":0.2,"inplace":true}"#).unwrap(),
        Activation::LeakyRelu { negative_slope: 0.2 }
    );
    assert_eq!(resolve("gelu", r#"{"approximate":"tanh"}"#).unwrap(), Activation::GeluTanh);
    assert!(resolve("gelu", r#"{"approximate":"erf"}"#).is_err());
    let message = resolve("relu", r#"{"alpha":1.0}"#).unwrap_err().to_string();
    assert_eq!(message, "Activation: act_kwargs: expected an argument that relu has, got alpha");
    assert!(serde_json::from_str::<ActivationKwargs>(r#"{"slope":1.0}"#).is_err());
    assert!("prelu".parse::<Activation>().unwrap_err().to_string().contains("relu, relu6, elu"));
}

#[test]
fn numbers_out_of_range_are_named() {
    let vb = || SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
    let error = |c: GatConvConfig| GatConv::new(&c, vb()).unwrap_err().to_string();
    let c = || GatConvConfig::new(5, 4);
    assert_eq!(error(GatConvConfig { heads: 0, ..c() }), "GatConv: heads: expected at least 1, got 0");
    assert_eq!(
        error(GatConvConfig { dropout: 1.5, ..c() }),
        "GatConv: dropout: expected a probability in [0, 1], got 1.5"
    );
    assert_eq!(
        error(GatConvConfig { negative_slope: f64::NAN, ..c() }),
        "GatConv: negative_slope: expected a finite number, got NaN"
    );
    let huge = error(GatConvConfig { heads: 1 << 33, ..GatConvConfig::new(1, 1 << 33) });
    assert!(huge.starts_with("GatConv: heads: expected"), "{huge}");
    let wide = error(GatConvConfig { heads: 1 << 14, ..GatConvConfig::new(1, 1) });
    assert!(wide.contains("heads² · out_channels of at most 67108864"), "{wide}");
    let shared = Gatv2ConvConfig { share_weights: true, ..Gatv2ConvConfig::new((5, 7), 4) };
    assert!(Gatv2Conv::new(&shared, vb()).unwrap_err().to_string().contains("in_channels"));
    let transformer = TransformerConvConfig { dropout: -0.1, ..TransformerConvConfig::new(5, 4) };
    assert_eq!(
        TransformerConv::new(&transformer, vb()).unwrap_err().to_string(),
        "TransformerConv: dropout: expected a probability in [0, 1], got -0.1"
    );
    let transformer = TransformerConv::new(&TransformerConvConfig::new(5, 0), vb()).unwrap_err();
    assert_eq!(transformer.to_string(), "TransformerConv: out_channels: expected at least 1, got 0");
    for text in ["", "Linear(6,5", "Linear(6,5),Foo", "Linear(0,5)", "Linear(6,5,bias=Maybe)"] {
        assert!(text.parse::<MlpConfig>().is_err(), "{text}");
    }
}

#[test]
fn wrong_shapes_are_named() {
    let vb = || SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let g = EdgeIndex::new(vec![0, 1], vec![1, 2], 3).unwrap();
    let b = EdgeIndex::bipartite(vec![0, 1], vec![1, 1], 3, 2).unwrap();
    let gat = GatConv::new(&GatConvConfig::new(5, 4), vb()).unwrap();
    assert_eq!(
        gat.forward(&zeros(&[3, 6]), &g).unwrap_err().to_string(),
        "GatConv: x: expected [3, 5] ([nodes, in_channels]), got [3, 6]"
    );
    assert!(gat.forward(&zeros(&[2, 3, 5]), &g).unwrap_err().to_string().contains("got [2, 3, 5]"));
    // One set of features for two sets of nodes.
    assert_eq!(
        gat.forward(&zeros(&[3, 5]), &b).unwrap_err().to_string(),
        "GatConv: x: expected [2, 5] ([nodes, in_channels]), got [3, 5]"
    );
    let pair = Gatv2Conv::new(&Gatv2ConvConfig::new((5, 7), 4), vb()).unwrap();
    let x_src = zeros(&[3, 5]);
    assert_eq!(
        pair.forward((&x_src, &zeros(&[2, 5])), &b).unwrap_err().to_string(),
        "Gatv2Conv: x_dst: expected [2, 7] ([nodes, in_channels]), got [2, 5]"
    );
    assert!(pair.forward((&x_src, None), &b).unwrap_err().to_string().contains("x_dst"));
    let transformer = TransformerConv::new(&TransformerConvConfig::new((5, 7), 4), vb()).unwrap();
    assert_eq!(
        transformer.forward((&x_src, &zeros(&[3, 7])), &b).unwrap_err().to_string(),
        "TransformerConv: x_dst: expected [2, 7] ([nodes, in_channels]), got [3, 7]"
    );
    assert_eq!(
        transformer.forward((&zeros(&[3, 6]), &zeros(&[2, 7])), &b).unwrap_err().to_string(),
        "TransformerConv: x_src: expected [3, 5] ([nodes, in_channels]), got [3, 6]"
    );
    let residual = GatConvConfig { residual: true, ..GatConvConfig::new((5, 7), 4) };
    let residual = GatConv::new(&residual, vb()).unwrap();
    assert!(residual.forward((&x_src, None), &b).unwrap_err().to_string().contains("residual"));
    let sage = SageConv::new(&SageConvConfig::new((5, 7), 4), vb()).unwrap();
    assert!(sage.forward((&zeros(&[3, 4]), None), &b).unwrap_err().to_string().contains("x_src"));
    let edges = GatConv::new(&GatConvConfig { edge_dim: Some(2), ..GatConvConfig::new(5, 4) }, vb()).unwrap();
    let message = edges.forward_edges(&x_src, &g, Some(&zeros(&[3, 2])), Mode::Eval).unwrap_err().to_string();
    assert_eq!(
        message,
        "GatConv: edge_attr: expected [2, 2], because the layer has edge_dim = 2, got [3, 2]"
    );
}

#[test]
fn features_need_not_be_contiguous() {
    let vb = SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu);
    let x = Tensor::arange(0f64, 15.0, &Device::Cpu).unwrap().reshape((5, 3)).unwrap().t().unwrap();
    let f = Tensor::arange(0f64, 6.0, &Device::Cpu).unwrap().reshape((2, 3)).unwrap().t().unwrap();
    let g = EdgeIndex::new(vec![0, 1, 1], vec![1, 2, 0], 3).unwrap();
    let batch = EdgeIndex::from_batch(&[0, 1, 0], 2).unwrap();
    let edges = GatConvConfig { edge_dim: Some(2), heads: 2, ..GatConvConfig::new(5, 4) };
    let gat = GatConv::new(&edges, vb.pp("gat")).unwrap();
    let edges = Gatv2ConvConfig { edge_dim: Some(2), heads: 2, ..Gatv2ConvConfig::new(5, 4) };
    let gatv2 = Gatv2Conv::new(&edges, vb.pp("gatv2")).unwrap();
    let edges = TransformerConvConfig { edge_dim: Some(2), beta: true, ..TransformerConvConfig::new(5, 4) };
    let graph_transformer = TransformerConv::new(&edges, vb.pp("graph_transformer")).unwrap();
    let gcn = GcnConv::new(&GcnConvConfig::new(5, 4), vb.pp("gcn")).unwrap();
    let sage = SageConvConfig { aggr: Aggr::Max.into(), ..SageConvConfig::new(5, 4) };
    let sage = SageConv::new(&sage, vb.pp("sage")).unwrap();
    let norms = ["batch", "layer", "graph", "pair", "instance"]
        .map(|name| Norm::resolve(name, 5, &NormKwargs::default(), vb.pp(name)).unwrap());
    let softmax = SoftmaxAggregation::new(&SoftmaxAggregationConfig::default(), vb.pp("softmax")).unwrap();
    let set2set = Set2SetConfig::new(5, 2);
    let set2set = Set2Set::new(&set2set, vb.pp("set2set")).unwrap();
    let transformer = SetTransformerAggregationConfig::new(5);
    let transformer = SetTransformerAggregation::new(&transformer, vb.pp("transformer")).unwrap();
    let all = |x: &Tensor, f: &Tensor| {
        let mut out = vec![
            gat.forward_edges(x, &g, Some(f), Mode::Eval).unwrap(),
            gatv2.forward_edges(x, &g, Some(f), Mode::Eval).unwrap(),
            graph_transformer.forward_edges(x, &g, Some(f), Mode::Eval).unwrap(),
            gcn.forward(x, &g).unwrap(),
            sage.forward(x, &g).unwrap(),
            softmax.forward(x, &batch).unwrap(),
            set2set.forward(x, &batch).unwrap(),
            transformer.forward(x, &batch).unwrap(),
        ];
        out.extend(norms.iter().map(|norm| norm.forward_t(x, Some(&batch), Mode::Eval).unwrap()));
        out.iter().map(|t| t.to_vec2::<f64>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all(&x, &f), all(&x.contiguous().unwrap(), &f.contiguous().unwrap()));
}
