//! Explainers: their definitions by hand, and whether they find what is known to explain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_geometric_explain::explainer::{
    Fidelity, GnnExplainer, Judgement, NodeMask, Subject, Target, attention, gradient, integrated_gradients,
    receptive_edges, threshold, top_k,
};
use candle_geometric_graph::generators::ba_shapes;
use candle_geometric_graph::{EdgeIndex, transforms};
use candle_geometric_models::{Gat, GatConfig, Gcn, GcnConfig, GraphModel};
use candle_geometric_nn::{Attention, SeededVarMap};
use candle_geometric_ops as ops;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};

fn tensor(values: &[f64]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?}\n{b:?}");
}

/// Edges 0 → 2, 1 → 2, 2 → 1, features of one column, and logits [Σ m x_j, 0]: everything can be done by hand.
fn sums(x: &Tensor, edges: &EdgeIndex, mask: &Tensor) -> Result<Tensor> {
    let sum = ops::spmm(edges, Some(mask), x)?;
    Tensor::cat(&[&sum, &sum.zeros_like()?], 1)
}

fn small() -> (Tensor, EdgeIndex) {
    let x = tensor(&[2.0, -3.0, 5.0]).reshape((3, 1)).unwrap();
    (x, EdgeIndex::new(vec![0, 1, 2], vec![2, 2, 1], 3).unwrap())
}

const NODE_2: Target = Target { row: 2, class: 0 };

#[test]
fn gradient_times_input_by_hand() {
    let (x, edges) = small();
    let subject = Subject::new(sums, &x, &edges).unwrap();
    let saliency = gradient(&subject, NODE_2).unwrap();
    close(&values(&saliency.nodes), &[2.0, -3.0, 0.0]);
    close(&saliency.edges, &[2.0, -3.0, 0.0]);
    // y = Σ m x: along t, ∫ t x dt = x / 2 for both, and the midpoint rule is exact.
    let integrated = integrated_gradients(&subject, NODE_2, 4).unwrap();
    close(&values(&integrated.nodes), &[1.0, -1.5, 0.0]);
    close(&integrated.edges, &[1.0, -1.5, 0.0]);
    assert_eq!(subject.classes().unwrap(), [0, 0, 1]);
}

/// A trained network's stand-in: random weights, two layers.
fn gat(seed: u64, dtype: DType) -> Gat {
    let config = GatConfig { heads: 2, out_channels: Some(3), ..GatConfig::new(4, 8, 2) };
    Gat::new(&config, SeededVarMap::new(seed).var_builder(dtype, &Device::Cpu)).unwrap()
}

fn graph() -> (Tensor, EdgeIndex) {
    let edges = transforms::to_undirected(
        &EdgeIndex::from_pairs([(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (4, 5), (5, 6)], 7).unwrap(),
    );
    let x: Vec<f64> = (0..28).map(|i| f64::from(i * 7 % 11) / 5.0 - 1.0).collect();
    (Tensor::from_vec(x, (7, 4), &Device::Cpu).unwrap(), edges.unwrap().edges)
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (model, (x, edges)) = (gat(1, DType::F64), graph());
    let run = |x: &Tensor, e: &EdgeIndex, m: &Tensor| Ok(model.forward_masked(x, e, None, None, m)?);
    let subject = Subject::new(run, &x, &edges).unwrap();
    let (row, class, step) = (3, 2, 1e-5);
    let saliency = gradient(&subject, Target { row, class }).unwrap();
    let y = |x: &Tensor, m: Vec<f64>| values(&run(x, &edges, &tensor(&m)).unwrap())[3 * row + class];
    for e in 0..edges.num_edges() {
        let at = |shift: f64| {
            let mut mask = vec![1.0; edges.num_edges()];
            mask[e] += shift;
            y(&x, mask)
        };
        let numeric = (at(step) - at(-step)) / (2.0 * step);
        assert!((numeric - saliency.edges[e]).abs() < 1e-7, "edge {e}: {numeric}, {}", saliency.edges[e]);
    }
    // Completeness: features and edges together are what the logit gains.
    let integrated = integrated_gradients(&subject, Target { row, class }, 400).unwrap();
    let total: f64 = values(&integrated.nodes).iter().chain(&integrated.edges).sum();
    let gain =
        y(&x, vec![1.0; edges.num_edges()]) - y(&x.zeros_like().unwrap(), vec![0.0; edges.num_edges()]);
    assert!((total - gain).abs() < 1e-3, "{total} {gain}");
}

/// GNNExplainer step by step on the host, for the model of [`sums`], whose gradients are known.
#[test]
fn gnn_explainer_is_its_definition() {
    let (x, edges) = small();
    let subject = Subject::new(sums, &x, &edges).unwrap();
    let explainer = GnnExplainer { node_mask: NodeMask::None, epochs: 1, ..GnnExplainer::default() };
    let start: Vec<f64> = {
        // A step of size 0 shows where the mask starts.
        let frozen = GnnExplainer { lr: 0.0, ..explainer.clone() };
        frozen.explain(&subject, NODE_2).unwrap().edges
    };
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let sigmoid = |l: f64| 1.0 / (1.0 + (-l).exp());
    let mut m: Vec<f64> = start[..2].iter().map(|&p| logit(p)).collect();
    let (mut first, mut second) = ([0.0; 2], [0.0; 2]);
    for epoch in 1..=5 {
        let s: Vec<f64> = m.iter().map(|&l| sigmoid(l)).collect();
        let y = 2.0 * s[0] - 3.0 * s[1];
        for e in 0..2 {
            let d_loss = -sigmoid(-y) * [2.0, -3.0][e];
            let price = 0.005 + (1.0 - s[e]).ln() / 2.0 - s[e].ln() / 2.0;
            let gradient = (d_loss + if epoch > 1 { price } else { 0.0 }) * s[e] * (1.0 - s[e]);
            first[e] = 0.9 * first[e] + 0.1 * gradient;
            second[e] = 0.999 * second[e] + 0.001 * gradient * gradient;
            let (a, b) = (first[e] / (1.0 - 0.9f64.powi(epoch)), second[e] / (1.0 - 0.999f64.powi(epoch)));
            m[e] -= 0.01 * a / (b.sqrt() + 1e-8);
        }
        let explainer = GnnExplainer { epochs: epoch as usize, ..explainer.clone() };
        let found = explainer.explain(&subject, NODE_2).unwrap().edges;
        let expected = [sigmoid(m[0]), sigmoid(m[1]), 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
    }
}

#[test]
fn gnn_explainer_keeps_what_speaks_for_the_class() {
    let (x, edges) = small();
    let subject = Subject::new(sums, &x, &edges).unwrap();
    for (node_mask, shape) in
        [(NodeMask::Object, [3, 1]), (NodeMask::Attributes, [3, 1]), (NodeMask::CommonAttributes, [1, 1])]
    {
        let explainer = GnnExplainer { node_mask, epochs: 300, ..GnnExplainer::default() };
        let explanation = explainer.explain(&subject, NODE_2).unwrap();
        assert!(explanation.edges[0] > 0.7 && explanation.edges[1] < 0.3, "{explanation:?}");
        assert_eq!(explanation.edges[2], 0.0);
        let nodes = explanation.nodes.unwrap();
        assert_eq!(nodes.dims(), shape);
        if shape[0] == 3 {
            assert_eq!(values(&nodes)[2], 0.0);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let (model, (x, edges)) = (gat(1, DType::F32), graph());
    let x = x.to_dtype(DType::F32).unwrap();
    let run = |x: &Tensor, e: &EdgeIndex, m: &Tensor| Ok(model.forward_masked(x, e, None, None, m)?);
    let subject = Subject::new(run, &x, &edges).unwrap();
    let of = |seed| {
        let explainer = GnnExplainer { seed, epochs: 20, ..GnnExplainer::default() };
        explainer.explain(&subject, Target { row: 3, class: 2 }).unwrap().edges
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn gradients_follow_the_order_of_the_edges() {
    let (model, (x, edges)) = (gat(1, DType::F64), graph());
    let run = |x: &Tensor, e: &EdgeIndex, m: &Tensor| Ok(model.forward_masked(x, e, None, None, m)?);
    let pairs: Vec<_> = edges.iter().collect();
    let reversed = EdgeIndex::from_pairs(pairs.into_iter().rev(), 7).unwrap();
    let of = |edges| {
        let subject = Subject::new(run, &x, edges).unwrap();
        gradient(&subject, Target { row: 3, class: 2 }).unwrap().edges
    };
    let mut turned = of(&reversed);
    turned.reverse();
    close(&of(&edges), &turned);
}

#[test]
fn attention_is_averaged_over_heads_and_layers() {
    // 0 → 1, a loop on 1, 2 → 1; a layer with its own self-loops, and one without.
    let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 1], 3).unwrap();
    let looped = transforms::with_self_loops(&edges).unwrap().edges.clone();
    let first =
        Tensor::new(&[[0.1f32, 0.3], [0.5, 0.7], [1., 1.], [0.4, 0.0], [1., 1.]], &Device::Cpu).unwrap();
    let second = Tensor::new(&[[0.2f32], [0.3], [0.5]], &Device::Cpu).unwrap();
    let layers =
        [Attention { edges: looped, alpha: first }, Attention { edges: edges.clone(), alpha: second }];
    let found = attention(&layers, &edges).unwrap();
    let expected = [(0.2 + 0.2) / 2.0, (0.2 + 0.3) / 2.0, (0.6 + 0.5) / 2.0];
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    assert!(attention(&[], &edges).unwrap_err().to_string().contains("at least one layer"));
    let other = EdgeIndex::new(vec![0, 1, 0], vec![1, 1, 1], 3).unwrap();
    assert!(attention(&layers, &other).unwrap_err().to_string().contains("other edges"));
}

#[test]
fn judgements_and_fidelity_by_hand() {
    let (x, edges) = small();
    // Class 0 where the sum is above 0: node 2 has 2 − 3 with both edges, so class 1.
    let subject = Subject::new(sums, &x, &edges).unwrap();
    let judgement = Judgement::of(&subject, 2, &[0.0, 1.0, 0.0]).unwrap();
    assert_eq!((judgement.full, judgement.kept, judgement.removed), (1, 1, 0));
    let p = |y: f64| 1.0 / (1.0 + (-y).exp());
    let (kept, full) = (p(-3.0), p(-1.0));
    let divergence = kept * (kept / full).ln() + (1.0 - kept) * ((1.0 - kept) / (1.0 - full)).ln();
    assert!((judgement.unfaithfulness - (1.0 - (-divergence).exp())).abs() < 1e-9);

    let of = |full, kept, removed| Judgement { full, kept, removed, unfaithfulness: 0.0 };
    let all = [of(0, 0, 1), of(0, 1, 0), of(1, 1, 2), of(2, 0, 1)];
    let model = Fidelity::of_model(&all).unwrap();
    assert_eq!((model.plus, model.minus), (0.75, 0.5));
    // Right at first: the first two and the third. The last is wrong with everything, with and without.
    let phenomenon = Fidelity::of_phenomenon(&all, &[0, 0, 1, 3]).unwrap();
    assert_eq!((phenomenon.plus, phenomenon.minus), (0.5, 0.25));
    let score = model.characterization(0.5, 0.5).unwrap();
    assert!((score - 1.0 / (0.5 / 0.75 + 0.5 / 0.5)).abs() < 1e-12);
    assert_eq!(Fidelity { plus: 0.0, minus: 0.2 }.characterization(0.5, 0.5).unwrap(), 0.0);
    assert!(model.characterization(0.9, 0.5).is_err());
    assert!(Fidelity::of_model(&[]).is_err());
    assert!(Fidelity::of_phenomenon(&all, &[0]).is_err());
}

#[test]
fn masks_by_rank_and_by_threshold() {
    assert_eq!(top_k(&[0.1, 0.9, 0.5, 0.9], 2), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(top_k(&[0.5, 0.5], 1), [1.0, 0.0]);
    assert_eq!(threshold(&[0.1, 0.5, 0.6], 0.5), [0.0, 0.0, 1.0]);
    let path = EdgeIndex::new(vec![0, 1, 2], vec![1, 2, 3], 4).unwrap();
    assert_eq!(receptive_edges(&path, 3, 2).unwrap(), [false, true, true]);
    assert_eq!(receptive_edges(&path, 2, 1).unwrap(), [false, true, false]);
    assert!(receptive_edges(&path, 4, 1).is_err());
}

#[test]
fn errors_name_what_is_wrong() {
    let (x, edges) = small();
    let wrong = |result: candle_geometric_explain::Error, word: &str| {
        assert!(result.to_string().contains(word), "{result}");
    };
    let short = x.narrow(0, 0, 2).unwrap();
    wrong(Subject::new(sums, &short, &edges).err().unwrap(), "[3, F]");
    let subject = Subject::new(sums, &x, &edges).unwrap();
    wrong(gradient(&subject, Target { row: 3, class: 0 }).unwrap_err(), "row");
    wrong(gradient(&subject, Target { row: 0, class: 2 }).unwrap_err(), "class");
    wrong(integrated_gradients(&subject, NODE_2, 0).unwrap_err(), "steps");
    wrong(Judgement::of(&subject, 2, &[1.0]).unwrap_err(), "each of 3 edges");
    wrong(Judgement::of(&subject, 2, &[1.0, 2.0, 0.0]).unwrap_err(), "2 at edge 1");
    // A model that ignores the mask.
    let deaf = |x: &Tensor, edges: &EdgeIndex, _: &Tensor| Ok(ops::spmm(edges, None, x)?);
    let subject = Subject::new(deaf, &x, &edges).unwrap();
    wrong(gradient(&subject, NODE_2).unwrap_err(), "depend on the edge mask");
    wrong(GnnExplainer::default().explain(&subject, NODE_2).unwrap_err(), "depend on the edge mask");
}

/// The area under the ROC curve, pair by pair.
fn auc(scores: &[f64], positive: &[bool]) -> f64 {
    let of = |wanted| scores.iter().zip(positive).filter(move |(_, p)| **p == wanted).map(|(s, _)| *s);
    let (mut wins, mut pairs) = (0.0, 0.0);
    for p in of(true) {
        for n in of(false) {
            wins += if p > n {
                1.0
            } else if p == n {
                0.5
            } else {
                0.0
            };
            pairs += 1.0;
        }
    }
    wins / pairs
}

/// A trained convolution on a small BA-Shapes: the houses are found.
#[test]
fn gnn_explainer_finds_the_houses() {
    let shapes = ba_shapes(60, 5, 16, 0).unwrap();
    let n = shapes.labels.len();
    let x = Tensor::ones((n, 1), DType::F32, &Device::Cpu).unwrap();
    let map = SeededVarMap::new(0);
    let config = GcnConfig { out_channels: Some(4), ..GcnConfig::new(1, 20, 3) };
    let model = Gcn::new(&config, map.var_builder(DType::F32, &Device::Cpu)).unwrap();
    let labels = Tensor::new(shapes.labels.as_slice(), &Device::Cpu).unwrap();
    let vars: Vec<Var> = map.vars().into_iter().map(|(_, var)| var).collect();
    let adam = ParamsAdamW { lr: 0.01, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(vars, adam).unwrap();
    for _ in 0..400 {
        let logits = model.forward(&x, &shapes.edges).unwrap();
        let loss = candle_nn::loss::cross_entropy(&logits, &labels).unwrap();
        adam.step(&ops::backward(&loss).unwrap()).unwrap();
    }
    let run = |x: &Tensor, e: &EdgeIndex, m: &Tensor| Ok(model.forward_masked(x, e, None, None, m)?);
    let subject = Subject::new(run, &x, &shapes.edges).unwrap();
    let classes = subject.classes().unwrap();
    let right = (0..n).filter(|&i| classes[i] == shapes.labels[i]).count();
    assert!(right as f64 > 0.8 * n as f64, "{right} of {n}");
    let (mut scores, mut positive) = (Vec::new(), Vec::new());
    for row in (60..n).step_by(5).filter(|&i| classes[i] == shapes.labels[i]).take(8) {
        let explainer = GnnExplainer { node_mask: NodeMask::None, ..GnnExplainer::default() };
        let target = Target { row, class: classes[row] as usize };
        let found = explainer.explain(&subject, target).unwrap().edges;
        let reached = receptive_edges(&shapes.edges, row, 3).unwrap();
        for e in (0..found.len()).filter(|&e| reached[e]) {
            scores.push(found[e]);
            positive.push(shapes.edge_mask[e]);
        }
    }
    let auc = auc(&scores, &positive);
    assert!(auc > 0.7, "AUC {auc}");
}
