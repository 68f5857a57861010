//! The published files, where they are at hand, and the embedded karate club.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use candle_geometric_data::registry::find;
use candle_geometric_data::{Graph, NodeDataset, Source, datasets, load, normalize_features};
use candle_geometric_graph::transforms;

/// The folder of the published files; `None`, with a line on stderr, where it is not there.
fn shared(test: &str) -> Option<Source> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.is_dir() {
        return Some(Source::Folder(folder));
    }
    assert!(std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_none(), "../shared is not here");
    eprintln!("SKIPPED {test}: ../shared is not here");
    None
}

fn count(mask: &[bool]) -> usize {
    mask.iter().filter(|&&m| m).count()
}

fn class_sizes(dataset: &NodeDataset) -> Vec<usize> {
    let mut sizes = vec![0; dataset.num_classes];
    dataset.labels().unwrap().iter().for_each(|&class| sizes[class as usize] += 1);
    sizes
}

fn non_zeros(graph: &Graph) -> usize {
    graph.x.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().filter(|&&value| value != 0.).count()
}

/// Sizes as the registry has them, both directions of every edge, no self-loop.
fn check(dataset: &NodeDataset) {
    let graph = &dataset.graph;
    let counts = find(&dataset.name).unwrap().counts;
    graph.validate().unwrap();
    assert_eq!(graph.num_nodes(), counts.nodes);
    assert_eq!(graph.num_edges(), counts.edges);
    assert_eq!(graph.num_features(), counts.features);
    assert_eq!((dataset.num_classes, dataset.class_names.len()), (counts.classes, counts.classes));
    let split = [&graph.train_mask, &graph.val_mask, &graph.test_mask];
    assert_eq!(split.map(|mask| count(mask)), counts.split);
    assert_eq!(transforms::to_undirected(&graph.edge_index).unwrap().edges, graph.edge_index);
    assert!(graph.edge_index.iter().all(|(source, destination)| source != destination));
}

#[test]
fn karate() {
    let karate = load("karate", &Source::Cache).unwrap();
    check(&karate);
    assert_eq!(class_sizes(&karate), [17, 17]);
    let degrees = karate.graph.edge_index.in_degrees();
    // Zachary's figure 1: the two leaders have 16 and 17 friends, member 12 only one
    assert_eq!((degrees[0], degrees[33], degrees[11]), (16, 17, 1));
    let labels = karate.labels().unwrap();
    assert_eq!((labels[0], labels[33]), (0, 1));
    let split = karate.graph.train_mask.iter().zip(&karate.graph.val_mask).zip(&karate.graph.test_mask);
    assert!(split.clone().all(|((a, b), c)| u8::from(*a) + u8::from(*b) + u8::from(*c) == 1));
}

#[test]
fn cora() {
    let Some(source) = shared("cora") else { return };
    let cora = load("cora", &source).unwrap();
    check(&cora);
    assert_eq!(class_sizes(&cora), [351, 217, 418, 818, 426, 298, 180]);
    assert_eq!(cora.class_names[3], "Neural_Networks");
    assert_eq!(non_zeros(&cora.graph), 49216);
    let labels = cora.labels().unwrap();
    for class in 0..7 {
        assert_eq!((0..140).filter(|&node| labels[node] == class).count(), 20);
    }
    assert!(cora.graph.test_mask[1708..].iter().all(|&m| m));
    let rows = normalize_features(&cora.graph.x).unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap();
    assert!(rows.iter().all(|sum| (sum - 1.).abs() < 1e-5));
}

#[test]
fn pubmed() {
    let Some(source) = shared("pubmed") else { return };
    let pubmed = load("pubmed", &source).unwrap();
    check(&pubmed);
    assert_eq!(class_sizes(&pubmed), [4103, 7739, 7875]);
    assert_eq!(non_zeros(&pubmed.graph), 988031);
}

#[test]
fn linqs_cora() {
    let Some(source) = shared("linqs_cora") else { return };
    let linqs = load("linqs-cora", &source).unwrap();
    check(&linqs);
    assert_eq!(class_sizes(&linqs), [298, 418, 818, 426, 217, 180, 351]);
    assert_eq!((linqs.class_names[0].as_str(), linqs.class_names[6].as_str()), ("Case_Based", "Theory"));
    assert_eq!(non_zeros(&linqs.graph), 49216);
}

#[test]
fn npz() {
    let Some(source) = shared("npz") else { return };
    let photo = load("amazon-photo", &source).unwrap();
    check(&photo);
    assert_eq!(class_sizes(&photo), [369, 1686, 703, 915, 882, 823, 1941, 331]);
    assert_eq!(
        (photo.class_names[0].as_str(), photo.class_names[7].as_str()),
        ("Film Photography", "Flashes")
    );
    assert_eq!(non_zeros(&photo.graph), 1979909);
    assert_eq!(photo.graph.edge_index.in_degrees().iter().filter(|&&degree| degree == 0).count(), 115);

    let cora = load("npz-cora", &source).unwrap();
    check(&cora);
    assert_eq!(class_sizes(&cora), [298, 418, 818, 426, 217, 180, 351]);
    assert_eq!(non_zeros(&cora.graph), 49216);
}

/// Three forms of one data set: 5278 undirected edges, and as many of each class by name.
#[test]
fn the_three_coras_agree() {
    let Some(source) = shared("the_three_coras_agree") else { return };
    let summaries = ["cora", "linqs-cora", "npz-cora"].map(|name| {
        let cora = load(name, &source).unwrap();
        let mut sizes: Vec<_> = cora.class_names.iter().cloned().zip(class_sizes(&cora)).collect();
        sizes.sort();
        let mut degrees = cora.graph.edge_index.in_degrees();
        degrees.sort();
        (sizes, degrees)
    });
    assert_eq!(summaries[0], summaries[1]);
    assert_eq!(summaries[1], summaries[2]);
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
