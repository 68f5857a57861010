use candle_geometric_data::Level;

use crate::common::bodies::ppi as read;
use crate::common::hostile::hostile;
use crate::common::{le, npy};

/// A part of nodes with these graphs: the nodes in a line, features `first, first + 1, …`, one of two labels each.
fn part(graphs: &[i64], first: usize) -> Vec<Vec<u8>> {
    let n = graphs.len();
    let nodes: Vec<String> = (0..n).map(|i| format!(r#"{{"id": {i}}}"#)).collect();
    let links: Vec<String> = (1..n).map(|i| format!(r#"{{"source": {}, "target": {i}}}"#, i - 1)).collect();
    let graph =
        format!(r#"{{"directed": false, "nodes": [{}], "links": [{}]}}"#, nodes.join(","), links.join(","));
    let x: Vec<f64> = (0..n).map(|i| (first + i) as f64).collect();
    let y: Vec<i64> = (0..2 * n).map(|i| i64::from(i % 3 == 0)).collect();
    let [x, y] = [npy("<f8", false, &[n, 1], &le(&x)), npy("<i8", false, &[n, 2], &le(&y))];
    vec![graph.into_bytes(), x, y, npy("<i8", false, &[n], &le(graphs))]
}

fn files() -> Vec<Vec<u8>> {
    [part(&[1, 1, 1, 2, 2], 0), part(&[3], 5), part(&[4, 4], 6)].concat()
}

#[test]
fn nodes_go_to_their_graphs() {
    let made = read(&files()).unwrap();
    let graphs: Vec<Vec<_>> = made.graphs.iter().map(|graph| graph.iter().collect()).collect();
    // The link between the two graphs of the first part is left out.
    assert_eq!(
        graphs,
        [vec![(0, 1), (1, 0), (1, 2), (2, 1)], vec![(0, 1), (1, 0)], vec![], vec![(0, 1), (1, 0)]]
    );
    assert_eq!(made.node_ptr(), [0, 3, 5, 6, 8]);
    let split = made.split.clone().unwrap();
    assert_eq!((split.train, split.val, split.test), (vec![0, 1], vec![2], vec![3]));
    assert_eq!((made.level, made.num_classes()), (Level::Node, 2));
    let batch = made.batch(&[3, 1]).unwrap();
    assert_eq!(batch.x.to_vec2::<f32>().unwrap(), [[6.], [7.], [3.], [4.]]);
    assert_eq!(batch.y.unwrap().to_vec2::<f32>().unwrap(), [[1., 0.], [0., 1.], [1., 0.], [0., 1.]]);
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let cases = [
        (
            3,
            npy("<i8", false, &[5], &le(&[1i64, 1, 2, 1, 2])),
            "train_graph_id.npy: the graph of node 3 comes before",
        ),
        (
            5,
            npy("<f8", false, &[1, 2], &le(&[1f64, 2.])),
            "valid_feats.npy: expected 1 columns, as the first part has, got 2",
        ),
        (
            9,
            npy("<f8", false, &[1, 1], &le(&[1f64])),
            "test_feats.npy: expected 2 rows, as there are graph ids, got 1",
        ),
        (10, npy("<i8", false, &[2, 2], &le(&[0i64, 1, 2, 0])), "test_labels.npy: expected 0 or 1, got 2"),
        (
            1,
            npy("<f8", false, &[5, 1], &le(&[f64::NAN; 5])),
            "train_feats.npy: expected finite numbers, got NaN",
        ),
        (
            0,
            br#"{"nodes": [], "links": []}"#.to_vec(),
            "train_graph.json: expected 5 nodes, as there are graph ids, got 0",
        ),
    ];
    for (file, contents, message) in cases {
        let mut files = files();
        files[file] = contents;
        let error = read(&files).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
}

#[test]
fn damaged_files() {
    hostile("ppi", &files());
}
