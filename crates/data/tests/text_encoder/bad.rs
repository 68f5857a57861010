//! Models that are none.

use crate::*;

/// The message for a copy of BERT with a change.
fn message(change: impl FnOnce(&Path)) -> String {
    let folder = model("bert");
    change(folder.path());
    load(&folder, EncoderOptions::default()).unwrap_err().to_string()
}

/// Sets an entry of a JSON file.
fn set(file: &str, key: &str, value: impl Into<Value>) -> impl FnOnce(&Path) {
    let (file, key, value) = (file.to_string(), key.to_string(), value.into());
    move |folder| {
        let path = folder.join(file);
        let mut json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        json[key] = value;
        std::fs::write(path, json.to_string()).unwrap();
    }
}

fn remove(file: &'static str) -> impl FnOnce(&Path) {
    move |folder| std::fs::remove_file(folder.join(file)).unwrap()
}

fn write(file: &'static str, contents: &'static [u8]) -> impl FnOnce(&Path) {
    move |folder| std::fs::write(folder.join(file), contents).unwrap()
}

#[track_caller]
fn has(message: String, parts: &[&str]) {
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn a_folder_that_is_no_model() {
    let error = |name: &str| TextEncoder::load(name).unwrap_err().to_string();
    has(error("/no/such/folder"), &["/no/such/folder: not a folder", "OWNER/NAME"]);
    has(error(""), &["not a folder"]);
    has(message(remove("config.json")), &["config.json: there is no such file"]);
    has(
        message(remove("tokenizer.json")),
        &["tokenizer.json: there is no such file: save the fast tokenizer"],
    );
    has(message(remove("model.safetensors")), &["model.safetensors: there is no such file"]);
    let pickled = |folder: &Path| {
        std::fs::rename(folder.join("model.safetensors"), folder.join("pytorch_model.bin")).unwrap();
    };
    has(message(pickled), &["model.safetensors: there is no such file: the weights in pytorch_model.bin"]);
}

#[test]
fn a_configuration_that_is_none() {
    let config = "config.json";
    has(message(write(config, b"{")), &["config.json: EOF"]);
    has(message(write(config, b"{}")), &["config.json: model_type: expected one of bert", "got \"\""]);
    has(message(set(config, "model_type", "gpt2")), &["expected one of bert, ", "mpnet", "got \"gpt2\""]);
    has(message(set(config, "hidden_size", Value::Null)), &["hidden_size is missing"]);
    has(
        message(set(config, "num_attention_heads", 0)),
        &["num_attention_heads: expected a size from 1", "got 0"],
    );
    has(message(set(config, "num_attention_heads", 3)), &["hidden_size: expected a multiple", "3, got 8"]);
    has(message(set(config, "hidden_size", u64::MAX)), &["hidden_size: expected a size"]);
    has(message(set(config, "num_hidden_layers", 3)), &["model.safetensors: not the weights", "layer.2"]);
    has(message(set(config, "vocab_size", 1 << 23)), &["model.safetensors: not the weights"]);
    has(message(set(config, "hidden_act", "silu")), &["hidden_act: expected gelu", "silu"]);
    has(message(set(config, "is_decoder", true)), &["is_decoder"]);
    has(message(set(config, "position_embedding_type", "relative_key")), &["expected absolute"]);
    has(message(set(config, "layer_norm_eps", -1.)), &["layer_norm_eps: expected a positive number"]);
}

#[test]
fn modernbert_of_absurd_sizes() {
    let folder = model("modernbert");
    // Its positions are computed: nobody asks for more of them than the longest text has.
    set("config.json", "max_position_embeddings", 1 << 24)(folder.path());
    assert_eq!(load(&folder, plain()).unwrap().encode(&["graph"]).unwrap().dims(), [1, 8]);
    set("config.json", "layer_types", vec!["full_attention", "full_attention"])(folder.path());
    has(load(&folder, plain()).unwrap_err().to_string(), &["layer_types", "layer 1"]);
}

#[test]
fn a_tokenizer_of_another_model() {
    has(message(write("tokenizer.json", b"{}")), &["tokenizer.json: not a tokenizer"]);
    let folder = model("bert");
    let path = folder.path().join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    tokenizer["model"]["vocab"]["graph"] = 26.into();
    std::fs::write(path, tokenizer.to_string()).unwrap();
    let encoder = load(&folder, plain()).unwrap();
    has(encoder.encode(&["graph"]).unwrap_err().to_string(), &["token 26, but the model knows 26"]);
}

#[test]
fn weights_that_are_damaged() {
    let weights = std::fs::read(cases().join("bert/model.safetensors")).unwrap();
    for length in [0, 7, 8, 100, weights.len() - 1] {
        let cut = weights[..length].to_vec();
        let cut = |folder: &Path| std::fs::write(folder.join("model.safetensors"), cut).unwrap();
        has(message(cut), &["model.safetensors: not a safetensors file"]);
    }
    let folder = model("bert");
    let mut nan = weights.clone();
    let start = nan.len() - 4 * 8 * 26;
    nan[start..].chunks_exact_mut(4).for_each(|value| value.copy_from_slice(&f32::NAN.to_le_bytes()));
    std::fs::write(folder.path().join("model.safetensors"), nan).unwrap();
    let encoded = load(&folder, plain()).and_then(|encoder| encoder.encode(&["graph"]));
    has(encoded.unwrap_err().to_string(), &["expected finite vectors"]);
}

#[test]
fn files_of_sentence_transformers_that_ask_for_more() {
    let pooling = "1_Pooling/config.json";
    has(message(set(pooling, "pooling_mode_cls_token", true)), &["expected a pooling by mean, cls or max"]);
    has(message(set(pooling, "pooling_mode", "lasttoken")), &["lasttoken"]);
    has(message(set(pooling, "include_prompt", false)), &["prompt: expected none"]);
    has(message(remove(pooling)), &["1_Pooling/config.json: there is no such file"]);
    let dense = br#"[{"path": "", "type": "a.Transformer"}, {"path": "2_Dense", "type": "a.Dense"}]"#;
    has(message(write("modules.json", dense)), &["modules.json: expected the modules", "got Dense"]);
    let outside = br#"[{"path": "../other", "type": "a.Transformer"}]"#;
    has(message(write("modules.json", outside)), &["\"../other\" is no folder of the model"]);
    // With a pooling of one's own, what the folder has does not matter.
    let folder = model("bert");
    set(pooling, "pooling_mode", "lasttoken")(folder.path());
    load(&folder, plain()).unwrap();
}

#[test]
fn options_that_are_none() {
    let with = |options| load(&model("roberta"), options).unwrap_err().to_string();
    has(
        with(EncoderOptions { max_length: Some(31), ..plain() }),
        &["max_length: expected at most 30", "got 31"],
    );
    has(
        with(EncoderOptions { max_length: Some(2), ..plain() }),
        &["max_length: expected more than the 2 tokens"],
    );
    let dtype = candle_core::DType::U32;
    has(with(EncoderOptions { dtype, ..plain() }), &["dtype: expected f32 or f16 or bf16, got u32"]);
}
