//! Is this the published file?

use sha2::{Digest, Sha256};

use crate::registry::FileInfo;

/// A digest as files list it.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is wrong with a file of this size and hash; `None` if it is the published one.
pub(super) fn difference(file: &FileInfo, bytes: u64, sha256: &str) -> Option<String> {
    if bytes != file.bytes {
        return Some(format!("{bytes} bytes instead of {}", file.bytes));
    }
    (sha256 != file.sha256).then(|| format!("SHA-256 {sha256} instead of {}", file.sha256))
}

/// As [`difference`], of contents in memory.
pub(super) fn check(file: &FileInfo, contents: &[u8]) -> Option<String> {
    let bytes = contents.len() as u64;
    let sha256 = if bytes == file.bytes { hex(Sha256::new_with_prefix(contents)) } else { String::new() };
    difference(file, bytes, &sha256)
}
