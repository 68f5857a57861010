//! What the compiler made of the kernels is in step with their sources.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The sources in a folder, by name.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

/// The SHA-256 of the contents of files, one after the other.
pub(super) fn hash(files: &[PathBuf]) -> String {
    let mut hash = Sha256::new();
    files.iter().for_each(|f| hash.update(std::fs::read(f).unwrap()));
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// `build.sh` writes the hash of what it compiled, the headers and the family, above each PTX.
#[test]
fn ptx_is_in_step_with_its_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda");
    let has = |f: &Path, extension| f.extension().is_some_and(|e| e == extension);
    let sources = files(&root.join("kernels"));
    let headers: Vec<_> = sources.iter().filter(|f| has(f, "cuh")).cloned().collect();
    for family in sources.iter().filter(|f| has(f, "cu")) {
        let name = family.file_stem().unwrap().to_str().unwrap();
        let ptx = std::fs::read_to_string(root.join(format!("ptx/{name}.ptx"))).unwrap();
        let expected = hash(&[headers.as_slice(), std::slice::from_ref(family)].concat());
        let first = ptx.lines().next().unwrap();
        assert_eq!(first, format!("// SHA-256 of the sources: {expected}"), "{name}: run src/cuda/build.sh");
    }
}
