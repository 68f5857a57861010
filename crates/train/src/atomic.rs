//! Files that are either whole or not there.

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
    let parent = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let fail = || Error::io("write", path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
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
