//! Models of knowledge graphs: what neither a peer nor the gauntlet checks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_nn::decoder::{
    ComplEx, ComplExConfig, ConvE, ConvEConfig, DistMult, DistMultConfig, Queries, RotatE, RotatEConfig,
    TransE, TransEConfig, Triples, logistic_loss, one_vs_all_loss,
};
use candle_geometric_nn::{Mode, Result, SeededVarMap};
use candle_nn::VarBuilder;
use common::{check_gradients, distance, values};

fn vb(map: &SeededVarMap) -> VarBuilder<'static> {
    map.var_builder(DType::F64, &Device::Cpu)
}

#[test]
fn negative_triples_differ_at_one_end() {
    let count = 64;
    let ids = |n: u32| (0..count).map(|i| i % n).collect::<Vec<u32>>();
    let triples = Triples::new(ids(50), ids(3), ids(49), 50, 3).unwrap();
    let negative = triples.corrupted(&Generator::new(1)).unwrap();
    assert_eq!(negative.rel_type(), triples.rel_type());
    assert_eq!(negative.tail_index()[..32], triples.tail_index()[..32]);
    assert_eq!(negative.head_index()[32..], triples.head_index()[32..]);
    assert_ne!(negative.head_index()[..32], triples.head_index()[..32]);
    let again = triples.corrupted(&Generator::new(1)).unwrap();
    assert_eq!(again.head_index(), negative.head_index());
}

#[test]
fn losses_have_gradients_and_know_what_is_true() {
    let triples = Triples::new(vec![0, 1, 2, 3], vec![0, 1, 0, 1], vec![1, 2, 3, 0], 4, 2).unwrap();
    let negative = Triples::new(vec![2, 1, 2, 3], vec![0, 1, 0, 1], vec![1, 2, 2, 3], 4, 2).unwrap();
    let map = SeededVarMap::new(2);
    let model = DistMult::new(&DistMultConfig::new(4, 2, 3), vb(&map)).unwrap();
    check_gradients(&map, &[], || model.loss(&triples, &negative));
    assert_eq!(model.loss(&triples, &triples).unwrap().to_scalar::<f64>().unwrap(), 1.0); // the margin
    let map = SeededVarMap::new(2);
    let model = ComplEx::new(&ComplExConfig::new(4, 2, 3), vb(&map)).unwrap();
    check_gradients(&map, &[], || model.loss(&triples, &negative));
    let map = SeededVarMap::new(2);
    let model = RotatE::new(&RotatEConfig::new(4, 2, 3), vb(&map)).unwrap();
    check_gradients(&map, &[], || model.loss(&triples, &negative));
    // Where a rotation meets its tail exactly, the distance has the slope 0.
    for (name, var) in map.vars() {
        let fill = if name == "rel_emb.weight" { 0.0 } else { 1.0 };
        var.set(&(var.ones_like().unwrap() * fill).unwrap()).unwrap();
    }
    let loss = model.loss(&triples, &negative).unwrap();
    let gradients = loss.backward().unwrap();
    for (_, var) in map.vars() {
        assert!(values(gradients.get(&var).unwrap()).iter().all(|g| *g == 0.0));
    }
    for p_norm in [1.0, 2.0, 3.0] {
        let map = SeededVarMap::new(2);
        let model = TransE::new(&TransEConfig { p_norm, ..TransEConfig::new(4, 2, 3) }, vb(&map)).unwrap();
        check_gradients(&map, &[], || model.loss(&triples, &negative));
    }
    let map = SeededVarMap::new(2);
    let config = ConvEConfig { height: 3, filters: 2, ..ConvEConfig::new(4, 2, 12) };
    let model = ConvE::new(&config, vb(&map)).unwrap();
    let generator = || Generator::new(5);
    check_gradients(&map, &[], || {
        let generator = generator();
        model.loss(&triples, &negative, Mode::Train(&generator))
    });
}

/// The formulas of PyTorch Geometric, spelt out.
#[test]
fn losses_are_those_of_scores() {
    let triples = Triples::new(vec![0, 1, 2, 3], vec![0, 1, 0, 1], vec![1, 2, 3, 0], 4, 2).unwrap();
    let negative = triples.corrupted(&Generator::new(3)).unwrap();
    let ranked = |p: &[f64], n: &[f64], margin: f64| {
        p.iter().zip(n).map(|(p, n)| (margin - (p - n)).max(0.0)).sum::<f64>() / p.len() as f64
    };
    let logistic = |p: &[f64], n: &[f64]| {
        let of = |s: f64| -(1.0 / (1.0 + (-s).exp())).ln();
        (p.iter().map(|&s| of(s)).sum::<f64>() + n.iter().map(|&s| of(-s)).sum::<f64>()) / 8.0
    };
    let close = |loss: Tensor, expected: f64| {
        let loss: f64 = loss.to_scalar().unwrap();
        assert!((loss - expected).abs() < 1e-12, "{loss}, expected {expected}");
    };
    let map = SeededVarMap::new(4);
    let model =
        DistMult::new(&DistMultConfig { margin: 0.3, ..DistMultConfig::new(4, 2, 6) }, vb(&map)).unwrap();
    let [p, n] = [&triples, &negative].map(|t| values(&model.forward(t).unwrap()));
    close(model.loss(&triples, &negative).unwrap(), ranked(&p, &n, 0.3));
    let config = TransEConfig { margin: 2.0, p_norm: 2.0, ..TransEConfig::new(4, 2, 6) };
    let model = TransE::new(&config, vb(&SeededVarMap::new(4))).unwrap();
    let [p, n] = [&triples, &negative].map(|t| values(&model.forward(t).unwrap()));
    close(model.loss(&triples, &negative).unwrap(), ranked(&p, &n, 2.0));
    let model = ComplEx::new(&ComplExConfig::new(4, 2, 6), vb(&SeededVarMap::new(4))).unwrap();
    let [p, n] = [&triples, &negative].map(|t| values(&model.forward(t).unwrap()));
    close(model.loss(&triples, &negative).unwrap(), logistic(&p, &n));
    let model = RotatE::new(&RotatEConfig::new(4, 2, 6), vb(&SeededVarMap::new(4))).unwrap();
    let [p, n] = [&triples, &negative].map(|t| values(&model.forward(t).unwrap()));
    close(model.loss(&triples, &negative).unwrap(), logistic(&p, &n));
}

/// Scores by triples, and of all tails at once.
type Scores = (Box<dyn Fn(&Triples) -> Result<Tensor>>, Box<dyn Fn(&Queries) -> Result<Tensor>>);

#[test]
fn all_tails_at_once_are_all_triples() {
    let (n, r, c, b) = (5, 3, 12, 16);
    let map = |seed| SeededVarMap::new(seed);
    let dist = DistMult::new(&DistMultConfig::new(n, r, c), vb(&map(1))).unwrap();
    let complex = ComplEx::new(&ComplExConfig::new(n, r, c), vb(&map(1))).unwrap();
    let rotate = RotatE::new(&RotatEConfig::new(n, r, c), vb(&map(1))).unwrap();
    let trans =
        TransE::new(&TransEConfig { p_norm: 2.0, ..TransEConfig::new(n, r, c) }, vb(&map(1))).unwrap();
    let config = ConvEConfig { height: 3, filters: 2, ..ConvEConfig::new(n, r, c) };
    let conv_e = ConvE::new(&config, vb(&map(1))).unwrap();
    let conv_e_too = conv_e.clone();
    let (dist_too, complex_too, rotate_too, trans_too) =
        (dist.clone(), complex.clone(), rotate.clone(), trans.clone());
    let models: [Scores; 5] = [
        (Box::new(move |t| dist.forward(t)), Box::new(move |q| dist_too.score_tails(q))),
        (Box::new(move |t| complex.forward(t)), Box::new(move |q| complex_too.score_tails(q))),
        (Box::new(move |t| rotate.forward(t)), Box::new(move |q| rotate_too.score_tails(q))),
        (Box::new(move |t| trans.forward(t)), Box::new(move |q| trans_too.score_tails(q))),
        (
            Box::new(move |t| conv_e.forward(t, Mode::Eval)),
            Box::new(move |q| conv_e_too.score_tails(q, Mode::Eval)),
        ),
    ];
    let (heads, relations): (Vec<u32>, Vec<u32>) = (0..b as u32).map(|b| (b % 5, b % 3)).unzip();
    let queries = Queries::new(heads.clone(), relations.clone(), n, r).unwrap();
    let every = |ids: &[u32]| ids.iter().flat_map(|&id| vec![id; n]).collect::<Vec<_>>();
    let tails = (0..heads.len()).flat_map(|_| 0..n as u32).collect();
    let triples = Triples::new(every(&heads), every(&relations), tails, n, r).unwrap();
    let none = Queries::new(vec![], vec![], n, r).unwrap();
    for (by_triple, of_all) in models {
        let all = of_all(&queries).unwrap();
        assert_eq!(all.dims(), [b, n]);
        assert!(distance(&by_triple(&triples).unwrap().reshape((b, n)).unwrap(), &all) < 1e-12);
        assert_eq!(of_all(&none).unwrap().dims(), [0, n]);
    }
}

#[test]
fn the_loss_of_all_tails_is_its_formula() {
    let random = Stream::new(1, 1);
    let numbers: Vec<f64> = (0..12).map(|i| 3.0 * random.normal(i)).collect();
    let scores = Var::from_tensor(&Tensor::from_vec(numbers.clone(), (3, 4), &Device::Cpu).unwrap()).unwrap();
    let tails = [vec![0, 2, 2], vec![], vec![3]];
    let sigmoid = |s: f64| 1.0 / (1.0 + (-s).exp());
    for smoothing in [0.0, 0.1, 1.0] {
        let loss = one_vs_all_loss(&scores, &tails, smoothing).unwrap();
        let label = |b: usize, n: u32| {
            (1.0 - smoothing) * f64::from(u8::from(tails[b].contains(&n))) + smoothing / 4.0
        };
        let each = (0..12).map(|i| {
            let (s, y) = (sigmoid(numbers[i]), label(i / 4, i as u32 % 4));
            (-y * s.ln() - (1.0 - y) * (1.0 - s).ln(), (s - y) / 12.0)
        });
        let (terms, slopes): (Vec<f64>, Vec<f64>) = each.unzip();
        assert!((loss.to_scalar::<f64>().unwrap() - terms.iter().sum::<f64>() / 12.0).abs() < 1e-12);
        let gradients = loss.backward().unwrap();
        let slopes = Tensor::from_vec(slopes, (3, 4), &Device::Cpu).unwrap();
        assert!(distance(gradients.get(&scores).unwrap(), &slopes) < 1e-12);
    }
    for (tails, part) in [(vec![vec![4]; 3], "below 4"), (vec![vec![0]; 2], "[2, N]")] {
        let error = one_vs_all_loss(&scores, &tails, 0.0).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(one_vs_all_loss(&scores, &tails, 1.5).unwrap_err().to_string().contains("label_smoothing"));
}

#[test]
fn losses_of_scores_have_the_right_slope_at_0_and_stay_finite() {
    let scores = Var::from_tensor(&Tensor::new(&[0f64, 1e4, -1e4], &Device::Cpu).unwrap()).unwrap();
    let loss = logistic_loss(&scores, &Tensor::new(&[0f64], &Device::Cpu).unwrap()).unwrap();
    let gradient = loss.backward().unwrap();
    assert_eq!(values(gradient.get(&scores).unwrap()), [-0.125, 0.0, -0.25]);
    assert!((loss.to_scalar::<f64>().unwrap() - (2.0 * 2f64.ln() + 1e4) / 4.0).abs() < 1e-9);
}

/// PyTorch Geometric divides an embedding of zeros by 1e-12, and its slope goes through the numerator alone.
#[test]
fn an_embedding_of_zeros_has_no_direction() {
    let triples = Triples::new(vec![0], vec![0], vec![0], 1, 1).unwrap();
    for p_norm in [1.0, 1.5, 2.0] {
        let map = SeededVarMap::new(2);
        let model = TransE::new(&TransEConfig { p_norm, ..TransEConfig::new(1, 1, 3) }, vb(&map)).unwrap();
        let nodes = map.get("node_emb.weight").unwrap();
        nodes.set(&nodes.zeros_like().unwrap()).unwrap();
        let score = model.forward(&triples).unwrap();
        let gradients = score.sum_all().unwrap().backward().unwrap();
        assert!(values(&score).iter().chain(&values(gradients.get(&nodes).unwrap())).all(|v| v.is_finite()));
    }
}

#[test]
fn wrong_triples_and_sizes_are_told() {
    let map = SeededVarMap::new(2);
    let model = DistMult::new(&DistMultConfig::new(4, 2, 3), vb(&map)).unwrap();
    let told = |error: String, parts: &[&str]| assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    let other = Triples::new(vec![0], vec![0], vec![1], 5, 2).unwrap();
    told(model.forward(&other).unwrap_err().to_string(), &["4 nodes and 2 relations", "5 nodes"]);
    let queries = Queries::new(vec![0], vec![0], 4, 2).unwrap();
    let nodes = Tensor::zeros((4, 5), DType::F64, &Device::Cpu).unwrap();
    told(model.score_tails_from(&nodes, &queries).unwrap_err().to_string(), &["nodes", "[4, 3]", "[4, 5]"]);
    told(Triples::new(vec![0], vec![3], vec![1], 4, 3).unwrap_err().to_string(), &["rel_type", "below 3"]);
    told(Triples::new(vec![0], vec![0], vec![4], 4, 3).unwrap_err().to_string(), &["tail_index", "below 4"]);
    told(
        Triples::new(vec![0], vec![0], vec![], 4, 3).unwrap_err().to_string(),
        &["tail_index", "[1]", "[0]"],
    );
    told(Queries::new(vec![0], vec![], 4, 3).unwrap_err().to_string(), &["rel_type", "[1]", "[0]"]);
    let config = ConvEConfig { height: 5, ..ConvEConfig::new(4, 2, 12) };
    told(ConvE::new(&config, vb(&map)).unwrap_err().to_string(), &["height", "12"]);
    let config = TransEConfig { p_norm: 0.5, ..TransEConfig::new(4, 2, 12) };
    told(TransE::new(&config, vb(&map)).unwrap_err().to_string(), &["p_norm", "0.5"]);
}
