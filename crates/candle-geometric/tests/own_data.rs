//! Training on one's own data by the program: files of a known format in a folder, then the model that came of it.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use candle_geometric::data::text_vectors;
use candle_geometric::{Device, Tensor};
use common::{assert_error, run, stderr, stdout};
use serde_json::json;

/// A recipe of the data set `name` in `format`, and where it stands.
fn recipe(folder: &Path, name: &str, format: &str, more: &str, in_channels: usize) -> PathBuf {
    let text = format!(
        r#"
[model]
architecture = "GAT"
config = {{ in_channels = {in_channels}, hidden_channels = 8, out_channels = 2, num_layers = 2, heads = 2, v2 = true }}
[data]
name = "{name}"
format = "{format}"
protocol = {{ shares = {{ train = 0.5, val = 0.2 }} }}
{more}
[optimizer]
name = "adam"
lr = 0.02
[training]
epochs = 40
early_stopping = "val-metric"
[output]
name = "{name}-model"
description = "Made by a test."
split = "half of the nodes, drawn"
tolerance = 0.0005
licence = "MIT"
"#
    );
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Two rings of 20; a member of the second ring mostly has another word or number.
fn members() -> impl Iterator<Item = (usize, usize, usize, bool)> {
    (0..40).map(|i| (i, i / 20, i / 20 * 20 + (i + 1) % 20, (i * 7 % 10 < 7) == (i < 20)))
}

/// Trains, evaluates and runs; the model's card.
fn through(folder: &Path, recipe: &Path, data: &Path) -> String {
    let out = folder.join("runs");
    let trained = run(&["train", text(recipe), "--data", text(data), "--out", text(&out)]);
    assert!(trained.status.success(), "{}", stderr(&trained));
    let name = format!("{}-model", recipe.file_stem().unwrap().to_str().unwrap());
    let model = out.join(name);
    let again = run(&["evaluate", text(&model), "--data", text(data)]);
    assert!(again.status.success(), "{}{}", stdout(&again), stderr(&again));
    let seen = run(&["run", text(&model), "--data", text(data), "--limit", "3"]);
    assert!(stdout(&seen).contains("accuracy: test"), "{}", stderr(&seen));
    // Where the files are nowhere published, it says what is lacking.
    assert_error(&run(&["run", text(&model)]), &["nowhere published", "hint: --data DIR"]);
    std::fs::read_to_string(model.join("README.md")).unwrap()
}

fn accuracy(card: &str) -> f64 {
    let row = card.lines().find(|line| line.starts_with("| test accuracy of these weights")).unwrap();
    row.split('|').nth(2).unwrap().trim().trim_end_matches(" %").parse().unwrap()
}

#[test]
fn a_graph_of_tables_is_imported_and_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (mut edges, mut nodes) = (String::from("source,target\n"), String::from("id,a,b,club\n"));
    for (i, ring, next, marked) in members() {
        writeln!(edges, "n{i},n{next}\nn{next},n{i}").unwrap();
        writeln!(nodes, "n{i},{},{},{}", u8::from(marked), u8::from(!marked), ["red", "blue"][ring]).unwrap();
    }
    std::fs::write(path("edges.csv"), edges).unwrap();
    std::fs::write(path("nodes.csv"), nodes).unwrap();
    let (from, file) = (path("edges.csv"), path("clubs.safetensors"));
    let nodes = path("nodes.csv");
    let imported = run(&[
        "data",
        "import",
        text(&from),
        "--nodes",
        text(&nodes),
        "--x",
        "a,b",
        "--y",
        "club",
        "--out",
        text(&file),
    ]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let recipe = recipe(folder.path(), "clubs", "graph", "", 2);
    let card = through(folder.path(), &recipe, folder.path());
    assert!(accuracy(&card) > 70.0, "{card}");

    let wrong = std::fs::read_to_string(&recipe).unwrap().replace("in_channels = 2", "in_channels = 3");
    std::fs::write(path("wrong.toml"), wrong).unwrap();
    let out = path("wrong");
    let data = folder.path();
    let refused = run(&["train", text(&path("wrong.toml")), "--data", text(data), "--out", text(&out)]);
    assert_error(&refused, &["model.in_channels", "2"]);
    assert_error(&run(&["train", text(&recipe), "--out", text(&out)]), &["nowhere published", "--data DIR"]);
    let counted =
        std::fs::read_to_string(&recipe).unwrap().replace("[optimizer]", "word_counts = 1\n[optimizer]");
    std::fs::write(path("counted.toml"), counted).unwrap();
    let refused = run(&["train", text(&path("counted.toml")), "--data", text(data), "--out", text(&out)]);
    assert_error(&refused, &["data.word_counts", "texts"]);
    let unknown = std::fs::read_to_string(&recipe).unwrap().replace("\"graph\"", "\"graphs\"");
    std::fs::write(path("unknown.toml"), unknown).unwrap();
    let refused = run(&["train", text(&path("unknown.toml")), "--data", text(data), "--out", text(&out)]);
    assert_error(&refused, &["graphs", "planetoid", "texts"]);
}

/// A page for each member; its text tells mostly of the same thing as its ring.
fn pages(folder: &Path) -> Vec<String> {
    let text = |i: usize, marked: bool| {
        format!("A page about {}, number {i}.", if marked { "graphs" } else { "cells" })
    };
    let pages = members().map(|(i, ring, next, marked)| {
        json!({ "node_id": i, "label": ring, "neighbors": [next], "text": text(i, marked) })
    });
    std::fs::write(folder.join("pages.json"), json!(pages.collect::<Vec<_>>()).to_string()).unwrap();
    members().map(|(i, _, _, marked)| text(i, marked)).collect()
}

#[test]
fn words_of_texts_are_counted_and_learnt() {
    let folder = tempfile::tempdir().unwrap();
    pages(folder.path());
    // a, about, cells, graphs, number, page
    let recipe = recipe(folder.path(), "pages", "texts", "word_counts = 2", 6);
    let card = through(folder.path(), &recipe, folder.path());
    assert!(accuracy(&card) > 70.0, "{card}");
    assert!(
        card.contains("how often each word stands in each text, of those that stand in at least 2 texts"),
        "{card}"
    );
}

/// The encoder is nowhere, so that what works rests on the vectors alone.
#[test]
fn vectors_of_texts_come_with_a_recipe_and_with_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let texts = pages(folder.path());
    let encoder = folder.path().join("no-encoder");
    let named = format!("encoder = '{}'", text(&encoder));
    let recipe = recipe(folder.path(), "pages", "texts", &named, 2);
    let out = folder.path().join("runs");
    let refused = run(&["train", text(&recipe), "--data", text(folder.path()), "--out", text(&out)]);
    assert_error(&refused, &["no-encoder", "hint:"]);

    let both = std::fs::read_to_string(&recipe).unwrap().replace("encoder =", "word_counts = 2\nencoder =");
    std::fs::write(folder.path().join("both.toml"), both).unwrap();
    let refused = run(&["train", text(&folder.path().join("both.toml")), "--data", text(folder.path())]);
    assert_error(&refused, &["data.encoder", "word_counts", "both"]);

    let vectors: Vec<f32> =
        texts.iter().flat_map(|text| if text.contains("graphs") { [1., 0.] } else { [0., 1.] }).collect();
    let vectors = Tensor::from_vec(vectors, (texts.len(), 2), &Device::Cpu).unwrap();
    let file = folder.path().join(text_vectors::FILE);
    text_vectors::save(&file, text(&encoder), &texts, &vectors).unwrap();
    let card = through(folder.path(), &recipe, folder.path());
    assert!(accuracy(&card) > 70.0, "{card}");
    assert!(card.contains("the vectors of the texts by the sentence encoder"), "{card}");

    // Other texts have no vectors.
    let other = tempfile::tempdir().unwrap();
    let pages = std::fs::read_to_string(folder.path().join("pages.json")).unwrap().replace("about", "on");
    std::fs::write(other.path().join("pages.json"), pages).unwrap();
    let model = out.join("pages-model");
    let refused = run(&["run", text(&model), "--data", text(other.path())]);
    assert_error(&refused, &["the SHA-256 of the texts", "hint:"]);
}

#[test]
fn a_recipe_without_weights_is_left_out_of_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("nobody-trained-it");
    std::fs::create_dir(&recipe).unwrap();
    std::fs::write(recipe.join("train.toml"), "").unwrap();
    let karate = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/gat-karate");
    let both = run(&["evaluate", text(&karate), text(&recipe)]);
    assert!(both.status.success(), "{}", stderr(&both));
    assert!(stdout(&both).contains("nobody-trained-it has no weights"), "{}", stdout(&both));
    assert_error(&run(&["evaluate", text(&recipe)]), &["nobody-trained-it has no weights"]);
}
