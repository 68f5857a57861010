//! The recipe beside published weights makes them again.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use candle_core::Device;
use candle_geometric_data::{Dataset, Source, load};
use candle_geometric_models::{ModelConfig, ZooEntry};
use candle_geometric_train::{RunOptions, TrainConfig, Trainer};
use safetensors::SafeTensors;

/// The bits are promised on processors of the kind that the card names; elsewhere the same numbers up to rounding.
#[test]
fn the_recipe_of_gat_karate_makes_its_weights() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/gat-karate");
    let config = TrainConfig::from_file(folder.join("train.toml")).unwrap();
    let runs: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("runs.json")).unwrap()).unwrap();
    let picked = runs["picked"].as_u64().unwrap();
    let dataset = Dataset::Nodes(load("karate", &Source::Cache).unwrap());
    let trainer = Trainer::new(&config, &dataset, &Device::Cpu).unwrap();
    let trained = trainer.run(picked, &RunOptions::default(), &mut ()).unwrap();

    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let published = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(published.len(), trained.weights.len());
    let card = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let same_kind = card.contains("x86-64 with AVX-512") && has_avx512();
    if !same_kind {
        eprintln!("SKIPPED: the bits of gat-karate, on another kind of processor than its card names");
    }
    for (name, tensor) in &trained.weights {
        let view = published.tensor(name).unwrap();
        let theirs: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        let ours: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (a, b) in ours.iter().zip(&theirs) {
            assert!((a - b).abs() < 1e-3, "{name}: {a} and {b}");
            assert!(
                !same_kind || a.to_bits() == b.to_bits(),
                "{name}: {a} and {b} on the same kind of processor"
            );
        }
    }
    let entry =
        ZooEntry::<ModelConfig>::parse(&std::fs::read(folder.join("config.json")).unwrap(), &folder).unwrap();
    assert_eq!(trained.report.test.unwrap().metric, entry.metric.this);
}

fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
