//! The optimisers against sequences worked out from the formulas in PyTorch's documentation, in plain Python.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_train::{Optimizer, OptimizerConfig};

const START: [f64; 3] = [1.0, -2.0, 0.5];
const GRADIENTS: [[f64; 3]; 3] = [[0.1, -0.3, 2.0], [0.0, 0.4, -1.0], [-0.2, 0.5, 0.25]];

fn config(text: &str) -> OptimizerConfig {
    serde_json::from_str(text).unwrap()
}

fn parameter(name: &str, dtype: DType) -> (String, Var) {
    let t = Tensor::new(&START, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    (name.to_string(), Var::from_tensor(&t).unwrap())
}

fn step(optimizer: &mut Optimizer, parameters: &[(String, Var)], gradient: &[f64; 3]) {
    // A linear function has the gradient that we want.
    let mut loss = Tensor::new(0f64, &Device::Cpu).unwrap();
    for (_, var) in parameters {
        let g = Tensor::new(gradient, &Device::Cpu).unwrap();
        loss = (loss + (var.to_dtype(DType::F64).unwrap() * g).unwrap().sum_all().unwrap()).unwrap();
    }
    optimizer.step(&loss.backward().unwrap()).unwrap();
}

fn values(var: &Var) -> Vec<f64> {
    var.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

#[track_caller]
fn check(text: &str, expected: [f64; 3]) {
    for (dtype, tolerance) in [(DType::F64, 1e-14), (DType::F32, 2e-7)] {
        let parameters = [parameter("w", dtype)];
        let mut optimizer = Optimizer::new(&config(text), &parameters).unwrap();
        GRADIENTS.iter().for_each(|g| step(&mut optimizer, &parameters, g));
        let actual = values(&parameters[0].1);
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() < tolerance, "{dtype:?}: {actual:?} {expected:?}");
        }
    }
}

#[test]
fn adam() {
    check(r#"{"name": "adam", "lr": 0.1}"#, [0.8669976384705648, -1.9751109423252253, 0.3458018311043603]);
}

#[test]
fn adam_with_coupled_l2() {
    let expected = [0.8544493587755341, -1.9660519492721775, 0.3452659971072445];
    check(r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01}"#, expected);
}

#[test]
fn adamw() {
    let text = r#"{"name": "adamw", "lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.01}"#;
    check(text, [0.8761086379848807, -1.9817655723767535, 0.3539746731291651]);
}

#[test]
fn sgd() {
    check(r#"{"name": "sgd", "lr": 0.1, "weight_decay": 0.01}"#, [1.007022989, -2.054025968, 0.3738012995]);
}

#[test]
fn sgd_with_momentum_and_dampening() {
    let text = r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}"#;
    check(text, [0.98218974461, -1.99748648432, 0.07161447675499999]);
}

#[test]
fn sgd_with_nesterov_momentum() {
    let text = r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": true, "weight_decay": 0.01}"#;
    check(text, [0.995677812551, -2.084324136512, 0.033379678770499965]);
}

/// Parameters left out of the decay move as they would without any.
#[test]
fn decay_by_name() {
    let names = ["conv1.weight", "conv1.bias", "conv2.weight"];
    let run = |text: &str| {
        let parameters = names.map(|n| parameter(n, DType::F64));
        let mut optimizer = Optimizer::new(&config(text), &parameters).unwrap();
        GRADIENTS.iter().for_each(|g| step(&mut optimizer, &parameters, g));
        parameters.map(|(_, var)| values(&var))
    };
    let plain = run(r#"{"name": "adam", "lr": 0.1}"#);
    let all = run(r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01}"#);
    let no_bias = run(r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01, "decay_bias": false}"#);
    let first = run(r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01, "no_decay": ["conv2."]}"#);
    assert_ne!(plain[0], all[0]);
    assert_eq!(all[1], all[0]);
    assert_eq!(no_bias, [all[0].clone(), plain[1].clone(), all[2].clone()]);
    assert_eq!(first, [all[0].clone(), all[1].clone(), plain[2].clone()]);
}

/// The state under PyTorch's names, taken up by another optimiser, goes on with the same bits.
#[test]
fn state_travels() {
    for (text, buffers) in [
        (r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01}"#, vec!["w.exp_avg", "w.exp_avg_sq"]),
        (r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9}"#, vec!["w.momentum_buffer"]),
        (r#"{"name": "sgd", "lr": 0.1}"#, vec![]),
    ] {
        let straight = [parameter("w", DType::F32)];
        let mut optimizer = Optimizer::new(&config(text), &straight).unwrap();
        step(&mut optimizer, &straight, &GRADIENTS[0]);
        let state: BTreeMap<_, _> = optimizer.state().unwrap().into_iter().collect();
        assert_eq!(state.keys().collect::<Vec<_>>(), buffers);
        let copy = straight[0].1.as_detached_tensor().copy().unwrap();
        let resumed = [("w".to_string(), Var::from_tensor(&copy).unwrap())];
        let mut other = Optimizer::new(&config(text), &resumed).unwrap();
        other.load_state(optimizer.steps(), |name| state.get(name).cloned()).unwrap();
        for g in &GRADIENTS[1..] {
            step(&mut optimizer, &straight, g);
            step(&mut other, &resumed, g);
        }
        assert_eq!(values(&straight[0].1), values(&resumed[0].1));
    }
}

#[test]
fn what_cannot_be_used_is_an_error() {
    let p = [parameter("w", DType::F32)];
    for (text, word) in [
        (r#"{"name": "adam", "lr": -1.0}"#, "lr"),
        (r#"{"name": "adam", "betas": [0.9, 1.0]}"#, "betas"),
        (r#"{"name": "adam", "weight_decay": -0.1}"#, "weight_decay"),
        (r#"{"name": "sgd", "nesterov": true}"#, "nesterov"),
        (r#"{"name": "adam", "no_decay": ["conv3."]}"#, "no_decay"),
    ] {
        let message = Optimizer::new(&config(text), &p).err().unwrap().to_string();
        assert!(message.contains(word), "{message}");
    }
    for unknown in [r#"{"name": "adam", "momentum": 0.9}"#, r#"{"name": "lion"}"#] {
        assert!(serde_json::from_str::<OptimizerConfig>(unknown).is_err(), "{unknown}");
    }
    let mut o = Optimizer::new(&config(r#"{"name": "adam"}"#), &p).unwrap();
    assert!(o.load_state(1, |_| None).unwrap_err().to_string().contains("w.exp_avg"));
    let wrong = |_: &str| Some(Tensor::new(&[1f32], &Device::Cpu).unwrap());
    assert!(o.load_state(1, wrong).unwrap_err().to_string().contains("[3]"));
    assert_eq!(o.steps(), 0);
}
