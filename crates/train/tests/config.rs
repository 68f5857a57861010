//! `train.toml`: what it accepts, and what it says of what it does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_models::FeatureNorm;
use candle_geometric_train::config::{LossKind, TrainConfig};
use candle_geometric_train::{Clip, OptimizerConfig, Rule, ScheduleConfig};

const FULL: &str = r#"[model]
architecture = "PaperGAT"
[model.config]
in_channels = 1433
out_channels = 7

[data]
name = "cora"
normalize_features = "sum"

[optimizer]
name = "adam"
lr = 0.005
weight_decay = 5e-4
decay_bias = false

[schedule]
name = "cosine"
t_max = 100
warmup_epochs = 5

[training]
epochs = 1000
task = "node-classification"
loss = "cross-entropy"
early_stopping = "val-loss"
patience = 50
min_epochs = 10
seed = 3
clip = { value = 0.5 }
checkpoint_every = 10

[output]
name = "gat-cora"
description = "The GAT of the paper."
split = "standard"
published = 0.83
source = "Veličković et al. 2018, table 2"
tolerance = 0.001
licence = "MIT OR Apache-2.0"
"#;

fn parse(text: &str) -> Result<TrainConfig, String> {
    TrainConfig::parse(text, "some/train.toml".as_ref()).map_err(|e| e.to_string())
}

#[test]
fn everything_is_read() {
    let c = parse(FULL).unwrap();
    assert_eq!((c.data.name.as_str(), c.data.normalize_features), ("cora", FeatureNorm::Sum));
    assert!(matches!(&c.optimizer, OptimizerConfig::Adam(a) if a.lr == 0.005 && a.eps == 1e-8));
    assert_eq!(
        (c.optimizer.weight_decay("conv1.bias"), c.optimizer.weight_decay("conv1.lin.weight")),
        (0.0, 5e-4)
    );
    assert!(matches!(&c.schedule, ScheduleConfig::Cosine(s) if s.warmup_epochs == 5));
    let t = &c.training;
    assert_eq!((t.early_stopping, t.patience, t.min_epochs, t.seed), (Rule::ValLoss, 50, 10, 3));
    assert_eq!((t.clip, t.loss), (Some(Clip::Value(0.5)), Some(LossKind::CrossEntropy)));
    assert_eq!(c.output.as_ref().unwrap().published, Some(0.83));
    assert_eq!(parse(&c.to_toml().unwrap()).unwrap(), c);
}

#[test]
fn every_wrong_line_is_named() {
    for (from, to, words) in [
        ("patience = 50", "patiense = 50", vec!["patiense", "line 27"]),
        ("lr = 0.005", "lr = \"fast\"", vec!["line 1"]),
        ("lr = 0.005", "momentum = 0.9", vec!["momentum"]),
        ("name = \"adam\"", "name = \"lion\"", vec!["lion", "adamw", "sgd"]),
        ("name = \"cosine\"", "name = \"constant\"", vec!["t_max"]),
        ("in_channels = 1433", "in_chanels = 1433", vec!["in_chanels"]),
        ("\"PaperGAT\"", "\"PaperGTA\"", vec!["PaperGTA", "PaperGAT"]),
        ("[data]", "[dta]", vec!["dta", "line 7"]),
        ("name = \"cora\"\n", "", vec!["name", "line 7"]),
        ("epochs = 1000", "epochs = -1", vec!["-1", "line 23"]),
        ("epochs = 1000", "epochs = 0", vec!["epochs"]),
        ("epochs = 1000", "epochs = ", vec!["line 23"]),
        ("tolerance = 0.001", "tolerance = 3", vec!["tolerance"]),
        ("published = 0.83", "published = 83.0", vec!["published"]),
        ("weight_decay = 5e-4", "weight_decay = -1", vec!["weight_decay"]),
        ("t_max = 100", "t_max = 0", vec!["t_max"]),
        ("\"sum\"", "\"max\"", vec!["max", "`none`", "`sum`", "`l2`", "line 9"]),
        ("\"sum\"", "true", vec!["`none`", "`sum`", "`l2`", "line 9"]),
        ("{ value = 0.5 }", "{ value = 0 }", vec!["clip"]),
        ("\"val-loss\"", "\"test-loss\"", vec!["test-loss", "paper"]),
    ] {
        let message = parse(&FULL.replacen(from, to, 1)).expect_err(to);
        for word in words.iter().chain(&["some/train.toml"]) {
            assert!(message.contains(word), "{to}: {word} is not in: {message}");
        }
    }
    let missing = TrainConfig::from_file("/nowhere/train.toml").unwrap_err().to_string();
    assert!(missing.contains("/nowhere/train.toml"), "{missing}");
}

#[test]
fn the_hash_sees_what_matters_only() {
    let hash = |from: &str, to: &str| parse(&FULL.replacen(from, to, 1)).unwrap().hash().unwrap();
    let plain = hash("", "");
    for (from, to) in [
        ("seed = 3", "seed = 4"),
        ("checkpoint_every = 10", "checkpoint_every = 1"),
        ("0.001", "0.002"),
        ("min_epochs = 10\nseed = 3", "seed = 3\nmin_epochs = 10"),
    ] {
        assert_eq!(hash(from, to), plain, "{to}");
    }
    for (from, to) in [
        ("lr = 0.005", "lr = 0.006"),
        ("\"cora\"", "\"pubmed\""),
        ("\"sum\"", "\"l2\""),
        ("out_channels = 7", "out_channels = 8"),
    ] {
        assert_ne!(hash(from, to), plain, "{to}");
    }
}
