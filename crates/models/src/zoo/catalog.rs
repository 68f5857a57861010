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
    /// How well it does.
    pub metric: Metric,
    /// The SHA-256 of its `config.json`.
    pub config_sha256: String,
    /// The SHA-256 of its weights.
    pub weights_sha256: String,
}

/// The models of the zoo, from the catalogue that the program carries.
///
/// # Errors
/// If that catalogue is damaged.
pub fn list() -> Result<Vec<CatalogEntry>> {
    const CATALOG: &str = include_str!("../../catalog.json");
    serde_json::from_str(CATALOG).map_err(|e| Error::file(Path::new("catalog.json"), e.to_string()))
}
