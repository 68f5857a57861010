//! The catalogue that the program carries agrees with the zoo. After a change to the zoo, write it anew:
//! `UPDATE_CATALOG=1 cargo test -p candle-geometric-models --test catalog`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_geometric_models::zoo::Family;
use candle_geometric_models::zoo::{CatalogEntry, CatalogWeights, list};
use candle_geometric_models::{
    Configuration, HeteroModelConfig, KnowledgeModelConfig, ModelConfig, ZooEntry, from_pretrained_as,
};
use sha2::{Digest, Sha256};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// What the catalogue should say of a folder of the zoo.
fn entry(folder: &Path) -> CatalogEntry {
    if !folder.join("config.json").is_file() {
        return recipe(folder);
    }
    match Family::of_pretrained(folder.to_str().unwrap()).unwrap() {
        Family::Graph => entry_as::<ModelConfig>(folder),
        Family::Hetero => entry_as::<HeteroModelConfig>(folder),
        Family::Knowledge => entry_as::<KnowledgeModelConfig>(folder),
    }
}

fn entry_as<C: Configuration>(folder: &Path) -> CatalogEntry {
    let path = folder.join("config.json");
    let config = std::fs::read(&path).unwrap();
    let entry = ZooEntry::<C>::parse(&config, &path).unwrap();
    // It loads, with tensors that are the model's.
    assert!(from_pretrained_as::<C>(folder.to_str().unwrap(), &Device::Cpu).unwrap().num_parameters() > 0);
    CatalogEntry {
        name: name(folder),
        summary: summary(folder),
        architecture: entry.model.architecture().into(),
        weights: Some(CatalogWeights {
            metric: entry.metric,
            config_sha256: sha256(&config),
            sha256: sha256(&std::fs::read(folder.join(entry.weights.file)).unwrap()),
        }),
    }
}

/// Of a folder with a recipe alone.
fn recipe(folder: &Path) -> CatalogEntry {
    let recipe: toml::Table = std::fs::read_to_string(folder.join("train.toml")).unwrap().parse().unwrap();
    CatalogEntry {
        name: name(folder),
        summary: summary(folder),
        architecture: recipe["model"]["architecture"].as_str().unwrap().into(),
        weights: None,
    }
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().into()
}

/// The first paragraph of its card.
fn summary(folder: &Path) -> String {
    let card = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let line = card.lines().find(|l| !l.trim().is_empty() && !l.starts_with(['#', '-', '|'])).unwrap();
    line.trim().into()
}

#[test]
fn the_catalogue_agrees_with_the_zoo() {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let Ok(folders) = std::fs::read_dir(&zoo) else {
        eprintln!("SKIPPED the_catalogue_agrees_with_the_zoo: {} is not here", zoo.display());
        return;
    };
    let mut folders: Vec<PathBuf> = folders.map(|f| f.unwrap().path()).collect();
    folders.retain(|f| f.join("README.md").is_file());
    folders.sort();
    let expected: Vec<_> = folders.iter().map(|f| entry(f)).collect();
    if std::env::var_os("UPDATE_CATALOG").is_some() {
        let text = serde_json::to_string_pretty(&expected).unwrap() + "\n";
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog.json"), text).unwrap();
        return;
    }
    assert_eq!(list().unwrap(), expected, "run this test with UPDATE_CATALOG=1");
}
