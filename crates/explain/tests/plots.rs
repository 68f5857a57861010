//! Histograms, curves and molecules: well-formed, repeatable, and their bars where the numbers are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_geometric_explain::{
    Bond, Curve, CurvePanel, Heads, Molecule, Picture, Statistics, curves, entropy_histogram,
};
use candle_geometric_graph::EdgeIndex;
use roxmltree::Document;

fn statistics(heads: usize) -> Statistics {
    Statistics::new(&common::attention(&common::karate(), heads), None).unwrap()
}

#[test]
fn histograms_of_every_layer() {
    let layers = [statistics(8), statistics(1)];
    let drawing = entropy_histogram(&layers, Heads::Mean, "Karate").unwrap();
    let svg = drawing.to_svg();
    assert_eq!(svg, entropy_histogram(&layers, Heads::Mean, "Karate").unwrap().to_svg());
    Document::parse(&svg).unwrap();
    for text in ["Karate: layer 0, 8 heads", "Karate: layer 1, 1 head", "attention", "uniform: ln(in-degree)"]
    {
        assert!(svg.contains(text), "{text}");
    }
    let error = entropy_histogram(&layers, Heads::One(1), "Karate").unwrap_err().to_string();
    assert_eq!(error, "head: expected a number below 1 (heads are counted from 0), got 1");
    assert!(entropy_histogram(&[], Heads::Mean, "").is_err());
    if let Some(folder) = std::env::var_os("KEEP_PICTURES") {
        drawing.save(std::path::Path::new(&folder).join("histogram.svg")).unwrap();
        drawing.save(std::path::Path::new(&folder).join("histogram.png")).unwrap();
    }
}

#[test]
fn curves_of_two_runs() {
    let curve = |name: &str, colour, pale, f: &dyn Fn(f64) -> f64| Curve {
        name: name.into(),
        points: (0..200).map(|i| (f64::from(i), f(f64::from(i)))).collect(),
        colour,
        pale,
    };
    let panel = |title: &str, k: f64| CurvePanel {
        title: title.into(),
        x_label: "epoch".into(),
        y_label: "loss".into(),
        curves: vec![
            curve("GAT, training", 0, true, &|i| (-i * k).exp()),
            curve("GAT, validation", 0, false, &|i| 0.1 + (-i * k).exp()),
            curve("GCN <&>, validation", 1, false, &|i| 0.2 + (-i * k * 2.0).exp()),
        ],
    };
    let drawing = curves(&[panel("Loss", 0.01), panel("Accuracy", 0.03)]).unwrap();
    let svg = drawing.to_svg();
    Document::parse(&svg).unwrap();
    assert!(svg.contains("GCN &lt;&amp;&gt;, validation") && svg.contains("#a5c9e8"));
    let mut bad = panel("Loss", 0.01);
    bad.curves[1].points[3].1 = f64::NAN;
    assert!(
        curves(&[bad])
            .unwrap_err()
            .to_string()
            .contains("finite points, got (3.0, NaN) in the panel \"Loss\"")
    );
    assert!(curves(&[CurvePanel { curves: vec![], ..panel("Loss", 0.1) }]).is_err());
    if let Some(folder) = std::env::var_os("KEEP_PICTURES") {
        drawing.save(std::path::Path::new(&folder).join("curves.svg")).unwrap();
        drawing.save(std::path::Path::new(&folder).join("curves.png")).unwrap();
    }
}

/// Aspirin: CC(=O)Oc1ccccc1C(=O)O.
fn aspirin() -> (EdgeIndex, Vec<Bond>, Vec<u32>) {
    let atoms = vec![6, 6, 8, 8, 6, 6, 6, 6, 6, 6, 6, 8, 8];
    let bonds = [
        (0, 1, Bond::Single),
        (1, 2, Bond::Double),
        (1, 3, Bond::Single),
        (3, 4, Bond::Single),
        (4, 5, Bond::Aromatic),
        (5, 6, Bond::Aromatic),
        (6, 7, Bond::Aromatic),
        (7, 8, Bond::Aromatic),
        (8, 9, Bond::Aromatic),
        (9, 4, Bond::Aromatic),
        (9, 10, Bond::Single),
        (10, 11, Bond::Double),
        (10, 12, Bond::Single),
    ];
    // In both directions, as a model has them.
    let pairs = bonds.iter().flat_map(|&(a, b, _)| [(a, b), (b, a)]);
    let edges = EdgeIndex::from_pairs(pairs, 13).unwrap();
    (edges, bonds.iter().flat_map(|b| [b.2, b.2]).collect(), atoms)
}

#[test]
fn molecules_with_weighted_atoms() {
    let (bonds, kinds, atoms) = aspirin();
    let weights: Vec<f64> = (0..13).map(|i| f64::from(i) / 78.0).collect();
    let molecule = Molecule {
        title: "Aspirin".into(),
        subtitle: "CC(=O)Oc1ccccc1C(=O)O".into(),
        atoms: &atoms,
        bonds: &bonds,
        kinds: &kinds,
        weights: &weights,
    };
    let drawing = molecule.draw().unwrap();
    let svg = drawing.to_svg();
    assert_eq!(svg, molecule.draw().unwrap().to_svg());
    let document = Document::parse(&svg).unwrap();
    assert_eq!(document.descendants().filter(|n| n.has_tag_name("circle")).count(), 13);
    let letters = |symbol: &str| {
        document.descendants().filter(|n| n.has_tag_name("text") && n.text() == Some(symbol)).count()
    };
    assert_eq!((letters("C"), letters("O")), (9, 4));
    assert!(svg.contains("<title>O: 0.1538</title>"));
    // 3 single bonds more than 2 double and 6 aromatic ones, which have two lines; ticks of the colour bar are lines too.
    let lines = |width: &str| {
        document
            .descendants()
            .filter(|n| n.has_tag_name("line") && n.attribute("stroke-width") == Some(width))
            .count()
    };
    assert_eq!((lines("2.00"), lines("0.80")), (5 + 2 * 2 + 6, 6));
    let message = |m: Molecule<'_>| m.draw().unwrap_err().to_string();
    assert!(message(Molecule { atoms: &atoms[1..], ..molecule.clone() }).starts_with("atoms: "));
    assert!(message(Molecule { kinds: &kinds[1..], ..molecule.clone() }).contains("26 bonds, got 25"));
    assert!(message(Molecule { weights: &[f64::NAN; 13], ..molecule.clone() }).contains("got NaN"));
    if let Some(folder) = std::env::var_os("KEEP_PICTURES") {
        drawing.save(std::path::Path::new(&folder).join("molecule.svg")).unwrap();
        drawing.save(std::path::Path::new(&folder).join("molecule.png")).unwrap();
    }
}

#[test]
fn png_files_have_the_size_asked_for() {
    let weights = common::attention(&common::karate(), 2);
    let names: Vec<String> = (0..34).map(|i| format!("member {i} of $5$")).collect();
    let picture = Picture { node_names: &names, ..Picture::new(&weights) };
    let drawing = picture.draw().unwrap();
    let size = |scale| {
        let png = drawing.to_png(scale).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
    };
    assert_eq!(size(1.0), [1030, 760]);
    assert_eq!(size(2.0), [2060, 1520]);
    assert_eq!(drawing.to_png(1.0).unwrap(), picture.draw().unwrap().to_png(1.0).unwrap());
    for scale in [0.0, -1.0, f64::NAN, 9.0] {
        assert!(drawing.to_png(scale).unwrap_err().to_string().starts_with("scale: "));
    }
    if let Some(folder) = std::env::var_os("KEEP_PICTURES") {
        drawing.save(std::path::Path::new(&folder).join("karate.svg")).unwrap();
        drawing.save(std::path::Path::new(&folder).join("karate.PNG")).unwrap();
    }
}
