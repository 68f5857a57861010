//! The format before PyTorch 1.6: pickles of a magic number, a version, the machine's properties, the object, and the keys of
//! its storages, then each storage as a 64-bit number of elements and the elements.

use std::collections::BTreeMap;
use std::path::Path;

use super::state::{self, Storages};
use super::storage::{Problem, StorageRef};
use crate::import::Checkpoint;
use crate::{Error, Result};

const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const VERSION: i64 = 1001;

pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Checkpoint> {
    let bad = |problem: String| Error::file(path, problem);
    let damaged = |source| Error::Pickle { path: path.to_path_buf(), source };
    let mut reader = super::reader(bytes);
    if reader.read().map_err(damaged)?.root().as_i128() != Some(MAGIC) {
        return Err(bad("a pickle, but not one of torch.save".into()));
    }
    let version = reader.read().map_err(damaged)?.root().as_i64();
    if version != Some(VERSION) {
        return Err(bad(format!("version {version:?} of the format, expected {VERSION}")));
    }
    let system = reader.read().map_err(damaged)?;
    if system.root().get("little_endian").and_then(|v| v.as_bool()) != Some(true) {
        return Err(bad("was written on a big-endian machine, which is not supported".into()));
    }
    let object = reader.read().map_err(damaged)?;
    let keys = reader.read().map_err(damaged)?;
    let mut references = BTreeMap::new();
    state::storages(object.root(), &mut references).map_err(bad)?;

    let mut rest = bytes.get(reader.position()..).unwrap_or_default();
    let mut slices = Slices(BTreeMap::new());
    for key in keys.root().items().into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        let storage = references.get(key).ok_or_else(|| bad(format!("storage `{key}` has no type")))?;
        let (slice, behind) = cut(rest, storage).map_err(bad)?;
        slices.0.insert(key.to_string(), slice);
        rest = behind;
    }
    state::load(path, object.root(), &mut slices, bytes.len())
}

/// Cuts the elements of a storage, behind their number, off the front.
fn cut<'a>(bytes: &'a [u8], storage: &StorageRef<'_>) -> Result<(&'a [u8], &'a [u8]), Problem> {
    let truncated = || format!("storage `{}` is cut short: the file is truncated", storage.key);
    let (len, bytes) = bytes.split_first_chunk().ok_or_else(truncated)?;
    let len = i64::from_le_bytes(*len);
    if usize::try_from(len) != Ok(storage.len) {
        return Err(format!("storage `{}` has {len} elements, expected {}", storage.key, storage.len));
    }
    bytes.split_at_checked(storage.bytes()?).ok_or_else(truncated)
}

/// The storages, in the file as it stands in memory.
struct Slices<'a>(BTreeMap<String, &'a [u8]>);

impl Storages for Slices<'_> {
    fn bytes(&mut self, storage: &StorageRef<'_>) -> Result<&[u8], Problem> {
        let found = self.0.get(storage.key).copied();
        found.ok_or_else(|| format!("storage `{}` is not in the file", storage.key))
    }
}
