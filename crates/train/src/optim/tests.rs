use candle_core::Device;
use candle_geometric_graph::rng::Stream;

use super::*;

const CONFIGS: [&str; 5] = [
    r#"{"name": "adam", "lr": 0.1, "weight_decay": 0.01, "decay_bias": false}"#,
    r#"{"name": "adamw", "lr": 0.1, "weight_decay": 0.01, "decay_bias": false}"#,
    r#"{"name": "sgd", "lr": 0.1, "weight_decay": 0.01}"#,
    r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}"#,
    r#"{"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": true, "weight_decay": 0.01}"#,
];

fn numbers(n: usize, stream: u64, dtype: DType) -> Tensor {
    let numbers: Vec<f64> = (0..n as u64).map(|i| Stream::new(3, stream).normal(i)).collect();
    Tensor::from_vec(numbers, n, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// Many small parameters, some in the other type, one that fills several chunks and one without numbers.
fn parameters(dtype: DType) -> Vec<(String, Var)> {
    let other = if dtype == DType::F32 { DType::F64 } else { DType::F32 };
    let of = |(k, n): (usize, usize)| {
        let name = format!("{k}.{}", if k % 3 == 0 { "bias" } else { "weight" });
        let numbers = numbers(n, k as u64, if k % 7 == 3 { other } else { dtype });
        (name, Var::from_tensor(&numbers).unwrap())
    };
    (0..100).map(|k| k % 11).chain([500_000, 8192, 0]).enumerate().map(of).collect()
}

/// Three steps, all but one parameter with a gradient.
fn train(optimizer: &mut Optimizer, parameters: &[(String, Var)], stock: bool) {
    for step in 1..4 {
        let loss = Tensor::zeros((), DType::F64, &Device::Cpu).unwrap();
        let mut grads = loss.backward().unwrap();
        for (k, (_, var)) in parameters.iter().enumerate().filter(|(k, _)| *k != 5) {
            let grad = numbers(var.elem_count(), 1000 * step + k as u64, var.dtype());
            grads.insert(var, grad);
        }
        if stock {
            optimizer.steps += 1;
            for slot in &mut optimizer.slots {
                let update = optimizer.config.update(optimizer.steps, 0.1, slot.weight_decay);
                let grad = grads.get(&slot.var).filter(|grad| grad.elem_count() > 0);
                if let Some(grad) = grad {
                    update.stock(slot, grad).unwrap();
                }
            }
        } else {
            optimizer.step(&grads).unwrap();
        }
    }
}

/// Parameters and state after some steps.
fn trained(text: &str, dtype: DType, stock: bool) -> Vec<(DType, Vec<f64>)> {
    let parameters = parameters(dtype);
    let mut optimizer = Optimizer::new(&serde_json::from_str(text).unwrap(), &parameters).unwrap();
    train(&mut optimizer, &parameters, stock);
    let state = optimizer.state().unwrap().into_iter().map(|(_, t)| t);
    let all = parameters.iter().map(|(_, var)| var.as_tensor().clone()).chain(state);
    all.map(|t| (t.dtype(), t.to_dtype(DType::F64).unwrap().to_vec1().unwrap())).collect()
}

/// What other devices run gives the same as the pass on the host.
#[test]
fn stock_operations_agree_with_the_pass_on_the_host() {
    for text in CONFIGS {
        let all = trained(text, DType::F32, false).into_iter().zip(trained(text, DType::F32, true));
        for ((dtype, host), (_, stock)) in all {
            let tolerance = if dtype == DType::F64 { 1e-14 } else { 1e-6 };
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
            assert!(host.len() == stock.len() && host.iter().zip(&stock).all(close), "{text} {dtype:?}");
        }
    }
}

#[test]
fn same_bits_on_any_number_of_threads() {
    for text in CONFIGS {
        for dtype in [DType::F32, DType::F64] {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let all = pool.install(|| trained(text, dtype, false));
                all.into_iter().flat_map(|(_, n)| n).map(f64::to_bits).collect::<Vec<_>>()
            };
            let one = on(1);
            assert!([2, 3, 8].into_iter().all(|threads| on(threads) == one), "{text} {dtype:?}");
        }
    }
}

/// A gradient of another type is found when the parameters are open already: they must be there afterwards.
#[test]
fn parameters_survive_a_step_that_fails() {
    let parameters = parameters(DType::F32);
    let mut optimizer = Optimizer::new(&serde_json::from_str(CONFIGS[0]).unwrap(), &parameters).unwrap();
    let mut grads = Tensor::zeros((), DType::F64, &Device::Cpu).unwrap().backward().unwrap();
    for (_, var) in &parameters {
        grads.insert(var, numbers(var.elem_count(), 1, DType::F64));
    }
    let message = optimizer.step(&grads).unwrap_err().to_string();
    assert!(message.contains("grads: expected F32 on the CPU for 1.weight, got F64"), "{message}");
    for (k, (_, var)) in parameters.iter().enumerate() {
        let before = numbers(var.elem_count(), k as u64, var.dtype()).to_dtype(DType::F64).unwrap();
        let after = var.to_dtype(DType::F64).unwrap();
        assert_eq!(after.to_vec1::<f64>().unwrap(), before.to_vec1::<f64>().unwrap());
    }
    train(&mut optimizer, &parameters, false);
}

#[test]
fn a_parameter_that_comes_twice_is_an_error() {
    let var = Var::new(&[1f32], &Device::Cpu).unwrap();
    let twice = [("a".to_string(), var.clone()), ("b".to_string(), var)];
    let config = serde_json::from_str(CONFIGS[0]).unwrap();
    let message = Optimizer::new(&config, &twice).err().unwrap().to_string();
    assert!(message.contains("one as a and as b"), "{message}");
}
