//! Generated graphs have the sizes, the shapes and the distributions that they are known by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::generators::*;
use candle_geometric_graph::transforms::{Connection, connected_components};

fn is_simple_and_undirected(edges: &EdgeIndex) -> bool {
    let pairs: HashSet<_> = edges.iter().collect();
    pairs.len() == edges.num_edges()
        && edges.iter().all(|(j, i)| j != i && pairs.contains(&(i, j)))
        && edges.iter().is_sorted()
}

/// Whether a count of so many trials is within five standard deviations of what is expected.
fn is_likely(count: usize, trials: usize, p: f64) -> bool {
    let (mean, variance) = (trials as f64 * p, trials as f64 * p * (1.0 - p));
    (count as f64 - mean).abs() <= 5.0 * variance.sqrt()
}

#[test]
fn undirected_graphs_are_simple_and_symmetric() {
    let graphs = [
        erdos_renyi_undirected(60, 0.1, 1).unwrap(),
        gnm(60, 100, false, 1).unwrap(),
        gnm(4, 100, false, 1).unwrap(),
        barabasi_albert(60, 3, 1).unwrap(),
        watts_strogatz(60, 6, 0.4, 1).unwrap(),
        watts_strogatz(5, 4, 1.0, 1).unwrap(),
        grid(5, 7, true).unwrap(),
        grid(2, 1, true).unwrap(),
        grid(0, 4, false).unwrap(),
        circular_skip_links(41, 16).unwrap(),
        circular_skip_links(4, 2).unwrap(),
        stochastic_block_model(&[20, 0, 30], &[0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3], false, 1)
            .unwrap()
            .edges,
        pattern(1, 2).unwrap().edges,
        cluster(2).unwrap().edges,
        colors(&ColorsConfig::default(), 3).unwrap().edges,
        triangles(&TrianglesConfig::default(), 3).unwrap().edges,
    ];
    for (k, graph) in graphs.iter().enumerate() {
        assert!(is_simple_and_undirected(graph), "graph {k}");
    }
    assert_eq!(gnm(60, 100, false, 1).unwrap().num_edges(), 200);
    assert_eq!(gnm(4, 100, false, 1).unwrap().num_edges(), 12);
    assert_eq!(gnm(4, 100, true, 1).unwrap().num_edges(), 12);
    assert_eq!(watts_strogatz(60, 6, 0.4, 1).unwrap().num_edges(), 360);
    assert_eq!(grid(0, 4, false).unwrap().num_src(), 0);
}

#[test]
fn the_seed_decides() {
    assert_eq!(barabasi_albert(50, 2, 7).unwrap(), barabasi_albert(50, 2, 7).unwrap());
    assert_ne!(barabasi_albert(50, 2, 7).unwrap(), barabasi_albert(50, 2, 8).unwrap());
    assert_eq!(pattern(1, 7).unwrap(), pattern(1, 7).unwrap());
    assert_ne!(cluster(7).unwrap(), cluster(8).unwrap());
}

#[test]
fn densities_are_those_asked_for() {
    let pairs = 400 * 399 / 2;
    assert!(is_likely(erdos_renyi_undirected(400, 0.03, 5).unwrap().num_edges() / 2, pairs, 0.03));
    let sizes = [150, 100];
    let probs = [0.2, 0.01, 0.05, 0.1];
    let model = stochastic_block_model(&sizes, &probs, true, 5).unwrap();
    for a in 0..2 {
        for b in 0..2 {
            let within =
                |(j, i): &(u32, u32)| (model.blocks[*j as usize], model.blocks[*i as usize]) == (a, b);
            let (a, b) = (a as usize, b as usize);
            let trials = sizes[a] * (sizes[b] - usize::from(a == b));
            assert!(is_likely(model.edges.iter().filter(within).count(), trials, probs[a * 2 + b]));
        }
    }
    assert!(model.edges.iter().all(|(j, i)| j != i));
    assert!(stochastic_block_model(&sizes, &probs, false, 5).unwrap_err().to_string().contains("symmetric"));
    assert!(stochastic_block_model(&sizes, &probs[..3], true, 5).is_err());
    assert_eq!(stochastic_block_model(&[], &[], false, 5).unwrap().edges.num_src(), 0);
}

#[test]
fn preferential_attachment_makes_hubs_and_rewiring_short_ways() {
    let grown = barabasi_albert(2000, 2, 1).unwrap();
    let degrees = grown.in_degrees();
    assert!(degrees.iter().all(|&d| d >= 1) && degrees[3..].iter().all(|&d| d >= 2));
    assert!(*degrees.iter().max().unwrap() > 40, "the mean is 4");
    assert_eq!(connected_components(&grown, Connection::Weak).unwrap().1, [2000]);
    let ring = watts_strogatz(300, 4, 0.0, 1).unwrap();
    let moved = watts_strogatz(300, 4, 0.3, 1).unwrap();
    let kept = ring.iter().collect::<HashSet<_>>().intersection(&moved.iter().collect()).count();
    // A moved pair may come back to an old place, but seldom.
    assert!(is_likely(kept / 2, 600, 0.7), "{kept}");
    for (n, k, p) in [(10, 3, 0.1), (4, 4, 0.1), (10, 2, 1.5)] {
        assert!(watts_strogatz(n, k, p, 0).is_err());
    }
    assert!(barabasi_albert(3, 3, 0).is_err() && barabasi_albert(3, 0, 0).is_err());
}

#[test]
fn r_mat_fills_the_quarters_by_their_shares_on_any_number_of_threads() {
    let shares = RMat { a: 0.4, b: 0.3, c: 0.2 };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| r_mat(64, 40_000, shares, 3).unwrap())
    };
    let graph = on(1);
    assert!([2, 3, 8].into_iter().all(|threads| on(threads) == graph));
    for (quarter, share) in [((0, 0), 0.4), ((0, 1), 0.3), ((1, 0), 0.2), ((1, 1), 0.1)] {
        let count = graph.iter().filter(|(s, d)| (s / 32, d / 32) == quarter).count();
        assert!(is_likely(count, 40_000, share), "{quarter:?}: {count}");
    }
    assert!(r_mat(100, 1000, shares, 3).unwrap().iter().all(|(s, d)| s.max(d) < 100));
    assert_eq!(r_mat(1, 5, shares, 3).unwrap().num_edges(), 5);
    let corner = r_mat(5, 10, RMat { a: 0.0, b: 0.0, c: 0.0 }, 3).unwrap();
    assert!(corner.iter().all(|pair| pair == (4, 4)), "all beyond the nodes but for scaling");
    assert!(r_mat(0, 1, shares, 3).is_err());
    assert!(r_mat(4, 1, RMat { a: 0.9, b: 0.9, c: 0.0 }, 3).is_err());
    assert!(r_mat(4, 1, RMat { a: f64::NAN, b: 0.0, c: 0.0 }, 3).is_err());
}

#[test]
fn the_tasks_of_the_block_models() {
    for seed in 0..5 {
        let (one, two) = (pattern(4, seed).unwrap(), pattern(4, seed + 100).unwrap());
        let planted = |task: &SbmTask| {
            let nodes: Vec<usize> = (0..task.labels.len()).filter(|&i| task.labels[i] == 1).collect();
            let of = |i: &usize| task.features[*i];
            let within =
                task.edges.iter().filter(|(j, i)| task.labels[*j as usize] + task.labels[*i as usize] == 2);
            let mut features: Vec<u32> = nodes.iter().map(of).collect();
            features.sort_unstable();
            (nodes.len(), features, within.count())
        };
        assert_eq!(planted(&one), planted(&two), "the same pattern in both graphs");
        assert!((45..=190).contains(&one.labels.len()));
        assert!(one.features.iter().all(|&f| f < 3));

        let task = cluster(seed).unwrap();
        for community in 0..6 {
            let size = task.labels.iter().filter(|&&l| l == community).count();
            assert!((5..=34).contains(&size));
            let known: Vec<_> =
                task.features.iter().zip(&task.labels).filter(|(f, _)| **f == community + 1).collect();
            assert_eq!(known, [(&(community + 1), &community)]);
        }
    }
}

#[test]
fn circles_with_skip_links() {
    let graphs = csl(1).unwrap();
    assert_eq!(graphs.len(), 150);
    // Cycles of length three and four tell some classes apart: counts of closed walks do not depend on the order of nodes.
    let closed_walks = |g: &EdgeIndex, length: usize| -> u64 {
        let from = |start: usize| {
            let mut walks = vec![0u64; 41];
            walks[start] = 1;
            for _ in 0..length {
                let mut next = vec![0; 41];
                g.iter().for_each(|(j, i)| next[i as usize] += walks[j as usize]);
                walks = next;
            }
            walks[start]
        };
        (0..41).map(from).sum()
    };
    let spectrum = |g: &EdgeIndex| (3..12).map(|length| closed_walks(g, length)).collect::<Vec<_>>();
    let mut seen = HashSet::new();
    for class in graphs.chunks(15) {
        assert!(class.iter().all(|(g, label)| *label == class[0].1 && spectrum(g) == spectrum(&class[0].0)));
        assert!(class[0].0.in_degrees().iter().all(|&d| d == 4));
        assert!(seen.insert(spectrum(&class[0].0)), "another class has the same graph");
        assert_ne!(class[0].0, class[1].0);
    }
    assert!(circular_skip_links(5, 5).is_err() && circular_skip_links(5, 0).is_err());
}

#[test]
fn trees_have_their_answer_at_the_right_leaf() {
    for depth in 1..6 {
        let tree = tree_neighbors_match(depth, 3).unwrap();
        let out = tree.edges.out_degrees();
        let leaves: Vec<usize> =
            (0..out.len()).filter(|&i| tree.edges.by_destination().degree(i) == 0).collect();
        assert_eq!((out.len(), leaves.len()), ((2 << depth) - 1, 1 << depth));
        assert!(out[0] == 0 && out[1..].iter().all(|&d| d == 1));
        let mut values: Vec<u32> = leaves.iter().map(|&i| tree.values[i]).collect();
        let asked = leaves.iter().find(|&&i| tree.keys[i] == tree.keys[0]).unwrap();
        assert_eq!(tree.values[*asked], tree.label);
        values.sort_unstable();
        assert!(values.into_iter().eq(1..=1 << depth));
        // Every leaf is `depth` steps from the root.
        for &leaf in &leaves {
            let up = |i: usize| tree.edges.by_source().neighbors(i)[0] as usize;
            assert_eq!((0..depth).fold(leaf, |i, _| up(i)), 0);
        }
    }
    assert!(tree_neighbors_match(0, 0).is_err() && tree_neighbors_match(31, 0).is_err());
}

#[test]
fn what_is_counted_is_there() {
    let mut labels = HashSet::new();
    for seed in 0..200 {
        for config in [
            ColorsConfig::default(),
            ColorsConfig { num_nodes: 26..=40, dim: 4, new_colors: true, ..Default::default() },
        ] {
            let task = colors(&config, seed).unwrap();
            let mut green = vec![0.0; config.dim];
            green[1] = 1.0;
            let of_nodes: Vec<bool> = task.features.chunks(config.dim).map(|c| c == green).collect();
            assert_eq!(of_nodes.iter().filter(|g| **g).count(), task.label as usize);
            assert!(of_nodes.iter().zip(&task.attention).all(|(&g, &a)| g == (a > 0.0)));
            assert!(config.num_nodes.contains(&of_nodes.len()));
            labels.insert(task.label);
        }
        let task = triangles(&TrianglesConfig::default(), seed).unwrap();
        let pairs: HashSet<_> = task.edges.iter().collect();
        let n = task.edges.num_src() as u32;
        let mut of_nodes = vec![0; n as usize];
        let mut count = 0;
        for (j, i) in task.edges.iter().filter(|(j, i)| j < i) {
            for k in (i + 1..n).filter(|&k| pairs.contains(&(j, k)) && pairs.contains(&(i, k))) {
                [i, j, k].into_iter().for_each(|node| of_nodes[node as usize] += 1);
                count += 1;
            }
        }
        assert_eq!(count, task.label);
        let share = |&c: &i32| c as f32 / (3 * count) as f32;
        assert!(of_nodes.iter().map(share).eq(task.attention.iter().copied()));
    }
    assert_eq!(labels.len(), 11, "0 to 10 green nodes");
    let impossible = TrianglesConfig { num_nodes: 4..=4, num_triangles: 9..=9 };
    assert!(
        triangles(&impossible, 0)
            .unwrap_err()
            .to_string()
            .starts_with("num_triangles: expected numbers that occur")
    );
    #[allow(clippy::reversed_empty_ranges)]
    let empty = ColorsConfig { num_nodes: 5..=4, ..Default::default() };
    assert!(colors(&empty, 0).is_err());
    assert!(colors(&ColorsConfig { dim: 1, ..Default::default() }, 0).is_err());
}

#[test]
fn houses_hang_on_different_nodes() {
    let shapes = ba_shapes(30, 2, 12, 4).unwrap();
    let of_role = |role| shapes.labels.iter().filter(|&&l| l == role).count();
    assert_eq!([0, 1, 2, 3].map(of_role), [30, 24, 24, 12]);
    let joins: Vec<_> = shapes
        .edges
        .iter()
        .filter(|(j, i)| (*j < 30) != (*i < 30) && j < i)
        .map(|(j, i)| (j, (i - 30) % 5))
        .collect();
    assert_eq!(joins.iter().map(|(j, _)| j).collect::<HashSet<_>>().len(), 12);
    assert!(joins.iter().all(|&(_, corner)| corner == 0));
    for ((j, i), explains) in shapes.edges.iter().zip(&shapes.edge_mask) {
        assert_eq!(*explains, j >= 30 && i >= 30);
        assert!(!explains || (j - 30) / 5 == (i - 30) / 5);
    }
    // The top joins both corners of the middle, a corner of the middle four nodes where the house hangs, else three.
    let degrees = shapes.edges.in_degrees();
    assert!((0..12).all(|h| degrees[30 + 5 * h..][..5] == [4, 3, 2, 2, 2]));
    assert!(ba_shapes(10, 2, 11, 0).is_err());
}

#[test]
fn dictionaries_are_different_and_checked() {
    let all = random_dictionaries(4, 20, 1);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 20);
    assert_eq!(random_dictionaries(25, 3, 1).len(), 3);
    assert!(DictionaryLookup::new(&[vec![0, 1], vec![0]]).is_err());
    assert!(DictionaryLookup::new(&[vec![0, 2]]).is_err());
    assert_eq!(DictionaryLookup::new(&[]).unwrap().edges.num_edges(), 0);
}
