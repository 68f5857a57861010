//! The saved inputs of the fuzz targets.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::bodies::BETWEEN;

/// Where the corpus of a fuzz target stands.
pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name)
}

/// Enters files into the corpus of a fuzz target, if `UPDATE_CORPUS` is set.
pub(crate) fn seed(name: &str, files: &[Vec<u8>]) {
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        let input = files.join(BETWEEN);
        let digest: String = Sha256::digest(&input)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::create_dir_all(folder(name)).unwrap();
        std::fs::write(folder(name).join(digest), input).unwrap();
    }
}
