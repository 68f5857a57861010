//! Many graphs, graphs with types, facts, molecules, and graphs without labels.

use crate::*;

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

/// The labels for testing are the nodes' own: papers that share an author are about the same. (Those in `label.dat.test_full`
/// agree no more than by chance.)
#[test]
fn hgb_test_labels_are_true() {
    let Some(source) = shared("hgb") else { return };
    let acm = Dataset::load("hgb-acm", &source).unwrap().into_hetero().unwrap();
    let path =
        [("paper", "to", "author"), ("author", "to", "paper")].map(candle_geometric_graph::EdgeType::from);
    let joined = acm.metapath(&path).unwrap();
    let labels: Vec<u32> = acm.y.to_vec1().unwrap();
    let (mut right, mut all) = (0, 0);
    for node in (0..labels.len()).filter(|&node| acm.test_mask[node]) {
        let mut votes = [0; 3];
        let others = joined.by_destination().neighbors(node).iter().map(|&j| j as usize);
        others.filter(|&j| acm.train_mask[j]).for_each(|j| votes[labels[j] as usize] += 1);
        if votes != [0; 3] {
            let most = (0..3).max_by_key(|&class| votes[class]).unwrap();
            (right, all) = (right + usize::from(most == labels[node] as usize), all + 1);
        }
    }
    assert!(all > 600 && right * 10 > all * 8, "{right} of {all}");
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
