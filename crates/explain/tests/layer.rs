//! From a layer to its picture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use approx::assert_relative_eq;
use candle_core::{DType, Device, Tensor};
use candle_geometric_explain::{Entropy, Picture, Weights};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::conv::{GatConv, GatConvConfig};
use candle_geometric_nn::{Mode, SeededVarMap};

#[test]
fn a_layer_with_equal_inputs_attends_uniformly() {
    let vb = SeededVarMap::new(1).var_builder(DType::F64, &Device::Cpu);
    let config = GatConvConfig { heads: 3, ..GatConvConfig::new(4, 2) };
    let layer = GatConv::new(&config, vb).unwrap();
    // Every node sends to the next three of a ring.
    let ring = (0..12).flat_map(|i| (1..4).map(move |k| (i, (i + k) % 12)));
    let edges = EdgeIndex::from_pairs(ring, 12).unwrap();
    let attend = |x: Tensor| {
        let (_, attention) = layer.forward_with_attention(&x, &edges, None, Mode::Eval).unwrap();
        Weights::try_from(&attention).unwrap()
    };
    let summary = Entropy::new(&attend(Tensor::ones((12, 4), DType::F64, &Device::Cpu).unwrap())).summary();
    assert_eq!(summary.len(), 3);
    for head in summary {
        assert_relative_eq!(head.entropy, head.uniform, max_relative = 1e-6);
    }

    let x = Tensor::arange(0f64, 48.0, &Device::Cpu).unwrap().reshape((12, 4)).unwrap();
    let weights = attend((x.sin().unwrap() * 3.0).unwrap());
    assert!(Entropy::new(&weights).summary().iter().all(|head| head.entropy < 0.999 * head.uniform));
    assert!(Picture::new(&weights).to_svg().unwrap().contains("mean of 3 heads · 12 nodes"));
}
