//! Bad input: a clear error, exit code 2, nothing half-written.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use common::{assert_error, karate, program, run, stderr};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Nothing listens here.
const NOWHERE: &str = "http://127.0.0.1:9";

fn write_config(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("config.json");
    let mut config = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(&path, config.to_string()).unwrap();
}

/// Other weights, with the sum that `config.json` then wants.
fn write_weights(folder: &Path, change: impl FnOnce(&mut BTreeMap<String, Tensor>)) {
    let path = folder.join("model.safetensors");
    let mut weights = candle_core::safetensors::load(&path, &Device::Cpu).unwrap().into_iter().collect();
    change(&mut weights);
    let bytes = safetensors::serialize(weights.iter(), None).unwrap();
    let sum: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    std::fs::write(&path, bytes).unwrap();
    write_config(folder, |config| config["weights"]["sha256"] = sum.into());
}

fn run_model(folder: &Path) -> std::process::Output {
    run(&["run", folder.to_str().unwrap()])
}

#[test]
fn an_unknown_model() {
    let zoo = karate::model().parent().unwrap();
    let output = program().args(["run", "gat-karatee"]).env("CANDLE_GEOMETRIC_MODELS", zoo).output().unwrap();
    assert_error(&output, &["unknown model `gat-karatee`", "did you mean gat-karate", "hint: "]);
    assert_error(&run(&["info", "/no/such/folder"]), &["unknown model"]);
    let weights = karate::model().join("model.safetensors");
    assert_error(&run(&["run", weights.to_str().unwrap()]), &["a model is a folder"]);
    let empty = tempfile::tempdir().unwrap();
    let output = run(&["run", empty.path().to_str().unwrap()]);
    assert_error(&output, &["config.json", "hint: a model is a folder"]);
    let cause = if cfg!(unix) { "No such file" } else { "cannot find" };
    assert_eq!(stderr(&output).matches(cause).count(), 1, "a cause is told once: {}", stderr(&output));
}

#[test]
fn an_out_folder_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let config = folder.path().join("karate.toml");
    std::fs::write(&config, karate::recipe(1, 0)).unwrap();
    for out in [file.clone(), file.join("below")] {
        let out = out.to_str().unwrap();
        let parts = ["cannot write to the folder", "is not a folder", "hint: "];
        // Before anything else is looked at: the model does not exist.
        assert_error(&run(&["run", "no-such-model", "--out", out]), &parts);
        assert_error(&run(&["train", config.to_str().unwrap(), "--out", out]), &parts);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn damaged_weights() {
    let whole = std::fs::read(karate::model().join("model.safetensors")).unwrap();
    let damaged = |bytes: &[u8]| {
        let folder = karate::copy();
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        run_model(folder.path())
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    assert_error(&damaged(&flipped), &["sha256", "expected", "hint: "]);
    assert_error(&damaged(&whole[..whole.len() - 1]), &["sha256"]);
    assert_error(&damaged(&[]), &["sha256"]);

    // The same where the sum agrees, so that the format itself has to tell.
    let folder = karate::copy();
    for length in [0, 7, 8, 20, whole.len() / 2, whole.len() - 1] {
        let cut = &whole[..length];
        let sum: String = Sha256::digest(cut).iter().map(|b| format!("{b:02x}")).collect();
        std::fs::write(folder.path().join("model.safetensors"), cut).unwrap();
        write_config(folder.path(), |config| config["weights"]["sha256"] = sum.into());
        assert_error(&run_model(folder.path()), &["model.safetensors"]);
    }
}

#[test]
fn tensors_that_do_not_fit_are_all_listed() {
    let folder = karate::copy();
    write_weights(folder.path(), |weights| {
        weights.remove("conv1.att_src").unwrap();
        weights.insert("conv3.bias".into(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
        weights.insert("conv2.bias".into(), Tensor::zeros(5, DType::F32, &Device::Cpu).unwrap());
    });
    let parts =
        ["missing: `conv1.att_src`", "extra: `conv3.bias`", "shape: `conv2.bias` is [5], expected [2]"];
    assert_error(&run_model(folder.path()), &parts);
}

#[test]
fn nan_in_weights() {
    let folder = karate::copy();
    write_weights(folder.path(), |weights| {
        weights.insert("conv2.bias".into(), Tensor::new(&[0f32, f32::NAN], &Device::Cpu).unwrap());
    });
    assert_error(&run_model(folder.path()), &["`conv2.bias`", "NaN"]);
}

#[test]
fn a_model_for_other_data() {
    let folder = karate::copy();
    write_config(folder.path(), |config| config["data"]["name"] = "karat".into());
    assert_error(&run_model(folder.path()), &["karat", "did you mean karate"]);
    write_config(folder.path(), |config| config["surprise"] = 1.into());
    assert_error(&run_model(folder.path()), &["config.json", "surprise"]);
}

#[test]
fn no_network() {
    let folder = tempfile::tempdir().unwrap();
    let offline = |arguments: &[&str]| {
        let mut command = program();
        command.args(arguments).env("HF_ENDPOINT", NOWHERE).env("HF_HOME", folder.path());
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(proxy, NOWHERE);
        }
        command.env_remove("no_proxy").env_remove("NO_PROXY");
        command.env("CANDLE_GEOMETRIC_CACHE", folder.path()).output().unwrap()
    };
    let parts = ["config.json", "model.safetensors", NOWHERE, "somebody/their-model", "hint: "];
    assert_error(&offline(&["info", "somebody/their-model"]), &parts);

    let model = karate::copy();
    write_config(model.path(), |config| config["data"]["name"] = "cora".into());
    let model = model.path().to_str().unwrap();
    assert_error(&offline(&["run", model]), &["ind.cora.allx", "https://", "--data DIR"]);
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().to_str().unwrap();
    assert_error(&offline(&["run", model, "--data", data]), &["ind.cora.graph", data, "--data DIR"]);
    assert_error(&offline(&["run", model, "--data", "/no/such"]), &["/no/such", "no such folder"]);
}

#[test]
fn a_bad_training_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let train = |text: &str| {
        let config = folder.path().join("bad.toml");
        std::fs::write(&config, text).unwrap();
        run(&["train", config.to_str().unwrap(), "--out", folder.path().join("out").to_str().unwrap()])
    };
    let recipe = karate::recipe(10, 0);
    assert_error(&train("[model"), &["bad.toml"]);
    assert_error(&train(&recipe.replace("epochs =", "epoch =")), &["bad.toml", "epoch"]);
    assert_error(&train(&recipe.replace("PaperGAT", "PaperGTA")), &["unknown architecture", "PaperGAT"]);
    assert_error(
        &train(&recipe.replace("in_channels = 34", "in_channels = 35")),
        &["in_channels", "34", "35"],
    );
    assert_error(&train(&recipe.replace("karate\"\n", "karat\"\n")), &["karate"]);
    assert_error(&train(&recipe.replace("name = \"gat-karate\"", "name = \"../gat\"")), &["output.name"]);
    assert_error(&run(&["train", "/no/such/file.toml"]), &["/no/such/file.toml"]);
    assert_error(&run(&["train", "x.toml", "--runs", "0"]), &["at least 1"]);
    assert!(!folder.path().join("out").exists(), "nothing is written");
}

#[test]
fn a_device_that_is_not_there() {
    if cfg!(any(feature = "cuda", feature = "metal")) {
        return;
    }
    let model = karate::model().to_str().unwrap();
    for (device, feature) in [("cuda", "cuda"), ("cuda:1", "cuda"), ("metal", "metal")] {
        let hint = format!("--features {feature}");
        assert_error(&run(&["run", model, "--device", device]), &["cannot use the device", &hint]);
    }
}
