//! Models on the Hugging Face Hub. What is in its cache is not asked for again.

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo};

use super::folder::{self, CONFIG, MODULES, PROMPTS, SENTENCES, TOKENIZER, TOKENS, WEIGHTS};
use crate::{Error, Result};

/// The repository that `name` means, if it is no folder and has the form `OWNER/NAME`.
pub(super) fn repository(name: &str) -> Option<&str> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let (owner, model) = name.split_once('/')?;
    (plain(owner) && plain(model) && !Path::new(name).exists()).then_some(name)
}

/// Makes sure that the files of a model are in the cache, and gives their folder. `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME` and
/// `HF_HUB_OFFLINE` are as usual.
pub(super) fn fetch(repository: &str) -> Result<PathBuf> {
    let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || std::env::home_dir().unwrap_or_else(std::env::temp_dir).join(".cache/huggingface");
    let folder = path("HF_HUB_CACHE").unwrap_or_else(|| path("HF_HOME").unwrap_or_else(home).join("hub"));
    let offline = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
    let endpoint = std::env::var("HF_ENDPOINT").unwrap_or_else(|_| "https://huggingface.co".into());
    let cache = Cache::new(folder);
    let api = ApiBuilder::from_cache(cache.clone()).with_endpoint(endpoint).with_progress(false).build();
    let source = Source {
        name: repository,
        cache: cache.repo(Repo::model(repository.to_string())),
        api: api.map_err(|e| Error::format(repository, e.to_string()))?.model(repository.to_string()),
        offline: ["1", "true", "yes", "on"].contains(&offline.as_str()),
    };
    let found = source.all();
    found.map_err(|problem| Error::format(format!("{repository} on the Hub"), problem))
}

/// The files of one repository.
struct Source<'a> {
    name: &'a str,
    cache: CacheRepo,
    api: ApiRepo,
    offline: bool,
}

impl Source<'_> {
    fn all(&self) -> std::result::Result<PathBuf, String> {
        // The weights come last: once they are there, everything is.
        if self.cache.get(WEIGHTS).is_none() && self.offline {
            return Err("HF_HUB_OFFLINE is set, and the model is not in the cache".into());
        }
        let mut inner = String::new();
        if let Some(path) = self.optional(MODULES)? {
            let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
            let modules: Vec<folder::Module> = folder::json(MODULES, &bytes).map_err(|e| e.to_string())?;
            for module in modules {
                match module.class() {
                    "Transformer" if !module.path.is_empty() => inner = format!("{}/", module.path),
                    "Pooling" => drop(self.optional(&format!("{}/{CONFIG}", module.path))?),
                    _ => {}
                }
            }
        }
        self.optional(PROMPTS)?;
        for file in [SENTENCES, TOKENS] {
            self.optional(&format!("{inner}{file}"))?;
        }
        let mut root = PathBuf::new();
        for file in [CONFIG, TOKENIZER, WEIGHTS] {
            let path = self.get(&format!("{inner}{file}"))?.ok_or_else(|| {
                format!("there is no such repository, it is private, or it has no file {inner}{file}")
            })?;
            root = path.parent().map(Path::to_path_buf).unwrap_or_default();
        }
        // The snapshot, not the folder of the transformer in it.
        let root = if inner.is_empty() { Some(root.as_path()) } else { root.parent() };
        root.map(Path::to_path_buf).ok_or_else(|| format!("{}: no folder", self.name))
    }

    fn optional(&self, file: &str) -> std::result::Result<Option<PathBuf>, String> {
        if self.cache.get(file).is_none() && self.complete() { Ok(None) } else { self.get(file) }
    }

    fn complete(&self) -> bool {
        self.offline || self.cache.get(WEIGHTS).is_some()
    }

    /// The path of a file in the cache, downloaded if it is not there; `None` if the repository does not have it.
    fn get(&self, file: &str) -> std::result::Result<Option<PathBuf>, String> {
        if let Some(path) = self.cache.get(file) {
            return Ok(Some(path));
        }
        match self.api.download(file) {
            Ok(path) => Ok(Some(path)),
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(format!("{file} could not be downloaded: {error}")),
        }
    }
}

/// Whether the server says that there is no such file (or that it is not for everyone, which it does not tell apart).
fn absent(error: &ApiError) -> bool {
    let text = error.to_string();
    text.contains("404") || text.contains("401")
}
