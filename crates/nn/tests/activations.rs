//! Activations: their values and their gradients.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{D, Device, Tensor, Var};
use candle_geometric_nn::{Activation, ActivationLayer, SeededVarMap};
use common::{check_gradients, distance, normal, values, var};

type Function = Box<dyn Fn(f64) -> f64>;

#[test]
fn activations_are_their_functions() {
    let x = normal(&[40], 3);
    let x = (x * 3.0).unwrap();
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let softplus = |v: f64| v.exp().ln_1p();
    let elu = |a: f64| move |v: f64| if v > 0.0 { v } else { a * v.exp_m1() };
    let functions: Vec<(&str, Function)> = vec![
        ("Identity", Box::new(|v| v)),
        ("relu", Box::new(|v| v.max(0.0))),
        ("relu6", Box::new(|v| v.clamp(0.0, 6.0))),
        ("elu", Box::new(elu(1.0))),
        ("celu", Box::new(elu(1.0))),
        ("selu", Box::new(move |v| 1.050_700_987_355_480_5 * elu(1.673_263_242_354_377_2)(v))),
        ("leaky_relu", Box::new(|v| if v > 0.0 { v } else { 0.01 * v })),
        ("SiLU", Box::new(move |v| v * sigmoid(v))),
        ("swish", Box::new(move |v| v * sigmoid(v))),
        ("mish", Box::new(move |v| v * softplus(v).tanh())),
        ("softplus", Box::new(softplus)),
        ("softsign", Box::new(|v| v / (1.0 + v.abs()))),
        ("sigmoid", Box::new(sigmoid)),
        ("LogSigmoid", Box::new(move |v| sigmoid(v).ln())),
        ("tanh", Box::new(f64::tanh)),
        ("Hardtanh", Box::new(|v| v.clamp(-1.0, 1.0))),
        ("hard_sigmoid", Box::new(|v| (v / 6.0 + 0.5).clamp(0.0, 1.0))),
        ("hardswish", Box::new(|v| v * (v / 6.0 + 0.5).clamp(0.0, 1.0))),
    ];
    for (name, f) in functions {
        let activation: Activation = name.parse().unwrap();
        let expected: Vec<f64> = values(&x).into_iter().map(f).collect();
        let expected = Tensor::from_vec(expected, 40, &Device::Cpu).unwrap();
        assert!(distance(&activation.forward(&x).unwrap(), &expected) < 1e-12, "{name}");
    }
    // Known values of Φ: Φ(1) = 0.841344746…
    let one = Tensor::new(&[1f64], &Device::Cpu).unwrap();
    let gelu = values(&Activation::Gelu.forward(&one).unwrap())[0];
    assert!((gelu - 0.841_344_746_068_542_9).abs() < 1e-14, "{gelu}");
    let tanh = values(&Activation::GeluTanh.forward(&one).unwrap())[0];
    assert!((tanh - gelu).abs() < 1e-3 && tanh != gelu);
}

#[test]
fn prelu_learns_one_slope_or_one_for_each_channel() {
    let x = var(&[5, 3], 4);
    let resolve = |kwargs: &str| {
        let map = SeededVarMap::new(0);
        let kwargs = serde_json::from_str(kwargs).unwrap();
        let vb = map.var_builder(candle_core::DType::F64, &Device::Cpu);
        ActivationLayer::resolve("PReLU", &kwargs, vb.pp("act")).map(|act| (map, act))
    };
    let (map, one) = resolve("{}").unwrap();
    assert_eq!(values(&map.get("act.weight").unwrap()), [0.25]);
    check_gradients(&map, &[&x], || one.forward(&x));
    let (map, three) = resolve(r#"{"num_parameters": 3, "init": 0.1}"#).unwrap();
    map.get("act.weight").unwrap().set(&Tensor::new(&[0.1f64, -2., 3.], &Device::Cpu).unwrap()).unwrap();
    check_gradients(&map, &[&x], || three.forward(&x));
    let slopes = [0.1, -2.0, 3.0].into_iter().cycle();
    let expected: Vec<f64> =
        values(&x).into_iter().zip(slopes).map(|(v, w)| if v > 0.0 { v } else { w * v }).collect();
    let expected = Tensor::from_vec(expected, (5, 3), &Device::Cpu).unwrap();
    assert!(distance(&three.forward(&x).unwrap(), &expected) < 1e-12);
    assert!(resolve(r#"{"alpha": 1.0}"#).unwrap_err().to_string().contains("num_parameters and init"));
}

/// d/dx x Φ(x) = Φ(x) + x φ(x); Φ(1) and φ(1) to all digits.
#[test]
fn the_gradient_of_gelu_has_all_digits() {
    let one = Var::new(&[1f64], &Device::Cpu).unwrap();
    let grads = Activation::Gelu.forward(&one).unwrap().backward().unwrap();
    let gradient = values(grads.get(&one).unwrap())[0];
    assert!((gradient - (0.841_344_746_068_542_9 + 0.241_970_724_519_143_4)).abs() < 1e-14, "{gradient}");
}

/// At 0, where some have a corner, the derivatives are PyTorch's.
#[test]
fn gradients_at_zero() {
    let zero = Var::new(&[0f64], &Device::Cpu).unwrap();
    let derivatives = [
        ("relu", 0.0),
        ("leaky_relu", 0.01),
        ("prelu", 0.25),
        ("elu", 1.0),
        ("celu", 1.0),
        ("selu", 1.050_700_987_355_480_5 * 1.673_263_242_354_377_2),
        ("gelu", 0.5),
        ("softplus", 0.5),
        ("logsigmoid", 0.5),
        ("softsign", 1.0),
        ("tanh", 1.0),
    ];
    for (name, expected) in derivatives {
        let vb = SeededVarMap::new(0).var_builder(candle_core::DType::F64, &Device::Cpu);
        let activation = ActivationLayer::resolve(name, &Default::default(), vb).unwrap();
        let grads = activation.forward(&zero).unwrap().backward().unwrap();
        let derivative = values(grads.get(&zero).unwrap())[0];
        assert!((derivative - expected).abs() < 1e-15, "{name}: {derivative}");
    }
}

#[test]
fn gradients_of_activations_are_those_of_finite_differences() {
    let x = var(&[20], 4);
    for name in "elu celu selu leaky_relu gelu silu mish softplus softsign sigmoid logsigmoid tanh hardtanh hardsigmoid hardswish".split(' ')
    {
        let activation: Activation = name.parse().unwrap();
        check_gradients(&SeededVarMap::new(0), &[&x], || activation.forward(&x));
    }
    check_gradients(&SeededVarMap::new(0), &[&x], || Activation::GeluTanh.forward(&x));
    // Far out, where the simple forms overflow.
    let far = Var::new(&[-900f64, 900.], &Device::Cpu).unwrap();
    for name in ["softplus", "logsigmoid", "mish", "silu"] {
        let y = name.parse::<Activation>().unwrap().forward(&far).unwrap();
        let grads = y.sum(D::Minus1).unwrap().backward().unwrap();
        assert!(values(&y).iter().chain(&values(grads.get(&far).unwrap())).all(|v| v.is_finite()), "{name}");
    }
}
