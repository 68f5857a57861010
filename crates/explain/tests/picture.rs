//! The picture is well-formed, finite, the same every time, and shows what it says it shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_geometric_explain::{Heads, Picture, Weights, layout};
use candle_geometric_graph::EdgeIndex;
use common::{attention, karate};
use roxmltree::Document;

/// The club that every member joined after the split: 0 that of Mr Hi (member 0), 1 that of the officer (member 33).
#[rustfmt::skip]
const FACTION: [u32; 34] =
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];

fn count(document: &Document<'_>, tag: &str) -> usize {
    document.descendants().filter(|n| n.has_tag_name(tag)).count()
}

/// Every number of every element is finite and on the page.
fn assert_on_page(document: &Document<'_>) {
    let [width, height] =
        ["width", "height"].map(|a| document.root_element().attribute(a).unwrap().parse().unwrap());
    for node in document.descendants().filter(|n| n.is_element() && !n.has_tag_name("linearGradient")) {
        for (names, end) in [(["cx", "x1", "x2", "x"], width), (["cy", "y1", "y2", "y"], height)] {
            for value in names.iter().filter_map(|&name| node.attribute(name)) {
                let value: f64 = value.parse().unwrap();
                assert!((0.0..=end).contains(&value), "{value} in {node:?}");
            }
        }
    }
}

#[test]
fn karate_club() {
    let weights = attention(&karate(), 8);
    let mut predicted = FACTION;
    predicted[8] = 1;
    let names = ["Mr Hi", "Officer"].map(String::from);
    let picture = Picture {
        title: "Karate".into(),
        predicted: Some(&predicted),
        truth: Some(&FACTION),
        class_names: &names,
        ..Picture::new(&weights)
    };
    let svg = picture.to_svg().unwrap();
    assert_eq!(svg, picture.to_svg().unwrap());
    let document = Document::parse(&svg).unwrap();
    assert_on_page(&document);
    // Two halves of 78 edges; 34 nodes, whose tooltips are the only groups.
    let halves =
        document.descendants().filter(|n| n.has_tag_name("line") && n.attribute("stroke") != Some("#2b2b33"));
    assert_eq!(halves.count(), 2 * 78);
    assert_eq!(count(&document, "g"), 34);
    let tooltips: Vec<&str> =
        document.descendants().filter(|n| n.has_tag_name("title")).filter_map(|n| n.text()).collect();
    assert_eq!(tooltips[0], "0: Mr Hi");
    assert_eq!(tooltips[8], "8: Officer (true: Mr Hi)");
    for text in ["Karate", "mean of 8 heads · 34 nodes", "Predicted class", "1 wrong: the ring has", "0.0"] {
        assert!(svg.contains(&format!(">{text}<")), "{text}");
    }
}

#[test]
fn edges_in_another_order_give_the_same_picture() {
    let mut order: Vec<(u32, u32)> = karate().iter().collect();
    order.reverse();
    let (a, b) = (attention(&karate(), 2), attention(&EdgeIndex::from_pairs(order, 34).unwrap(), 2));
    assert_eq!(Picture::new(&a).to_svg().unwrap(), Picture::new(&b).to_svg().unwrap());
}

#[test]
fn heads_and_seeds_differ() {
    let weights = attention(&karate(), 2);
    let base = Picture::new(&weights).to_svg().unwrap();
    assert_ne!(base, Picture { heads: Heads::One(1), ..Picture::new(&weights) }.to_svg().unwrap());
    assert_ne!(base, Picture { seed: 1, ..Picture::new(&weights) }.to_svg().unwrap());
}

#[test]
fn each_half_shows_its_own_direction() {
    // 0 attends to 1 fully, 1 to 0 not at all; nothing goes from 1 to 2.
    let edges = EdgeIndex::from_pairs([(1, 0), (0, 1), (1, 1), (2, 1)], 3).unwrap();
    let weights = Weights::new(edges, vec![1.0, 0.0, 0.5, 0.5], 1).unwrap();
    let svg = Picture::new(&weights).to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let strokes: Vec<&str> = document
        .descendants()
        .filter(|n| n.has_tag_name("line"))
        .filter_map(|n| n.attribute("stroke"))
        .filter(|&s| s != "#2b2b33")
        .collect();
    // Weakest first: no edge, nothing, a half, everything.
    assert_eq!(strokes, ["#d9d9de", "#d8d3cc", "#d05c63", "#330a42"]);
}

#[test]
fn names_are_escaped() {
    let weights = attention(&karate(), 1);
    let names: Vec<String> = (0..34).map(|i| format!("<b>&\"{i}\u{1}]]>")).collect();
    let picture = Picture {
        title: "a < b && \"c\"".into(),
        predicted: Some(&FACTION),
        class_names: &names,
        node_names: &names,
        ..Picture::new(&weights)
    };
    let svg = picture.to_svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let texts: Vec<&str> =
        document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
    assert_eq!(texts[0], "a < b && \"c\"");
    assert!(texts.contains(&"<b>&\"33\u{fffd}]]>"));
    assert_eq!(count(&document, "b"), 0);
}

#[test]
fn odd_graphs_have_pictures() {
    let cases: [(Vec<(u32, u32)>, usize); 6] = [
        (vec![], 0),
        (vec![], 1),
        (vec![], 5),
        (vec![(0, 0)], 1),
        (vec![(0, 1)], 2),
        (vec![(0, 1), (0, 1), (1, 0), (2, 2), (3, 4)], 6),
    ];
    for (pairs, nodes) in cases {
        let edges = EdgeIndex::from_pairs(pairs, nodes).unwrap();
        let weights = attention(&edges, 2);
        let svg = Picture::new(&weights).to_svg().unwrap();
        let document = Document::parse(&svg).unwrap();
        assert_on_page(&document);
        assert_eq!(count(&document, "g"), nodes);
    }
}

/// A ring of 100 nodes, each joined to the next in both directions, and 400 leaves at node 7.
fn large() -> EdgeIndex {
    let ring = (0..100).flat_map(|i| [(i, (i + 1) % 100), ((i + 1) % 100, i)]);
    let star = (100..500).flat_map(|i| [(i, 7), (7, i)]);
    EdgeIndex::from_pairs(ring.chain(star), 500).unwrap()
}

#[test]
fn large_graphs_are_cut_to_the_surroundings_of_a_node() {
    let weights = attention(&large(), 1);
    let draw = |centre, max_nodes| Picture { centre, max_nodes, ..Picture::new(&weights) }.to_svg().unwrap();
    // Around node 50: five nodes in each direction.
    let svg = draw(Some(50), 11);
    assert!(svg.contains("11 of 500 nodes, around node 50"));
    assert!(svg.contains("<title>45</title>") && svg.contains("<title>55</title>"));
    // All leaves see more than 80 nodes in two hops, as do 7 and its neighbours on the ring: 0 is the first that does not.
    assert!(draw(None, 80).contains("80 of 500 nodes, around node 0<"));
    assert_eq!(count(&Document::parse(&draw(Some(7), 80)).unwrap(), "g"), 80);
    assert_on_page(&Document::parse(&draw(None, 500)).unwrap());
}

#[test]
fn bad_arguments_are_refused_by_name() {
    let weights = attention(&karate(), 2);
    let picture = Picture::new(&weights);
    let message = |p: Picture<'_>| p.to_svg().unwrap_err().to_string();
    let short = [0; 3];
    assert_eq!(
        message(Picture { truth: Some(&short), ..picture.clone() }),
        "truth: expected one entry for each of 34 nodes, got 3 entries"
    );
    assert_eq!(
        message(Picture { centre: Some(34), ..picture.clone() }),
        "centre: expected a node below 34, got 34"
    );
    assert!(message(Picture { heads: Heads::One(2), ..picture.clone() }).starts_with("head: "));
    let bipartite = EdgeIndex::bipartite(vec![0], vec![0], 1, 2).unwrap();
    let weights = Weights::new(bipartite, vec![1.0], 1).unwrap();
    assert!(message(Picture::new(&weights)).contains("bipartite"));
    let too_many = EdgeIndex::new(vec![], vec![], layout::MAX_NODES + 1).unwrap();
    assert!(layout::force_directed(&too_many, 0).unwrap_err().to_string().contains("at most 3000 nodes"));
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let weights = attention(&karate(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karate.svg");
    std::fs::write(&path, "old").unwrap();
    Picture::new(&weights).save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), Picture::new(&weights).to_svg().unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    // A folder that is not there, and a file where a folder should be.
    for nowhere in [folder.path().join("no/such/karate.svg"), path.join("karate.svg")] {
        let error = Picture::new(&weights).save(&nowhere).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {}: ", nowhere.display())), "{error}");
    }
}

#[test]
fn the_layout_is_finite_level_and_repeatable() {
    let edges = karate();
    let at = layout::force_directed(&edges, 5).unwrap();
    assert_eq!(at, layout::force_directed(&edges, 5).unwrap());
    assert!(at.iter().flatten().all(|x| x.is_finite()));
    let spread = |axis: usize| at.iter().map(|p| p[axis] * p[axis]).sum::<f64>();
    assert!(spread(0) > spread(1));
    // Friends stand closer together than strangers.
    let distance =
        |a: usize, b: usize| ((at[a][0] - at[b][0]).powi(2) + (at[a][1] - at[b][1]).powi(2)).sqrt();
    let mean = |pairs: &mut dyn Iterator<Item = (usize, usize)>| {
        let d: Vec<f64> = pairs.map(|(a, b)| distance(a, b)).collect();
        d.iter().sum::<f64>() / d.len() as f64
    };
    let friends = mean(&mut common::KARATE.iter().map(|&(a, b)| (a as usize, b as usize)));
    let all = mean(&mut (0..34).flat_map(|a| (0..a).map(move |b| (a, b))));
    assert!(friends < 0.6 * all, "{friends} {all}");
}
