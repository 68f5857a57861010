use candle_geometric_data::heterophilous;

use crate::common::hostile::hostile;
use crate::common::{archive, le, npy};

/// Three nodes, the edges 0-1 and 1-2, two splits. The features and the masks stand in Fortran order.
fn parts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("node_features", npy("<f4", true, &[3, 2], &le(&[1f32, 2., 3., 10., 20., 30.]))),
        ("node_labels", npy("<i8", false, &[3], &le(&[1i64, 0, 1]))),
        ("edges", npy("<i8", true, &[2, 2], &le(&[0i64, 1, 1, 2]))),
        ("train_masks", npy("|b1", true, &[2, 3], &[1, 0, 0, 1, 0, 0])),
        ("val_masks", npy("|b1", false, &[2, 3], &[0, 1, 0, 1, 0, 0])),
        ("test_masks", npy("|b1", false, &[2, 3], &[0, 0, 1, 0, 0, 1])),
    ]
}

#[test]
fn both_orders_of_arrays_and_all_splits() {
    let made = heterophilous::parse("made", &archive(&parts(), true)).unwrap();
    assert_eq!(made.graph.x.to_vec2::<f32>().unwrap(), [[1., 10.], [2., 20.], [3., 30.]]);
    assert_eq!(made.graph.edge_index.iter().collect::<Vec<_>>(), [(0, 1), (1, 0), (1, 2), (2, 1)]);
    assert_eq!(made.labels().unwrap(), [1, 0, 1]);
    assert_eq!(made.splits.len(), 2);
    assert_eq!(made.graph.train_mask, [true, false, false]);
    let second = made.split(1).unwrap();
    assert_eq!(second.graph.train_mask, [false, true, false]);
    assert_eq!(second.graph.test_mask, [false, false, true]);
    let error = second.split(2).unwrap_err().to_string();
    assert_eq!(error, "split: expected one of 2, got 2");
}

#[test]
fn arrays_that_make_no_sense_are_named() {
    let cases = [
        (
            "node_features",
            npy("<f4", false, &[3, 1], &le(&[1f32, f32::NAN, 0.])),
            "node_features: expected finite",
        ),
        ("node_features", npy("<f4", false, &[3], &le(&[1f32; 3])), "node_features: expected two dimensions"),
        ("node_features", npy("<f4", false, &[1 << 40, 0], &[]), "expected 1099511627776 labels, got 3"),
        ("node_labels", npy("<i8", false, &[3], &le(&[1i64, 7, 0])), "class 7 in a graph of 3 nodes"),
        ("node_labels", npy("<i8", false, &[2], &le(&[1i64, 0])), "node_labels: expected 3 labels, got 2"),
        (
            "edges",
            npy("<i8", false, &[2, 2], &le(&[0i64, 1, 1, 3])),
            "edges: edge_index: destination of edge 1 is 3",
        ),
        ("edges", npy("<i8", false, &[2, 2], &le(&[0i64, -1, 1, 2])), "edges: expected indices from 0"),
        ("edges", npy("<i8", false, &[1, 4], &le(&[0i64, 1, 1, 2])), "edges: expected two columns, got 4"),
        ("val_masks", npy("|b1", false, &[1, 3], &[0, 1, 0]), "2 splits for training, 1 for validation"),
        ("val_masks", npy("|b1", false, &[3, 2], &[0; 6]), "val_masks: expected masks of 3 nodes"),
        (
            "val_masks",
            npy("|u1", false, &[2, 3], &[0, 1, 2, 0, 0, 0]),
            "val_masks: expected 0 or 1 in a mask, got 2",
        ),
    ];
    for (name, contents, message) in cases {
        let mut parts = parts();
        parts.iter_mut().filter(|(n, _)| *n == name).for_each(|part| part.1 = contents.clone());
        let error = heterophilous::parse("made", &archive(&parts, false)).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
}

#[test]
fn damaged_archives() {
    for deflate in [false, true] {
        hostile("heterophilous", &[archive(&parts(), deflate)]);
    }
}

/// A kilobyte in the file for a megabyte in memory: what one array unpacks to is bounded.
#[test]
fn a_bomb_is_not_unpacked() {
    let mut parts = parts();
    parts.retain(|(name, _)| *name != "node_features");
    parts.push(("node_features", npy("|u1", false, &[300 << 20, 1], &vec![0; 300 << 20])));
    let bomb = archive(&parts, true);
    assert!(bomb.len() < 1 << 20);
    let error = heterophilous::parse("made", &bomb).unwrap_err().to_string();
    assert!(error.contains("node_features.npy: the arrays have more than"), "{error}");
}
