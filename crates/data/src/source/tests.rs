//! Folder and cache, against files made here.

use std::path::Path;

use sha2::{Digest, Sha256};
use tempfile::tempdir;

use super::*;
use crate::registry::{Counts, FileInfo, Format};
use crate::{Error, load};

pub(super) const FILES: [(&str, &[u8]); 2] = [("a.x", b"contents of a"), ("b.y", b"contents of b, longer")];

pub(super) fn info() -> DatasetInfo {
    let files = FILES.map(|(name, contents)| {
        let sha256 = checksum::hex(Sha256::new_with_prefix(contents)).leak();
        FileInfo { name, path: name, bytes: contents.len() as u64, sha256 }
    });
    DatasetInfo {
        name: "made",
        description: "",
        format: Format::Embedded,
        files: Box::leak(Box::new(files)),
        folder: "some-format",
        base_url: "https://example.org/data/",
        licence: "",
        citation: "",
        class_names: &[],
        counts: Counts { graphs: 1, nodes: 0, edges: 0, features: 0, classes: 0, split: [0; 3] },
    }
}

pub(super) fn write(folder: &Path, files: &[(&str, &[u8])]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, contents) in files {
        std::fs::write(folder.join(name), contents).unwrap();
    }
}

#[test]
fn a_folder_is_searched_in_three_places() {
    for place in ["some-format", "made", ""] {
        let root = tempdir().unwrap();
        write(&root.path().join(place), &FILES);
        let read = Source::Folder(root.path().into()).read(&info()).unwrap();
        assert_eq!(read, FILES.map(|(_, contents)| contents.to_vec()));
    }
}

/// Who has the files has them in some folder, not always in those of the registry.
#[test]
fn the_folders_of_a_name_may_be_missing() {
    let [(_, contents), _] = FILES;
    let file = FileInfo { name: "outer/inner/a.x", ..info().files[0] };
    let info = DatasetInfo { files: Box::leak(Box::new([file])), ..info() };
    for place in ["outer/inner", "inner", "", "some-format/outer/inner", "some-format", "made/inner"] {
        let root = tempdir().unwrap();
        write(&root.path().join(place), &FILES[..1]);
        let read = Source::Folder(root.path().into()).read(&info).unwrap();
        assert_eq!(read, [contents.to_vec()], "{place}");
    }
}

#[test]
fn what_a_folder_lacks_is_listed() {
    let root = tempdir().unwrap();
    write(root.path(), &FILES[..1]);
    let error = Source::Folder(root.path().into()).read(&info()).unwrap_err().to_string();
    assert!(error.contains("made: 1 of 2 files are neither in"), "{error}");
    assert!(error.contains("https://example.org/data/b.y"), "{error}");
    assert!(!error.contains("data/a.x"), "{error}");
    assert!(error.contains("--data DIR"), "{error}");
}

#[test]
fn a_damaged_file_in_a_folder_is_an_error() {
    let root = tempdir().unwrap();
    write(root.path(), &FILES);
    for (contents, problem) in [
        (&b"contents of A"[..], "is not the published file: SHA-256"),
        (b"contents", "8 bytes instead of 13"),
    ] {
        write(root.path(), &[("a.x", contents)]);
        let error = Source::Folder(root.path().into()).read(&info()).unwrap_err();
        assert!(matches!(error, Error::Checksum { .. }));
        let error = error.to_string();
        assert!(error.contains(problem) && error.contains("a.x"), "{error}");
    }
}

#[cfg(not(feature = "download"))]
#[test]
fn without_the_feature_only_the_cache_is_read() {
    let root = tempdir().unwrap();
    let error = Cache::at(root.path()).read(&info()).unwrap_err().to_string();
    assert!(error.contains("this build cannot download") && error.contains("data/b.y"), "{error}");
    write(&root.path().join("datasets/some-format"), &FILES);
    assert!(Cache::at(root.path()).read(&info()).is_ok());
}

#[test]
fn an_unknown_name_is_answered_with_near_ones() {
    let error = load("pumbed", &Source::Cache).unwrap_err().to_string();
    assert!(
        error.contains("\"pumbed\"; did you mean pubmed? known are karate, dictionary-lookup"),
        "{error}"
    );
    let error = load("zzz", &Source::Cache).unwrap_err().to_string();
    assert!(error.contains("\"zzz\"; known are karate"), "{error}");
    assert_eq!(load("Karate", &Source::Cache).unwrap().name, "karate");
}
