//! The number of threads has no effect on any bit. It is fixed when a process starts, so every count is a process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use candle_core::{Device, Tensor};
use candle_geometric_data::{Graph, NodeDataset};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_train::{RunOptions, TrainConfig, train_once};

const CHILD: &str = "CANDLE_GEOMETRIC_TEST_CHILD";
const CONFIG: &str = r#"
model = { architecture = "PaperGAT", config = { in_channels = 300, out_channels = 5, hidden_channels = 16 } }
data = { name = "random" }
optimizer = { name = "adam", lr = 0.01 }
training = { epochs = 3, clip = { norm = 0.1 } }
"#;

/// Large enough for every part of an epoch to be shared between threads.
fn random() -> NodeDataset {
    let (n, f) = (1500u32, 300);
    let x: Vec<f32> = (0..u64::from(n) * f).map(|i| Stream::named(1, "x").normal(i) as f32).collect();
    let x = Tensor::from_vec(x, (n as usize, f as usize), &Device::Cpu).unwrap();
    let mut draw = Stream::named(1, "edges").sequence();
    let edges =
        EdgeIndex::from_pairs((0..6 * n).map(|_| (draw.below(n), draw.below(n))), n as usize).unwrap();
    let labels: Vec<u32> = (0..n).map(|_| draw.below(5)).collect();
    let mask = |r: u32| (0..n).map(|i| i % 3 == r).collect::<Vec<bool>>();
    let graph = Graph::new(x, edges).unwrap().with_split(mask(0), mask(1), mask(2)).unwrap();
    let graph = graph.with_labels(Tensor::new(labels, &Device::Cpu).unwrap()).unwrap();
    NodeDataset::new("random", graph, ["a", "b", "c", "d", "e"].map(String::from).to_vec()).unwrap()
}

/// Every bit of the weights and of the numbers, as text.
fn result() -> String {
    let config = TrainConfig::parse(CONFIG, "random.toml".as_ref()).unwrap();
    let mut trained = train_once(&config, &random(), 1, &RunOptions::default(), &mut ()).unwrap();
    trained.report.seconds = 0.0;
    let mut crc = 0;
    for tensor in trained.weights.values() {
        for v in tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap() {
            crc = crc32c::crc32c_append(crc, &v.to_le_bytes());
        }
    }
    format!("RESULT {crc:08x} {}", serde_json::to_string(&trained.report).unwrap())
}

#[test]
fn same_bits_on_any_number_of_threads() {
    if std::env::var_os(CHILD).is_some() {
        println!("{}", result());
        return;
    }
    let child = |threads: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "same_bits_on_any_number_of_threads", "--nocapture"])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .env("CANDLE_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let begin = text.find("RESULT").expect("the child trains");
        text[begin..].lines().next().unwrap().to_string()
    };
    let one = child("1");
    assert_eq!(child("2"), one);
    assert_eq!(child("5"), one);
}
