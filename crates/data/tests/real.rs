//! The published files, where they are at hand, and the embedded karate club.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use candle_geometric_data::knowledge_graph::Triple;
use candle_geometric_data::ppi::Part;
use candle_geometric_data::registry::find;
use candle_geometric_data::{
    Dataset, Graph, NodeDataset, Source, datasets, load, normalize_features, ppi, splits,
};
use candle_geometric_graph::transforms;

fn shared_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}

/// The folder of the published files; `None`, with a line on stderr, where it is not there.
fn shared(test: &str) -> Option<Source> {
    let folder = shared_folder();
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

#[test]
fn heterophilous_graphs() {
    let Some(source) = shared("heterophilous_graphs") else { return };
    for (name, sizes, homophily) in
        [("minesweeper", [8000, 2000], 0.6828), ("tolokers", [9192, 2566], 0.5945)]
    {
        let dataset = load(name, &source).unwrap();
        check(&dataset);
        assert_eq!(class_sizes(&dataset), sizes);
        let (y, edges) = (dataset.labels().unwrap(), &dataset.graph.edge_index);
        let same = edges.iter().filter(|&(s, d)| y[s as usize] == y[d as usize]).count();
        assert!((same as f64 / edges.num_edges() as f64 - homophily).abs() < 5e-5);
        assert_eq!(dataset.splits.len(), 10);
        for i in 0..10 {
            let graph = dataset.clone().split(i).unwrap().graph;
            let split = [&graph.train_mask, &graph.val_mask, &graph.test_mask];
            assert_eq!(split.map(|mask| count(mask)), find(name).unwrap().counts.split);
            assert!((0..y.len()).all(|v| split.iter().filter(|mask| mask[v]).count() == 1));
        }
    }
}

#[test]
fn knowledge_graphs() {
    let Some(source) = shared("knowledge_graphs") else { return };
    for (name, in_train, unseen, loops) in
        [("fb15k-237", 14505, (9, 28), 1625), ("umls", 135, (0, 0), 0), ("nations", 14, (0, 0), 0)]
    {
        let graph = Dataset::load(name, &source).unwrap().into_triples().unwrap();
        let counts = find(name).unwrap().counts;
        assert_eq!((graph.entities.len(), graph.relations.len()), (counts.nodes, counts.classes));
        assert_eq!([graph.train.len(), graph.val.len(), graph.test.len()], counts.split);
        let mut seen = vec![false; counts.nodes];
        graph.train.iter().for_each(|t| (seen[t.head as usize], seen[t.tail as usize]) = (true, true));
        assert_eq!(count(&seen), in_train);
        let new = |t: &&Triple| !(seen[t.head as usize] && seen[t.tail as usize]);
        assert_eq!((graph.val.iter().filter(new).count(), graph.test.iter().filter(new).count()), unseen);
        assert_eq!(graph.train.iter().filter(|t| t.head == t.tail).count(), loops);
        let edges = graph.edges(true).unwrap();
        assert_eq!(
            (edges.edges().num_edges(), edges.num_relations()),
            (2 * counts.split[0], 2 * counts.classes)
        );
        let total: usize = counts.split.iter().sum();
        let known = graph.known(true);
        assert_eq!(known.len(), 2 * total);
        assert_eq!(graph.questions(&graph.test, true).len(), 2 * counts.split[2]);
        let entities = counts.nodes as u32;
        assert!(known.iter().all(|&[h, r, t]| h.max(t) < entities && r < 2 * counts.classes as u32));
    }
    let texts = |name: &str| std::fs::read(shared_folder().join("kg").join(name)).unwrap();
    let graph = Dataset::load("fb15k-237", &source).unwrap().into_triples().unwrap();
    let known = graph.entity_texts(&texts("FB15k-237/entity2text.txt")).unwrap();
    assert!(known.iter().all(|text| text.as_ref().is_some_and(|text| !text.is_empty())));
    assert!(graph.relation_texts(&texts("FB15k-237/relation2text.txt")).unwrap().iter().all(Option::is_some));
}

#[test]
fn geom_gcn() {
    let Some(source) = shared("geom_gcn") else { return };
    for (name, sizes, loops, undirected) in
        [("cornell", [33, 1, 18, 101, 30], 3, 277), ("actor", [853, 1337, 1630, 1815, 1965], 93, 26659)]
    {
        let dataset = load(name, &source).unwrap();
        let (graph, counts) = (&dataset.graph, find(name).unwrap().counts);
        assert_eq!(
            (graph.num_nodes(), graph.num_edges(), graph.num_features()),
            (counts.nodes, counts.edges, counts.features)
        );
        assert_eq!(class_sizes(&dataset), sizes);
        assert_eq!(graph.edge_index.iter().filter(|(s, d)| s == d).count(), loops);
        let both =
            transforms::to_undirected(&transforms::remove_self_loops(&graph.edge_index).unwrap().edges)
                .unwrap();
        assert_eq!(both.edges.num_edges(), 2 * undirected);
        let split = [&graph.train_mask, &graph.val_mask, &graph.test_mask];
        assert_eq!((split.map(|mask| count(mask)), dataset.splits.len()), (counts.split, 10));
    }
}

#[test]
fn tu_collections() {
    let Some(source) = shared("tu_collections") else { return };
    let cases = [
        ("mutag", vec![63, 125], (10, 28), 0, vec![4708, 2008, 724, 2]),
        ("proteins", vec![663, 450], (4, 620), 5, vec![]),
        ("enzymes", vec![100; 6], (2, 126), 106, vec![]),
    ];
    for (name, classes, (smallest, largest), isolated, bonds) in cases {
        let dataset = Dataset::load(name, &source).unwrap().into_graphs().unwrap();
        let counts = find(name).unwrap().counts;
        assert_eq!(
            (dataset.len(), dataset.num_nodes(), dataset.num_edges()),
            (counts.graphs, counts.nodes, counts.edges)
        );
        assert_eq!((dataset.num_features(), dataset.num_classes()), (counts.features, counts.classes));
        let labels = dataset.labels().unwrap();
        assert_eq!(
            (0..).zip(&classes).map(|(c, _)| labels.iter().filter(|&&l| l == c).count()).collect::<Vec<_>>(),
            classes
        );
        let sizes: Vec<usize> = dataset.graphs.iter().map(|graph| graph.num_src()).collect();
        assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&smallest), Some(&largest)));
        let degrees: Vec<u32> = dataset.graphs.iter().flat_map(|graph| graph.in_degrees()).collect();
        assert_eq!(degrees.iter().filter(|&&degree| degree == 0).count(), isolated);
        let sums = dataset.edge_attr.map_or(vec![], |attr| attr.sum(0).unwrap().to_vec1::<f32>().unwrap());
        assert_eq!(sums, bonds.iter().map(|&b: &i32| b as f32).collect::<Vec<_>>());
        let folds = splits::stratified_k_fold(&labels, 10, 0).unwrap();
        let mut all = folds.concat();
        all.sort_unstable();
        assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
        for fold in &folds {
            for (class, &size) in (0..).zip(&classes) {
                let here = fold.iter().filter(|&&graph| labels[graph] == class).count();
                assert!((size / 10..=size.div_ceil(10)).contains(&here), "{name}");
            }
        }
    }
}

#[test]
fn graphsage_cora() {
    let Some(source) = shared("graphsage_cora") else { return };
    let cora = load("graphsage-cora", &source).unwrap();
    check(&cora);
    assert_eq!(class_sizes(&cora), [818, 180, 217, 426, 351, 418, 298]);
    // Nodes, edges and, by name, classes are those of LINQS.
    let linqs = load("linqs-cora", &source).unwrap();
    assert_eq!(cora.graph.edge_index, linqs.graph.edge_index);
    let names = |d: &NodeDataset| -> Vec<String> {
        d.labels().unwrap().iter().map(|&class| d.class_names[class as usize].clone()).collect()
    };
    assert_eq!(names(&cora), names(&linqs));
}

/// The arrays of PPI that are at hand, with graphs without links and labels of 0 in place of those that are not.
#[test]
fn ppi_arrays() {
    let Some(_) = shared("ppi_arrays") else { return };
    let file = |name: &str| std::fs::read(shared_folder().join("ppi-partial").join(name)).unwrap();
    let npy = |n: usize, width: usize| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {width}), }}");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &vec![0; 4 * n * width]].concat()
    };
    let links = |n: usize| {
        let nodes: Vec<String> = (0..n).map(|i| format!("{{\"id\":{i}}}")).collect();
        format!("{{\"nodes\":[{}],\"links\":[]}}", nodes.join(",")).into_bytes()
    };
    let sizes = [("train", 44906), ("valid", 6514), ("test", 5524)];
    let files = sizes.map(|(part, n)| {
        let feats = if part == "train" { npy(n, 50) } else { file(&format!("{part}_feats.npy")) };
        (links(n), feats, npy(n, 121), file(&format!("{part}_graph_id.npy")))
    });
    let parts =
        files.each_ref().map(|(graph, feats, labels, graph_id)| Part { graph, feats, labels, graph_id });
    let made = ppi::parse("ppi", parts).unwrap();
    let sizes: Vec<usize> = made.graphs.iter().map(|graph| graph.num_src()).collect();
    let train = [
        1767, 1377, 2263, 2339, 1578, 1021, 1823, 2488, 591, 3312, 2401, 1878, 1819, 3480, 2794, 2326, 2650,
        2815, 3163, 3021,
    ];
    assert_eq!(sizes, [&train[..], &[3230, 3284, 3224, 2300]].concat());
    assert_eq!((made.num_nodes(), made.num_features(), made.num_classes()), (56944, 50, 121));
    let split = made.split.unwrap();
    assert_eq!([split.train.len(), split.val.len(), split.test.len()], [20, 2, 2]);
}

#[test]
fn snap_edge_lists() {
    let Some(source) = shared("snap_edge_lists") else { return };
    for (name, first, last, both) in [
        ("wiki-vote", 3, 8297, Some(100762)),
        ("ego-facebook", 0, 4038, None),
        ("soc-epinions1", 0, 75887, Some(405740)),
    ] {
        let graph = Dataset::load(name, &source).unwrap().into_edges().unwrap();
        let (edges, counts) = (&graph.edge_index, find(name).unwrap().counts);
        assert_eq!((graph.num_nodes(), edges.num_edges()), (counts.nodes, counts.edges));
        assert_eq!(graph.ids.name(0), Some(first.to_string()));
        assert_eq!(graph.ids.name(counts.nodes - 1), Some(last.to_string()));
        assert_eq!(transforms::coalesce(edges).unwrap().edges.num_edges(), counts.edges);
        let undirected = transforms::to_undirected(edges).unwrap().edges.num_edges();
        assert_eq!(undirected, 2 * both.unwrap_or(counts.edges));
    }
}

#[test]
fn hgb() {
    let Some(source) = shared("hgb") else { return };
    let cases = [
        (
            "hgb-acm",
            vec![("paper", 3025), ("author", 5959), ("subject", 56), ("term", 1902)],
            vec![5343, 5343, 9949, 9949, 3025, 3025, 255619, 255619],
            vec![("author", 1902), ("paper", 1902), ("subject", 1902)],
            vec![280, 293, 334],
        ),
        (
            "hgb-dblp",
            vec![("author", 4057), ("paper", 14328), ("term", 7723), ("venue", 20)],
            vec![19645, 85810, 14328, 19645, 85810, 14328],
            vec![("author", 334), ("paper", 4231), ("term", 50)],
            vec![368, 238, 317, 294],
        ),
    ];
    for (name, nodes, links, widths, classes) in cases {
        let dataset = Dataset::load(name, &source).unwrap().into_hetero().unwrap();
        dataset.validate().unwrap();
        assert_eq!(dataset.graph.nodes().collect::<Vec<_>>(), nodes);
        assert_eq!(dataset.graph.edges().map(|(_, edges)| edges.num_edges()).collect::<Vec<_>>(), links);
        let counts = find(name).unwrap().counts;
        assert_eq!(links.iter().sum::<usize>(), counts.edges);
        assert_eq!(
            dataset.x.iter().map(|(name, x)| (name.as_str(), x.dims()[1])).collect::<Vec<_>>(),
            widths
        );
        assert!(dataset.edge_weight.is_empty());
        assert_eq!([count(&dataset.train_mask), 0, count(&dataset.test_mask)], counts.split);
        let y = dataset.y.to_vec1::<u32>().unwrap();
        let of =
            |class: u32| y.iter().zip(&dataset.train_mask).filter(|(c, is)| **c == class && **is).count();
        assert_eq!((0..).take(classes.len()).map(of).collect::<Vec<_>>(), classes);
        assert_eq!(dataset.class_names.len(), classes.len());
    }
}

#[cfg(feature = "rdf")]
#[test]
fn aifb() {
    let Some(source) = shared("aifb") else { return };
    let aifb = Dataset::load("aifb", &source).unwrap().into_entities().unwrap();
    let (facts, counts) = (&aifb.facts, find("aifb").unwrap().counts);
    assert_eq!(
        (facts.train.len(), facts.relations.len(), facts.entities.len()),
        (counts.edges, 45, counts.nodes)
    );
    let literals = facts.entities.iter().filter(|name| name.starts_with('"')).count();
    let blank = facts.entities.iter().filter(|name| name.starts_with("_:")).count();
    assert_eq!((facts.entities.len() - literals, blank), (2835, 152));
    let literal = |t: &&Triple| facts.entities[t.tail as usize].starts_with('"');
    assert_eq!(facts.train.iter().filter(literal).count(), 8705);
    assert_eq!([aifb.train.len(), 0, aifb.test.len()], counts.split);
    let of = |class: u32| aifb.train.iter().chain(&aifb.test).filter(|&&(_, c)| c == class).count();
    assert_eq!([of(0), of(1), of(2), of(3)], [73, 28, 60, 15]);
}

#[cfg(feature = "smiles")]
#[test]
fn moleculenet() {
    let Some(source) = shared("moleculenet") else { return };
    let molecules = Dataset::load("esol", &source).unwrap().into_molecules().unwrap();
    let (graphs, counts) = (&molecules.graphs, find("esol").unwrap().counts);
    assert_eq!(
        (graphs.len(), graphs.num_nodes(), graphs.num_edges()),
        (counts.graphs, counts.nodes, counts.edges)
    );
    assert_eq!((graphs.num_features(), graphs.num_classes()), (counts.features, counts.classes));
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
            [] => "embedded".to_string(),
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
