//! The folder that `--out` names.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_geometric::train::write_atomically;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::error::OrHint;

/// A folder that results are written into, made when the first of them is.
pub(crate) struct OutDir {
    path: PathBuf,
}

impl OutDir {
    /// Checks, before the long work, that the folder can be written to. Leaves nothing behind.
    ///
    /// # Errors
    /// If it cannot, or is a file.
    pub(crate) fn check(path: PathBuf) -> Result<Self> {
        let existing = path.ancestors().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
        let attempt = match existing.into_iter().find(|p| p.symlink_metadata().is_ok()) {
            Some(there) if there.is_dir() => {
                NamedTempFile::new_in(there).map(drop).map_err(anyhow::Error::from)
            }
            Some(there) => Err(anyhow::anyhow!("{} is not a folder", there.display())),
            None => bail!("cannot write to the folder {}: no such path", path.display()),
        };
        attempt
            .with_context(|| format!("cannot write to the folder {}", path.display()))
            .hint("give --out a folder that you may write to; it is created if it does not exist")?;
        Ok(Self { path })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, whole or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        std::fs::create_dir_all(&self.path)
            .with_context(|| format!("cannot create the folder {}", self.path.display()))?;
        Ok(write_atomically(&self.path.join(name), |file| file.write_all(bytes))?)
    }

    /// Writes a value as JSON.
    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        self.write(name, text.as_bytes())
    }
}

/// A field of a CSV file.
pub(crate) fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}
