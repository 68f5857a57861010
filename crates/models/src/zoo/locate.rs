use std::path::{Path, PathBuf};

use super::{CONFIG, CatalogEntry, list};
use crate::error::nearest;
use crate::{Error, Result};

/// The variable that names the folder of the zoo.
const VARIABLE: &str = "CANDLE_GEOMETRIC_MODELS";
/// The file that says how a model is trained: where it stands alone, nobody has trained it yet.
const RECIPE: &str = "train.toml";
/// Whose repositories on the Hub are the zoo.
const OWNER: &str = "candle-geometric";

/// Where a model is.
#[derive(Debug)]
pub(crate) enum Location {
    Folder(PathBuf),
    Hub {
        repo: String,
        /// The sums to hold one of our own models to.
        pinned: Option<Box<CatalogEntry>>,
    },
}

/// Finds the model that `spec` names.
pub(crate) fn locate(spec: &str) -> Result<Location> {
    locate_in(spec, &roots(), list)
}

/// As [`locate`], in these folders. What is in a folder needs no catalogue.
fn locate_in(
    spec: &str,
    roots: &[PathBuf],
    catalog: impl FnOnce() -> Result<Vec<CatalogEntry>>,
) -> Result<Location> {
    let folder = Path::new(spec);
    let plain = is_name(spec);
    if plain {
        let found = roots.iter().map(|r| r.join(spec)).find(|f| f.join(CONFIG).is_file());
        if let Some(found) = found {
            return Ok(Location::Folder(found));
        }
    }
    if folder.is_dir() {
        if !folder.join(CONFIG).exists() && folder.join(RECIPE).is_file() {
            return Err(Error::NoWeights { name: last_part(spec) });
        }
        return Ok(Location::Folder(folder.to_path_buf()));
    }
    let catalog = catalog()?;
    let mut known: Vec<String> = catalog.iter().map(|e| e.name.clone()).collect();
    if let Some(entry) = catalog.into_iter().find(|e| e.name == spec) {
        if entry.weights.is_none() {
            return Err(Error::NoWeights { name: entry.name });
        }
        return Ok(Location::Hub { repo: format!("{OWNER}/{spec}"), pinned: Some(Box::new(entry)) });
    }
    if folder.is_file() {
        return Err(Error::file(folder, "a model is a folder with a config.json, and this is a file"));
    }
    match spec.split_once('/') {
        Some((owner, name)) if is_name(owner) && is_name(name) => {
            Ok(Location::Hub { repo: spec.to_string(), pinned: None })
        }
        _ => {
            known.extend(roots.iter().flat_map(|r| models_in(r)));
            known.sort();
            known.dedup();
            let nearest = nearest(spec, known.iter().map(String::as_str));
            Err(Error::UnknownModel { name: spec.to_string(), nearest, known })
        }
    }
}

/// The folders that may hold the zoo.
fn roots() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = std::env::var_os(VARIABLE).map(PathBuf::from).into_iter().collect();
    roots.push(PathBuf::from("models"));
    if let Ok(program) = std::env::current_exe() {
        roots.extend(program.ancestors().skip(1).map(|folder| folder.join("models")));
    }
    roots
}

/// The names of the models in a folder of models.
fn models_in(root: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(root).into_iter().flatten().flatten();
    folders
        .filter(|f| f.path().join(CONFIG).is_file())
        .filter_map(|f| f.file_name().into_string().ok())
        .collect()
}

/// Whether this can be the name of an account, a repository or a model: no path.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// What stands behind the last separator of a path or repository.
pub(crate) fn last_part(path: &str) -> String {
    let absolute = std::fs::canonicalize(path).ok();
    let name = absolute.as_deref().unwrap_or(Path::new(path)).file_name();
    name.map_or_else(|| path.to_string(), |n| n.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::CatalogWeights;
    use super::*;

    fn entry(name: &str) -> CatalogEntry {
        let metric = serde_json::json!({
            "name": "accuracy", "split": "test", "mean": 0.83, "std": 0.007, "runs": 100, "published": 0.83,
            "source": "the paper", "this": 0.831, "tolerance": 0.001
        });
        CatalogEntry {
            name: name.into(),
            summary: String::new(),
            architecture: "GAT".into(),
            weights: Some(CatalogWeights {
                metric: serde_json::from_value(metric).unwrap(),
                config_sha256: String::new(),
                sha256: String::new(),
            }),
        }
    }

    #[test]
    fn a_name_is_first_looked_for_on_the_disk() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("gat-cora");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(CONFIG), "{}").unwrap();
        let roots = [PathBuf::from("/nowhere"), root.path().to_path_buf()];

        let on_disk = locate_in("gat-cora", &roots, || Ok(vec![entry("gat-cora")])).unwrap();
        assert!(matches!(on_disk, Location::Folder(f) if f == folder));
        let by_path = locate_in(folder.to_str().unwrap(), &[], || Ok(vec![])).unwrap();
        assert!(matches!(by_path, Location::Folder(f) if f == folder));
        let elsewhere = locate_in("gat-pubmed", &roots, || Ok(vec![entry("gat-pubmed")])).unwrap();
        assert!(
            matches!(elsewhere, Location::Hub { repo, pinned: Some(_) } if repo == "candle-geometric/gat-pubmed")
        );
        let weights = folder.join("model.safetensors");
        std::fs::write(&weights, "").unwrap();
        let file = locate_in(weights.to_str().unwrap(), &[], || Ok(vec![])).unwrap_err().to_string();
        assert!(file.contains("model.safetensors: a model is a folder"), "{file}");
        let foreign = locate_in("somebody/their-gat", &roots, || Ok(vec![])).unwrap();
        assert!(matches!(foreign, Location::Hub { repo, pinned: None } if repo == "somebody/their-gat"));
    }

    #[test]
    fn a_recipe_without_weights_is_no_model() {
        let recipe = CatalogEntry { weights: None, ..entry("gat-ppi") };
        let error = locate_in("gat-ppi", &[], || Ok(vec![recipe])).unwrap_err().to_string();
        assert!(error.contains("gat-ppi has no weights") && error.contains("train.toml"), "{error}");

        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("gat-ppi");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(RECIPE), "").unwrap();
        // As a shell completes it, with the separator at the end.
        let spec = format!("{}/", folder.display());
        let error = locate_in(&spec, &[], || Ok(vec![])).unwrap_err();
        assert!(matches!(error, Error::NoWeights { name } if name == "gat-ppi"));
    }

    #[test]
    fn an_unknown_name_gets_suggestions() {
        let catalog = vec![entry("gat-cora"), entry("gat-karate"), entry("gcn-cora")];
        let error = locate_in("gat-coar", &[], || Ok(catalog)).unwrap_err().to_string();
        assert!(error.starts_with("unknown model `gat-coar` (did you mean gat-cora"), "{error}");
        for spec in ["", "../secret", "/no/such/folder", "a/b/c", "a/..", "./no-such-folder"] {
            let error = locate_in(spec, &[], || Ok(vec![])).unwrap_err().to_string();
            assert!(error.contains("unknown model") && error.contains("the zoo is empty"), "{error}");
        }
    }
}
