//! Seeded parameters: independent of the order of construction, of the starts that PyTorch Geometric has, and loaded
//! whole or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_nn::conv::{GatConv, GatConvConfig, SageConv, SageConvConfig};
use candle_geometric_nn::{Error, Linear, SeededVarMap};
use candle_nn::Init;

fn values(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn model(map: &SeededVarMap, dtype: DType) -> GatConv {
    GatConv::new(
        &GatConvConfig { heads: 2, ..GatConvConfig::new(30, 40) },
        map.var_builder(dtype, &Device::Cpu),
    )
    .unwrap()
}

#[test]
fn the_start_depends_on_seed_and_name_alone() {
    let build = |seed, names: [&str; 2]| {
        let map = SeededVarMap::new(seed);
        let vb = map.var_builder(DType::F64, &Device::Cpu);
        for name in names {
            Linear::new(3, 2, true, vb.pp(name)).unwrap();
        }
        map.vars().into_iter().map(|(name, var)| (name, values(&var))).collect::<Vec<_>>()
    };
    assert_eq!(build(1, ["a", "b"]), build(1, ["b", "a"]));
    assert_ne!(build(1, ["a", "b"]), build(2, ["a", "b"]));
    let both = build(1, ["a", "b"]);
    assert_ne!(both[0].1, both[2].1, "two names, two starts");
    // The same numbers in f32, rounded.
    let (a, b) = (SeededVarMap::new(1), SeededVarMap::new(1));
    model(&a, DType::F64);
    model(&b, DType::F32);
    for ((_, a), (_, b)) in a.vars().iter().zip(b.vars()) {
        assert!(values(a).iter().zip(values(&b)).all(|(a, b)| (*a as f32) as f64 == b));
    }
}

#[test]
fn starts_have_the_bounds_of_pytorch_geometric() {
    let map = SeededVarMap::new(0);
    model(&map, DType::F64);
    let reaches = |map: &SeededVarMap, name: &str, bound: f64| {
        let largest = values(&map.get(name).unwrap()).iter().fold(0f64, |m, v| m.max(v.abs()));
        assert!(largest <= bound && largest > 0.9 * bound, "{name}: {largest} of {bound}");
    };
    reaches(&map, "lin.weight", (6f64 / 110.0).sqrt());
    reaches(&map, "att_src", (6f64 / 42.0).sqrt());
    assert!(values(&map.get("bias").unwrap()).iter().all(|v| *v == 0.0));
    let map = SeededVarMap::new(0);
    SageConv::new(&SageConvConfig::new(25, 60), map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    for name in ["lin_l.weight", "lin_l.bias", "lin_r.weight"] {
        reaches(&map, name, 0.2);
    }
}

#[test]
fn every_hint_of_candle_has_its_moments() {
    let vb = SeededVarMap::new(5).var_builder(DType::F64, &Device::Cpu);
    let moments = |name: &str, init| {
        let v = values(&vb.get_with_hints((200, 100), name, init).unwrap());
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        (mean, (v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64).sqrt())
    };
    let near = |(mean, std): (f64, f64), m: f64, s: f64| (mean - m).abs() < 0.02 && (std - s).abs() < 0.02;
    assert!(near(moments("a", Init::Const(0.5)), 0.5, 0.0));
    assert!(near(moments("b", Init::Randn { mean: 1.0, stdev: 0.7 }), 1.0, 0.7));
    assert!(near(moments("c", Init::Uniform { lo: 1.0, up: 2.0 }), 1.5, 1.0 / 12f64.sqrt()));
    // Gain √2 over √fan_in, here 100.
    let std = 2f64.sqrt() / 10.0;
    assert!(near(moments("d", candle_nn::init::DEFAULT_KAIMING_UNIFORM), 0.0, std));
    assert!(near(moments("e", candle_nn::init::DEFAULT_KAIMING_NORMAL), 0.0, std));
}

#[test]
fn one_name_is_one_parameter() {
    let map = SeededVarMap::new(0);
    let vb = map.var_builder(DType::F32, &Device::Cpu);
    let first = vb.get((2, 3), "weight").unwrap();
    map.set("weight", &Tensor::ones((2, 3), DType::F64, &Device::Cpu).unwrap()).unwrap();
    assert_eq!(values(&first), [1.0; 6], "the layer sees what is set");
    assert_eq!(values(&vb.get((2, 3), "weight").unwrap()), [1.0; 6]);
    let message = vb.get((3, 2), "weight").unwrap_err().to_string();
    assert!(message.contains("weight: expected [2, 3], got [3, 2]"), "{message}");
    assert!(map.set("bias", &first).is_err());
    assert!(map.set("weight", &Tensor::ones(2, DType::F32, &Device::Cpu).unwrap()).is_err());
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_loaded() {
    let map = SeededVarMap::new(0);
    model(&map, DType::F32);
    let before = map.to_tensors().unwrap();
    let mut wrong = before.clone();
    wrong.remove("att_dst");
    wrong.insert("lin.weight".into(), Tensor::zeros((30, 80), DType::F32, &Device::Cpu).unwrap());
    wrong.insert("lin_src.weight".into(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    let nan = Tensor::new(&[[f32::NAN, f32::INFINITY]], &Device::Cpu).unwrap();
    wrong.insert("bias".into(), nan.repeat((1, 40)).unwrap().squeeze(0).unwrap());
    wrong.insert("att_src".into(), Tensor::ones((1, 2, 40), DType::F32, &Device::Cpu).unwrap());
    let error = map.load_tensors(&wrong).unwrap_err();
    let Error::Weights(e) = &error else { panic!("{error}") };
    assert_eq!(e.missing, ["att_dst"]);
    assert_eq!(e.unexpected, ["lin_src.weight"]);
    assert_eq!(e.shapes, [("lin.weight".to_string(), vec![80, 30], vec![30, 80])]);
    assert_eq!(e.non_finite, [("bias".to_string(), 80)]);
    assert_eq!(error.to_string().lines().count(), 5, "{error}");
    let unchanged = map.to_tensors().unwrap();
    assert!(before.iter().all(|(name, t)| values(t) == values(&unchanged[name])));
}

#[test]
fn values_that_were_saved_come_back() {
    let (a, b) = (SeededVarMap::new(1), SeededVarMap::new(2));
    model(&a, DType::F32);
    model(&b, DType::F32);
    let saved: BTreeMap<String, Tensor> = a.to_tensors().unwrap();
    b.load_tensors(&saved).unwrap();
    assert!(b.vars().iter().all(|(name, var)| values(var) == values(&saved[name])));
    // What was saved is a copy.
    let weight = a.get("lin.weight").unwrap();
    weight.set(&weight.zeros_like().unwrap()).unwrap();
    assert!(values(&saved["lin.weight"]).iter().any(|v| *v != 0.0));
    assert!(values(&b.get("lin.weight").unwrap()).iter().any(|v| *v != 0.0));
}
