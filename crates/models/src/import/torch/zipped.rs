//! The format of PyTorch 1.6 and later: a zip archive of `data.pkl` and one file per storage.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use super::state::{self, Storages};
use super::storage::{Problem, StorageRef};
use crate::import::Checkpoint;
use crate::{Error, Result};

pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Checkpoint> {
    let bad = |problem: String| Error::file(path, problem);
    let zip = ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| bad(format!("not a whole zip archive ({e}): it is truncated or damaged")))?;
    let names = zip.file_names().map(|name| Ok(name.map_err(|e| bad(e.to_string()))?.into_owned()));
    let names = names.collect::<Result<Vec<String>>>()?;
    let mut pickles = names.iter().filter(|n| is(n, "data.pkl"));
    let (Some(pickle), None) = (pickles.next(), pickles.next()) else {
        return Err(bad("a zip archive, but not one of torch.save: it should hold one data.pkl".into()));
    };
    if names.iter().any(|n| is(n, "constants.pkl")) {
        return Err(bad(
            "holds a TorchScript program; save its parameters: torch.save(m.state_dict(), …)".into()
        ));
    }
    let prefix = pickle.trim_end_matches("data.pkl").to_string();
    let mut files = Files { zip, prefix, cache: BTreeMap::new(), budget: bytes.len().saturating_mul(16) };
    if files.zip.index_for_name(&format!("{}byteorder", files.prefix)).is_some()
        && files.file("byteorder", None).map_err(bad)? != b"little"
    {
        return Err(bad("was written on a big-endian machine, which is not supported".into()));
    }
    let pickle = files.file("data.pkl", None).map_err(bad)?;
    let pickle =
        super::reader(&pickle).read().map_err(|source| Error::Pickle { path: path.to_path_buf(), source })?;
    state::load(path, pickle.root(), &mut files, bytes.len())
}

fn is(name: &str, file: &str) -> bool {
    name.strip_suffix(file).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
}

struct Files<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    prefix: String,
    /// The storages read so far: tensors may share them.
    cache: BTreeMap<String, Vec<u8>>,
    /// How many bytes may still be unpacked: a small file must not grow without bound.
    budget: usize,
}

impl Files<'_> {
    /// A file of the archive, of at most `len` bytes if they are known; its check-sum is verified.
    fn file(&mut self, name: &str, len: Option<usize>) -> Result<Vec<u8>, Problem> {
        let limit = len.unwrap_or(self.budget).min(self.budget);
        let name = format!("{}{name}", self.prefix);
        let mut file = self.zip.by_name(&name).map_err(|e| format!("`{name}` in the archive: {e}"))?;
        let mut bytes = Vec::new();
        let read = file.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|e| format!("`{name}` in the archive: {e}"))?;
        if bytes.len() > limit {
            return Err(format!("`{name}` in the archive has more than the {limit} bytes that it can have"));
        }
        self.budget -= bytes.len();
        Ok(bytes)
    }
}

impl Storages for Files<'_> {
    fn bytes(&mut self, storage: &StorageRef<'_>) -> Result<&[u8], Problem> {
        let key = storage.key.to_string();
        if !self.cache.contains_key(&key) {
            let bytes = self.file(&format!("data/{key}"), Some(storage.bytes()?))?;
            self.cache.insert(key.clone(), bytes);
        }
        Ok(self.cache.get(&key).map(Vec::as_slice).unwrap_or_default())
    }
}
