//! A model that somebody else trained (gordicaleksa/pytorch-GAT) is loaded as it is and does as well as they say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use candle_core::{D, DType, Device};
use candle_geometric_data::{Source, load, normalize_features};
use candle_geometric_models::import::{load_checkpoint, read_checkpoint};
use candle_geometric_models::{ModelConfig, PaperGatConfig};
use serde_json::json;

#[test]
fn pytorch_gat_reaches_its_accuracy_on_cora() {
    let Some(folder) = support::shared("data", "pytorch_gat_reaches_its_accuracy_on_cora") else { return };
    let path = folder.join("pretrained/gordicaleksa-pytorch-GAT/gat_000000.pth");
    let metadata = read_checkpoint(&path).unwrap().metadata;
    assert_eq!(metadata["test_acc"], json!(0.822));
    assert_eq!(metadata["num_heads_per_layer"], json!([8, 1]));

    let config = ModelConfig::PaperGat(PaperGatConfig::new(1433, 7));
    let model = load_checkpoint(&path, &config, DType::F32, &Device::Cpu).unwrap();
    let cora = load("cora", &Source::Folder(folder)).unwrap();
    let x = normalize_features(&cora.graph.x).unwrap();
    let logits = model.forward(&x, &cora.graph.edge_index).unwrap();

    // Computed by an independent implementation, see the data's README.
    let expected = [
        (0, [-0.86320, -0.66199, -0.67922, 1.65666, -0.61080, -1.23316, -0.93629]),
        (1708, [-0.48427, -0.34867, -0.19992, -0.24967, -0.65629, -0.48797, -0.77840]),
    ];
    let rows = logits.to_vec2::<f32>().unwrap();
    for (node, expected) in expected {
        for (got, expected) in rows[node].iter().zip(expected) {
            assert!((got - expected).abs() < 2e-5, "node {node}: {:?}", rows[node]);
        }
    }
    let predicted = logits.argmax(D::Minus1).unwrap().to_vec1::<u32>().unwrap();
    let truth = cora.labels().unwrap();
    let accuracy = |mask: &[bool]| {
        let nodes: Vec<_> = (0..truth.len()).filter(|&i| mask[i]).collect();
        nodes.iter().filter(|&&i| predicted[i] == truth[i]).count() as f64 / nodes.len() as f64
    };
    assert!((accuracy(&cora.graph.train_mask) - 0.99286).abs() < 1e-5);
    assert_eq!(accuracy(&cora.graph.val_mask), 0.798);
    assert_eq!(accuracy(&cora.graph.test_mask), 0.822);
}
