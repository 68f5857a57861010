//! Positional encodings against dense matrices and known graphs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::encodings::{laplacian_eigenvector_pe, random_walk_pe};
use candle_geometric_graph::rng::Stream;
use candle_geometric_graph::transforms::to_undirected;

fn random(nodes: u32, edges: usize, seed: u64) -> EdgeIndex {
    let mut random = Stream::new(seed, 0).sequence();
    let pairs = (0..edges).map(|_| (random.below(nodes - 1), random.below(nodes - 1)));
    EdgeIndex::from_pairs(pairs.collect::<Vec<_>>(), nodes as usize).unwrap()
}

#[test]
fn walks_come_back_as_often_as_powers_of_the_matrix_say() {
    let (n, steps) = (12, 5);
    let edges = random(n as u32, 40, 1);
    let mut matrix = vec![vec![0.0; n]; n];
    let degrees = edges.out_degrees();
    for (s, d) in edges.iter() {
        matrix[s as usize][d as usize] += 1.0 / f64::from(degrees[s as usize]);
    }
    let pe = random_walk_pe(&edges, steps).unwrap();
    let mut power = matrix.clone();
    for step in 0..steps {
        for (i, row) in power.iter().enumerate() {
            assert!((pe[i * steps + step] - row[i]).abs() < 1e-14);
        }
        let product = |row: &Vec<f64>| (0..n).map(|c| (0..n).map(|k| row[k] * matrix[k][c]).sum()).collect();
        power = power.iter().map(product).collect();
    }
    assert!(random_walk_pe(&edges, 0).unwrap().is_empty());
    assert!(random_walk_pe(&edges, usize::MAX).unwrap_err().to_string().contains("walk_length"));
}

#[test]
fn vectors_are_those_of_the_laplacian() {
    let (n, k) = (30, 29);
    let edges = to_undirected(&random(n as u32, 60, 2)).unwrap().edges;
    let pe = laplacian_eigenvector_pe(&edges, k).unwrap();
    let loops = |(s, d): &(u32, u32)| s != d;
    let mut degree = vec![0.0f64; n];
    edges.iter().filter(loops).for_each(|(s, _)| degree[s as usize] += 1.0);
    let mut last = 0.0;
    for column in 0..k {
        let v: Vec<f64> = (0..n).map(|i| pe[i * k + column]).collect();
        let mut image = v.clone();
        for (s, d) in edges.iter().filter(loops) {
            image[d as usize] -= v[s as usize] / (degree[s as usize] * degree[d as usize]).sqrt();
        }
        let value: f64 = v.iter().zip(&image).map(|(a, b)| a * b).sum();
        assert!(v.iter().zip(&image).all(|(v, i)| (value * v - i).abs() < 1e-12), "column {column}");
        assert!((v.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(value > last - 2e-9);
        assert!(v.iter().fold(0.0f64, |m, v| if v.abs() > m.abs() + 1e-9 { *v } else { m }) > 0.0);
        last = value;
    }
}

#[test]
fn small_and_wrong_graphs() {
    // Components of their own: each has its vector of the eigenvalue 0, of which the first is left out.
    let two = EdgeIndex::new(vec![0, 1, 2, 3], vec![1, 0, 3, 2], 4).unwrap();
    let pe = laplacian_eigenvector_pe(&two, 1).unwrap();
    let half = 0.5f64.sqrt();
    for (a, b) in pe.iter().zip([0.0, 0.0, half, half]) {
        assert!((a - b).abs() < 1e-12);
    }
    let none = EdgeIndex::new(vec![], vec![], 0).unwrap();
    assert!(laplacian_eigenvector_pe(&none, 3).unwrap().is_empty());
    let one = EdgeIndex::new(vec![0], vec![0], 1).unwrap();
    assert_eq!(laplacian_eigenvector_pe(&one, 2).unwrap(), [0.0, 0.0]);
    assert_eq!(random_walk_pe(&one, 2).unwrap(), [1.0, 1.0]);

    let directed = EdgeIndex::new(vec![0, 1, 1], vec![1, 0, 2], 3).unwrap();
    assert!(laplacian_eigenvector_pe(&directed, 1).unwrap_err().to_string().contains("undirected"));
    let unequal = EdgeIndex::new(vec![0, 0, 1], vec![1, 1, 0], 2).unwrap();
    assert!(laplacian_eigenvector_pe(&unequal, 1).unwrap_err().to_string().contains("reverse"));
    let pair = EdgeIndex::bipartite(vec![0], vec![0], 1, 2).unwrap();
    assert!(laplacian_eigenvector_pe(&pair, 1).is_err() && random_walk_pe(&pair, 1).is_err());
}
