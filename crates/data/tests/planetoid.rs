//! The Planetoid format, on files made here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_geometric_data::{NodeDataset, Result};
use common::Pickler;
use common::bodies::planetoid;
use common::hostile::hostile;

/// Five nodes with features, then test nodes 7, 5 and 8 (in this order), and node 6 that nothing is known of.
#[derive(Clone)]
struct Made {
    /// allx, tx, ally, ty, y, graph, test.index
    files: [Vec<u8>; 7],
}

fn pickle(write: impl FnOnce(&mut Pickler) -> &mut Pickler) -> Vec<u8> {
    let mut pickler = Pickler::new();
    write(&mut pickler);
    pickler.finish()
}

impl Made {
    fn new() -> Self {
        let allx: Vec<Vec<(i32, f32)>> =
            vec![vec![(0, 1.), (3, 0.5)], vec![(1, 2.)], vec![], vec![(2, 3.)], vec![(0, 4.), (1, 5.)]];
        let tx = vec![vec![(3, 70.)], vec![(0, 50.)], vec![(1, 80.)]];
        // 0-1 twice, a self-loop on 3, the rest once, both directions
        let graph: [(usize, &[usize]); 8] = [
            (0, &[1, 1, 4]),
            (1, &[0, 0]),
            (4, &[0, 5]),
            (3, &[3, 7]),
            (5, &[4]),
            (7, &[3, 8]),
            (8, &[7]),
            (6, &[]),
        ];
        Self {
            files: [
                pickle(|p| p.csr(4, &allx)),
                pickle(|p| p.csr(4, &tx)),
                pickle(|p| p.one_hot(3, &[0, 1, 2, 0, 1])),
                pickle(|p| p.one_hot(3, &[2, 1, 2])),
                pickle(|p| p.one_hot(3, &[0, 1])),
                pickle(|p| p.graph(&graph)),
                b"7\n5\n8\n".to_vec(),
            ],
        }
    }

    fn with(&self, file: usize, contents: Vec<u8>) -> Self {
        let mut made = self.clone();
        made.files[file] = contents;
        made
    }

    fn parse(&self) -> Result<NodeDataset> {
        planetoid(&self.files)
    }

    fn error(&self) -> String {
        self.parse().unwrap_err().to_string()
    }
}

fn set(mask: &[bool]) -> Vec<usize> {
    (0..mask.len()).filter(|&i| mask[i]).collect()
}

#[test]
fn nodes_stand_where_the_test_index_says() {
    let made = Made::new().parse().unwrap();
    let x = made.graph.x.to_vec2::<f32>().unwrap();
    assert_eq!(x.len(), 9);
    assert_eq!(x[0], [1., 0., 0., 0.5]);
    assert_eq!(x[4], [4., 5., 0., 0.]);
    assert_eq!(x[7], [0., 0., 0., 70.]);
    assert_eq!(x[5], [50., 0., 0., 0.]);
    assert_eq!(x[8], [0., 80., 0., 0.]);
    assert_eq!(x[6], [0.; 4], "nothing is known of node 6");
    assert_eq!(made.labels().unwrap(), [0, 1, 2, 0, 1, 1, 0, 2, 2]);
    assert_eq!((made.num_classes, made.class_names.len()), (3, 3));
    assert_eq!(set(&made.graph.train_mask), [0, 1]);
    assert_eq!(set(&made.graph.val_mask), [2, 3, 4]);
    // As in PyG and in Kipf's loader, node 6 is not for testing: its class, 0, is not known to be so.
    assert_eq!(set(&made.graph.test_mask), [5, 7, 8]);
}

#[test]
fn duplicates_and_self_loops_go() {
    let graph = Made::new().parse().unwrap().graph;
    let edges: Vec<_> = graph.edge_index.iter().collect();
    assert_eq!(edges, [(0, 1), (0, 4), (1, 0), (3, 7), (4, 0), (4, 5), (5, 4), (7, 3), (7, 8), (8, 7)]);
}

#[test]
fn files_that_do_not_fit_together_are_named() {
    let made = Made::new();
    let cases = [
        (made.with(1, pickle(|p| p.csr(5, &vec![vec![]; 3]))), "tx: expected 4 columns, as allx has, got 5"),
        (made.with(2, pickle(|p| p.one_hot(3, &[0, 1]))), "ally: expected 5 rows, as allx has, got 2"),
        (made.with(3, pickle(|p| p.one_hot(2, &[0, 1, 1]))), "ty: expected 3 columns, as ally has, got 2"),
        (
            made.with(4, pickle(|p| p.array("i4", &[0, 1 << 30], b""))),
            "y: expected at least one row and one class, got shape [0, 1073741824]",
        ),
        (made.with(4, pickle(|p| p.one_hot(3, &[0; 6]))), "y: 6 rows, but ally has only 5"),
        (made.with(6, b"5\n6\n".to_vec()), "test.index: expected 3 lines, as tx has rows, got 2"),
        (made.with(6, b"5\n6\n6\n".to_vec()), "test.index: node 6 occurs twice"),
        (made.with(6, b"5\n6\n4\n".to_vec()), "test.index: node 4 occurs twice, or is among the 5 of allx"),
        (made.with(6, b"5\nsix\n7\n".to_vec()), "test.index: line 2: expected a node, got \"six\""),
        (made.with(6, b"5\n6\n999999999\n".to_vec()), "1000000000 × 4 features are too many"),
        (made.with(5, pickle(|p| p.graph(&[(0, &[9])]))), "graph: edge_index: destination"),
        (made.with(5, pickle(|p| p.one_hot(1, &[0]))), "graph: expected a dictionary of lists, got: object"),
        (made.with(0, pickle(|p| p.one_hot(3, &[0]))), "allx: expected a scipy csr_matrix"),
        (made.with(0, pickle(|p| p.csr(1, &[vec![(1, 1.)]]))), "allx: column 1 in a matrix of 1 columns"),
        (made.with(0, pickle(|p| p.csr(1, &[vec![(0, f32::NAN)]]))), "allx: a value is NaN"),
        (made.with(2, pickle(|p| p.csr(1, &[]))), "ally: expected a numpy array of numbers, got object"),
        (
            made.with(2, b"cos\nsystem\n(S'true'\ntR.".to_vec()),
            "ally: the pickle asks for `os system`, which is not among the known ones; nothing was executed",
        ),
    ];
    for (case, message) in cases {
        let error = case.error();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let made = Made::new();
    for (file, contents) in made.files.iter().enumerate().take(6) {
        for length in 0..contents.len() {
            let cut = made.with(file, contents[..length].to_vec());
            assert!(cut.parse().is_err(), "file {file} cut to {length} of {} bytes", contents.len());
        }
    }
    // Text has no end mark: a cut that leaves three whole numbers is another file, not a damaged one.
    for length in 0..5 {
        assert!(made.with(6, made.files[6][..length].to_vec()).parse().is_err());
    }
}

#[test]
fn flipped_bits_make_an_error_or_a_graph() {
    let made = Made::new();
    let mut errors = 0;
    for (file, contents) in made.files.iter().enumerate() {
        for bit in 0..contents.len() * 8 {
            let mut flipped = contents.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match made.with(file, flipped).parse() {
                Ok(dataset) => dataset.graph.validate().unwrap(),
                Err(_) => errors += 1,
            }
        }
    }
    assert!(errors > 5000, "{errors}");
}

#[test]
fn damaged_files() {
    hostile("planetoid", &Made::new().files);
}
