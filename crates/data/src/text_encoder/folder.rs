//! The files of a model, as `transformers` and `sentence-transformers` write them.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Pooling;
use crate::{Error, Result};

pub(super) const CONFIG: &str = "config.json";
pub(super) const TOKENIZER: &str = "tokenizer.json";
pub(super) const WEIGHTS: &str = "model.safetensors";
pub(super) const MODULES: &str = "modules.json";
pub(super) const SENTENCES: &str = "sentence_bert_config.json";
pub(super) const PROMPTS: &str = "config_sentence_transformers.json";
pub(super) const TOKENS: &str = "tokenizer_config.json";

/// The files of a model, in memory.
pub(super) struct ModelFiles {
    pub(super) config: File,
    pub(super) tokenizer: File,
    pub(super) weights: File,
    pub(super) settings: Settings,
    /// The SHA-256 of the three files.
    pub(super) sha256: String,
}

/// A file in memory.
pub(super) struct File {
    /// For messages.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// What the files of `sentence-transformers` say beside the model.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub(super) pooling: Option<Pooling>,
    pub(super) normalize: bool,
    pub(super) max_length: Option<usize>,
    pub(super) lower_case: bool,
    pub(super) prompt: Option<String>,
    /// Set where the pooling leaves out the tokens of the prompt.
    pub(super) without_prompt: bool,
}

/// Reads the files of the model in `folder`. With a pooling of the caller's own, that of the folder need not be one of ours.
pub(super) fn read(folder: &Path, own_pooling: bool) -> Result<ModelFiles> {
    if !folder.is_dir() {
        let problem = "not a folder: a text encoder is a folder with config.json, tokenizer.json and \
            model.safetensors, or a repository OWNER/NAME on the Hub";
        return Err(Error::format(folder.display().to_string(), problem));
    }
    let (transformer, settings) = settings(folder, own_pooling)?;
    let config = need(&transformer, CONFIG)?;
    let tokenizer = need(&transformer, TOKENIZER)?;
    let weights = need(&transformer, WEIGHTS)?;
    let mut hash = Sha256::new();
    for file in [&config, &tokenizer, &weights] {
        hash.update((file.bytes.len() as u64).to_le_bytes());
        hash.update(&file.bytes);
    }
    Ok(ModelFiles { config, tokenizer, weights, settings, sha256: crate::source::hex(hash) })
}

/// One entry of `modules.json`.
#[derive(Deserialize)]
pub(super) struct Module {
    pub(super) path: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Module {
    /// What the module does: the last part of the name of its Python class.
    pub(super) fn class(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or_default()
    }
}

/// The folder of the transformer, and what comes after it.
fn settings(folder: &Path, own_pooling: bool) -> Result<(PathBuf, Settings)> {
    let mut settings = Settings::default();
    let mut transformer = folder.to_path_buf();
    if let Some(file) = optional(folder, MODULES)? {
        let modules: Vec<Module> = json(&file.path, &file.bytes)?;
        for module in &modules {
            let inside = inside(folder, &module.path).ok_or_else(|| {
                Error::format(&file.path, format!("{:?} is no folder of the model", module.path))
            })?;
            match module.class() {
                "Transformer" => transformer = inside,
                "Pooling" if own_pooling => {}
                "Pooling" => {
                    let file = need(&inside, CONFIG)?;
                    (settings.pooling, settings.without_prompt) = pooling(&file)?;
                }
                "Normalize" => settings.normalize = true,
                other => {
                    let known = "Transformer, Pooling and Normalize";
                    return Err(Error::format(
                        &file.path,
                        format!("expected the modules {known}, got {other}"),
                    ));
                }
            }
        }
    }
    if let Some(file) = optional(&transformer, SENTENCES)? {
        #[derive(Deserialize)]
        struct Sentences {
            max_seq_length: Option<usize>,
            #[serde(default)]
            do_lower_case: bool,
        }
        let sentences: Sentences = json(&file.path, &file.bytes)?;
        (settings.max_length, settings.lower_case) = (sentences.max_seq_length, sentences.do_lower_case);
    }
    if settings.max_length.is_none()
        && let Some(file) = optional(&transformer, TOKENS)?
    {
        #[derive(Deserialize)]
        struct Tokens {
            // Without a limit it is 10³⁰, which is no integer that fits.
            model_max_length: Option<f64>,
        }
        let tokens: Tokens = json(&file.path, &file.bytes)?;
        settings.max_length =
            tokens.model_max_length.filter(|&n| (1. ..1e9).contains(&n)).map(|n| n as usize);
    }
    if let Some(file) = optional(folder, PROMPTS)? {
        #[derive(Deserialize)]
        struct Prompts {
            #[serde(default)]
            prompts: std::collections::BTreeMap<String, String>,
            default_prompt_name: Option<String>,
        }
        let mut prompts: Prompts = json(&file.path, &file.bytes)?;
        settings.prompt = prompts.default_prompt_name.and_then(|name| prompts.prompts.remove(&name));
    }
    Ok((transformer, settings))
}

/// The pooling that `1_Pooling/config.json` asks for, and whether it leaves out the prompt.
fn pooling(file: &File) -> Result<(Option<Pooling>, bool)> {
    let map: serde_json::Map<String, serde_json::Value> = json(&file.path, &file.bytes)?;
    // Newer files have one name, older ones a truth value for each.
    let name = map.get("pooling_mode").and_then(|name| name.as_str());
    let on =
        map.iter().filter(|(key, value)| key.starts_with("pooling_mode_") && value.as_bool() == Some(true));
    let on: Vec<&str> = on.map(|(key, _)| key.as_str()).collect();
    let found = match (name, on.as_slice()) {
        (Some(name), _) => {
            Pooling::NAMES.iter().find(|(known, _)| *known == name).map(|(_, pooling)| *pooling)
        }
        (None, ["pooling_mode_cls_token"]) => Some(Pooling::Cls),
        (None, ["pooling_mode_mean_tokens"]) => Some(Pooling::Mean),
        (None, ["pooling_mode_max_tokens"]) => Some(Pooling::Max),
        _ => None,
    };
    if found.is_none() {
        let got = name.map_or_else(|| on.join(" and "), str::to_string);
        let problem = format!("expected a pooling by mean, cls or max, got {got:?}: choose one yourself");
        return Err(Error::format(&file.path, problem));
    }
    Ok((found, map.get("include_prompt").and_then(|value| value.as_bool()) == Some(false)))
}

/// A folder of the model, which is not outside of it.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| folder.join(path))
}

fn need(folder: &Path, name: &str) -> Result<File> {
    optional(folder, name)?.ok_or_else(|| {
        let path = folder.join(name).display().to_string();
        let other = match name {
            WEIGHTS if folder.join("pytorch_model.bin").is_file() => {
                ": the weights in pytorch_model.bin are a pickle; save the model as safetensors"
            }
            TOKENIZER => ": save the fast tokenizer of the model, which writes it",
            _ => "",
        };
        Error::format(path, format!("there is no such file{other}"))
    })
}

fn optional(folder: &Path, name: &str) -> Result<Option<File>> {
    let path = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(File { path: path.display().to_string(), bytes })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// Reads JSON.
pub(super) fn json<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| Error::format(path, e.to_string()))
}
