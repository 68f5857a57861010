//! The files that a format calls by the name of a data set.

use std::path::{Path, PathBuf};

use crate::registry::Format;
use crate::{Error, Result};

/// The names of the files; those that may lack end with `?`.
fn names(format: Format, name: &str) -> Vec<String> {
    let with = |patterns: &[&str]| patterns.iter().map(|pattern| pattern.replace('*', name)).collect();
    match format {
        Format::Embedded | Format::Generated => Vec::new(),
        Format::Planetoid => with(&[
            "ind.*.allx",
            "ind.*.tx",
            "ind.*.ally",
            "ind.*.ty",
            "ind.*.y",
            "ind.*.graph",
            "ind.*.test.index",
        ]),
        Format::Linqs => with(&["*.content", "*.cites"]),
        Format::Npz | Format::Heterophilous => with(&["*.npz"]),
        Format::GeomGcn => {
            let splits = (0..10).map(|i| format!("splits/{name}_split_0.6_0.2_{i}.npz?"));
            with(&["out1_node_feature_label.txt", "out1_graph_edges.txt"]).into_iter().chain(splits).collect()
        }
        Format::GraphSage => with(&["*-G.json", "*-class_map.json", "*-id_map.json?", "*-feats.npy?"]),
        Format::Tu => with(&[
            "*_A.txt",
            "*_graph_indicator.txt",
            "*_graph_labels.txt?",
            "*_graph_attributes.txt?",
            "*_node_labels.txt?",
            "*_node_attributes.txt?",
            "*_edge_labels.txt?",
            "*_edge_attributes.txt?",
        ]),
        Format::Ppi => {
            let files = ["graph.json", "feats.npy", "labels.npy", "graph_id.npy"];
            let part = |part: &str| files.map(|file| format!("{part}_{file}"));
            ["train", "valid", "test"].iter().flat_map(|name| part(name)).collect()
        }
        // Plain or not, under one name.
        Format::Snap => with(&["*.txt"]),
        Format::Hgb => with(&[
            "info.dat",
            "node.dat",
            "link.dat",
            "label.dat",
            "label.dat.test?",
            "label.dat.test_full?",
        ]),
        Format::Rdf => with(&["*_stripped.nt.gz", "trainingSet.tsv", "testSet.tsv"]),
        Format::Molecules => with(&["*.csv"]),
        Format::Texts => with(&["*.json?", "*.csv?"]),
        Format::Graph => with(&["*.safetensors"]),
        Format::Triples => with(&["train.txt", "valid.txt", "test.txt"]),
    }
}

/// Reads the files of the data set from `folder`, its sub-folder of that name, or (splits) beside it.
pub(crate) fn read(format: Format, name: &str, folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    // A name is no path.
    if name.is_empty() || name.contains(['/', '\\']) || name == ".." {
        return Err(Error::invalid("name", "the name of a data set, without folders", format!("{name:?}")));
    }
    let places = [folder.to_path_buf(), folder.join(name)];
    let beside = folder.parent().map(Path::to_path_buf);
    let mut missing = Vec::new();
    let mut files = Vec::new();
    for file in names(format, name) {
        let (file, optional) = file.strip_suffix('?').map_or((file.as_str(), false), |file| (file, true));
        let beside = beside.as_ref().filter(|_| file.contains('/'));
        let mut paths = places.iter().chain(beside).map(|place| place.join(file));
        match paths.find(|path| path.is_file()) {
            Some(path) => files.push((file.to_string(), contents(&path)?)),
            None if optional => {}
            None => missing.push(file.to_string()),
        }
    }
    if missing.is_empty() {
        return Ok(files);
    }
    let problem = format!("files are neither in {} nor in its folder {name:?}", folder.display());
    Err(Error::MissingFiles { dataset: name.into(), problem, wanted: missing })
}

fn contents(path: &PathBuf) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io(path))
}
