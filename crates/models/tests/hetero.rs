//! Models of graphs with types of nodes and edges: what neither the gauntlet nor the parity cases see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::rng::{Generator, Stream};
use candle_geometric_graph::{EdgeIndex, HeteroGraph};
use candle_geometric_models::{Han, HanConfig, Hgt, HgtConfig};
use candle_geometric_nn::hetero::NodeTensors;
use candle_geometric_nn::{Mode, SeededVarMap};
use candle_nn::VarBuilder;

fn parameters() -> VarBuilder<'static> {
    SeededVarMap::new(1).var_builder(DType::F64, &Device::Cpu)
}

fn normal(rows: usize, columns: usize, id: u64) -> Tensor {
    let stream = Stream::new(3, id);
    let values: Vec<f64> = (0..(rows * columns) as u64).map(|i| stream.normal(i)).collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

fn rows(x: &Tensor) -> Vec<Vec<f64>> {
    x.to_vec2().unwrap()
}

fn close(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.len() == b.len() && a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-12)
}

/// Movies with two meta-paths; `place` says where each node stands.
fn movies(place: &[u32], reverse: bool) -> (NodeTensors, HeteroGraph) {
    let of = |pairs: &[(u32, u32)]| {
        let mut pairs: Vec<_> = pairs.iter().map(|&(i, j)| (place[i as usize], place[j as usize])).collect();
        if reverse {
            pairs.reverse();
        }
        EdgeIndex::from_pairs(pairs, place.len()).unwrap()
    };
    let by_actor = of(&[(0, 1), (1, 0), (1, 2), (1, 2), (3, 3), (2, 1)]);
    let by_director = of(&[(0, 2), (2, 0)]);
    let graph = HeteroGraph::new(
        [("movie", place.len())],
        [(("movie", "by_actor", "movie"), by_actor), (("movie", "by_director", "movie"), by_director)],
    );
    let x = normal(place.len(), 5, 1);
    let order: Vec<u32> =
        (0..place.len()).map(|k| place.iter().position(|&p| p as usize == k).unwrap() as u32).collect();
    let order = Tensor::new(order, &Device::Cpu).unwrap();
    ([("movie".to_string(), x.index_select(&order, 0).unwrap())].into(), graph.unwrap())
}

fn writes(authors: usize, papers: usize, source: Vec<u32>, destination: Vec<u32>) -> HeteroGraph {
    let edges = EdgeIndex::bipartite(source, destination, authors, papers).unwrap();
    HeteroGraph::new([("author", authors), ("paper", papers)], [(("author", "writes", "paper"), edges)])
        .unwrap()
}

#[test]
fn han_does_not_see_the_order_of_nodes_and_edges() {
    let place = [3, 0, 4, 2, 1];
    let (x, graph) = movies(&[0, 1, 2, 3, 4], false);
    let (moved, other) = movies(&place, true);
    for num_layers in [1, 2] {
        let config = HanConfig { hidden_channels: 8, num_layers, ..HanConfig::new(5, 3, &graph, "movie") };
        let model = Han::new(&config, parameters()).unwrap();
        let expected = rows(&model.forward(&x, &graph, Mode::Eval).unwrap());
        let moved = rows(&model.forward(&moved, &other, Mode::Eval).unwrap());
        let back: Vec<_> = place.iter().map(|&p| moved[p as usize].clone()).collect();
        assert!(close(&back, &expected), "{back:?} {expected:?}");
    }
}

#[test]
fn han_tells_its_semantic_attention_and_repeats_its_dropout() {
    let (x, graph) = movies(&[0, 1, 2, 3, 4], false);
    let config = HanConfig { hidden_channels: 8, num_layers: 2, ..HanConfig::new(5, 3, &graph, "movie") };
    let model = Han::new(&config, parameters()).unwrap();
    let beta = model.semantic_attention(&x, &graph).unwrap();
    assert_eq!(beta.len(), 2);
    for layer in beta {
        let beta: Vec<f64> = layer["movie"].to_vec1().unwrap();
        assert!(beta.len() == 2 && (beta.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{beta:?}");
    }
    let run = |seed| rows(&model.forward(&x, &graph, Mode::Train(&Generator::new(seed))).unwrap());
    assert_eq!(run(1), run(1));
    assert!((2..9).any(|seed| run(seed) != run(1)));
}

/// α over the in-edges of a node sum to 1 for each type, and β over the types.
#[test]
fn han_tells_its_attention_of_every_layer_and_type() {
    let (x, graph) = movies(&[0, 1, 2, 3, 4], false);
    let config =
        HanConfig { hidden_channels: 8, heads: 2, num_layers: 2, ..HanConfig::new(5, 3, &graph, "movie") };
    let model = Han::new(&config, parameters()).unwrap();
    let beta = model.semantic_attention(&x, &graph).unwrap();
    let seen = model.attention(&x, &graph).unwrap();
    let names: Vec<(usize, &str)> = seen.iter().map(|s| (s.layer, s.edge_type.relation.as_str())).collect();
    assert_eq!(names, [(0, "by_actor"), (0, "by_director"), (1, "by_actor"), (1, "by_director")]);
    for (k, seen) in seen.iter().enumerate() {
        let beta: Vec<f64> = beta[seen.layer]["movie"].to_vec1().unwrap();
        assert_eq!(seen.share, beta[k % 2]);
        let (edges, mut sums) = (&seen.attention.edges, [[0.0; 2]; 5]);
        assert_eq!(Some(edges), graph.edges_of(&seen.edge_type));
        for ((_, to), alpha) in edges.iter().zip(rows(&seen.attention.alpha)) {
            sums[to as usize].iter_mut().zip(alpha).for_each(|(sum, alpha)| *sum += alpha);
        }
        for (sums, degree) in sums.iter().zip(edges.in_degrees()) {
            assert!(sums.iter().all(|s| (s - f64::from(degree.min(1))).abs() < 1e-12), "{sums:?}");
        }
    }
}

#[test]
fn types_may_be_without_nodes_and_edges() {
    let graph = writes(3, 2, vec![0, 1, 2], vec![0, 0, 1]);
    let channels = [("author", 5), ("paper", 7)];
    let hgt = HgtConfig { hidden_channels: 8, num_layers: 2, ..HgtConfig::new(channels, 3, &graph, "paper") };
    let hgt = Hgt::new(&hgt, parameters()).unwrap();
    let han = HanConfig { hidden_channels: 8, ..HanConfig::new(channels, 3, &graph, "paper") };
    let han = Han::new(&han, parameters()).unwrap();
    for (authors, papers) in [(3, 2), (0, 2), (3, 0), (0, 0)] {
        let graph = writes(authors, papers, vec![], vec![]);
        let x = [("author".to_string(), normal(authors, 5, 1)), ("paper".to_string(), normal(papers, 7, 2))]
            .into();
        for out in [hgt.forward(&x, &graph, Mode::Eval), han.forward(&x, &graph, Mode::Eval)] {
            let out = out.unwrap();
            assert_eq!(out.dims(), [papers, 3]);
            assert!(rows(&out).iter().flatten().all(|v| v.is_finite()));
        }
    }
}

/// What authors are goes on to the second layer, although nothing ends in them.
#[test]
fn sources_keep_their_features() {
    let graph = writes(3, 2, vec![0, 1, 2], vec![0, 0, 1]);
    let config =
        HgtConfig { num_layers: 2, ..HgtConfig::new([("author", 5), ("paper", 7)], 3, &graph, "paper") };
    let map = SeededVarMap::new(1);
    let model = Hgt::new(&config, map.var_builder(DType::F64, &Device::Cpu)).unwrap();
    let x = |id| [("author".to_string(), normal(3, 5, id)), ("paper".to_string(), normal(2, 7, 2))].into();
    let run = |id| rows(&model.forward(&x(id), &graph, Mode::Eval).unwrap());
    // With the first layer silent, only the second can tell the authors apart.
    let zero = |name: &str| {
        let variable = map.get(name).unwrap();
        variable.set(&variable.zeros_like().unwrap()).unwrap();
    };
    ["convs.0.out_lin.lins.paper.weight", "convs.0.out_lin.lins.paper.bias"].into_iter().for_each(zero);
    assert!(!close(&run(1), &run(3)));
    ["convs.1.out_lin.lins.paper.weight", "convs.1.out_lin.lins.paper.bias"].into_iter().for_each(zero);
    assert!(close(&run(1), &run(3)));
}

#[test]
fn errors_name_what_is_wrong() {
    let graph = writes(3, 2, vec![0], vec![0]);
    let channels = [("author", 5), ("paper", 7)];
    let han = |config: HanConfig| Han::new(&config, parameters()).map(|_| ()).unwrap_err().to_string();
    let config = HanConfig::new(channels, 3, &graph, "paper");
    let told = |error: String, parts: &[&str]| assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    told(han(HanConfig { target: "author".into(), ..config.clone() }), &["target", "`author`"]);
    told(han(HanConfig { num_layers: 2, ..config.clone() }), &["num_layers", "`author`"]);
    told(han(HanConfig { heads: 3, ..config.clone() }), &["out_channels", "3 heads", "128"]);
    told(han(HanConfig { dropout: 1.5, ..config.clone() }), &["dropout", "1.5"]);
    told(han(HanConfig { in_channels: [("author", 5)].into(), ..config.clone() }), &["in_channels", "paper"]);
    let mut unknown = config.clone();
    unknown.metadata.node_types.pop();
    told(han(unknown), &["metadata", "author__writes__paper"]);
    let hgt = HgtConfig { hidden_channels: usize::MAX, ..HgtConfig::new(channels, 3, &graph, "paper") };
    told(Hgt::new(&hgt, parameters()).map(|_| ()).unwrap_err().to_string(), &["hidden_channels"]);

    let model = Han::new(&config, parameters()).unwrap();
    let x: NodeTensors =
        [("author".to_string(), normal(3, 5, 1)), ("paper".to_string(), normal(2, 6, 2))].into();
    let error = model.forward(&x, &graph, Mode::Eval).unwrap_err().to_string();
    told(error, &["x_dict", "paper: [2, 7]", "[2, 6]"]);
    let no_edges =
        HeteroGraph::new([("author", 3), ("paper", 2)], Vec::<((String, String, String), _)>::new());
    let x: NodeTensors =
        [("author".to_string(), normal(3, 5, 1)), ("paper".to_string(), normal(2, 7, 2))].into();
    told(model.forward(&x, &no_edges.unwrap(), Mode::Eval).unwrap_err().to_string(), &["graph", "`paper`"]);
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<HanConfig>(&text).unwrap(), config);
    assert!(serde_json::from_str::<HanConfig>(&text.replace("heads", "head")).is_err());
}
