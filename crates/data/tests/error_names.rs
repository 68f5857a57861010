//! An error names the file, not only the part of the data that a parser was given.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use candle_geometric_data::registry::Format;
use candle_geometric_data::tables::Columns;
use candle_geometric_data::{Dataset, import};

/// The error of reading these files, and the folder they were in.
fn fails(
    files: &[(&str, &str)],
    read: impl Fn(&Path) -> candle_geometric_data::Result<()>,
) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        std::fs::write(folder.path().join(name), contents).unwrap();
    }
    (read(folder.path()).unwrap_err().to_string(), folder)
}

#[test]
fn of_a_set_in_a_folder() {
    for (format, files, file, problem) in [
        (Format::Npz, &[("x.npz", "garbage")][..], "x.npz", "the npz archive"),
        (Format::Heterophilous, &[("x.npz", "garbage")], "x.npz", "the npz archive"),
        (Format::Texts, &[("x.json", "[{]")], "x.json", "line 1"),
        (
            Format::Tu,
            &[("x_A.txt", "1, 2\n"), ("x_graph_indicator.txt", "1\none\n"), ("x_graph_labels.txt", "1\n")],
            "x_graph_indicator.txt",
            "line 2",
        ),
        (
            Format::Triples,
            &[("train.txt", "a\tb\n"), ("valid.txt", "a\tb\tc\n"), ("test.txt", "a\tb\tc\n")],
            "train.txt",
            "line 1",
        ),
    ] {
        let (error, folder) = fails(files, |folder| Dataset::open(format, "x", folder).map(|_| ()));
        let path = folder.path().join(file).display().to_string();
        assert!(error.starts_with(&path) && error.contains(problem), "{format}: {error}");
    }
}

#[test]
fn of_a_graph_of_ones_own() {
    let edges = ("edges.csv", "source,target\n1,2\n");
    for (files, nodes, file, problem) in [
        (&[("edges.csv", "source,target\n1,2\n3\n")][..], None, "edges.csv", "line 3"),
        (&[edges, ("nodes.csv", "name\n1\n")], Some("nodes.csv"), "nodes.csv", "line 1"),
        (&[("x.npz", "garbage")], None, "x.npz", "the npz archive"),
        (
            &[("x.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 2 3\n1 2\n")],
            None,
            "x.mtx",
            "line 3: the file ends after 1 entries",
        ),
    ] {
        let (error, folder) = fails(files, |folder| {
            let first = folder.join(files[0].0);
            import(&first, nodes.map(|name| folder.join(name)).as_deref(), &Columns::default()).map(|_| ())
        });
        let path = folder.path().join(file).display().to_string();
        assert!(error.starts_with(&path) && error.contains(problem), "{file}: {error}");
    }
}
