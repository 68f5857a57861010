//! Checkpoints of PyTorch Geometric of every version, of DGL and of pytorch-GAT give the same model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_models::import::{convert, import_checkpoint, import_tensors, load_checkpoint};
use candle_geometric_models::{ModelConfig, Parameter, Tensors};
use candle_nn::VarBuilder;
use serde_json::{Value, json};
use support::{Pickle, legacy, numbers, shared, state_dict, zipped};

fn config(architecture: &str, config: Value) -> ModelConfig {
    ModelConfig::new(architecture, config).unwrap()
}

fn gat() -> ModelConfig {
    let arguments = json!({
        "in_channels": 5, "hidden_channels": 6, "num_layers": 3, "out_channels": 4, "heads": 2, "act": "elu"
    });
    config("GAT", arguments)
}

/// Weights for a model.
fn weights(config: &ModelConfig) -> Tensors {
    let parameters = config.parameters().unwrap();
    parameters.iter().zip(1..).map(|(p, seed)| (p.name.clone(), numbers(&p.shape, seed))).collect()
}

fn run(config: &ModelConfig, tensors: &Tensors) -> Vec<Vec<f32>> {
    let tensors = tensors.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let model = config.build(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)).unwrap();
    let edges = EdgeIndex::from_pairs([(0, 1), (1, 2), (2, 0), (3, 1), (1, 1)], 5).unwrap();
    model.forward(&numbers(&[5, config.in_channels()], 99), &edges).unwrap().to_vec2().unwrap()
}

/// What can be compared.
fn values(tensors: &Tensors) -> BTreeMap<&str, (&[usize], Vec<f32>)> {
    tensors.iter().map(|(k, t)| (k.as_str(), (t.dims(), flat(t)))).collect()
}

fn flat(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn transpose(t: &Tensor) -> Tensor {
    t.t().unwrap().contiguous().unwrap()
}

type Named = Vec<(String, Tensor)>;

/// Renames the tensors of each layer; `rename(local name, tensor, all)` gives what is saved.
fn renamed(tensors: &Tensors, rename: impl Fn(&str, &str, &Tensor) -> Named) -> Tensors {
    let rename = |(name, t): (&String, &Tensor)| {
        let end = name.match_indices('.').nth(1).unwrap().0 + 1;
        rename(&name[..end], &name[end..], t)
    };
    tensors.iter().flat_map(rename).collect()
}

/// What versions of PyTorch Geometric save for the layers of a `GAT`: ≤ 1.5, 1.6, 2.0, 2.5.
fn generations(now: &Tensors) -> [Tensors; 4] {
    let oldest = renamed(now, |layer, local, t| match local {
        "lin.weight" => vec![(format!("{layer}weight"), transpose(t))],
        "att_src" => {
            let both = Tensor::cat(&[&now[&format!("{layer}att_dst")], t], D::Minus1).unwrap();
            vec![(format!("{layer}att"), both)]
        }
        "att_dst" => vec![],
        other => vec![(format!("{layer}{other}"), t.clone())],
    });
    let twice = |layer: &str, names: [&str; 2], t: &Tensor| {
        names.map(|n| (format!("{layer}{n}"), t.clone())).to_vec()
    };
    let left_right = renamed(now, |layer, local, t| match local {
        "lin.weight" => twice(layer, ["lin_l.weight", "lin_r.weight"], t),
        "att_src" => vec![(format!("{layer}att_l"), t.clone())],
        "att_dst" => vec![(format!("{layer}att_r"), t.clone())],
        other => vec![(format!("{layer}{other}"), t.clone())],
    });
    let aliased = renamed(now, |layer, local, t| match local {
        "lin.weight" => twice(layer, ["lin_src.weight", "lin_dst.weight"], t),
        other => vec![(format!("{layer}{other}"), t.clone())],
    });
    [oldest, left_right, aliased, now.clone()]
}

fn pickled(tensors: &Tensors) -> (Vec<u8>, Vec<support::Storage>) {
    let list: Vec<_> = tensors.iter().map(|(k, t)| (k.as_str(), t.clone())).collect();
    let (pickle, storages) = state_dict(Pickle::new(), &list);
    (pickle.stop(), storages)
}

#[test]
fn four_generations_in_three_kinds_of_file_are_one_model() {
    let (config, folder) = (gat(), tempfile::tempdir().unwrap());
    let now = weights(&config);
    let expected = run(&config, &now);
    for (generation, tensors) in generations(&now).iter().enumerate() {
        let (pickle, storages) = pickled(tensors);
        let new = folder.path().join("model.pt");
        std::fs::write(&new, zipped(&pickle, &storages)).unwrap();
        let old = folder.path().join("model.pth");
        std::fs::write(&old, legacy(&pickle, &storages)).unwrap();
        let plain = folder.path().join("model.safetensors");
        candle_core::safetensors::save(&tensors.clone().into_iter().collect(), &plain).unwrap();
        for path in [new, old, plain] {
            let imported = import_checkpoint(&path, &config).unwrap();
            assert_eq!(run(&config, &imported), expected, "generation {generation}, {}", path.display());
            assert!(load_checkpoint(&path, &config, DType::F64, &Device::Cpu).is_ok());
        }
    }
}

#[test]
fn layers_go_by_their_order_where_names_differ() {
    let config = gat();
    let now = weights(&config);
    for wrapper in ["", "module.", "_orig_mod.model.", "model._orig_mod.module."] {
        let rename = |name: &String| {
            let (layer, rest) = name.strip_prefix("convs.").unwrap().split_once('.').unwrap();
            format!("{wrapper}conv{}.{rest}", layer.parse::<usize>().unwrap() + 9)
        };
        let theirs: Tensors = now.iter().map(|(name, t)| (rename(name), t.clone())).collect();
        let imported = import_tensors(theirs, &config, "here").unwrap();
        assert_eq!(run(&config, &imported), run(&config, &now));
    }
}

/// A safetensors file begins with the length of its header, and the length 128 · k begins like a pickle.
#[test]
fn safetensors_of_any_header_length_and_half_precision() {
    let (config, folder) = (gat(), tempfile::tempdir().unwrap());
    let now = weights(&config);
    let path = folder.path().join("model.safetensors");
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let tensors: Tensors = now.iter().map(|(k, t)| (k.clone(), t.to_dtype(dtype).unwrap())).collect();
        let file = safetensors::serialize(tensors.iter(), None).unwrap();
        let (length, rest) = file.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let padding = 128 + 256 - header.len() % 256;
        let length = (header.len() + padding) as u64;
        assert_eq!(length.to_le_bytes()[0], 0x80);
        std::fs::write(&path, [&length.to_le_bytes(), header, &vec![b' '; padding], data].concat()).unwrap();
        let imported = import_checkpoint(&path, &config).unwrap();
        assert_eq!(run(&config, &imported), run(&config, &tensors), "{dtype:?}");
        assert!(load_checkpoint(&path, &config, DType::F32, &Device::Cpu).is_ok());
    }
}

#[test]
fn gatv2_and_sage_keep_their_left_and_right() {
    let arguments = json!({"in_channels": 5, "hidden_channels": 6, "num_layers": 2, "heads": 2, "v2": true});
    for config in [config("GAT", arguments), sage()] {
        let now = weights(&config);
        assert!(now.contains_key("convs.0.lin_l.weight") && now.contains_key("convs.0.lin_r.weight"));
        assert_eq!(run(&config, &import_tensors(now.clone(), &config, "here").unwrap()), run(&config, &now));
    }
    let shared = json!({
        "in_channels": 5, "hidden_channels": 6, "num_layers": 1, "v2": true, "share_weights": true
    });
    let shared = config("GAT", shared);
    let mut saved = weights(&shared);
    for part in ["weight", "bias"] {
        let left = saved[&format!("convs.0.lin_l.{part}")].clone();
        saved.insert(format!("convs.0.lin_r.{part}"), left);
    }
    let imported = import_tensors(saved.clone(), &shared, "here").unwrap();
    assert_eq!(values(&imported), values(&weights(&shared)), "what is saved twice is dropped");
    saved.insert("convs.0.lin_r.bias".into(), numbers(&[6], 77));
    let message = import_tensors(saved, &shared, "here").unwrap_err().to_string();
    assert!(message.contains("extra: `convs.0.lin_r.bias` [6]"), "{message}");
}

fn sage() -> ModelConfig {
    config("GraphSAGE", json!({"in_channels": 5, "hidden_channels": 6, "num_layers": 2, "out_channels": 3}))
}

#[test]
fn older_gcn_and_sage() {
    let gcn = config("GCN", json!({"in_channels": 5, "hidden_channels": 5, "num_layers": 2}));
    let now = weights(&gcn);
    let old = renamed(&now, |layer, local, t| match local {
        "lin.weight" => vec![(format!("{layer}weight"), transpose(t))],
        other => vec![(format!("{layer}{other}"), t.clone())],
    });
    assert_eq!(values(&import_tensors(old, &gcn, "here").unwrap()), values(&now));

    let now = weights(&sage());
    let old = renamed(&now, |layer, local, t| {
        let local = local.replace("lin_l", "lin_rel").replace("lin_r.", "lin_root.");
        vec![(format!("{layer}{local}"), t.clone())]
    });
    assert_eq!(values(&import_tensors(old, &sage(), "here").unwrap()), values(&now));
}

#[test]
fn a_bipartite_layer_keeps_both_maps() {
    let parameter = |name: &str, shape: &[usize]| Parameter { name: name.into(), shape: shape.to_vec() };
    let expected = [
        parameter("att_dst", &[1, 2, 3]),
        parameter("att_src", &[1, 2, 3]),
        parameter("lin_dst.weight", &[6, 5]),
        parameter("lin_src.weight", &[6, 4]),
    ];
    let now: Tensors =
        expected.iter().zip(1..).map(|(p, i)| (p.name.clone(), numbers(&p.shape, i))).collect();
    let older = |old: [&str; 4]| -> Tensors {
        old.iter().zip(now.values()).map(|(k, t)| (k.to_string(), t.clone())).collect()
    };
    for names in [
        ["att_dst", "att_src", "lin_dst.weight", "lin_src.weight"],
        ["att_r", "att_l", "lin_r.weight", "lin_l.weight"],
        ["attn_r", "attn_l", "fc_dst.weight", "fc_src.weight"],
    ] {
        assert_eq!(values(&convert(older(names), &expected, "here").unwrap()), values(&now));
    }
}

#[test]
fn two_maps_for_a_model_with_one_are_a_conflict() {
    let config = gat();
    let mut tensors = generations(&weights(&config))[2].clone();
    tensors.insert("convs.1.lin_dst.weight".into(), numbers(&[6, 6], 55));
    let message = import_tensors(tensors, &config, "gat.pt").unwrap_err().to_string();
    assert!(message.contains("gat.pt: 1 of the model's tensors is wrong"), "{message}");
    assert!(
        message.contains("conflict: `convs.1.lin_src.weight` and `convs.1.lin_dst.weight` differ"),
        "{message}"
    );
}

#[test]
fn everything_wrong_is_listed_at_once() {
    let config = gat();
    let mut tensors = weights(&config);
    tensors.remove("convs.0.bias");
    tensors.insert("convs.1.bias".into(), numbers(&[7], 1));
    tensors.insert("decoder.bias".into(), numbers(&[3], 1));
    tensors.insert(
        "convs.2.bias".into(),
        Tensor::new(&[1f32, f32::NAN, 2., f32::INFINITY], &Device::Cpu).unwrap(),
    );
    tensors.insert("convs.1.att_src".into(), Tensor::zeros((1, 2, 3), DType::I64, &Device::Cpu).unwrap());
    let message = import_tensors(tensors, &config, "gat.pt").unwrap_err().to_string();
    for line in [
        "gat.pt: 5 of the model's tensors are wrong",
        "missing: `convs.0.bias` [6]",
        "shape: `convs.1.bias` is [7], expected [6]",
        "extra: `decoder.bias` [3]",
        "values: `convs.2.bias` has 2 NaN or infinite of 4, the first at 1",
        "type: `convs.1.att_src` is i64",
    ] {
        assert!(message.contains(line), "{line}\n{message}");
    }
}

/// DGL's own examples: `gat_layers.i`, residual from the second layer on, heads of the last layer averaged.
#[test]
fn dgl_gat() {
    let arguments = json!({
        "in_channels": 6, "hidden_channels": 6, "num_layers": 2, "out_channels": 4, "heads": 2, "act": "elu",
        "add_self_loops": false, "residual": true
    });
    let config = config("GAT", arguments);
    let (residual, residual_bias) = (numbers(&[8, 6], 8), numbers(&[8], 9));
    let mut dgl = Tensors::new();
    for (name, t) in weights(&config) {
        let name = name.replace("convs", "gat_layers").replace("lin.", "fc.").replace("att_src", "attn_l");
        dgl.insert(name.replace("att_dst", "attn_r"), t);
    }
    dgl.remove("gat_layers.0.res.weight"); // as many features as outputs: DGL adds x as it is
    dgl.remove("gat_layers.1.res.weight");
    dgl.remove("gat_layers.1.bias"); // that of res_fc stands for it
    dgl.insert("gat_layers.1.res_fc.weight".into(), residual.clone());
    dgl.insert("gat_layers.1.res_fc.bias".into(), residual_bias.clone());
    let imported = import_tensors(dgl, &config, "here").unwrap();
    assert_eq!(flat(&imported["convs.1.lin.weight"]), flat(&weights(&config)["convs.1.lin.weight"]));
    assert_eq!(
        flat(&imported["convs.0.res.weight"]),
        flat(&Tensor::eye(6, DType::F32, &Device::Cpu).unwrap())
    );
    let mean = |t: Tensor| flat(&t.mean(0).unwrap());
    assert_eq!(flat(&imported["convs.1.res.weight"]), mean(residual.reshape((2, 4, 6)).unwrap()));
    assert_eq!(flat(&imported["convs.1.bias"]), mean(residual_bias.reshape((2, 4)).unwrap()));
}

#[test]
fn pytorch_gat_names() {
    let config =
        config("PaperGAT", json!({"in_channels": 5, "out_channels": 3, "hidden_channels": 2, "heads": 2}));
    let now = weights(&config);
    let rename = |name: &String| {
        let name =
            name.replace("conv1", "gat_net.0").replace("conv2", "gat_net.1").replace("lin.", "linear_proj.");
        name.replace("att_src", "scoring_fn_source").replace("att_dst", "scoring_fn_target")
    };
    let theirs: Tensors = now.iter().map(|(name, t)| (rename(name), t.clone())).collect();
    assert_eq!(values(&import_tensors(theirs, &config, "here").unwrap()), values(&now));
}

/// Single layers that DGL computed: the imported one gives DGL's numbers.
#[test]
fn dgl_layers_agree_with_dgl() {
    let Some(folder) = shared("parity/dgl", "dgl_layers_agree_with_dgl") else { return };
    let mut seen = BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        let kwargs: Value = serde_json::from_str(&metadata["kwargs"]).unwrap();
        let layer = metadata["layer"].trim_start_matches("dgl.");
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        if !tensors.contains_key("in.x") || !tensors.contains_key("out") {
            continue; // bipartite, or with attention: the models take neither
        }
        let number = |key: &str, default: u64| kwargs.get(key).and_then(Value::as_u64).unwrap_or(default);
        let (inputs, width) = (number("in_feats", 0), number("out_feats", 0));
        let plain = json!({"in_channels": inputs, "hidden_channels": width, "num_layers": 1});
        let heads = number("num_heads", 1);
        let flag = |key: &str| kwargs.get(key).and_then(Value::as_bool).unwrap_or(false);
        let config = match layer {
            "GATConv" | "GATv2Conv" => {
                let mut arguments = plain;
                for (key, value) in [
                    ("hidden_channels", json!(heads * width)),
                    ("heads", json!(heads)),
                    ("add_self_loops", json!(false)),
                    ("residual", json!(flag("residual"))),
                    ("bias", kwargs.get("bias").cloned().unwrap_or(json!(true))),
                    ("negative_slope", kwargs.get("negative_slope").cloned().unwrap_or(json!(0.2))),
                    ("v2", json!(layer == "GATv2Conv")),
                    ("share_weights", json!(flag("share_weights"))),
                ] {
                    arguments[key] = value;
                }
                config("GAT", arguments)
            }
            "SAGEConv" => config("GraphSAGE", plain),
            _ => continue,
        };
        let case = path.file_stem().unwrap().to_string_lossy().into_owned();
        let saved =
            tensors.iter().filter_map(|(k, t)| Some((format!("layers.0.{}", k.strip_prefix("param.")?), t)));
        let saved: Tensors = saved.map(|(k, t)| (k, t.clone())).collect();
        let imported = import_tensors(saved, &config, &case).unwrap_or_else(|e| panic!("{e}"));
        let imported = imported.into_iter().collect();
        let model = config.build(VarBuilder::from_tensors(imported, DType::F64, &Device::Cpu)).unwrap();
        let x = &tensors["in.x"];
        let ids = tensors["in.edge_index"].to_vec2::<i64>().unwrap();
        let edges = EdgeIndex::from_i64(&ids[0], &ids[1], x.dim(0).unwrap()).unwrap();
        let out = tensors["out"].flatten_from(1).unwrap();
        let error = (model.forward(x, &edges).unwrap() - &out).unwrap().abs().unwrap().flatten_all().unwrap();
        let error = error.max(0).unwrap().to_scalar::<f64>().unwrap();
        assert!(error < 1e-10, "{case}: {error:e}");
        *seen.entry(layer.to_string()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}
