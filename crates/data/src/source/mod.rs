//! Where the files of a data set come from.

#[cfg(feature = "download")]
mod archive;
mod cache;
mod checksum;
#[cfg(feature = "download")]
mod download;
#[cfg(feature = "download")]
#[cfg(test)]
mod download_tests;
mod folder;
pub(crate) mod named;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::Result;
use crate::registry::DatasetInfo;

pub use cache::{Cache, Progress};
pub(crate) use checksum::hex;

/// Something that has the files of data sets.
///
/// Whatever it is, the files are checked against size and SHA-256 of the published ones, so a damaged file is an error
/// and not another result.
pub trait Files {
    /// The contents of all files of `dataset`, in the order in which the registry lists them.
    ///
    /// # Errors
    /// If files are missing (all are listed), damaged, or cannot be read.
    fn read(&self, dataset: &DatasetInfo) -> Result<Vec<Vec<u8>>>;
}

/// The two usual places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder that holds the files, directly, or in a sub-folder of the format's or the data set's name
    /// (`planetoid/ind.cora.x`, `cora/ind.cora.x`).
    Folder(PathBuf),
    /// The [`Cache`], into which missing files are downloaded once.
    Cache,
}

impl Files for Source {
    fn read(&self, dataset: &DatasetInfo) -> Result<Vec<Vec<u8>>> {
        match self {
            Source::Folder(root) => folder::read(root, dataset),
            Source::Cache => Cache::from_env()?.read(dataset),
        }
    }
}
