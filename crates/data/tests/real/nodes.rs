//! Graphs whose nodes have labels.

use crate::*;

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

#[test]
fn texts() {
    let Some(source) = shared("texts") else { return };
    let cora = load("subcora-texts", &source).unwrap();
    check(&cora);
    assert_eq!(class_sizes(&cora), [147, 208, 410, 214, 110, 90, 175]);
    assert!(cora.texts[0].starts_with("Title: The megaprior heuristic"));
    assert_eq!(cora.texts.iter().map(String::len).sum::<usize>() / 1354, 1014);

    let cornell = load("cornell-texts", &source).unwrap();
    assert_eq!((cornell.graph.num_nodes(), cornell.graph.num_edges(), cornell.texts.len()), (191, 293, 191));
    assert_eq!(class_sizes(&cornell), [83, 17, 42, 17, 32]);
    assert_eq!(cornell.graph.edge_index.iter().next(), Some((0, 166)));
    assert_eq!(Dataset::Nodes(cornell.clone()).stats().unwrap().self_loops, 1);
    assert!(cornell.texts[0].starts_with("Patty Hough;Patty Hough; Sandia"));
}

#[test]
fn dictionaries_to_look_things_up_in() {
    let lookup = load("dictionary-lookup", &Source::Cache).unwrap();
    check_sizes(&lookup);
    // Every value is that of one entry, and the answer to one query, of each dictionary.
    assert_eq!(class_sizes(&lookup), [2500; 10]);
    let (edges, labels) = (&lookup.graph.edge_index, lookup.labels().unwrap());
    let x = lookup.graph.x.to_vec2::<f32>().unwrap();
    let key = |node: usize| x[node].iter().position(|&feature| feature == 1.0).unwrap();
    for (entry, query) in edges.iter().map(|(j, i)| (j as usize, i as usize)) {
        assert!(entry < 12_500 && query >= 12_500 && entry / 10 == (query - 12_500) / 10);
        assert_eq!(key(entry) == key(query), labels[entry] == labels[query]);
        assert_eq!(x[query].iter().sum::<f32>(), 1.0);
        assert_eq!(x[entry][10 + labels[entry] as usize], 1.0);
    }
}
