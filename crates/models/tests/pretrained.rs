//! Models from a folder: what is loaded, and what is wrong with bad ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_models::{ModelConfig, Pretrained, Result, ZooEntry, from_pretrained};
use serde_json::{Value, json};
use support::{config_json, model_folder, numbers, weights};

fn load(config: &Value, weights: &[u8]) -> Result<Pretrained> {
    let folder = model_folder(config, weights);
    from_pretrained(folder.path().to_str().unwrap(), &Device::Cpu)
}

/// The message for bad weights whose sum is right.
fn weights_error(bytes: &[u8]) -> String {
    load(&config_json(bytes), bytes).expect_err("bad weights were accepted").to_string()
}

/// The message for a config changed by `change`.
fn config_error(change: impl FnOnce(&mut Value)) -> String {
    let weights = weights(|_| ());
    let mut config = config_json(&weights);
    change(&mut config);
    load(&config, &weights).expect_err("a bad config.json was accepted").to_string()
}

#[test]
fn a_folder_becomes_a_model() {
    let bytes = weights(|_| ());
    let folder = model_folder(&config_json(&bytes), &bytes);
    let pretrained = from_pretrained(folder.path().to_str().unwrap(), &Device::Cpu).unwrap();
    assert_eq!(pretrained.name, folder.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(pretrained.entry.task.labels, ["a", "b", "c"]);
    assert_eq!(pretrained.card.as_deref(), Some("# A model\n\nFor a test.\n"));
    // 2 heads × 2 of 5 features, then 2 heads × 3 of 4, each with two attention vectors and a bias.
    assert_eq!(pretrained.num_parameters(), (4 * 5 + 2 * 4 + 4) + (6 * 4 + 2 * 6 + 3));
    assert_eq!(pretrained.tensors[0].name, "convs.0.att_dst");
    assert_eq!(pretrained.tensors[0].shape, [1, 2, 2]);
    let edges = EdgeIndex::from_pairs([(0, 1), (1, 2)], 3).unwrap();
    assert_eq!(pretrained.model.forward(&numbers(&[3, 5], 1), &edges).unwrap().dims(), [3, 3]);
    let attention = pretrained.model.attention(&numbers(&[3, 5], 1), &edges, None, None).unwrap();
    assert_eq!(attention.iter().map(|a| a.alpha.dims().to_vec()).collect::<Vec<_>>(), [[5, 2], [5, 2]]);

    let again = <ZooEntry>::parse(pretrained.entry.to_json().unwrap().as_bytes(), folder.path()).unwrap();
    assert_eq!(again, pretrained.entry);
}

#[test]
fn damaged_weights() {
    let good = weights(|_| ());
    let config = config_json(&good);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let message = load(&config, &flipped).unwrap_err().to_string();
    let expected = config["weights"]["sha256"].as_str().unwrap();
    let actual = config_json(&flipped)["weights"]["sha256"].clone();
    assert!(
        message.contains(&format!("sha256 is {}, expected {expected}", actual.as_str().unwrap())),
        "{message}"
    );

    // The sum is right, the contents are not: each length, so each place where the header can end.
    for len in 0..good.len() {
        let message = weights_error(&good[..len]);
        assert!(message.contains("truncated or damaged"), "{message}");
    }
}

#[test]
fn all_that_is_wrong_with_the_tensors_is_listed_at_once() {
    let bytes = weights(|tensors| {
        tensors.remove("convs.0.bias");
        tensors.insert("convs.1.bias".into(), numbers(&[4], 1));
        tensors.insert("convs.7.bias".into(), numbers(&[4], 1));
        tensors.insert("convs.1.att_src".into(), Tensor::zeros((1, 2, 3), DType::U32, &Device::Cpu).unwrap());
        tensors.insert("convs.1.att_dst".into(), (numbers(&[1, 2, 3], 1) / 0.0).unwrap());
    });
    let message = weights_error(&bytes);
    for line in [
        "5 of the model's tensors are wrong",
        "missing: `convs.0.bias` [4]",
        "shape: `convs.1.bias` is [4], expected [3]",
        "extra: `convs.7.bias` [4]",
        "type: `convs.1.att_src` is u32",
        "values: `convs.1.att_dst` has 6 NaN or infinite of 6, the first at 0",
    ] {
        assert!(message.contains(line), "{line}\n{message}");
    }
}

#[test]
fn a_config_that_does_not_hold_is_refused() {
    let message = config_error(|c| c["architecture"] = json!("GATT"));
    assert!(message.contains("unknown architecture `GATT` (did you mean GAT"), "{message}");
    assert!(message.contains("the known ones are GAT, PaperGAT, InductiveGAT, GCN, GraphSAGE"), "{message}");
    for (change, expected) in [
        (json!({"surprise": 1}), "unknown field `surprise`"),
        (json!({"weights": {"file": "../weights", "sha256": "0".repeat(64)}}), "expected a plain file name"),
        (json!({"weights": {"file": "model.safetensors", "sha256": "abc"}}), "expected 64 hex digits"),
        (json!({"licence": 3}), "expected a string"),
        (
            json!({"preprocessing": {"normalize_features": true}}),
            "boolean `true`, expected `none`, `sum` or `l2`",
        ),
        (json!({"preprocessing": {"normalize_features": "max"}}), "\"max\", expected `none`, `sum` or `l2`"),
        (json!({"config": {"in_channels": 5}}), "missing field `hidden_channels`"),
    ] {
        let message =
            config_error(|c| c.as_object_mut().unwrap().extend(change.as_object().unwrap().clone()));
        assert!(message.contains(expected), "{expected}\n{message}");
    }
    let message = config_error(|c| {
        c["task"]["num_classes"] = json!(4);
        c["metric"]["mean"] = json!(83.0);
        c["metric"]["runs"] = json!(0);
    });
    for problem in
        ["3 names for num_classes 4", "3 outputs for num_classes 4", "metric.mean is 83", "runs is 0"]
    {
        assert!(message.contains(problem), "{problem}\n{message}");
    }
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = from_pretrained(folder.path().to_str().unwrap(), &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("cannot read") && message.contains("config.json"), "{message}");
    let message = from_pretrained("gat-cora-of-somebody-else", &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("unknown model `gat-cora-of-somebody-else`"), "{message}");
}

/// No value that a model cannot honour is taken in silence.
#[test]
fn unsupported_arguments_are_errors() {
    for (architecture, extra, expected) in [
        ("GAT", json!({"norm": "batchnrom"}), "batchnrom"),
        ("GAT", json!({"norm": "batch", "norm_kwargs": {"surprise": 1}}), "surprise"),
        ("GAT", json!({"norm_kwargs": {"eps": 1e-3}}), "norm_kwargs"),
        ("GAT", json!({"act": "reluu"}), "reluu"),
        ("GAT", json!({"act_kwargs": {"alpha": 1.0}}), "alpha"),
        ("GAT", json!({"act": null, "act_kwargs": {"alpha": 1.0}}), "act_kwargs without act"),
        ("GAT", json!({"jk": "sum"}), "unknown variant `sum`"),
        ("GAT", json!({"heads": 3}), "expected a multiple of heads (3)"),
        ("GAT", json!({"heads": 0}), "heads is 0, expected 1 to"),
        ("GAT", json!({"heads": 1u64 << 62}), "heads is 4611686018427387904, expected 1 to"),
        ("GAT", json!({"heads": 1 << 20, "concat": false}), "heads² · out_channels of at most"),
        ("GCN", json!({"in_channels": 1 << 24, "hidden_channels": 1 << 24}), "more than 2^31 elements"),
        ("GCN", json!({"num_layers": 1 << 20}), "num_layers is 1048576, expected 1 to"),
        ("GAT", json!({"share_weights": true}), "share_weights is an argument of v2 only"),
        ("GAT", json!({"dropout": 1.5}), "dropout"),
        ("GAT", json!({"in_channels": [5, 5]}), "expected usize"),
        ("GAT", json!({"cached": true}), "unknown field `cached`"),
        ("GCN", json!({"heads": 2}), "unknown field `heads`"),
        ("GCN", json!({"num_layers": 0}), "num_layers is 0"),
        ("GraphSAGE", json!({"aggr": "softmedian"}), "softmedian"),
        ("PaperGAT", json!({"num_layers": 3}), "unknown field"),
    ] {
        let mut config = json!({"in_channels": 5, "hidden_channels": 4, "num_layers": 2});
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let message = match ModelConfig::new(architecture, config) {
            Err(error) => error.to_string(),
            Ok(config) => config.parameters().expect_err(expected).to_string(),
        };
        assert!(message.contains(expected), "{expected}\n{message}");
    }
}
