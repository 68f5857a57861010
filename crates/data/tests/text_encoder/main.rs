//! Text encoders: against Python, and on folders, files and texts as they should not be.
//!
//! `cases/` has a model of random weights for every family, and in `expected.json` what `transformers` 4.57.6 makes of it: the
//! hidden states of some texts, pooled over their tokens; and what `sentence-transformers` 5.1.2 makes of the texts with the
//! model in `bert`, around which it saved its own files.
#![cfg(feature = "text")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad;
mod cache;
mod texts;

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use candle_geometric_data::text_encoder::{EncoderOptions, Pooling, TextEncoder};
use serde_json::Value;
use tempfile::TempDir;

const FAMILIES: [&str; 7] =
    ["bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "electra", "modernbert"];

pub(crate) fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text_encoder/cases")
}

pub(crate) fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(cases().join("expected.json")).unwrap()).unwrap()
}

pub(crate) fn texts() -> Vec<String> {
    serde_json::from_value(expected()["texts"].clone()).unwrap()
}

/// A copy of the model of a family, to be damaged.
pub(crate) fn model(family: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &Path| {
        for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
            let to = folder.path().join(entry.strip_prefix(cases().join(family)).unwrap());
            if entry.is_file() {
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(&entry, to).unwrap();
            }
        }
    };
    copy(&cases().join(family));
    if family == "bert" {
        copy(&cases().join("bert/1_Pooling"));
    }
    std::fs::copy(cases().join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    folder
}

pub(crate) fn load(folder: &TempDir, options: EncoderOptions) -> candle_geometric_data::Result<TextEncoder> {
    TextEncoder::load_with(folder.path().to_str().unwrap(), options)
}

/// The hidden states and nothing else.
pub(crate) fn plain() -> EncoderOptions {
    EncoderOptions {
        pooling: Some(Pooling::Mean),
        normalize: Some(false),
        max_length: Some(24),
        prompt: Some(String::new()),
        ..EncoderOptions::default()
    }
}

pub(crate) fn rows(x: &Tensor) -> Vec<Vec<f32>> {
    x.to_vec2().unwrap()
}

pub(crate) fn close(actual: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
    assert_eq!(actual.len(), expected.len());
    for (row, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() <= tolerance, "row {row}: {actual:?} instead of {expected:?}");
        }
    }
}

#[test]
fn hidden_states_are_those_of_transformers() {
    let expected = expected();
    for family in FAMILIES {
        let folder = model(family);
        for (name, pooling) in Pooling::NAMES {
            let max_length = expected[family]["max_length"].as_u64().map(|n| n as usize);
            let options = EncoderOptions { pooling: Some(pooling), max_length, ..plain() };
            let encoder = load(&folder, options).unwrap_or_else(|e| panic!("{family}: {e}"));
            let x = rows(&encoder.encode(&texts()).unwrap());
            println!("{family} {name}");
            close(&x, &serde_json::from_value::<Vec<_>>(expected[family][name].clone()).unwrap(), 1e-5);
        }
    }
}

#[test]
fn sentences_are_those_of_sentence_transformers() {
    let encoder = load(&model("bert"), EncoderOptions::default()).unwrap();
    assert_eq!((encoder.max_length(), encoder.width(), encoder.pooling()), (12, 8, Pooling::Max));
    let x = rows(&encoder.encode(&texts()).unwrap());
    close(&x, &serde_json::from_value::<Vec<_>>(expected()["sentences"].clone()).unwrap(), 1e-5);
}
