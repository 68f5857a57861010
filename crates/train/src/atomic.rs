//! Files that are either whole or not there.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Writes a file so that `path` always holds either what was there before or all that `fill` wrote: to a temporary
/// name in the same folder, flushed to the disk, and then renamed.
///
/// # Errors
/// If the folder does not exist or cannot be written to, or `fill` fails, as it does where the disk is full. The
/// temporary file is removed and what was at `path` is still there.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let parent = parent(path);
    let prefix = prefix(path);
    let fail = || Error::io("write", path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    // Temporary files are private by default; what they become is not. The umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(parent).map_err(fail())?;
    fill(file.as_file_mut()).map_err(fail())?;
    file.as_file().sync_all().map_err(fail())?;
    file.persist(path).map_err(|e| fail()(e.error))?;
    // The rename itself is on the disk once the folder is; some file systems cannot sync a folder, and the file is
    // whole either way.
    if let Ok(folder) = std::fs::File::open(parent) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Removes the temporary files that writers of `path` left when they were killed. Nothing may be writing it now.
pub(crate) fn remove_leftovers(path: &Path) {
    let prefix = prefix(path);
    let files = std::fs::read_dir(parent(path)).into_iter().flatten().flatten();
    for file in files {
        let name = file.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes()) {
            // One that stays does no harm.
            let _ = std::fs::remove_file(file.path());
        }
    }
}

/// A temporary file is called `.NAME.RANDOM.tmp`.
const SUFFIX: &str = ".tmp";

fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}
