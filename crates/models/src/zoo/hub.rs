use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo};

use super::{CARD, CONFIG, CatalogEntry};
use crate::{Configuration, Error, ModelConfig, Result, ZooEntry, weights};

/// The Hugging Face Hub, or a mirror of it, and the cache of what was downloaded. What is in the cache is not asked for again.
///
/// The Hub can answer with an error page that the cache then takes for the file, and a download can be cut short, so
/// every file is held to its SHA-256, and a bad one is removed from the cache and downloaded once more.
#[derive(Debug, Clone)]
pub struct Hub {
    /// The address, `https://huggingface.co`.
    pub endpoint: String,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// Whether only the cache may be used, never the network.
    pub offline: bool,
}

impl Hub {
    /// As the usual variables say: `HF_ENDPOINT`, `HF_HUB_CACHE` or `HF_HOME`, and `HF_HUB_OFFLINE` (`1`, `true`, `yes`
    /// or `on`).
    pub fn from_env() -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        let home = || std::env::home_dir().unwrap_or_else(std::env::temp_dir).join(".cache/huggingface");
        let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default();
        Self {
            endpoint: std::env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".into()),
            cache: path("HF_HUB_CACHE").unwrap_or_else(|| path("HF_HOME").unwrap_or_else(home).join("hub")),
            offline: ["1", "true", "yes", "on"].contains(&offline.to_lowercase().as_str()),
        }
    }

    /// Makes sure that the files of the model `repo` (`owner/name`) are in the cache, and gives their folder.
    ///
    /// The weights are held to the sum in `config.json`, and that file to the one in `pinned`.
    ///
    /// # Errors
    /// If a file is not in the cache and cannot be downloaded; the message names the files and where they are to be had. If
    /// a file, downloaded again, still is not the one that was published.
    pub fn fetch(&self, repo: &str, pinned: Option<&CatalogEntry>) -> Result<PathBuf> {
        self.fetch_as::<ModelConfig>(repo, pinned)
    }

    /// As [`fetch`](Self::fetch), for a model of the family that `C` stands for.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_as<C: Configuration>(&self, repo: &str, pinned: Option<&CatalogEntry>) -> Result<PathBuf> {
        let cache = Cache::new(self.cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(self.endpoint.clone())
            .with_progress(false)
            .build()
            .map_err(|e| self.error(repo, &[CONFIG], e.to_string()))?;
        let source = Source {
            hub: self,
            repo,
            cache: cache.repo(Repo::model(repo.to_string())),
            api: api.model(repo.to_string()),
        };
        let first_time = source.cache.get(CONFIG).is_none();
        let config =
            source.get(CONFIG, pinned.and_then(|p| Some(p.weights.as_ref()?.config_sha256.as_str())))?;
        // What is no entry may be an error page: it must not stay in the cache.
        let entry =
            ZooEntry::<C>::parse(&weights::read(&config)?, &config).inspect_err(|_| remove(&config))?;
        source.get(&entry.weights.file, Some(&entry.weights.sha256))?;
        if first_time {
            // A model can do without its card: there may be none, and a network that fails here takes nothing away.
            let _ = source.api.download(CARD);
        }
        Ok(config.parent().map(Path::to_path_buf).unwrap_or_default())
    }

    fn error(&self, repo: &str, files: &[&str], reason: String) -> Error {
        Error::Download {
            files: files.iter().map(|f| f.to_string()).collect(),
            url: format!("{}/{repo}", self.endpoint),
            reason,
        }
    }
}

/// The files of one repository.
struct Source<'a> {
    hub: &'a Hub,
    repo: &'a str,
    cache: CacheRepo,
    api: ApiRepo,
}

impl Source<'_> {
    /// The path of a file in the cache, downloaded if it is not there or not what it should be.
    fn get(&self, file: &str, sha256: Option<&str>) -> Result<PathBuf> {
        if let Some(path) = self.cache.get(file) {
            match verify(&path, sha256) {
                Err(bad) if self.hub.offline => return Err(bad),
                Err(_) => remove(&path),
                Ok(()) => return Ok(path),
            }
        }
        let path = self.download(file)?;
        verify(&path, sha256).inspect_err(|_| remove(&path))?;
        Ok(path)
    }

    fn download(&self, file: &str) -> Result<PathBuf> {
        let wanted = if file == CONFIG { vec![CONFIG, "model.safetensors"] } else { vec![file] };
        if self.hub.offline {
            let reason =
                format!("HF_HUB_OFFLINE is set, and they are not in the cache {}", self.hub.cache.display());
            return Err(self.hub.error(self.repo, &wanted, reason));
        }
        self.api.download(file).map_err(|e| self.hub.error(self.repo, &wanted, reason(e)))
    }
}

fn verify(path: &Path, sha256: Option<&str>) -> Result<()> {
    let Some(expected) = sha256 else { return Ok(()) };
    weights::verify_sha256(path, &weights::read(path)?, expected)
}

/// Removes a file from the cache: the link in the snapshot and what it points to.
fn remove(path: &Path) {
    if let Ok(blob) = std::fs::canonicalize(path) {
        let _ = std::fs::remove_file(blob);
    }
    let _ = std::fs::remove_file(path);
}

/// A missing repository and a missing network read alike in the client's words; say which.
fn reason(error: ApiError) -> String {
    let text = error.to_string();
    match text.contains("404") || text.contains("401") {
        true => format!("there is no such repository or file, or it is private: {text}"),
        false => text,
    }
}
