use candle_geometric_data::GraphDataset;
use candle_geometric_data::tu::{Options, Tu, parse};

use crate::common::bodies::{TU_NAMES, tu as read};
use crate::common::hostile::{hostile, windows};

/// Graph 1: 1-2 (one direction twice), 3 alone. Graph 2: 4-5 and a self-loop. Graph 3: 6 alone.
fn files() -> Vec<Vec<u8>> {
    let files = [
        "1, 2\n2,1\n5, 4\n4,  5\n2, 1\n4, 4\n",
        "1\n1\n1\n2\n2\n3\n",
        "1\n-1\n1\n",
        "3\n1\n1\n3\n2\n1\n",
        "  0.5, 1\n 1,2\n2,3\n3,4\n4,5\n5,6\n",
        "0\n0\n2\n2\n1\n0\n",
        "1\n2\n3\n4\n5\n6\n",
    ];
    files.map(|text| text.as_bytes().to_vec()).to_vec()
}

const ALL: Options = Options { use_node_attr: true, use_edge_attr: true };

/// Edges, features of nodes and of edges, classes.
type Content = (Vec<Vec<(u32, u32)>>, Vec<Vec<f32>>, Vec<Vec<f32>>, Vec<u32>);

/// Everything that is in a data set, to compare.
fn content(d: &GraphDataset) -> Content {
    let edge_attr = d.edge_attr.as_ref().map_or(vec![], |attr| attr.to_vec2().unwrap());
    let graphs = d.graphs.iter().map(|graph| graph.iter().collect()).collect();
    (graphs, d.x.to_vec2().unwrap(), edge_attr, d.labels().unwrap())
}

#[test]
fn labels_are_one_hot_behind_the_attributes() {
    let made = read(&files()).unwrap();
    let (graphs, x, edge_attr, y) = content(&made);
    assert_eq!(graphs, [vec![(0, 1), (1, 0)], vec![(0, 1), (1, 0)], vec![]]);
    assert_eq!(made.node_ptr(), [0, 3, 5, 6]);
    assert_eq!(made.edge_ptr(), [0, 2, 4, 4]);
    assert_eq!(x[0], [0.5, 1., 0., 0., 1.]);
    assert_eq!(x[4], [4., 5., 0., 1., 0.]);
    // The edges 1-2, 2-1 (the first of the two lines), 4-5, 5-4.
    assert_eq!(edge_attr, [[1., 1., 0., 0.], [2., 1., 0., 0.], [4., 0., 0., 1.], [3., 0., 0., 1.]]);
    assert_eq!(
        (y, made.class_names.as_slice()),
        (vec![1, 0, 1], ["-1".to_string(), "1".to_string()].as_slice())
    );
    let batch = made.batch(&[2, 1]).unwrap();
    assert_eq!(batch.x.to_vec2::<f32>().unwrap(), [x[5].clone(), x[3].clone(), x[4].clone()]);
    assert_eq!(batch.edge_attr.unwrap().to_vec2::<f32>().unwrap(), edge_attr[2..]);
    assert_eq!(batch.y.unwrap().to_vec1::<u32>().unwrap(), [1, 0]);
    assert_eq!(batch.structure.ptr(), [0, 1, 3]);
    assert!(made.batch(&[3]).is_err());
    assert_eq!(made.batch(&[]).unwrap().x.dims(), [0, 5]);
}

#[test]
fn without_attributes_as_pyg_and_without_labels_degrees() {
    let files = files();
    let named: Vec<_> = TU_NAMES.iter().copied().zip(files.iter().map(Vec::as_slice)).collect();
    let without = parse("made", Tu::from_files(&named).unwrap(), Options::default()).unwrap();
    assert_eq!(without.num_features(), 3);
    let bare = Tu { a: &files[0], graph_indicator: &files[1], ..Tu::default() };
    let made = parse("made", bare, ALL).unwrap();
    let (one, none) = (vec![0., 1.], vec![1., 0.]);
    let x = [one.clone(), one.clone(), none.clone(), one.clone(), one, none];
    assert_eq!(made.x.to_vec2::<f32>().unwrap(), x);
    assert!(made.y.is_none() && made.edge_attr.is_none());
    // A star of 1001 leaves: one number, of mean 0 and variance 1.
    let star: String = (2..=1002).map(|leaf| format!("1,{leaf}\n{leaf},1\n")).collect();
    let one = "1\n".repeat(1002);
    let made =
        parse("star", Tu { a: star.as_bytes(), graph_indicator: one.as_bytes(), ..Tu::default() }, ALL)
            .unwrap();
    let x = made.x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(x.len(), 1002);
    assert!(x.iter().sum::<f32>().abs() < 1e-2 && x[0] > 31. && x[1] < 0.);
    assert!((x.iter().map(|v| v * v).sum::<f32>() / 1002. - 1.).abs() < 1e-3);
}

#[test]
fn graphs_without_nodes_and_numbers_to_predict() {
    let files = files();
    let tu = Tu {
        a: b"",
        graph_indicator: b"2\n",
        graph_attributes: Some(b"0.5,1\n1,2\n-3,4e2\n"),
        graph_labels: Some(&files[2]),
        ..Tu::default()
    };
    let made = parse("made", tu, ALL).unwrap();
    assert_eq!(made.node_ptr(), [0, 0, 1, 1]);
    assert_eq!(made.y.unwrap().to_vec2::<f32>().unwrap(), [[0.5, 1.], [1., 2.], [-3., 400.]]);
    let empty = parse("made", Tu { a: b"", graph_indicator: b"", ..Tu::default() }, ALL).unwrap();
    assert!(empty.is_empty() && empty.batch(&[]).is_ok());
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let cases: [(usize, &str, &str); 14] = [
        (0, "1, 2\n0, 1\n", "A: line 2: expected nodes from 1 to 6, got 0"),
        (0, "1, 7\n", "A: line 1: expected nodes from 1 to 6, got 7"),
        (0, "1 2\n", "A: line 1: expected two nodes, separated by a comma, got \"1 2\""),
        (0, "1, 4\n", "A: the edge 1, 4 leaves graph 1"),
        (0, "1, 2\n", "edge_attributes: expected 1 lines, one per edge, got 6"),
        (1, "1\n1\n2\n1\n2\n3\n", "graph_indicator: line 4: expected a graph from 2 to 3"),
        (
            1,
            "1\n1\n2\n2\n2\n4\n",
            "graph_indicator: line 6: expected a graph from 2 to 3, as graphs follow each other, got 4",
        ),
        (1, "0\n", "graph_indicator: line 1: expected a graph from 1"),
        (2, "1\n-1\nx\n", "graph_labels: line 3: expected an integer, got \"x\""),
        (3, "1\n2\n", "node_labels: expected 6 lines, one per node, got 2"),
        (
            3,
            "0\n9000000000000000000\n0\n0\n0\n0\n",
            "node_labels: 6 × 9000000000000000001 features are too many",
        ),
        (4, "1\n2\n3\n4\n5\n6,7\n", "node_attributes: line 6: 2 columns, but the first line has 1"),
        (4, "1\nNaN\n", "node_attributes: line 2: expected a number, got NaN"),
        (6, "1\n1e99\n", "edge_attributes: line 2: expected a number, got inf"),
    ];
    for (file, contents, message) in cases {
        let mut files = files();
        files[file] = contents.as_bytes().to_vec();
        let error = read(&files).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
    let billions = Tu { a: b"", graph_indicator: b"1\n4000000000\n", ..Tu::default() };
    assert!(parse("made", billions, ALL).is_err());
}

#[test]
fn damaged_files() {
    windows(&files(), |files| read(files).map(|made| content(&made)));
    hostile("tu", &files());
}
