//! The published files, where they are at hand, and the embedded karate club.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod kinds;
mod nodes;

use candle_geometric_data::knowledge_graph::Triple;
use candle_geometric_data::ppi::Part;
use candle_geometric_data::registry::find;
use candle_geometric_data::{
    Dataset, Graph, NodeDataset, Source, datasets, load, normalize_features, ppi, splits,
};
use candle_geometric_graph::transforms;
use std::path::PathBuf;

pub(crate) fn shared_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}

/// The folder of the published files; `None`, with a line on stderr, where it is not there.
pub(crate) fn shared(test: &str) -> Option<Source> {
    let folder = shared_folder();
    if folder.is_dir() {
        return Some(Source::Folder(folder));
    }
    assert!(std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_none(), "../shared is not here");
    eprintln!("SKIPPED {test}: ../shared is not here");
    None
}

pub(crate) fn count(mask: &[bool]) -> usize {
    mask.iter().filter(|&&m| m).count()
}

pub(crate) fn class_sizes(dataset: &NodeDataset) -> Vec<usize> {
    let mut sizes = vec![0; dataset.num_classes];
    dataset.labels().unwrap().iter().for_each(|&class| sizes[class as usize] += 1);
    sizes
}

pub(crate) fn non_zeros(graph: &Graph) -> usize {
    graph.x.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().filter(|&&value| value != 0.).count()
}

/// Sizes as the registry has them, both directions of every edge, no self-loop.
/// Sizes as the registry has them, and what is true of most: edges in both directions, none from a node to itself.
pub(crate) fn check(dataset: &NodeDataset) {
    check_sizes(dataset);
    let edges = &dataset.graph.edge_index;
    assert_eq!(transforms::to_undirected(edges).unwrap().edges, *edges);
    assert!(edges.iter().all(|(source, destination)| source != destination));
}

pub(crate) fn check_sizes(dataset: &NodeDataset) {
    let graph = &dataset.graph;
    let counts = find(&dataset.name).unwrap().counts;
    graph.validate().unwrap();
    assert_eq!(graph.num_nodes(), counts.nodes);
    assert_eq!(graph.num_edges(), counts.edges);
    assert_eq!(graph.num_features(), counts.features);
    assert_eq!((dataset.num_classes, dataset.class_names.len()), (counts.classes, counts.classes));
    let split = [&graph.train_mask, &graph.val_mask, &graph.test_mask];
    assert_eq!(split.map(|mask| count(mask)), counts.split);
}

#[test]
fn the_registry_is_well_formed() {
    for info in datasets() {
        assert_eq!(info.name, info.name.to_lowercase());
        assert!(
            info.files.is_empty() || (info.base_url.starts_with("https://") && info.base_url.ends_with('/'))
        );
        for file in info.files {
            assert!(file.bytes > 0 && file.sha256.len() == 64, "{}", file.name);
            assert!(file.sha256.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        }
    }
}

/// The chapter on data sets is what the registry says. `UPDATE_DATASETS=1` writes it.
#[test]
fn every_data_set_has_its_card() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/datasets.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once("<!-- cards -->\n").unwrap();
    let mut cards = format!("{before}<!-- cards -->\n");
    for info in datasets() {
        let c = info.counts;
        let [train, val, test] = c.split;
        let split = if train == 0 { "none is published".into() } else { format!("{train} / {val} / {test}") };
        let source = match info.files {
            [] => format!("none, {}", format!("{:?}", info.format).to_lowercase()),
            files => files.iter().map(|file| format!("<{}>", info.url(file))).collect::<Vec<_>>().join(", "),
        };
        cards += &format!("\n## {}\n\n{}.\n\n", info.name, info.description);
        cards += "| graphs | nodes | edges | features | classes | training / validation / test |\n";
        cards += "|---:|---:|---:|---:|---:|---|\n";
        cards += &format!(
            "| {} | {} | {} | {} | {} | {split} |\n\n",
            c.graphs, c.nodes, c.edges, c.features, c.classes
        );
        cards += &format!("Format `{:?}`. Licence: {}. {}.\n", info.format, info.licence, info.citation);
        cards += &format!("Files: {source}\n");
    }
    if std::env::var_os("UPDATE_DATASETS").is_some() {
        std::fs::write(&path, &cards).unwrap();
    }
    assert_eq!(text, cards, "run this test with UPDATE_DATASETS=1");
}
