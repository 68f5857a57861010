use candle_geometric_data::graphsage::{GraphSage, parse};

use crate::common::bodies::graphsage as read;
use crate::common::hostile::{hostile, windows};
use crate::common::{le, npy};

const GRAPH: &str = r#"{"links": [{"source": 0, "target": 2, "train_removed": true}, {"target": 0, "source": 2},
{"source": 1, "target": 1}], "graph": {"name": "x"}, "multigraph": false, "directed": false,
"nodes": [{"id": "c", "val": false, "test": true}, {"id": "a", "val": true, "test": false}, {"id": 7, "label": [1]}]}"#;
const CLASSES: &str = r#"{"a": 1, "7": 0, "c": 2}"#;
const SEVERAL: &str = r#"{"a": [1, 0], "7": [0, 0], "c": [1.0, 1.0]}"#;

fn files(classes: &str) -> Vec<Vec<u8>> {
    let feats = npy("<f8", false, &[3, 2], &le(&[1f64, 2., 3., 4., 5., 6.]));
    vec![GRAPH.into(), classes.into(), r#"{"a": 0, "c": 2, "7": 1}"#.into(), feats]
}

#[test]
fn positions_ids_and_both_kinds_of_labels() {
    let made = read(&files(CLASSES)).unwrap();
    assert_eq!(made.graph.edge_index.iter().collect::<Vec<_>>(), [(0, 2), (2, 0)]);
    assert_eq!(made.graph.x.to_vec2::<f32>().unwrap(), [[5., 6.], [1., 2.], [3., 4.]]);
    assert_eq!(made.labels().unwrap(), [2, 1, 0]);
    let masks = [&made.graph.train_mask, &made.graph.val_mask, &made.graph.test_mask];
    assert_eq!(masks, [&[false, false, true], &[false, true, false], &[true, false, false]]);
    let several = read(&files(SEVERAL)).unwrap();
    assert_eq!(several.graph.y.unwrap().to_vec2::<f32>().unwrap(), [[1., 1.], [1., 0.], [0., 0.]]);
    assert_eq!(several.num_classes, 2);
    let by_name = GRAPH
        .replace("\"target\": 2", "\"target\": \"a\"")
        .replace("\"directed\": false", "\"directed\": true");
    let files =
        GraphSage { graph: by_name.as_bytes(), class_map: CLASSES.as_bytes(), id_map: None, feats: None };
    let made = parse("made", files).unwrap();
    assert_eq!(made.graph.edge_index.iter().collect::<Vec<_>>(), [(0, 1), (2, 0)]);
    assert_eq!(made.graph.x.dims(), [3, 0]);
}

#[test]
fn what_makes_no_sense_is_named() {
    let cases: [(usize, &str, &str); 8] = [
        (0, "{\n\"nodes\": [],\n\"links\": [}", "G.json: line 3: "),
        (
            0,
            r#"{"nodes": [], "links": [{"source": 0, "target": 0}]}"#,
            "G.json: link 0 ends in node \"0\", but there are 0",
        ),
        (
            0,
            r#"{"nodes": [{"id": 7}], "links": [{"source": "x", "target": 0}]}"#,
            "link 0 ends in node \"x\"",
        ),
        (1, r#"{"a": 1, "7": 0}"#, "class_map.json: node \"c\": it has no class"),
        (1, r#"{"a": 1, "7": 0, "c": 3}"#, "class_map.json: node \"c\": class 3 in a graph of 3 nodes"),
        (
            1,
            r#"{"a": [1], "7": [0, 1], "c": [3]}"#,
            "class_map.json: node \"c\": expected labels of 0 and 1, got 3",
        ),
        (1, r#"{"a": [1], "7": 0, "c": [1]}"#, "class_map.json: some nodes have a class, others a list"),
        (2, r#"{"a": 0, "c": 3, "7": 1}"#, "id_map.json: no row of 3 for node \"c\""),
    ];
    for (file, contents, message) in cases {
        let mut files = files(CLASSES);
        files[file] = contents.as_bytes().to_vec();
        let error = read(&files).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
    let deep = "[".repeat(1 << 20);
    let files = GraphSage { graph: deep.as_bytes(), class_map: b"{}", id_map: None, feats: None };
    assert!(parse("made", files).unwrap_err().to_string().starts_with("G.json: line 1: "));
}

#[test]
fn damaged_files() {
    for labels in [CLASSES, SEVERAL] {
        windows(&files(labels), |f| read(f).map(|d| d.graph.x.to_vec2::<f32>().unwrap()));
        hostile("graphsage", &files(labels));
    }
}
