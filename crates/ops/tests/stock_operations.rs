//! Candle's operations by index are slow on GPUs, and so are their gradients: where a layer or a model needs one, there is an
//! operation of this crate. Its reference alone uses Candle's, and the tests of the kernels fail where that runs instead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

const STOCK: [&str; 6] =
    [".index_select(", ".index_add(", ".scatter_add(", ".scatter(", ".gather(", ".embedding("];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn stock_index_operations_stand_in_the_reference_alone() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = vec![];
    for name in ["ops", "nn", "models", "train"] {
        let folder = crates.join(name).join("src");
        if name == "ops" || folder.is_dir() {
            sources(&folder, &mut files);
        }
    }
    assert!(files.len() > 10, "{crates:?}");
    files.retain(|f| !f.components().any(|c| c.as_os_str() == "reference"));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (line, number) in text.lines().zip(1..) {
            let code = line.split("//").next().unwrap_or_default();
            let found = STOCK.iter().find(|stock| code.contains(**stock));
            assert!(found.is_none(), "{}:{number}: {line}", file.display());
        }
    }
}
