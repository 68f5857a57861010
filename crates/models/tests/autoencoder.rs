//! The losses of graph autoencoders, and what they are wrapped around.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Generator;
use candle_geometric_models::{
    AttentiveFpConfig, Gae, GaeConfig, GatConfig, Gaussian, GraphModel, ModelConfig, VariationalGatConfig,
    Vgae, VgaeConfig,
};
use candle_geometric_nn::{Mode, SeededVarMap};
use serde_json::json;
use support::numbers;

fn gae() -> Gae {
    let encoder = ModelConfig::Gat(GatConfig { heads: 2, out_channels: Some(3), ..GatConfig::new(5, 4, 2) });
    Gae::new(&GaeConfig::new(encoder), SeededVarMap::new(0).var_builder(DType::F64, &Device::Cpu)).unwrap()
}

fn vgae(dtype: DType) -> Vgae {
    let config = VgaeConfig { encoder: VariationalGatConfig { heads: 2, ..VariationalGatConfig::new(5, 3) } };
    Vgae::new(&config, SeededVarMap::new(0).var_builder(dtype, &Device::Cpu)).unwrap()
}

fn pairs<const P: usize>(pairs: [(u32, u32); P], nodes: usize) -> EdgeIndex {
    EdgeIndex::from_pairs(pairs, nodes).unwrap()
}

fn scalar(t: &Tensor) -> f64 {
    t.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

fn near(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() <= tolerance * e.abs().max(1.0), "{actual:?}, expected {expected:?}");
    }
}

fn flat(t: &Tensor) -> Vec<f64> {
    t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Value and gradient of PyTorch Geometric 2.8.1; node 3 has only scores of 0.
#[test]
fn the_reconstruction_loss_is_the_peers() {
    let z = [[1.5f64, -0.5], [0.25, 2.0], [-1.0, 0.75], [0.0, 0.0], [3.0, 1.0]];
    let z = Var::new(&z, &Device::Cpu).unwrap();
    let (positive, negative) =
        (pairs([(0, 1), (1, 2), (2, 0), (3, 4)], 5), pairs([(0, 4), (4, 1), (3, 3)], 5));
    let model = gae();
    let loss = model.recon_loss(&z, &positive, &negative).unwrap();
    near(&[scalar(&loss)], &[3.5118678986071497], 1e-13);
    let gradient = flat(loss.backward().unwrap().get(&z).unwrap());
    let expected = [
        1.1580630509467664,
        -0.16090870728331408,
        0.7513303102825343,
        0.35296753199550346,
        -0.3390571686023933,
        -0.0029705994373838,
        -0.375,
        -0.125,
        0.569333007504425,
        0.46293993487767554,
    ];
    near(&gradient, &expected, 1e-13);
    let decoded = [0.34864513533394575, 0.7772998611746911, 0.13296424019782926, 0.5];
    near(&flat(&model.decode(&z, &positive).unwrap()), &decoded, 1e-15);
    let all = model.decode_all(&z).unwrap().to_vec2::<f64>().unwrap();
    near(&[all[0][1], all[1][2], all[2][0], all[3][4]], &decoded, 1e-15);
}

/// −ln(σ(s) + 10⁻¹⁵) for scores of any size, in f32: neither rounded away, nor infinite, with a finite gradient.
#[test]
fn large_scores_keep_their_loss() {
    let none = pairs([], 2);
    for (s, expected) in [
        (0.0, std::f64::consts::LN_2),
        (-12.0, (1.0 + 12f64.exp()).ln()),
        (12.0, (-12f64).exp().ln_1p()),
        (-20.0, (1.0 + 20f64.exp()).ln()),
        // Where ε weighs as much as the probability.
        (-1e-15f64.ln().abs(), -(2e-15f64).ln()),
        (-50.0, -((-50f64).exp() + 1e-15).ln()),
        (-1e4, -(1e-15f64).ln()),
        (1e4, 0.0),
    ] {
        let z = Var::from_tensor(&Tensor::new(&[[1f32], [s as f32]], &Device::Cpu).unwrap()).unwrap();
        let loss = gae().recon_loss(&z, &pairs([(0, 1)], 2), &none).unwrap();
        near(&[scalar(&loss)], &[expected], 5e-7);
        let mirrored = z.neg().unwrap();
        let mirrored =
            Tensor::cat(&[z.narrow(0, 0, 1).unwrap(), mirrored.narrow(0, 1, 1).unwrap()], 0).unwrap();
        let other = gae().recon_loss(&mirrored, &none, &pairs([(0, 1)], 2)).unwrap();
        assert_eq!(scalar(&other), scalar(&loss));
        let gradient = flat(loss.backward().unwrap().get(&z).unwrap())[1];
        let p = 1.0 / (1.0 + (-s).exp());
        let slope = -p * (1.0 / (1.0 + s.exp())) / (p + 1e-15);
        near(&[gradient], &[slope], 1e-6);
    }
}

/// Value and gradients of PyTorch Geometric 2.8.1; one log σ is above 10.
#[test]
fn the_divergence_is_the_peers() {
    let mu = Var::new(&[[1.5f64, -0.5], [0.25, 2.0]], &Device::Cpu).unwrap();
    let logstd = Var::new(&[[0.5f64, -1.0], [12.0, 0.25]], &Device::Cpu).unwrap();
    let latent = Gaussian { mu: mu.as_tensor().clone(), logstd: logstd.as_tensor().clone() };
    let loss = vgae(DType::F64).kl_loss(&latent).unwrap();
    near(&[scalar(&loss)], &[121_291_295.743_657_19], 1e-13);
    let gradients = loss.backward().unwrap();
    near(&flat(gradients.get(&mu).unwrap()), &[0.75, -0.25, 0.125, 1.0], 1e-13);
    let expected = [0.8591409142295228, -0.43233235838169365, 0.0, 0.324360635350064];
    near(&flat(gradients.get(&logstd).unwrap()), &expected, 1e-13);
}

#[test]
fn drawing_is_seeded_and_has_the_right_moments() {
    let n = 4000;
    let (x, edges) = (Tensor::ones((n, 5), DType::F32, &Device::Cpu).unwrap(), pairs([], n));
    let model = vgae(DType::F32);
    let draw = |seed| {
        let (z, latent) = model.encode(&x, &edges, None, Mode::Train(&Generator::new(seed))).unwrap();
        let noise = ((z - &latent.mu).unwrap() / latent.logstd.exp().unwrap()).unwrap();
        (flat(&noise), latent)
    };
    let (noise, latent) = draw(1);
    let count = noise.len() as f64;
    let mean = noise.iter().sum::<f64>() / count;
    let variance = noise.iter().map(|v| v * v).sum::<f64>() / count;
    assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    assert_eq!(noise, draw(1).0);
    assert_ne!(noise, draw(2).0);
    // In use it is the mean.
    assert_eq!(flat(&model.forward(&x, &edges).unwrap()), flat(&latent.mu));
}

#[test]
fn a_configuration_is_read_and_names_its_parameters() {
    let encoder = json!({"architecture": "GAT", "config":
        {"in_channels": 5, "hidden_channels": 4, "num_layers": 2, "out_channels": 3}});
    let config = ModelConfig::new("GAE", json!({"encoder": encoder})).unwrap();
    assert_eq!((config.in_channels(), config.out_channels()), (5, 3));
    let names: Vec<_> = config.parameters().unwrap().into_iter().map(|p| p.name).collect();
    assert!(names.contains(&"encoder.convs.1.att_src".to_string()), "{names:?}");
    let again: ModelConfig = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
    assert_eq!(again, config);

    let config = ModelConfig::new("VGAE", json!({"encoder": {"in_channels": 5, "out_channels": 3}})).unwrap();
    let parameters = config.parameters().unwrap();
    let shape = |name: &str| parameters.iter().find(|p| p.name == name).map(|p| p.shape.clone());
    assert_eq!(shape("encoder.conv1.lin.weight"), Some(vec![6, 5]));
    assert_eq!(shape("encoder.conv_mu.lin.weight"), Some(vec![3, 6]));
    assert_eq!(shape("encoder.conv_logstd.bias"), Some(vec![3]));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let molecules = AttentiveFpConfig {
        in_channels: 5,
        hidden_channels: 4,
        out_channels: 2,
        edge_dim: 1,
        num_layers: 1,
        num_timesteps: 1,
        dropout: 0.0,
    };
    let error = ModelConfig::Gae(GaeConfig::new(ModelConfig::AttentiveFp(molecules)))
        .parameters()
        .unwrap_err()
        .to_string();
    assert!(error.contains("encoder"), "{error}");
    let model = gae();
    let z = numbers(&[4, 2], 1);
    let error = model.recon_loss(&z, &pairs([(0, 1)], 5), &pairs([], 5)).unwrap_err().to_string();
    assert!(error.contains("[5, 2]") && error.contains("[4, 2]"), "{error}");
    let latent = Gaussian { mu: numbers(&[4, 2], 1), logstd: numbers(&[4, 3], 1) };
    assert!(vgae(DType::F32).kl_loss(&latent).unwrap_err().to_string().contains("[4, 3]"));
    // No pairs at all, and no nodes.
    assert_eq!(scalar(&model.recon_loss(&z, &pairs([], 4), &pairs([], 4)).unwrap()), 0.0);
    let none = Tensor::zeros((0, 2), DType::F32, &Device::Cpu).unwrap();
    let latent = Gaussian { mu: none.clone(), logstd: none };
    assert_eq!(scalar(&vgae(DType::F32).kl_loss(&latent).unwrap()), 0.0);
}
