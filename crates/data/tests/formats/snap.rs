use std::io::Write;

use candle_geometric_data::{NodeIds, RawGraph, Result, graph_file, snap};

use crate::common::hostile::{hostile, windows};

const LIST: &str = "# a comment\n30\t1412\n\n% another\n 30   3 \n3\t3\n30\t1412\n";

fn read(files: &[Vec<u8>]) -> Result<RawGraph> {
    snap::parse("list.txt", &files[0])
}

fn content(graph: RawGraph) -> (Vec<(u32, u32)>, NodeIds, Option<Vec<f32>>) {
    let weights = graph.edge_attr.map(|weights| weights.to_vec1().unwrap());
    (graph.edge_index.iter().collect(), graph.ids, weights)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn ids_become_dense_and_go_back() {
    let made = read(&[LIST.into()]).unwrap();
    assert_eq!(made.ids.name(2).as_deref(), Some("1412"));
    assert_eq!(made.ids.positions()["30"], 1);
    let expected = (vec![(1, 2), (1, 0), (0, 0), (1, 2)], NodeIds::Numbers(vec![3, 30, 1412]), None);
    assert_eq!(content(made), expected);
    // Two members, one after the other, as gzip allows.
    let (first, second) = LIST.as_bytes().split_at(20);
    assert_eq!(content(read(&[[gzip(first), gzip(second)].concat()]).unwrap()), expected);
    let wide = "-9223372036854775808 9223372036854775807 0.5\n4294967296 0 -1e3\n";
    let (edges, ids, weights) = content(read(&[wide.into()]).unwrap());
    assert_eq!(edges, [(0, 3), (2, 1)]);
    assert_eq!(ids, NodeIds::Numbers(vec![i64::MIN, 0, 1 << 32, i64::MAX]));
    assert_eq!(weights, Some(vec![0.5, -1000.]));
    assert_eq!(
        content(read(&[b"1 0\n0 2".to_vec()]).unwrap()),
        (vec![(1, 0), (0, 2)], NodeIds::Positions, None)
    );
    assert_eq!(content(read(&[b"# nothing\n".to_vec()]).unwrap()), (vec![], NodeIds::Positions, None));
}

/// Larger than what is read at once, so that lines are cut in two.
#[test]
fn lines_across_pieces() {
    let n = 300_000u32;
    let text: String = (0..n).map(|i| format!("{i}\t{}\r\n", (i * 7) % n)).collect();
    assert!(text.len() > 3 << 20);
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let made = read(&[bytes]).unwrap();
        assert_eq!(made.ids, NodeIds::Positions);
        assert!(made.edge_index.iter().eq((0..n).map(|i| (i, (i * 7) % n))));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt.gz");
    std::fs::write(&path, gzip(text.as_bytes())).unwrap();
    assert_eq!(snap::read(&path).unwrap().edge_index.num_edges(), n as usize);
    let error = snap::read(&folder.path().join("none.txt")).unwrap_err().to_string();
    assert!(error.contains("none.txt"), "{error}");
}

#[test]
fn lines_that_make_no_sense_are_named() {
    for (text, message) in [
        ("1 2\n\n3\n", "list.txt: line 3: expected two 64-bit integers, with blanks between them, got \"3\""),
        ("1,2\n", "list.txt: line 1: expected two 64-bit integers"),
        ("1 2x\n", "list.txt: line 1: expected two 64-bit integers"),
        ("1 9223372036854775808\n", "list.txt: line 1: expected two 64-bit integers"),
        ("# c\r\n1 99999999999999999999999\r\n", "list.txt: line 2: expected two 64-bit integers"),
        ("1 2\n1 2 3\n", "list.txt: line 2: expected two columns, as before"),
        ("1 2 0\n1 2\n", "list.txt: line 2: expected three columns, as before"),
        ("1 2 NaN\n", "list.txt: line 1: expected a finite weight"),
        ("1 2 3 4\n", "list.txt: line 1: expected at most three columns"),
        ("1 - 2\n", "list.txt: line 1"),
    ] {
        let error = read(&[text.into()]).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error:?} lacks {message:?}");
    }
    let long = read(&[vec![b'1'; 3 << 20]]).unwrap_err().to_string();
    assert!(long.contains("line 1: longer than"), "{long}");
    let bomb = gzip(&vec![b'\n'; 300 << 20]);
    let error = read(&[bomb]).unwrap_err().to_string();
    assert!(error.contains("unpacks to much more"), "{error}");
    let whole = gzip(LIST.as_bytes());
    for length in 3..whole.len() {
        assert!(read(&[whole[..length].to_vec()]).is_err(), "cut to {length}");
    }
}

#[test]
fn damaged_files() {
    windows(&[LIST.into()], |files| read(files).map(content));
    hostile("snap", &[LIST.into()]);
    hostile("snap", &[gzip(LIST.as_bytes())]);
}

#[test]
fn graph_files_hold_all_and_damaged_ones_are_errors() {
    let mut graph = read(&[b"5 7 0.5\n7 9 1\n".to_vec()]).unwrap();
    let device = &candle_core::Device::Cpu;
    graph.x = Some(candle_core::Tensor::new(&[[1f64], [2.], [3.]], device).unwrap());
    graph.y = Some(candle_core::Tensor::new(&[0u32, 1, 1], device).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph.safetensors");
    graph_file::save(&graph, &path).unwrap();
    let back = graph_file::load(&path).unwrap();
    assert_eq!(back.edge_index, graph.edge_index);
    assert_eq!(back.x.as_ref().unwrap().to_vec2::<f64>().unwrap(), [[1.], [2.], [3.]]);
    assert_eq!(back.y.as_ref().unwrap().to_vec1::<u32>().unwrap(), [0, 1, 1]);
    assert_eq!(content(back), content(graph.clone()));
    let bytes = graph_file::to_bytes(&graph).unwrap();
    assert_eq!(bytes, graph_file::to_bytes(&graph_file::parse("f", &bytes).unwrap()).unwrap());
    hostile("graph_file", &[bytes]);

    graph.ids = NodeIds::Names(["a", "", "ü"].map(String::from).to_vec());
    let bytes = graph_file::to_bytes(&graph).unwrap();
    assert_eq!(graph_file::parse("f", &bytes).unwrap().ids, graph.ids);
    hostile("graph_file", &[bytes]);

    let two = candle_geometric_graph::EdgeIndex::bipartite(vec![1], vec![0], 2, 1).unwrap();
    let bytes = graph_file::to_bytes(&RawGraph::new(two.clone(), NodeIds::Positions).unwrap()).unwrap();
    assert_eq!(graph_file::parse("f", &bytes).unwrap().edge_index, two);
}

#[test]
fn graph_files_keep_a_split() {
    let karate = candle_geometric_data::karate().unwrap().graph;
    let bytes = graph_file::to_bytes(&RawGraph::from(karate.clone())).unwrap();
    let back = graph_file::parse("f", &bytes).unwrap();
    assert_eq!(bytes, graph_file::to_bytes(&back).unwrap());
    let back = back.into_graph().unwrap();
    assert_eq!(back.train_mask, karate.train_mask);
    assert_eq!(back.val_mask, karate.val_mask);
    assert_eq!(back.test_mask, karate.test_mask);

    let mut graph = RawGraph::from(karate);
    let (train, val, test) = (vec![true; 34], vec![false; 34], vec![true; 33]);
    graph.split = Some(candle_geometric_data::Split { train, val, test });
    let error = graph_file::parse("f", &graph_file::to_bytes(&graph).unwrap()).unwrap_err().to_string();
    assert!(error.contains("test_mask: expected [34] of U8, got [33]"), "{error}");
    graph.split = None;
    assert!(graph_file::parse("f", &graph_file::to_bytes(&graph).unwrap()).unwrap().split.is_none());
}
