//! An app outside the workspace that depends on the facade alone, without default features: it builds, loads a
//! pretrained model and predicts.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{stderr, stdout, workspace};

/// The whole app, as a user would write it.
const APP: &str = r#"use candle_geometric::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = from_pretrained(&std::env::args().nth(1).ok_or("which model?")?, &Device::Cpu)?;
    let features = model.entry.model.in_channels();

    // Three papers: 0 and 1 cite each other and share their words, 2 stands alone.
    let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
    let mut words = vec![0f32; 3 * features];
    words[0] = 1.0;
    words[features] = 1.0;
    words[3 * features - 1] = 1.0;
    let x = Tensor::from_vec(words, (3, features), &Device::Cpu)?;

    let classes = model.model.forward(&x, &edges)?.argmax(1)?.to_vec1::<u32>()?;
    for (node, class) in classes.into_iter().enumerate() {
        println!("{node}: {}", model.entry.task.labels[class as usize]);
    }
    Ok(())
}
"#;

#[test]
fn an_app_outside_the_workspace_predicts() {
    assert!(APP.lines().count() < 30);
    let folder = tempfile::tempdir().unwrap();
    let facade = env!("CARGO_MANIFEST_DIR");
    let manifest = format!(
        "[package]\nname = \"sample-app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         candle-geometric = {{ path = {facade:?}, default-features = false }}\n\n[workspace]\n\n\
         [profile.dev]\ndebug = false\n"
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), APP).unwrap();
    std::fs::copy(workspace().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();

    // Kept beside …/target/debug/candle-geometric, so that only the first test compiles the dependencies. Not
    // optimised: that takes half the time, and a graph of three nodes needs no more.
    let target =
        Path::new(env!("CARGO_BIN_EXE_candle-geometric")).ancestors().nth(2).unwrap().join("sample-app");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--"])
        .arg(common::some_model())
        .env("CARGO_TARGET_DIR", target)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let label = |node: usize| lines[node].split_once(": ").unwrap().1;
    assert_eq!(label(0), label(1), "two nodes with the same features and neighbourhood");
}
