//! Jumping knowledge: its equations, its gradients, its errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_nn::{JumpingKnowledge, JumpingKnowledgeConfig, JumpingKnowledgeMode, SeededVarMap};
use common::{check_gradients, distance, normal, values, var};

fn jumping_knowledge(mode: JumpingKnowledgeMode) -> (SeededVarMap, JumpingKnowledge) {
    let map = SeededVarMap::new(3);
    let vb = map.var_builder(DType::F64, &Device::Cpu);
    let config = JumpingKnowledgeConfig { mode, channels: Some(3), num_layers: Some(3) };
    let jk = JumpingKnowledge::new(&config, vb).unwrap();
    (map, jk)
}

#[test]
fn jumping_knowledge_has_the_gradients_of_finite_differences() {
    let xs: Vec<Var> = (0..3).map(|i| var(&[2, 3], i)).collect();
    let inputs: Vec<&Var> = xs.iter().collect();
    let layers: Vec<Tensor> = xs.iter().map(|x| x.as_tensor().clone()).collect();
    for mode in [JumpingKnowledgeMode::Cat, JumpingKnowledgeMode::Max, JumpingKnowledgeMode::Lstm] {
        let (map, jk) = jumping_knowledge(mode);
        check_gradients(&map, &inputs, || jk.forward(&layers));
    }
}

/// PyTorch's LSTM (gates in the order input, forget, cell, output) in both directions, one number at a time.
#[test]
fn jumping_knowledge_by_lstm_is_its_equations() {
    let (map, jk) = jumping_knowledge(JumpingKnowledgeMode::Lstm);
    let names: Vec<String> = map.vars().into_iter().map(|(name, _)| name).collect();
    let lstm = ["bias_hh_l0", "bias_ih_l0", "weight_hh_l0", "weight_ih_l0"];
    let both = lstm.iter().flat_map(|n| [format!("lstm.{n}"), format!("lstm.{n}_reverse")]);
    let expected: Vec<String> =
        ["att.bias".to_string(), "att.weight".to_string()].into_iter().chain(both).collect();
    assert_eq!(names, expected);

    let p = |name: &str| values(map.get(name).unwrap().as_tensor());
    let xs: Vec<Tensor> = (0..3).map(|i| normal(&[1, 3], i)).collect();
    let size = 4; // ⌊3 · 3 / 2⌋
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let run = |order: [usize; 3], suffix: &str| {
        let get = |name: &str| p(&format!("lstm.{name}{suffix}"));
        let (wi, wh, bi, bh) =
            (get("weight_ih_l0"), get("weight_hh_l0"), get("bias_ih_l0"), get("bias_hh_l0"));
        let (mut h, mut c) = (vec![0.0; size], vec![0.0; size]);
        let mut states = vec![vec![]; 3];
        for l in order {
            let x = values(&xs[l]);
            let gate = |g: usize, k: usize| {
                let row = g * size + k;
                let from_x: f64 = (0..3).map(|j| wi[row * 3 + j] * x[j]).sum();
                let from_h: f64 = (0..size).map(|j| wh[row * size + j] * h[j]).sum();
                from_x + from_h + bi[row] + bh[row]
            };
            let cell: Vec<f64> = (0..size)
                .map(|k| sigmoid(gate(1, k)) * c[k] + sigmoid(gate(0, k)) * gate(2, k).tanh())
                .collect();
            let next: Vec<f64> = (0..size).map(|k| sigmoid(gate(3, k)) * cell[k].tanh()).collect();
            (h, c) = (next, cell);
            states[l] = h.clone();
        }
        states
    };
    let (there, back) = (run([0, 1, 2], ""), run([2, 1, 0], "_reverse"));
    let (w, b) = (p("att.weight"), p("att.bias")[0]);
    let score = |l: usize| b + there[l].iter().chain(&back[l]).zip(&w).map(|(h, w)| h * w).sum::<f64>();
    let total: f64 = (0..3).map(|l| score(l).exp()).sum();
    let expected: Vec<f64> =
        (0..3).map(|k| (0..3).map(|l| score(l).exp() / total * values(&xs[l])[k]).sum()).collect();
    let out = jk.forward(&xs).unwrap();
    assert!(distance(&out, &Tensor::from_vec(expected, (1, 3), &Device::Cpu).unwrap()) < 1e-12);
}

#[test]
fn jumping_knowledge_says_what_it_needs() {
    let config =
        JumpingKnowledgeConfig { mode: JumpingKnowledgeMode::Lstm, channels: Some(3), num_layers: None };
    let message = JumpingKnowledge::new(&config, SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "JumpingKnowledge: num_layers: expected a number above 0, because mode = \"lstm\", got none"
    );
    let (_, jk) = jumping_knowledge(JumpingKnowledgeMode::Lstm);
    assert!(jk.forward(&[normal(&[2, 3], 0)]).unwrap_err().to_string().contains("3 layers"));
    assert!(jumping_knowledge(JumpingKnowledgeMode::Max).1.forward(&[]).is_err());
    // Of equal values the first gets the gradient.
    let (a, b) = (var(&[1, 2], 0), var(&[1, 2], 0));
    let out = jumping_knowledge(JumpingKnowledgeMode::Max).1;
    let out = out.forward(&[a.as_tensor().clone(), b.as_tensor().clone()]).unwrap();
    let grads = out.sum_all().unwrap().backward().unwrap();
    assert_eq!(values(grads.get(&a).unwrap()), [1.0, 1.0]);
    assert_eq!(values(grads.get(&b).unwrap()), [0.0, 0.0]);
}
