//! The LINQS and npz formats, on files made here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_geometric_data::{linqs, npz};
use common::hostile::hostile;
use common::{archive, le, npy};

const CONTENT: &str = "31\t0\t1\t1\tTheory\n7\t1\t0\t0\tCase_Based\n100\t0\t0\t1\tTheory\n";

#[test]
fn linqs_papers_are_numbered_as_they_appear() {
    let made = linqs::parse("made", CONTENT.as_bytes(), b"7\t31\n31\t7\n100\t7\n").unwrap();
    assert_eq!(made.graph.x.to_vec2::<f32>().unwrap(), [[0., 1., 1.], [1., 0., 0.], [0., 0., 1.]]);
    assert_eq!(made.class_names, ["Case_Based", "Theory"]);
    assert_eq!(made.labels().unwrap(), [1, 0, 1]);
    let edges: Vec<_> = made.graph.edge_index.iter().collect();
    assert_eq!(edges, [(0, 1), (1, 0), (1, 2), (2, 1)]);
    assert_eq!(made.graph.train_mask, [true; 3]);
    let windows = CONTENT.replace('\n', "\r\n");
    assert!(linqs::parse("made", windows.as_bytes(), b"7\t31\r\n").is_ok());
}

#[test]
fn linqs_lines_that_make_no_sense_are_named() {
    let cases: [(&[u8], &[u8], &str); 8] = [
        (b"31 0 1 Theory\n", b"", "content: line 1: expected a paper, its words and its class"),
        (b"31\t0\t1\tA\n31\t0\t1\tA\n", b"", "content: line 2: paper \"31\" occurs twice"),
        (b"31\t0\t2\tA\n", b"", "content: line 1: expected 0 or 1, got \"2\""),
        (b"31\t0\t1\tA\n32\t0\tA\n", b"", "content: line 2: 1 words, but the first paper has 2"),
        (b"31\t0\t1\tA\n", b"31\t8\n", "cites: line 1: paper \"8\" is not in content"),
        (b"31\t0\t1\tA\n", b"31 31\n", "cites: line 1: expected two papers"),
        (b"\xff\t0\tA\n", b"", "content: line 1: expected UTF-8"),
        (b"", b"\xff", "cites: line 1: expected UTF-8"),
    ];
    for (content, cites, message) in cases {
        let error = linqs::parse("made", content, cites).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
    hostile("linqs", &[CONTENT.into(), b"7\t31\n100\t7\n".to_vec()]);
}

/// Three nodes with the edges 0→1, 0→2, 1→0, 2→2, and the features [[1, 0], [0, 0], [0, 2]].
fn parts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("adj_data", npy("<f4", false, &[4], &le(&[1f32; 4]))),
        ("adj_indices", npy("<i4", false, &[4], &le(&[1i32, 2, 0, 2]))),
        ("adj_indptr", npy("<i4", false, &[4], &le(&[0i32, 2, 3, 4]))),
        ("adj_shape", npy("<i8", false, &[2], &le(&[3i64, 3]))),
        ("attr_data", npy(">f8", false, &[2], &[1f64.to_be_bytes(), 2f64.to_be_bytes()].concat())),
        ("attr_indices", npy("<i8", false, &[2], &le(&[0i64, 1]))),
        ("attr_indptr", npy("<i4", false, &[4], &le(&[0i32, 1, 1, 2]))),
        ("attr_shape", npy("<i8", true, &[2], &le(&[3i64, 2]))),
        ("labels", npy("|i1", false, &[3], &le(&[1i8, 0, 1]))),
        ("class_names", npy("<U3", false, &[2], &le(&['a', 'b', '\0', 'c', '\0', '\0'].map(|c| c as i32)))),
        ("node_names", npy("|O", false, &[3], b"a pickle, which is left alone")),
    ]
}

#[test]
fn npz_is_read_stored_and_deflated() {
    for deflate in [false, true] {
        let made = npz::parse("made", &archive(&parts(), deflate)).unwrap();
        assert_eq!(made.graph.x.to_vec2::<f32>().unwrap(), [[1., 0.], [0., 0.], [0., 2.]]);
        assert_eq!(made.labels().unwrap(), [1, 0, 1]);
        assert_eq!(made.class_names, ["ab", "c"]);
        let edges: Vec<_> = made.graph.edge_index.iter().collect();
        assert_eq!(edges, [(0, 1), (0, 2), (1, 0), (2, 0)]);
        assert_eq!(made.graph.train_mask, [false; 3]);
    }
}

#[test]
fn npz_names_may_lack_or_be_objects() {
    for replacement in [
        None,
        Some(npy("|O", false, &[2], b"a pickle")),
        Some(npy("|S2", false, &[1], b"ab")),
        Some(npy("<U0", false, &[1 << 40], b"")), // a great many names in no bytes
    ] {
        let mut parts = parts();
        parts.retain(|(name, _)| *name != "class_names");
        parts.extend(replacement.map(|contents| ("class_names", contents)));
        assert_eq!(npz::parse("made", &archive(&parts, false)).unwrap().class_names, ["0", "1"]);
    }
}

#[test]
fn npz_arrays_that_make_no_sense_are_named() {
    let cases = [
        ("labels", npy("|O", false, &[3], b""), "labels: numpy type \"|O\""),
        ("labels", npy("<f4", false, &[3], &le(&[0f32; 3])), "labels: expected integers, got numpy type f4"),
        ("labels", npy("|i1", false, &[3], &le(&[0i8, -1, 1])), "labels: expected indices from 0"),
        (
            "labels",
            npy("<i4", false, &[3], &le(&[0, 1, 1 << 30])),
            "labels: class 1073741824 in a graph of 3 nodes",
        ),
        ("labels", npy("|i1", false, &[2], &le(&[0i8, 1])), "3 rows of attributes, 2 labels"),
        ("labels", npy("|i1", false, &[4], &le(&[0i8, 1])), "labels: an array of shape [4]"),
        ("labels", b"\x93NUMPY\x01\0\xff\xff{".to_vec(), "labels: the npy header is truncated"),
        ("labels", b"PK".to_vec(), "labels: not an npy file"),
        ("adj_shape", npy("<i8", false, &[1], &le(&[3i64])), "adj_shape: expected two sizes"),
        ("adj_indptr", npy("<i4", false, &[4], &le(&[0i32, 3, 2, 4])), "adj: indptr does not rise"),
        (
            "adj_indices",
            npy("<i4", false, &[4], &le(&[1i32, 2, 0, 3])),
            "adj: column 3 in a matrix of 3 columns",
        ),
        ("attr_shape", npy("<i8", false, &[2], &le(&[3i64, 1 << 31])), "too many"),
    ];
    for (name, contents, message) in cases {
        let mut parts = parts();
        parts.iter_mut().filter(|(n, _)| *n == name).for_each(|part| part.1 = contents.clone());
        let error = npz::parse("made", &archive(&parts, false)).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
    let mut parts = parts();
    parts.retain(|(name, _)| *name != "attr_data");
    let error = npz::parse("made", &archive(&parts, false)).unwrap_err().to_string();
    assert!(error.contains("it has no array \"attr_data\""), "{error}");
}

#[test]
fn damaged_npz_files_are_errors() {
    let whole = archive(&parts(), false);
    hostile("npz", std::slice::from_ref(&whole));
    for length in 0..whole.len() {
        assert!(npz::parse("made", &whole[..length]).is_err(), "cut to {length} of {} bytes", whole.len());
    }
    let right = npz::parse("made", &whole).unwrap();
    let mut errors = 0;
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match npz::parse("made", &flipped) {
            // A bit that nobody reads: a date, the object array.
            Ok(made) => {
                assert_eq!(made.labels().unwrap(), right.labels().unwrap());
                assert_eq!(made.graph.edge_index, right.graph.edge_index);
                assert_eq!(made.graph.x.to_vec2::<f32>().unwrap(), right.graph.x.to_vec2::<f32>().unwrap());
            }
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 8 * 1000, "{errors}");
}
