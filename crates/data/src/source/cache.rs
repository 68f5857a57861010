use std::fmt;
use std::path::{Path, PathBuf};

use super::{Files, checksum};
use crate::registry::{DatasetInfo, FileInfo};
use crate::{Error, Result};

/// A folder of downloaded files: `DIR/datasets/<folder of the data set>/<file>`.
///
/// A file that is there and is the published one is used, without any network. One that is missing or damaged is
/// downloaded (feature `download`) under a temporary name, checked, and renamed: a file under its own name is always
/// complete.
pub struct Cache {
    folder: PathBuf,
    mirror: Option<String>,
    progress: Option<Box<ProgressFn>>,
}

type ProgressFn = dyn Fn(Progress<'_>) + Send + Sync;

/// How far a download is. The last report of a file has `received == total`.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The data set.
    pub dataset: &'a str,
    /// The file.
    pub file: &'a str,
    /// Bytes received so far.
    pub received: u64,
    /// Bytes there are.
    pub total: u64,
}

impl Cache {
    /// The cache in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), mirror: None, progress: None }
    }

    /// The cache that the environment names: `CANDLE_GEOMETRIC_CACHE`, else `candle-geometric` in `XDG_CACHE_HOME`,
    /// in `~/.cache`, or, on Windows, in `LOCALAPPDATA`.
    ///
    /// # Errors
    /// If none of these variables is set.
    pub fn from_env() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("CANDLE_GEOMETRIC_CACHE").or_else(|| {
            let caches = if cfg!(windows) {
                set("LOCALAPPDATA")
            } else {
                set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))
            };
            caches.map(|caches| caches.join("candle-geometric"))
        });
        folder.map(Self::at).ok_or(Error::NoCacheFolder)
    }

    /// Downloads from this address instead of the original ones: `<address>/<folder of the data set>/<file>`.
    pub fn mirror(mut self, address: impl Into<String>) -> Self {
        self.mirror = Some(address.into());
        self
    }

    /// Has `report` called while a file is downloaded.
    pub fn on_progress(mut self, report: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// The folder of the cache.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file, if it is in the cache and is the published one.
    fn cached(&self, path: &Path, file: &FileInfo) -> Result<Option<Vec<u8>>> {
        match std::fs::read(path) {
            Ok(contents) => Ok(checksum::check(file, &contents).is_none().then_some(contents)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(path)(error)),
        }
    }

    /// Downloads the file to `path`. `missing` makes the error for when that cannot be done.
    #[cfg(feature = "download")]
    fn obtain(
        &self,
        dataset: &DatasetInfo,
        file: &FileInfo,
        path: &Path,
        missing: impl Fn(String) -> Error,
    ) -> Result<Vec<u8>> {
        let url = match &self.mirror {
            Some(mirror) => format!("{}/{}/{}", mirror.trim_end_matches('/'), dataset.folder, file.name),
            None => dataset.url(file),
        };
        let report = |received| {
            if let Some(report) = &self.progress {
                report(Progress { dataset: dataset.name, file: file.name, received, total: file.bytes });
            }
        };
        super::download::download(&url, file, path, report, missing)
    }

    #[cfg(not(feature = "download"))]
    fn obtain(
        &self,
        _: &DatasetInfo,
        _: &FileInfo,
        path: &Path,
        missing: impl Fn(String) -> Error,
    ) -> Result<Vec<u8>> {
        let path = path.display();
        Err(missing(format!(
            "{path} is missing or damaged, and this build cannot download (feature `download`)"
        )))
    }
}

impl Files for Cache {
    fn read(&self, dataset: &DatasetInfo) -> Result<Vec<Vec<u8>>> {
        let folder = self.folder.join("datasets").join(dataset.folder);
        let found = dataset.files.iter().map(|file| {
            let path = folder.join(file.name);
            self.cached(&path, file).map(|contents| (file, path, contents))
        });
        let found = found.collect::<Result<Vec<_>>>()?;
        let lacking = found.iter().filter(|(.., contents)| contents.is_none());
        let wanted: Vec<String> = lacking.map(|(file, ..)| dataset.url(file)).collect();
        let missing =
            |problem| Error::MissingFiles { dataset: dataset.name.into(), problem, wanted: wanted.clone() };
        let ready = found.into_iter().map(|(file, path, contents)| match contents {
            Some(contents) => Ok(contents),
            None => self.obtain(dataset, file, &path, missing),
        });
        ready.collect()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("folder", &self.folder)
            .field("mirror", &self.mirror)
            .finish_non_exhaustive()
    }
}
