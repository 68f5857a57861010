//! A small model of the zoo, trained on the karate club by the program itself.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{program, stderr};

/// A recipe for the karate club.
pub(crate) fn recipe(epochs: usize, checkpoint_every: usize) -> String {
    format!(
        r#"
[model]
architecture = "PaperGAT"
config = {{ in_channels = 34, out_channels = 2, hidden_channels = 4, heads = 2 }}
[data]
name = "karate"
[optimizer]
name = "adam"
lr = 0.01
weight_decay = 5e-4
[training]
epochs = {epochs}
early_stopping = "none"
checkpoint_every = {checkpoint_every}
[output]
name = "gat-karate"
description = "A test."
split = "ours"
source = "nowhere"
tolerance = 0.001
licence = "MIT"
"#
    )
}

/// The folder of a model that is trained once for all tests of a file; it is called `gat-karate`.
pub(crate) fn model() -> &'static Path {
    static MODEL: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, model) = MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("karate.toml");
        std::fs::write(&config, recipe(60, 0)).unwrap();
        let output = program().arg("train").arg(&config).arg("--out").arg(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let model = folder.path().join("gat-karate");
        (folder, model)
    });
    model
}

/// A copy of the model to spoil.
pub(crate) fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(model()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}
