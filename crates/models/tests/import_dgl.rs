//! DGL's layers without attention between nodes and its readouts, imported: each against what DGL's documentation says that
//! it computes, written out for dense adjacency matrices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::{EdgeIndex, Relations};
use candle_geometric_models::import::convert;
use candle_geometric_models::{Parameter, Tensors};
use candle_geometric_nn::SeededVarMap;
use candle_geometric_nn::aggr::{
    AttentionalAggregation, AttentionalAggregationConfig, Set2Set, Set2SetConfig,
};
use candle_geometric_nn::conv::{
    ChebConv, ChebConvConfig, GinConv, GinConvConfig, GineConv, GineConvConfig, GmmConv, GmmConvConfig,
    RgcnConv, RgcnConvConfig, SgConv, SgConvConfig,
};
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use support::numbers;

const N: usize = 5;
/// Undirected, with node 4 alone.
const EDGES: [(u32, u32); 8] = [(0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2), (3, 2), (2, 3)];

fn edges() -> EdgeIndex {
    EdgeIndex::from_pairs(EDGES, N).unwrap()
}

/// A[i, j] is 1 where an edge goes from j to i.
fn adjacency() -> Tensor {
    let mut a = vec![0f32; N * N];
    EDGES.iter().for_each(|&(j, i)| a[i as usize * N + j as usize] += 1.0);
    Tensor::from_vec(a, (N, N), &Device::Cpu).unwrap()
}

/// D^−½ A D^−½, with degrees of at least 1.
fn normalised() -> Tensor {
    let a = adjacency();
    let scale = a.sum_keepdim(1).unwrap().maximum(1.0).unwrap().sqrt().unwrap().recip().unwrap();
    a.broadcast_mul(&scale).unwrap().broadcast_mul(&scale.t().unwrap()).unwrap()
}

fn config<T: DeserializeOwned>(kwargs: Value) -> T {
    serde_json::from_value(kwargs).unwrap()
}

/// DGL's tensors, of these shapes.
fn theirs<const K: usize>(shapes: [(&str, &[usize]); K]) -> Tensors {
    shapes.iter().zip(1..).map(|((name, shape), seed)| (name.to_string(), numbers(shape, seed))).collect()
}

/// The layer of `build`, with the tensors under `conv` imported for it.
fn imported<L>(tensors: &Tensors, build: impl Fn(VarBuilder<'_>) -> candle_geometric_nn::Result<L>) -> L {
    let map = SeededVarMap::new(0);
    build(map.var_builder(DType::F32, &Device::Cpu).pp("conv")).unwrap();
    let expected: Vec<_> = map
        .to_tensors()
        .unwrap()
        .into_iter()
        .map(|(name, t)| Parameter { name, shape: t.dims().to_vec() })
        .collect();
    let saved = tensors.iter().map(|(name, t)| (format!("conv.{name}"), t.clone())).collect();
    let converted = convert(saved, &expected, "here").unwrap();
    let vb = VarBuilder::from_tensors(converted.into_iter().collect(), DType::F32, &Device::Cpu);
    build(vb.pp("conv")).unwrap()
}

/// x Wᵀ + b.
fn linear(x: &Tensor, tensors: &Tensors, name: &str) -> Tensor {
    let y = x.matmul(&tensors[&format!("{name}.weight")].t().unwrap()).unwrap();
    y.broadcast_add(&tensors[&format!("{name}.bias")]).unwrap()
}

fn close(actual: &Tensor, expected: &Tensor) {
    assert_eq!(actual.dims(), expected.dims());
    let off = (actual - expected).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    assert!(off.to_scalar::<f32>().unwrap() < 2e-6, "{actual}\n{expected}");
}

#[test]
fn gin() {
    let tensors = theirs([
        ("eps", &[1]),
        ("apply_func.0.weight", &[4, 3]),
        ("apply_func.0.bias", &[4]),
        ("apply_func.2.weight", &[2, 4]),
        ("apply_func.2.bias", &[2]),
    ]);
    let c: GinConvConfig = config(json!({"nn": "Linear(3,4),ReLU,Linear(4,2)", "train_eps": true}));
    let x = numbers(&[N, 3], 99);
    let own = x.broadcast_mul(&(&tensors["eps"] + 1.0).unwrap()).unwrap();
    let sum = (own + adjacency().matmul(&x).unwrap()).unwrap();
    let hidden = linear(&sum, &tensors, "apply_func.0").relu().unwrap();
    let out = imported(&tensors, |vb| GinConv::new(&c, vb)).forward(&x, &edges()).unwrap();
    close(&out, &linear(&hidden, &tensors, "apply_func.2"));
}

#[test]
fn gine() {
    let tensors = theirs([("eps", &[1]), ("apply_func.weight", &[2, 3]), ("apply_func.bias", &[2])]);
    let c: GineConvConfig = config(json!({"nn": "Linear(3,2)"}));
    let (x, f) = (numbers(&[N, 3], 99), numbers(&[EDGES.len(), 3], 98));
    let (rows, of_edges) = (x.to_vec2::<f32>().unwrap(), f.to_vec2::<f32>().unwrap());
    let eps = tensors["eps"].to_vec1::<f32>().unwrap()[0];
    let mut sum: Vec<Vec<f32>> =
        rows.iter().map(|row| row.iter().map(|v| (1.0 + eps) * v).collect()).collect();
    for (e, &(j, i)) in EDGES.iter().enumerate() {
        for k in 0..3 {
            sum[i as usize][k] += (rows[j as usize][k] + of_edges[e][k]).max(0.0);
        }
    }
    let out = imported(&tensors, |vb| GineConv::new(&c, vb)).forward(&x, &edges(), &f).unwrap();
    close(&out, &linear(&Tensor::new(sum, &Device::Cpu).unwrap(), &tensors, "apply_func"));
}

#[test]
fn sg() {
    let tensors = theirs([("fc.weight", &[2, 3]), ("fc.bias", &[2])]);
    let c: SgConvConfig =
        config(json!({"in_channels": 3, "out_channels": 2, "K": 2, "add_self_loops": false}));
    let x = numbers(&[N, 3], 99);
    let twice = normalised().matmul(&normalised()).unwrap().matmul(&x).unwrap();
    let out = imported(&tensors, |vb| SgConv::new(&c, vb)).forward(&x, &edges()).unwrap();
    close(&out, &linear(&twice, &tensors, "fc"));
}

/// With λ = 1.5: L̂ = (2 / λ − 1) I − 2 / λ D^−½ A D^−½.
#[test]
fn cheb() {
    let tensors = theirs([("linear.weight", &[2, 9]), ("linear.bias", &[2])]);
    let c: ChebConvConfig = config(json!({"in_channels": 3, "out_channels": 2, "K": 3}));
    let x = numbers(&[N, 3], 99);
    let scale = 2.0 / 1.5;
    let eye = Tensor::eye(N, DType::F32, &Device::Cpu).unwrap();
    let l = ((eye * (scale - 1.0)).unwrap() - (normalised() * scale).unwrap()).unwrap();
    let first = l.matmul(&x).unwrap();
    let second = ((l.matmul(&first).unwrap() * 2.0).unwrap() - &x).unwrap();
    let all = Tensor::cat(&[&x, &first, &second], 1).unwrap();
    let lambda = Tensor::new(&[1.5f32], &Device::Cpu).unwrap();
    let conv = imported(&tensors, |vb| ChebConv::new(&c, vb));
    let out = conv.forward_scaled(&x, &edges(), None, Some(&lambda), None).unwrap();
    close(&out, &linear(&all, &tensors, "linear"));
}

/// Σ x_j W_r + x_i W₀ + b, with W_r itself, of bases, or of blocks.
#[test]
fn relations() {
    let kinds: [u32; 8] = [0, 1, 1, 0, 2, 0, 0, 1];
    let x = numbers(&[N, 4], 99);
    let relations = Relations::new(&edges(), &kinds, 3).unwrap();
    for (extra, parts) in [
        (json!({}), theirs([("linear_r.W", &[3, 4, 2])])),
        (json!({"num_bases": 2}), theirs([("linear_r.W", &[2, 4, 2]), ("linear_r.coeff", &[3, 2])])),
        (json!({"num_blocks": 2}), theirs([("linear_r.W", &[3, 4])])),
    ] {
        let mut kwargs = json!({"in_channels": 4, "out_channels": 2, "num_relations": 3, "aggr": "add"});
        kwargs.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let c: RgcnConvConfig = config(kwargs);
        let mut tensors = theirs([("h_bias", &[2]), ("loop_weight", &[4, 2])]);
        tensors.extend(parts);
        let w = &tensors["linear_r.W"];
        let of = |r: usize| match (tensors.get("linear_r.coeff"), w.rank()) {
            (Some(coeff), _) => {
                let bases = w.reshape((2, 8)).unwrap();
                coeff.narrow(0, r, 1).unwrap().matmul(&bases).unwrap().reshape((4, 2)).unwrap()
            }
            (None, 3) => w.get(r).unwrap(),
            (None, _) => {
                // Two blocks of 2 × 1 on the diagonal.
                let b = w.get(r).unwrap().to_vec1::<f32>().unwrap();
                Tensor::new(&[[b[0], 0.], [b[1], 0.], [0., b[2]], [0., b[3]]], &Device::Cpu).unwrap()
            }
        };
        let mut out = x.matmul(&tensors["loop_weight"]).unwrap().broadcast_add(&tensors["h_bias"]).unwrap();
        for r in 0..3 {
            let mut a = vec![0f32; N * N];
            let chosen = EDGES.iter().zip(kinds).filter(|(_, kind)| *kind as usize == r);
            chosen.for_each(|(&(j, i), _)| a[i as usize * N + j as usize] += 1.0);
            let a = Tensor::from_vec(a, (N, N), &Device::Cpu).unwrap();
            out = (out + a.matmul(&x.matmul(&of(r)).unwrap()).unwrap()).unwrap();
        }
        close(&imported(&tensors, |vb| RgcnConv::new(&c, vb)).forward(&x, &relations).unwrap(), &out);
    }
}

/// Σ_e Σ_k exp(−½ Σ_d ((f_d − μ_k,d) σ⁻¹_k,d)²) (G_k x_j), plus a map of x_i, which is the identity where DGL saves none.
#[test]
fn gmm() {
    let (x, f) = (numbers(&[N, 3], 99), numbers(&[EDGES.len(), 2], 98));
    let shapes: [(&str, &[usize]); 4] =
        [("mu", &[2, 2]), ("inv_sigma", &[2, 2]), ("bias", &[3]), ("fc.weight", &[6, 3])];
    let mut without = theirs(shapes);
    without.insert("inv_sigma".into(), (&without["inv_sigma"] + 1.5).unwrap());
    let mut mapped = without.clone();
    mapped.insert("res_fc.weight".into(), numbers(&[3, 3], 97));
    for (tensors, root_weight) in [(&without, false), (&without, true), (&mapped, true)] {
        let c: GmmConvConfig = config(json!({
            "in_channels": 3, "out_channels": 3, "dim": 2, "kernel_size": 2, "aggr": "add", "root_weight": root_weight
        }));
        let of = |name: &str| tensors[name].to_vec2::<f32>().unwrap();
        let (mu, inverse, f_rows) = (of("mu"), of("inv_sigma"), f.to_vec2::<f32>().unwrap());
        let maps = x.matmul(&tensors["fc.weight"].t().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        let root = match (root_weight, tensors.get("res_fc.weight")) {
            (false, _) => x.zeros_like().unwrap(),
            (true, None) => x.clone(),
            (true, Some(map)) => x.matmul(&map.t().unwrap()).unwrap(),
        };
        let mut out = root.broadcast_add(&tensors["bias"]).unwrap().to_vec2::<f32>().unwrap();
        for (&(j, i), f) in EDGES.iter().zip(&f_rows) {
            for k in 0..2 {
                let far: f32 = (0..2).map(|d| ((f[d] - mu[k][d]) * inverse[k][d]).powi(2)).sum();
                for c in 0..3 {
                    out[i as usize][c] += (-0.5 * far).exp() * maps[j as usize][3 * k + c];
                }
            }
        }
        let conv = imported(tensors, |vb| GmmConv::new(&c, vb));
        close(&conv.forward(&x, &edges(), &f).unwrap(), &Tensor::new(out, &Device::Cpu).unwrap());
    }
}

#[test]
fn attention_pooling() {
    let tensors = theirs([
        ("gate_nn.weight", &[1, 3]),
        ("gate_nn.bias", &[1]),
        ("feat_nn.weight", &[2, 3]),
        ("feat_nn.bias", &[2]),
    ]);
    let c: AttentionalAggregationConfig = config(json!({"gate_nn": "Linear(3,1)", "nn": "Linear(3,2)"}));
    let x = numbers(&[N, 3], 99);
    let weights = linear(&x, &tensors, "gate_nn").exp().unwrap();
    let weights = weights.broadcast_div(&weights.sum_all().unwrap()).unwrap();
    let expected = weights.t().unwrap().matmul(&linear(&x, &tensors, "feat_nn")).unwrap();
    let graph = EdgeIndex::from_batch(&[0; N], 1).unwrap();
    let out = imported(&tensors, |vb| AttentionalAggregation::new(&c, vb)).forward(&x, &graph).unwrap();
    close(&out, &expected);
}

/// The names are the same in both: once around, q = LSTM(0) and its weighted sum.
#[test]
fn set2set() {
    let tensors = theirs([
        ("lstm.weight_ih_l0", &[12, 6]),
        ("lstm.weight_hh_l0", &[12, 3]),
        ("lstm.bias_ih_l0", &[12]),
        ("lstm.bias_hh_l0", &[12]),
    ]);
    let c: Set2SetConfig = config(json!({"in_channels": 3, "processing_steps": 1}));
    let x = numbers(&[N, 3], 99);
    let gates =
        (&tensors["lstm.bias_ih_l0"] + &tensors["lstm.bias_hh_l0"]).unwrap().to_vec1::<f32>().unwrap();
    let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
    // i, f, g, o; the cell is empty before.
    let q: Vec<f32> =
        (0..3).map(|k| sigmoid(gates[9 + k]) * (sigmoid(gates[k]) * gates[6 + k].tanh()).tanh()).collect();
    let q = Tensor::new(q, &Device::Cpu).unwrap().reshape((3, 1)).unwrap();
    let weights = x.matmul(&q).unwrap().exp().unwrap();
    let weights = weights.broadcast_div(&weights.sum_all().unwrap()).unwrap();
    let sum = weights.t().unwrap().matmul(&x).unwrap();
    let expected = Tensor::cat(&[&q.t().unwrap(), &sum], 1).unwrap();
    let graph = EdgeIndex::from_batch(&[0; N], 1).unwrap();
    close(&imported(&tensors, |vb| Set2Set::new(&c, vb)).forward(&x, &graph).unwrap(), &expected);
}

/// Layers called otherwise are matched in their order, and what does not fit is told.
#[test]
fn names_of_layers_may_differ() {
    let layer = |name: &str, tensors: &Tensors| -> Tensors {
        tensors.iter().map(|(local, t)| (format!("{name}.{local}"), t.clone())).collect()
    };
    let first = theirs([("linear_r.W", &[3, 4, 2]), ("h_bias", &[2]), ("loop_weight", &[4, 2])]);
    let second = theirs([("linear_r.W", &[3, 2, 5]), ("h_bias", &[5]), ("loop_weight", &[2, 5])]);
    let expected: Vec<_> = [("convs.0", &first), ("convs.1", &second)]
        .into_iter()
        .flat_map(|(name, tensors)| {
            [("weight", "linear_r.W"), ("bias", "h_bias"), ("root", "loop_weight")]
                .map(|(ours, theirs)| (format!("{name}.{ours}"), tensors[theirs].dims().to_vec()))
        })
        .map(|(name, shape)| Parameter { name, shape })
        .collect();
    let mut saved = layer("layers.0", &first);
    saved.extend(layer("layers.1", &second));
    let converted = convert(saved.clone(), &expected, "here").unwrap();
    let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (ours, theirs) in
        [("convs.0.root", "layers.0.loop_weight"), ("convs.1.weight", "layers.1.linear_r.W")]
    {
        assert_eq!(flat(&converted[ours]), flat(&saved[theirs]), "{ours}");
    }
    saved.remove("layers.1.loop_weight");
    saved.insert("layers.0.layer_norm_weight.weight".into(), numbers(&[2], 1));
    let message = convert(saved, &expected, "here").unwrap_err().to_string();
    assert!(message.contains("missing: `convs.1.root` [2, 5]"), "{message}");
    assert!(message.contains("extra: `layers.0.layer_norm_weight.weight` [2]"), "{message}");
}

#[test]
fn odd_files_are_refused() {
    let of = |tensors: &Tensors, expected: &[(&str, &[usize])]| {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, shape)| Parameter { name: name.to_string(), shape: shape.to_vec() })
            .collect();
        convert(tensors.clone(), &expected, "here").unwrap_err().to_string()
    };
    let gmm: [(&str, &[usize]); 4] =
        [("g", &[3, 6]), ("mu", &[2, 2]), ("sigma", &[2, 2]), ("root.weight", &[3, 3])];
    // Integers, and no axes at all.
    let mut tensors = theirs([("mu", &[2, 2]), ("inv_sigma", &[2, 2]), ("fc.weight", &[6, 3])]);
    tensors.insert("inv_sigma".into(), Tensor::ones((2, 2), DType::I64, &Device::Cpu).unwrap());
    assert!(of(&tensors, &gmm).contains("missing: `sigma` [2, 2]"));
    for name in ["inv_sigma", "fc.weight"] {
        let mut tensors = theirs([("mu", &[2, 2]), ("inv_sigma", &[2, 2]), ("fc.weight", &[6, 3])]);
        tensors.insert(name.into(), numbers(&[], 1));
        assert!(of(&tensors, &gmm).contains("shape: `"), "{name}");
    }
    // 1 / 0.
    tensors.insert("inv_sigma".into(), Tensor::zeros((2, 2), DType::F32, &Device::Cpu).unwrap());
    assert!(of(&tensors, &gmm).contains("values: `sigma` has 4 NaN or infinite of 4"));
    // Two that would be called the same.
    let tensors = theirs([("linear_r.W", &[3, 4, 2]), ("h_bias", &[2]), ("bias", &[2])]);
    assert!(of(&tensors, &[("weight", &[3, 4, 2]), ("bias", &[2])]).contains("extra: `h_bias` [2]"));
    // A scalar, and fewer columns than terms.
    let cheb: [(&str, &[usize]); 2] = [("lins.0.weight", &[2, 3]), ("lins.1.weight", &[2, 3])];
    for shape in [&[][..], &[2, 1], &[2, 5]] {
        let message = of(&theirs([("linear.weight", shape)]), &cheb);
        assert!(message.contains("lins.1.weight"), "{message}");
    }
}
