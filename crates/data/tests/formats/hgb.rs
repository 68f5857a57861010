use std::io::{Cursor, Write};

use candle_geometric_data::HeteroDataset;
use candle_geometric_data::hgb::parse_zip;
use candle_geometric_graph::EdgeType;

use crate::common::bodies::hgb as read;
use crate::common::hostile::{hostile, windows};

const INFO: &str = r#"{"node.dat": {"node type": {"0": "paper", "1": "author"}},
"link.dat": {"link type": {"0": {"start": "0", "end": 1, "meaning": "paper-author"},
"1": {"start": 1, "end": 0, "meaning": "author-paper"}, "2": {"start": 0, "end": 0, "meaning": "paper-cite-paper"}}},
"label.dat": {"node type": {"0": {"0": "good", "1": "better"}}}}"#;

/// Papers 0 and 1, author 2 without features, paper 3 whose name has a tab.
fn files() -> Vec<Vec<u8>> {
    [
        INFO,
        "0\tA title\t0\t1,0.5\n1\tB\t0\t2,3\n2\t\t1\n3\tC\t0\t0\t4,5\n",
        "0\t2\t0\t1.0\n1\t2\t0\t1.0\n2\t0\t1\t1.0\n2\t1\t1\t1.0\n3\t0\t2\t0.5\n3\t0\t2\t0.5\n",
        "1\t\t0\t1\n",
        "0\tA title\t0\t0\n3\tC\t0\t1\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

#[test]
fn types_and_labels_as_pyg() {
    let made = read(&files()).unwrap();
    assert_eq!(made.graph.nodes().collect::<Vec<_>>(), [("paper", 3), ("author", 1)]);
    let edges: Vec<_> =
        made.graph.edges().map(|(t, e)| (t.to_string(), e.iter().collect::<Vec<_>>())).collect();
    let expected = [
        ("paper__to__author".to_string(), vec![(0, 0), (1, 0)]),
        ("author__to__paper".to_string(), vec![(0, 0), (0, 1)]),
        ("paper__cite__paper".to_string(), vec![(2, 0), (2, 0)]),
    ];
    assert_eq!(edges, expected);
    assert_eq!(made.x["paper"].to_vec2::<f32>().unwrap(), [[1., 0.5], [2., 3.], [4., 5.]]);
    assert!(!made.x.contains_key("author"));
    let cite: EdgeType = "paper__cite__paper".parse().unwrap();
    assert_eq!(made.edge_weight.keys().collect::<Vec<_>>(), [&cite]);
    assert_eq!((made.target.as_str(), made.class_names.join(" ")), ("paper", "good better".into()));
    assert_eq!(made.y.to_vec1::<u32>().unwrap(), [0, 1, 1]);
    assert_eq!(
        (made.train_mask.clone(), made.test_mask.clone()),
        (vec![false, true, false], vec![true, false, true])
    );

    let [to, back]: [EdgeType; 2] = [("paper", "to", "author").into(), ("author", "to", "paper").into()];
    let pap = made.metapath(&[to.clone(), back.clone()]).unwrap();
    assert_eq!(pap.iter().collect::<Vec<_>>(), [(0, 0), (1, 0), (0, 1), (1, 1)], "paper 2 has no author");
    assert_eq!(made.metapath(&[cite]).unwrap().iter().collect::<Vec<_>>(), [(0, 2)]);
    for bad in [vec![], vec![to.clone()], vec![to.clone(), to], vec![("paper", "x", "paper").into()]] {
        assert!(made.metapath(&bad).is_err());
    }
    let all = made.clone().with_validation(1., 7).unwrap();
    assert_eq!((all.train_mask, all.val_mask), (vec![false; 3], vec![false, true, false]));
    assert!(made.with_validation(f64::NAN, 7).is_err());
}

#[test]
fn several_labels() {
    let mut files = files();
    files[3] = b"1\t\t0\t0,2\n".to_vec();
    let made = read(&files).unwrap();
    assert_eq!(made.y.to_vec2::<f32>().unwrap(), [[1., 0., 0.], [1., 0., 1.], [0., 1., 0.]]);
    assert_eq!(made.class_names, ["0", "1", "2"]);
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let cases: [(usize, &str, &str); 13] = [
        (0, "{", "info.dat: line 1"),
        (0, "{}", "info.dat: expected node.dat: node type: names"),
        (0, &INFO.replace("\"end\": 1", "\"end\": 2"), "info.dat: expected link.dat: link type"),
        (1, "1\tA\t0\n", "node.dat: line 1: expected node 0, as nodes follow each other, got 1"),
        (1, "0\tA\t2\n", "node.dat: line 1: type 2 of 2"),
        (
            1,
            "0\tA\t0\t1\n1\tA\t0\t1,2\n",
            "node.dat: line 2: 2 features, but the first node of its type has 1",
        ),
        (1, "0\tA\t0\tNaN\n", "node.dat: line 1: expected a finite number, got NaN"),
        (2, "0\t9\t0\t1.0\n", "link.dat: line 1: expected a node below 4, got 9"),
        (2, "0\t1\t0\t1.0\n", "link.dat: line 1: nodes of types 0 and 0 in a link paper__to__author"),
        (2, "0 1 0 1.0\n", "link.dat: line 1: expected source, destination, type and weight"),
        (3, "1\t\t1\t0\n", "label.dat: line 1: type 1, but node.dat says 0"),
        (3, "1\t\t0\t3\n", "label.dat: class 3 of 3 nodes"),
        (3, "1\t\t0\t0\n1\t\t0\t1\n", "label.dat: node 1 has two labels"),
    ];
    for (file, contents, message) in cases {
        let mut files = files();
        files[file] = contents.as_bytes().to_vec();
        let error = read(&files).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
}

fn zipped() -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let names = ["info.dat", "node.dat", "link.dat", "label.dat", "label.dat.test_full"];
    for (name, contents) in names.iter().zip(files()) {
        zip.start_file(format!("../{name}"), options).unwrap();
        zip.write_all(&contents).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn damaged_files() {
    let content = |d: HeteroDataset| (d.y.to_vec1::<u32>().unwrap(), d.x["paper"].to_vec2::<f32>().unwrap());
    windows(&files(), |f| read(f).map(content));
    hostile("hgb", &files());
    assert_eq!(content(parse_zip("made", &zipped()).unwrap()), content(read(&files()).unwrap()));
    hostile("hgb_zip", &[zipped()]);
}
