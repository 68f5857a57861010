//! Parts of a graph that do not fit together, and row normalisation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::{Graph, NodeDataset, normalize_features, normalize_features_l2};
use candle_geometric_graph::EdgeIndex;

fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &Device::Cpu).unwrap()
}

fn graph() -> Graph {
    let edges = EdgeIndex::new(vec![0, 1], vec![1, 2], 3).unwrap();
    Graph::new(zeros(&[3, 4], DType::F32), edges).unwrap()
}

#[test]
fn every_part_is_checked() {
    let edges = graph().edge_index;
    let errors = [
        (
            Graph::new(zeros(&[2, 4], DType::F32), edges.clone()),
            "x: expected [3, num_features] of floats, got [2, 4] of f32",
        ),
        (Graph::new(zeros(&[3], DType::F32), edges.clone()), "x: expected"),
        (Graph::new(zeros(&[3, 4], DType::U32), edges), "got [3, 4] of u32"),
        (
            graph().with_edge_attr(zeros(&[3, 1], DType::F32)),
            "edge_attr: expected [2] or [2, edge_dim] of floats",
        ),
        (graph().with_labels(zeros(&[3], DType::I64)), "y: expected [3] of u32 or [3, num_labels] of floats"),
        (graph().with_labels(zeros(&[2], DType::U32)), "got [2] of u32"),
        (
            graph().with_split(vec![true; 3], vec![true; 2], vec![true; 3]),
            "val_mask: expected 3 entries, one per node, got 2",
        ),
    ];
    for (result, message) in errors {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} lacks {message:?}");
    }
    let bipartite = EdgeIndex::bipartite(vec![0], vec![1], 1, 2).unwrap();
    assert!(Graph::new(zeros(&[2, 4], DType::F32), bipartite).is_err());
    let whole = graph()
        .with_edge_attr(zeros(&[2], DType::F64))
        .and_then(|g| g.with_labels(zeros(&[3, 2], DType::F32)))
        .and_then(|g| g.with_split(vec![true; 3], vec![false; 3], vec![false; 3]))
        .unwrap();
    assert_eq!((whole.num_nodes(), whole.num_edges(), whole.num_features()), (3, 2, 4));
    whole.to_device(&Device::Cpu).unwrap().validate().unwrap();
    assert!(NodeDataset::new("made", whole, vec!["a".into(), "b".into()]).is_ok());
}

#[test]
fn labels_fit_the_class_names() {
    let y = Tensor::new(&[0u32, 2, 1], &Device::Cpu).unwrap();
    let labelled = graph().with_labels(y).unwrap();
    let names = |n: usize| (0..n).map(|i| i.to_string()).collect();
    assert!(NodeDataset::new("made", labelled.clone(), names(3)).is_ok());
    let error = NodeDataset::new("made", labelled, names(2)).unwrap_err().to_string();
    assert_eq!(error, "y: expected classes below 2, one per class name, got 2");
    assert!(NodeDataset::new("made", graph(), names(2)).is_err());
}

#[test]
fn empty_graphs_are_graphs() {
    let edges = EdgeIndex::new(vec![], vec![], 0).unwrap();
    let empty = Graph::new(zeros(&[0, 4], DType::F32), edges).unwrap();
    for normalise in [normalize_features, normalize_features_l2] {
        assert_eq!(normalise(&empty.x).unwrap().dims(), [0, 4]);
    }
}

#[test]
fn rows_sum_to_one_or_stay_zero() {
    let x = Tensor::new(&[[0.1f64, 0.3], [0., 0.], [2., 6.]], &Device::Cpu).unwrap();
    let rows = normalize_features(&x).unwrap().to_vec2::<f64>().unwrap();
    assert_eq!(rows[1..], [[0., 0.], [0.25, 0.75]]);
    assert!((rows[0][0] - 0.25).abs() < 1e-15 && (rows[0][1] - 0.75).abs() < 1e-15);
}

#[test]
fn rows_have_norm_one_or_stay_zero() {
    let x = Tensor::new(&[[0.1f64, -0.3, 1e-9], [0., 0., 0.], [2e8, 6e8, 3e8]], &Device::Cpu).unwrap();
    let rows = normalize_features_l2(&x).unwrap().to_vec2::<f64>().unwrap();
    assert_eq!(rows[1], [0.; 3]);
    for (row, original) in [(&rows[0], [0.1, -0.3, 1e-9]), (&rows[2], [2e8, 6e8, 3e8])] {
        let norm = original.iter().map(|v: &f64| v * v).sum::<f64>().sqrt();
        for (value, original) in row.iter().zip(original) {
            assert!((value - original / norm).abs() < 1e-15, "{row:?}");
        }
    }
    let narrow = normalize_features_l2(&x.to_dtype(DType::F32).unwrap()).unwrap();
    assert_eq!(narrow.dtype(), DType::F32);
    let difference = (narrow.to_dtype(DType::F64).unwrap() - normalize_features_l2(&x).unwrap()).unwrap();
    assert!(difference.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap() < 1e-7);
}

#[test]
fn a_nan_stays_in_its_row_when_features_are_normalised() {
    let x = Tensor::new(&[[f64::NAN, 1.], [3., 4.], [0., f64::NAN]], &Device::Cpu).unwrap();
    for (normalise, expected) in
        [(normalize_features as fn(&Tensor) -> _, [3. / 7., 4. / 7.]), (normalize_features_l2, [0.6, 0.8])]
    {
        let rows = normalise(&x).unwrap().to_vec2::<f64>().unwrap();
        assert!(rows[0].iter().chain(&rows[2]).all(|v| v.is_nan()), "{rows:?}");
        assert_eq!(rows[1], expected);
    }
}

#[test]
fn only_matrices_of_floats_are_normalised() {
    for bad in [zeros(&[1], DType::F32), zeros(&[1, 2, 3], DType::F32), zeros(&[2, 2], DType::U32)] {
        for normalise in [normalize_features, normalize_features_l2] {
            let error = normalise(&bad).unwrap_err().to_string();
            assert!(error.starts_with("x: expected [num_nodes, num_features] of floats, got ["), "{error}");
        }
    }
}
