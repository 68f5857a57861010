//! `explain` and `curves`: the numbers add up, the files are what their names say, and wrong arguments are answered.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{assert_error, karate, run, stdout};
use serde_json::Value;

fn model() -> &'static str {
    karate::model().to_str().unwrap()
}

#[test]
fn explain_prints_and_writes_what_the_attention_does() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let output = run(&["explain", model(), "--node", "33", "--out", out]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    for part in
        ["Attention of gat-karate on karate", "to its label", "rollout: where node 33", "attention.html"]
    {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    for name in ["entropy", "attention", "rollout"] {
        assert!(read(&format!("{name}.svg")).starts_with(b"<svg"), "{name}");
        assert!(read(&format!("{name}.png")).starts_with(b"\x89PNG"), "{name}");
    }
    assert!(read("attention.html").starts_with(b"<!doctype html>"));

    let report: Value = serde_json::from_slice(&read("statistics.json")).unwrap();
    let json = stdout(&run(&["explain", model(), "--node", "33", "--json"]));
    assert_eq!(report, serde_json::from_str::<Value>(&json).unwrap());
    let shares = report["rollout"]["shares"].as_array().unwrap();
    let sum: f64 = shares.iter().map(|s| s[1].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    // 78 friendships in both directions and 34 self-loops: the mean in-degree, and a line for each head and node.
    let heads = report["layers"][0]["heads"].as_array().unwrap();
    assert!((heads[0]["in_degree"].as_f64().unwrap() - 190.0 / 34.0).abs() < 1e-12);
    assert!(heads.iter().all(|h| h["entropy"].as_f64() < h["max_entropy"].as_f64()));
    let layers = report["layers"].as_array().unwrap();
    let lines: usize = layers.iter().map(|l| 34 * l["heads"].as_array().unwrap().len()).sum();
    assert_eq!(String::from_utf8(read("nodes.csv")).unwrap().lines().count(), 1 + lines);
}

/// The folder with the data sets; where it is not, the test says so and is done.
fn data() -> Option<String> {
    let data = common::workspace().join("../shared/data");
    if !data.is_dir() {
        let required = std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_some();
        assert!(!required, "../shared is not here");
        eprintln!("SKIPPED: ../shared is not here");
        return None;
    }
    Some(data.to_str().unwrap().into())
}

fn json(arguments: &[&str]) -> Value {
    let output = run(&[&["explain"], arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// Attention along metapaths and over them, over the relations of facts, and what pooling leaves.
#[test]
fn explain_shows_models_of_types_facts_and_graphs() {
    let Some(data) = data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let number = |v: &Value| v.as_f64().unwrap();

    let facts = json(&["models/relational-gat-umls", "--data", &data, "--node", "3", "--out", out]);
    let kinds = facts["layers"][0]["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 2 * 46);
    for share in ["attention", "uniform"] {
        let sum: f64 = kinds.iter().map(|kind| number(&kind[share])).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{share}: {sum}");
    }
    let page = std::fs::read_to_string(dir.path().join("attention.html")).unwrap();
    assert!(page.contains("physiologic_function"), "entities have their names");

    let pooled = json(&["models/sagpool-proteins", "--data", &data, "--graph", "3", "--out", out]);
    assert_eq!(pooled["seen_by_readout"], serde_json::json!([12, 6, 3]));
    assert_eq!(pooled["readout"].as_array().unwrap().len(), 24);
    let svg = std::fs::read_to_string(dir.path().join("readout.svg")).unwrap();
    assert!(svg.contains("What sagpool-proteins looks at"), "{svg}");
}

#[test]
fn explain_answers_wrong_arguments() {
    assert_error(&run(&["explain", model(), "--layer", "2"]), &["--layer", "below 2", "got 2"]);
    assert_error(&run(&["explain", model(), "--head", "1"]), &["--head", "below 1", "got 1"]);
    assert_error(&run(&["explain", model(), "--node", "34"]), &["--node", "below 34", "got 34"]);
    assert_error(&run(&["explain", model(), "--graph", "0"]), &["--graph", "nodes of one graph"]);
    assert_error(&run(&["explain", "gat-krate"]), &["gat-krate"]);
}

#[test]
fn curves_of_two_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    let recipe = std::fs::read_to_string(karate::model().join("train.toml")).unwrap();
    let recipe = recipe.lines().map(|line| if line.starts_with("epochs") { "epochs = 12" } else { line });
    std::fs::write(path("train.toml"), recipe.collect::<Vec<_>>().join("\n")).unwrap();
    for (name, seed) in [("first", "0"), ("second", "1")] {
        let output = run(&["train", &path("train.toml"), "--seed", seed, "--out", &path(name)]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    for file in ["curves.svg", "curves.png"] {
        let output = run(&["curves", &path("first"), &path("second/seed-1"), "--out", &path(file)]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let svg = std::fs::read_to_string(path("curves.svg")).unwrap();
    for part in ["first, training", "first, validation", "seed-1, validation", "Loss", "Metric", "epoch"] {
        assert!(svg.contains(part), "`{part}` is not in the picture");
    }
    assert!(std::fs::read(path("curves.png")).unwrap().starts_with(b"\x89PNG"));
    assert_error(&run(&["curves", &path("none")]), &["no such folder", "hint"]);
    assert_error(&run(&["curves", dir.path().to_str().unwrap()]), &["event files", "hint"]);
    assert_error(&run(&["curves", &path("first"), "--out", &path("no/such.svg")]), &["cannot write", "hint"]);
}
