use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Metric, Result};

/// What the program knows of a model of the zoo without its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// The name: that of its folder, and of its repository on the Hub.
    pub name: String,
    /// One line about it.
    pub summary: String,
    /// The name of its architecture.
    pub architecture: String,
    /// Its weights; none where the zoo has nothing but the recipe.
    pub weights: Option<CatalogWeights>,
}

/// What the program knows of the weights of a model of the zoo without their file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogWeights {
    /// How well they do.
    pub metric: Metric,
    /// The SHA-256 of their `config.json`.
    pub config_sha256: String,
    /// Their SHA-256.
    pub sha256: String,
}

/// The models of the zoo, from the catalogue that the program carries.
///
/// # Errors
/// If that catalogue is damaged.
pub fn list() -> Result<Vec<CatalogEntry>> {
    const CATALOG: &str = include_str!("../../catalog.json");
    serde_json::from_str(CATALOG).map_err(|e| Error::file(Path::new("catalog.json"), e.to_string()))
}
