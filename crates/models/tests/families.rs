//! Models of the other families from a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use candle_geometric_graph::{EdgeIndex, HeteroGraph, Relations};
use candle_geometric_models::{
    Configuration, HeteroModelConfig, KnowledgeModelConfig, RelationalGatConfig, from_pretrained,
    from_pretrained_as,
};
use candle_geometric_nn::Mode;
use candle_geometric_nn::hetero::NodeTensors;
use serde_json::{Value, json};
use support::{config_json, model_folder, numbers};
use tempfile::TempDir;

/// A folder with a model of this configuration, of parameters that differ.
fn folder<C: Configuration>(config: &C, kind: &str) -> TempDir {
    let parameters = config.tensors().unwrap();
    let tensors: HashMap<String, Tensor> =
        parameters.iter().zip(1..).map(|(p, i)| (p.name.clone(), numbers(&p.shape, i))).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    candle_core::safetensors::save(&tensors, file.path()).unwrap();
    let weights = std::fs::read(file.path()).unwrap();
    let mut entry = config_json(&weights);
    let tagged = serde_json::to_value(config).unwrap();
    entry["architecture"] = tagged["architecture"].clone();
    entry["config"] = tagged["config"].clone();
    let n = config.num_classes();
    let labels: Vec<String> = (0..n).map(|k| k.to_string()).collect();
    entry["task"] = json!({"kind": kind, "num_classes": n, "labels": labels});
    model_folder(&entry, &weights)
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().unwrap()
}

fn change(folder: &TempDir, change: impl FnOnce(&mut Value)) {
    let path = folder.path().join("config.json");
    let mut entry = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut entry);
    std::fs::write(path, entry.to_string()).unwrap();
}

#[test]
fn models_of_types_of_nodes() {
    for architecture in ["HAN", "HGT"] {
        let config = json!({"architecture": architecture, "config": {
            "in_channels": {"author": 4, "paper": 5}, "hidden_channels": 8, "out_channels": 3, "target": "paper",
            "metadata": [["author", "paper"], [["author", "writes", "paper"]]]
        }});
        let config: HeteroModelConfig = serde_json::from_value(config).unwrap();
        let folder = folder(&config, "node-classification");
        let pretrained = from_pretrained_as::<HeteroModelConfig>(path(&folder), &Device::Cpu).unwrap();
        assert_eq!(pretrained.entry.model, config);
        let writes = EdgeIndex::bipartite(vec![0, 1], vec![0, 0], 3, 2).unwrap();
        let graph =
            HeteroGraph::new([("author", 3), ("paper", 2)], [(("author", "writes", "paper"), writes)])
                .unwrap();
        let x: NodeTensors =
            [("author".to_string(), numbers(&[3, 4], 1)), ("paper".to_string(), numbers(&[2, 5], 2))].into();
        assert_eq!(pretrained.model.forward(&x, &graph, Mode::Eval).unwrap().dims(), [2, 3]);

        let error = from_pretrained(path(&folder), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(&format!("unknown architecture `{architecture}`")), "{error}");
        change(&folder, |entry| entry["config"]["hidden"] = json!(8));
        let error =
            from_pretrained_as::<HeteroModelConfig>(path(&folder), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("hidden"), "{error}");
        change(&folder, |entry| entry["architecture"] = json!("GAT"));
        let error =
            from_pretrained_as::<HeteroModelConfig>(path(&folder), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("GAT") && error.contains("HGT"), "{error}");
    }
}

#[test]
fn models_of_knowledge_graphs() {
    let config = KnowledgeModelConfig::RelationalGat(RelationalGatConfig::new(5, 2, 8, 1));
    let folder = folder(&config, "knowledge-graph-completion");
    let pretrained = from_pretrained_as::<KnowledgeModelConfig>(path(&folder), &Device::Cpu).unwrap();
    let facts = Relations::new(&EdgeIndex::new(vec![0, 1], vec![1, 2], 5).unwrap(), &[0, 1], 2).unwrap();
    let z = pretrained.model.encode(&facts.with_inverses().unwrap(), Mode::Eval).unwrap();
    assert_eq!(pretrained.model.score_tails(&z, &[0], &[1], Mode::Eval).unwrap().dims(), [1, 5]);
    assert_eq!(pretrained.entry.to_json().unwrap().matches("RelationalGAT").count(), 1);

    change(&folder, |entry| entry["data"]["more"] = json!(1));
    let error =
        from_pretrained_as::<KnowledgeModelConfig>(path(&folder), &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("more"), "{error}");
    change(&folder, |entry| {
        entry["data"].as_object_mut().unwrap().remove("more");
        entry["more"] = json!(1);
    });
    let error =
        from_pretrained_as::<KnowledgeModelConfig>(path(&folder), &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("more"), "{error}");
}
