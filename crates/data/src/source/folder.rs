use std::path::{Path, PathBuf};

use super::checksum;
use crate::registry::DatasetInfo;
use crate::{Error, Result};

/// Reads the files of `dataset` from below `root`: there, in the folder of its format or in one of its name; with the folders
/// of a file's name, or without the outer or all of them. Checksums tell the right files from others.
pub(super) fn read(root: &Path, dataset: &DatasetInfo) -> Result<Vec<Vec<u8>>> {
    let places = [root.join(dataset.folder), root.join(dataset.name), root.to_path_buf()];
    let found: Vec<Option<PathBuf>> = dataset
        .files
        .iter()
        .map(|file| {
            let ends = ends(file.name).flat_map(|end| places.iter().map(move |place| place.join(end)));
            ends.into_iter().find(|path| path.is_file())
        })
        .collect();
    let missing = dataset.files.iter().zip(&found).filter(|(_, path)| path.is_none());
    let wanted: Vec<String> = missing.map(|(file, _)| dataset.url(file)).collect();
    if !wanted.is_empty() {
        return Err(Error::MissingFiles {
            dataset: dataset.name.into(),
            problem: format!(
                "{} of {} files are neither in {} nor in its folder {:?}",
                wanted.len(),
                dataset.files.len(),
                root.display(),
                dataset.folder
            ),
            wanted,
        });
    }
    let read = |(file, path): (_, PathBuf)| {
        let contents = std::fs::read(&path).map_err(Error::io(&path))?;
        match checksum::check(file, &contents) {
            None => Ok(contents),
            Some(problem) => Err(Error::Checksum { what: path.display().to_string(), problem }),
        }
    };
    dataset.files.iter().zip(found.into_iter().flatten()).map(read).collect()
}

/// `a/b/c`, `b/c` and `c`.
fn ends(name: &str) -> impl Iterator<Item = &str> {
    std::iter::once(name).chain(name.match_indices('/').map(|(slash, _)| &name[slash + 1..]))
}
