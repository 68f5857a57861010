//! Models on the Hugging Face Hub. What is in its cache is not asked for again.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo};

use super::folder::{self, CONFIG, MODULES, PROMPTS, SENTENCES, TOKENIZER, TOKENS, WEIGHTS};
use crate::{Error, Result};

/// The repository that `name` means, if it is no folder and has the form `OWNER/NAME`.
pub(super) fn repository_of(name: &str) -> Option<&str> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let (owner, model) = name.split_once('/')?;
    (plain(owner) && plain(model) && !Path::new(name).exists()).then_some(name)
}

/// The Hub, or a mirror of it, and the cache of what was downloaded.
pub(super) struct Hub {
    /// The address, `https://huggingface.co`.
    pub(super) endpoint: String,
    /// The folder of the cache.
    pub(super) cache: PathBuf,
    /// Whether only the cache may be used, never the network.
    pub(super) offline: bool,
}

impl Hub {
    /// As the usual variables say: `HF_ENDPOINT`, `HF_HUB_CACHE` or `HF_HOME`, and `HF_HUB_OFFLINE`.
    pub(super) fn from_env() -> Self {
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || std::env::home_dir().unwrap_or_else(std::env::temp_dir).join(".cache/huggingface");
        let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
        Self {
            endpoint: std::env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".into()),
            cache: path("HF_HUB_CACHE").unwrap_or_else(|| path("HF_HOME").unwrap_or_else(home).join("hub")),
            offline: ["1", "true", "yes", "on"].contains(&offline.as_str()),
        }
    }

    /// Makes sure that the files of a model are in the cache, and gives their folder.
    pub(super) fn fetch(&self, repository: &str) -> Result<PathBuf> {
        let failed = |problem: String| Error::format(format!("{repository} on the Hub"), problem);
        let cache = Cache::new(self.cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(self.endpoint.clone())
            .with_progress(false)
            .build()
            .map_err(|e| failed(e.to_string()))?;
        let source = Source {
            cache: cache.repo(Repo::model(repository.to_string())),
            api: api.model(repository.to_string()),
            offline: self.offline,
        };
        source.all().map_err(failed)
    }
}

/// The files of one repository.
struct Source {
    cache: CacheRepo,
    api: ApiRepo,
    offline: bool,
}

impl Source {
    fn all(&self) -> std::result::Result<PathBuf, String> {
        // The weights come last: once they are there, everything is, and nothing that is not is asked for again.
        let mut inner = String::new();
        let mut poolings = Vec::new();
        if let Some(path) = self.optional(MODULES, self.cache.get(WEIGHTS).is_some())? {
            let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
            let modules: Vec<folder::Module> = folder::json(MODULES, &bytes).map_err(|e| e.to_string())?;
            for module in modules {
                match module.class() {
                    "Transformer" if !module.path.is_empty() => inner = format!("{}/", module.path),
                    "Pooling" => poolings.push(format!("{}/{CONFIG}", module.path)),
                    _ => {}
                }
            }
        }
        let complete = self.cache.get(&format!("{inner}{WEIGHTS}")).is_some();
        let beside = [SENTENCES, TOKENS].map(|file| format!("{inner}{file}"));
        for file in poolings.iter().chain(&beside).map(String::as_str).chain([PROMPTS]) {
            self.optional(file, complete)?;
        }
        let mut last = PathBuf::new();
        for file in [CONFIG, TOKENIZER, WEIGHTS] {
            last = self.get(&format!("{inner}{file}"))?.ok_or_else(|| {
                format!("there is no such repository, it is private, or it has no file {inner}{file}")
            })?;
        }
        // The snapshot, not the folder of the transformer in it.
        let root = last.ancestors().nth(1 + inner.matches('/').count());
        root.map(Path::to_path_buf).ok_or_else(|| format!("{}: in no folder", last.display()))
    }

    /// As [`get`](Self::get), but what is not in the cache is not asked for if the model is there.
    fn optional(&self, file: &str, complete: bool) -> std::result::Result<Option<PathBuf>, String> {
        match self.cache.get(file) {
            None if complete => Ok(None),
            _ => self.get(file),
        }
    }

    /// The path of a file in the cache, downloaded if it is not there; `None` if the repository does not have it.
    fn get(&self, file: &str) -> std::result::Result<Option<PathBuf>, String> {
        if let Some(path) = self.cache.get(file) {
            return Ok(Some(path));
        }
        if self.offline {
            return Err(format!("HF_HUB_OFFLINE is set, and {file} is not in the cache"));
        }
        let path = match self.api.download(file) {
            Ok(path) => path,
            Err(error) if absent(&error) => return Ok(None),
            Err(error) => return Err(format!("{file} could not be downloaded: {error}")),
        };
        // What is not of its kind may be an error page: it must not stay in the cache.
        let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
        let problem = match file.ends_with(".json") {
            true => serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).err().map(|e| e.to_string()),
            false => safetensors::SafeTensors::deserialize(&bytes).err().map(|e| e.to_string()),
        };
        match problem {
            None => Ok(Some(path)),
            Some(problem) => {
                if let Ok(blob) = std::fs::canonicalize(&path) {
                    let _ = std::fs::remove_file(blob);
                }
                let _ = std::fs::remove_file(&path);
                Err(format!("{file} as it came is damaged: {problem}"))
            }
        }
    }
}

/// Whether the server says that there is no such file (or that it is not for everyone, which it does not tell apart).
fn absent(error: &ApiError) -> bool {
    let text = error.to_string();
    text.contains("404") || text.contains("401")
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
