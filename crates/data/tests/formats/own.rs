//! The user's own: Matrix Market, CSV, GraphML, numpy.

use candle_core::Tensor;
use candle_geometric_data::tables::Columns;
use candle_geometric_data::{
    NodeIds, RawGraph, Result, csv_graph, graphml, import, matrix_market, numpy_graph,
};

use crate::common::bodies::{csv, csv_columns};
use crate::common::hostile::{hostile, windows};
use crate::common::{archive, le, npy};

pub(crate) type Content = (Vec<(u32, u32)>, NodeIds, [Option<Vec<f32>>; 2], Option<Vec<u32>>);

pub(crate) fn content(graph: RawGraph) -> Content {
    let floats = |t: &Option<Tensor>| t.as_ref().map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    let y = graph.y.as_ref().map(|y| y.to_vec1().unwrap());
    let parts = [floats(&graph.x), floats(&graph.edge_attr)];
    (graph.edge_index.iter().collect(), graph.ids, parts, y)
}

#[track_caller]
fn errors(parse: impl Fn(&[u8]) -> Result<RawGraph>, cases: &[(&str, &str)]) {
    for (text, message) in cases {
        let error = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
}

#[test]
fn matrix_market_files() {
    let parse = |files: &[Vec<u8>]| matrix_market::parse("m.mtx", &files[0]);
    let symmetric = "%%MatrixMarket matrix coordinate real symmetric\n% c\n3 3 2\n2 1 0.5\n 3  3  -2e0\n";
    let expected =
        (vec![(1, 0), (0, 1), (2, 2)], NodeIds::Positions, [None, Some(vec![0.5, 0.5, -2.])], None);
    assert_eq!(content(parse(&[symmetric.into()]).unwrap()), expected);
    let skew = symmetric.replace("symmetric", "skew-symmetric");
    assert_eq!(content(parse(&[skew.into()]).unwrap()).2[1], Some(vec![0.5, -0.5, -2.]));
    let wide = b"%%MatrixMarket MATRIX coordinate pattern general\n2 5 1\n2 5\n".to_vec();
    let graph = parse(&[wide]).unwrap();
    assert!(graph.edge_index.is_bipartite() && graph.edge_attr.is_none());
    assert_eq!((graph.edge_index.num_src(), graph.edge_index.num_dst()), (2, 5));
    let head = "%%MatrixMarket matrix coordinate pattern general\n";
    let cases = [
        ("", "m.mtx: the file is empty"),
        ("3 3 1\n", "m.mtx: line 1: expected `%%MatrixMarket matrix coordinate"),
        ("%%MatrixMarket matrix array real general\n", "m.mtx: line 1: expected `%%MatrixMarket"),
        (
            "%%MatrixMarket matrix coordinate complex general\n",
            "expected pattern, real or integer, got \"complex\"",
        ),
        ("%%MatrixMarket matrix coordinate real hermitian\n", "got \"hermitian\""),
        ("%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n", "line 2: a symmetric matrix of 2 × 3"),
        (&format!("{head}%\n"), "there is no line of sizes"),
        (&format!("{head}2 2 1\n3 1\n"), "line 3: expected a row from 1 to 2, got 3"),
        (&format!("{head}2 2 1\n1 0\n"), "line 3: expected a column from 1 to 2, got 0"),
        (&format!("{head}2 2 1\n1 1\n2 2\n"), "line 4: more entries than the 1"),
        (&format!("{head}2 2 4000000000\n1 1\n"), "1 entries instead of the 4000000000"),
        (&format!("{head}99999999999 99999999999 0\n"), "too large"),
        (&format!("{head}2 2 1\n1,1\n"), "line 3: expected a row and a column"),
    ];
    errors(|bytes| matrix_market::parse("m.mtx", bytes), &cases);
    windows(&[symmetric.into()], |f| parse(f).map(content));
    hostile("matrix_market", &[symmetric.into()]);
}

#[test]
fn csv_tables() {
    let columns = csv_columns();
    let edges = "w,source,target\n1,\"x, y\",z\n-2.5,z,\"x, y\"\n";
    let nodes = "id,b,kind,a\nz,1,dog,2\n\"x, y\",3,cat,4\nalone,5,dog,6\n";
    let (pairs, ids, parts, y) = content(csv(&[edges.into(), nodes.into()]).unwrap());
    assert_eq!(pairs, [(1, 0), (0, 1)]);
    assert_eq!(ids, NodeIds::Names(["z", "x, y", "alone"].map(String::from).to_vec()));
    assert_eq!(parts, [Some(vec![2., 1., 4., 3., 6., 5.]), Some(vec![1., -2.5])]);
    assert_eq!(y, Some(vec![1, 0, 1]));
    let bare = csv_graph::parse(edges.as_bytes(), None, &Columns::default()).unwrap();
    assert_eq!(content(bare).1, NodeIds::Names(["x, y", "z"].map(String::from).to_vec()));
    let edges_of = |bytes: &[u8]| csv_graph::parse(bytes, None, &columns);
    errors(
        edges_of,
        &[
            ("", "the table of edges: line 1: there is no column \"source\""),
            ("source;target;w\n1;2;3\n", "line 1: there is no column \"source\"; there are: source;target;w"),
            (
                "source,target,w\n1,2,3\n1,2\n",
                "the table of edges: line 3: expected 3 values, as the header has, got 2",
            ),
            (
                "source,target,w\n1,2,nan\n",
                "the table of edges: line 2: w: expected a finite number, got \"nan\"",
            ),
        ],
    );
    errors(
        |bytes| csv_graph::parse(edges.as_bytes(), Some(bytes), &columns),
        &[
            (
                "id,a,b,kind\nz,1,2,k\n",
                "the table of edges: line 2: node \"x, y\" is not in the table of nodes",
            ),
            ("id,a,b,kind\nz,1,2,k\nz,1,2,k\n", "the table of nodes: line 3: node \"z\" comes twice"),
        ],
    );
    errors(
        edges_of,
        &[
            ("source,target,w\r\n1,2,3\r\n1,2,x\r\n", "line 3: w: expected a finite number"),
            ("source,target,w\r\n1,2,3\r\n1,2\r\n", "line 3: expected 3 values"),
        ],
    );
    let broken = csv_graph::parse(b"source,target,w\n\xff,2,3\n", None, &columns).unwrap_err().to_string();
    assert_eq!(broken, "the table of edges: line 2: expected UTF-8 text");
    windows(&[edges.into(), nodes.into()], |f| csv(f).map(content));
    hostile("csv", &[edges.into(), nodes.into()]);
}

#[test]
fn graphml_files() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="node" attr.name="size" attr.type="double"><default>7</default></key>
<key id="d1" for="node" attr.name="label" attr.type="string"/>
<key id="d2" for="edge" attr.name="weight" attr.type="float"/>
<key id="d3" for="edge" attr.name="old" attr.type="boolean"><default>false</default></key>
<graph id="G" edgedefault="undirected">
<node id="n &amp; m"><data key="d0">1.5</data><data key="d1">text</data></node>
<node id="b"/>
<edge source="b" target="n &amp; m"><data key="d2"> 2 </data></edge>
<edge source="b" target="b"><data key="d2">3</data><data key="d3">true</data></edge>
<edge directed="true" source="b" target="n &amp; m"><data key="d2">4</data></edge>
</graph></graphml>
"#;
    let parse = |files: &[Vec<u8>]| graphml::parse("g.graphml", &files[0]);
    let (pairs, ids, parts, _) = content(parse(&[text.into()]).unwrap());
    assert_eq!(pairs, [(1, 0), (0, 1), (1, 1), (1, 0)]);
    assert_eq!(ids, NodeIds::Names(["n & m", "b"].map(String::from).to_vec()));
    assert_eq!(parts, [Some(vec![1.5, 7.]), Some(vec![2., 0., 2., 0., 3., 1., 4., 0.])]);
    let no_weight = text.replace("<data key=\"d2\">4</data>", "");
    let bomb =
        r#"<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><graphml><graph>&b;</graph></graphml>"#;
    errors(
        |bytes| graphml::parse("g.graphml", bytes),
        &[
            ("", "g.graphml: line 1"),
            ("<graphml>\n<graph>\n</graphml>", "g.graphml: line 3"),
            ("<graphml/>", "g.graphml: there is no graph"),
            ("<graphml><graph/>\n<graph/></graphml>", "g.graphml: line 2: a second graph"),
            (&text.replace("id=\"b\"", "id=\"c\""), "g.graphml: line 10: there is no node \"b\""),
            (&text.replace("id=\"b\"", "id=\"n &amp; m\""), "g.graphml: line 9: node \"n & m\" comes twice"),
            (&text.replace("1.5", "NaN"), "g.graphml: line 8: d0: expected a finite number, got \"NaN\""),
            (&no_weight, "g.graphml: line 12: d2: expected a finite number, got none"),
            (bomb, "g.graphml: line"),
        ],
    );
    let deep = ["<a>"; 100_000].concat();
    assert!(graphml::parse("g", deep.as_bytes()).is_err());
    windows(&[text.into()], |f| parse(f).map(content));
    hostile("graphml", &[text.into()]);
}

#[test]
fn numpy_files() {
    let rows = npy("<i8", false, &[3, 2], &le(&[0i64, 1, 1, 2, 2, 0]));
    let columns = npy("<i4", false, &[2, 3], &le(&[0i32, 1, 2, 1, 2, 0]));
    for edges in [rows, columns.clone()] {
        let graph = numpy_graph::parse_npy("e.npy", &edges).unwrap();
        assert_eq!(graph.edge_index.iter().collect::<Vec<_>>(), [(0, 1), (1, 2), (2, 0)]);
        hostile("npy", &[edges]);
    }
    let huge = npy("<u4", false, &[1, 2], &le(&[0i32, -2]));
    let error = numpy_graph::parse_npy("e.npy", &huge).unwrap_err().to_string();
    assert!(error.contains("node 4294967294 in a list of 1 edges"), "{error}");
    let mut parts = vec![
        ("edge_index", columns),
        ("x", npy("<f8", false, &[4, 1], &le(&[1f64, 2., 3., 4.]))),
        ("edge_attr", npy("<f4", true, &[3, 2], &le(&[1f32, 2., 3., 10., 20., 30.]))),
        ("y", npy("<i8", false, &[4], &le(&[0i64, 1, 0, 1]))),
    ];
    let parse = |f: &[Vec<u8>]| numpy_graph::parse_npz("g.npz", &f[0]);
    let (_, _, [x, attr], y) = content(parse(&[archive(&parts, true)]).unwrap());
    assert_eq!((x, attr), (Some(vec![1., 2., 3., 4.]), Some(vec![1., 10., 2., 20., 3., 30.])));
    assert_eq!(y, Some(vec![0, 1, 0, 1]));
    hostile("npz_graph", &[archive(&parts, false)]);
    parts.truncate(1);
    parts.push(("num_nodes", npy("<i8", false, &[], &le(&[9i64]))));
    assert_eq!(parse(&[archive(&parts, true)]).unwrap().num_nodes(), 9);
    parts[1].1 = npy("<i8", false, &[], &le(&[1i64 << 31]));
    assert!(parse(&[archive(&parts, true)]).is_err());
}

#[test]
fn files_are_read_by_the_ends_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let columns = Columns::default();
    let edges =
        |name: &str, text: &str| import(&write(name, text), None, &columns).map(|g| g.edge_index.num_edges());
    assert_eq!(edges("a.txt", "1 2\n").unwrap(), 1);
    assert_eq!(edges("A.CSV", "source,target\n1,2\n").unwrap(), 1);
    assert_eq!(edges("a.mtx", "%%MatrixMarket matrix coordinate pattern general\n1 1 1\n1 1\n").unwrap(), 1);
    assert_eq!(edges("a.graphml", "<graphml><graph/></graphml>").unwrap(), 0);
    for name in ["a", "a.doc", "a.csv.gz", ".gz"] {
        let error = edges(name, "1 2\n").unwrap_err().to_string();
        assert!(error.starts_with("path: expected a"), "{error}");
    }
    assert!(import(&folder.path().join("none.mtx"), None, &columns).is_err());
}
