use candle_geometric_data::NodeDataset;

use crate::common::bodies::geom_gcn as read;
use crate::common::hostile::{hostile, windows};
use crate::common::{archive, npy};

fn split(descr: &str, train: [u8; 3]) -> Vec<u8> {
    let mask = |bytes: &[u8]| npy(descr, false, &[3], bytes);
    let parts =
        [("train_mask", mask(&train)), ("val_mask", mask(&[0, 1, 0])), ("test_mask", mask(&[0, 0, 0]))];
    archive(&parts, true)
}

/// Three nodes out of order, an edge twice, a self-loop; the features by number and as zeros and ones.
fn files(listed: bool) -> Vec<Vec<u8>> {
    let nodes = if listed {
        "node_id\tfeature(feature_amount:2)\tlabel\n2\t0,2\t1\n0\t\t0\n1\t1\t1\n"
    } else {
        "node_id\tfeature\tlabel\n2\t1,0,1\t1\n0\t0,0,0\t0\n1\t0,1,0\t1\n"
    };
    let edges = "node_id\tnode_id\n2\t0\n1\t1\n0\t1\n2\t0\n";
    vec![nodes.into(), edges.into(), split("|u1", [1, 0, 1]), split("|b1", [0, 0, 1])]
}

#[test]
fn both_forms_of_features_and_masks() {
    for listed in [false, true] {
        let made = read(&files(listed)).unwrap();
        assert_eq!(made.graph.x.to_vec2::<f32>().unwrap(), [[0., 0., 0.], [0., 1., 0.], [1., 0., 1.]]);
        assert_eq!(made.labels().unwrap(), [0, 1, 1]);
        assert_eq!(made.graph.edge_index.iter().collect::<Vec<_>>(), [(0, 1), (1, 1), (2, 0)]);
        assert_eq!(made.graph.train_mask, [true, false, true]);
        assert_eq!(made.split(1).unwrap().graph.train_mask, [false, false, true]);
    }
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let cases = [
        (0, "", "out1_node_feature_label: the file is empty"),
        (0, "0\t0\n", "line 1: expected a header of three columns"),
        (0, "node_id\tfeature\tlabel\n0\t1\t0\n0\t1\t0\n", "line 3: node 0 comes twice"),
        (0, "node_id\tfeature\tlabel\n0\t1\t0\n2\t1\t0\n", "line 3: node 2 of 2"),
        (0, "node_id\tfeature\tlabel\n0\t1,2\t0\n", "line 2: expected features of 0 and 1, got \"2\""),
        (0, "node_id\tfeature\tlabel\n0\t1,0\t0\n1\t1\t0\n", "line 3: 1 features, but the first node has 2"),
        (0, "node_id\tfeature\tlabel\n0\t1\t5\n", "line 2: class 5 in a graph of 1 nodes"),
        (0, "a\tfeature(feature_amount:1)\tb\n0\t4294967295\t0\n", "1 × 4294967296 features are too many"),
        (1, "x\ty\n0\t3\n", "out1_graph_edges: line 2: node 3 of 3"),
        (1, "x\ty\n0 1\n", "out1_graph_edges: line 2: expected two nodes"),
    ];
    for (file, contents, message) in cases {
        let mut files = files(false);
        files[file] = contents.as_bytes().to_vec();
        let error = read(&files).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
}

#[test]
fn damaged_files() {
    for listed in [false, true] {
        let content = |d: NodeDataset| (d.graph.x.to_vec2::<f32>().unwrap(), d.labels().unwrap(), d.splits);
        windows(&files(listed)[..2], |f| read(&[f, &files(listed)[2..]].concat()).map(content));
        hostile("geom_gcn", &files(listed));
    }
}
