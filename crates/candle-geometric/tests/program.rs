//! The program as its users meet it: what it prints, what it writes, how it ends.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Read;
use std::process::Stdio;

use common::{assert_error, karate, program, run, stderr, stdout};
use serde_json::Value;

const COMMANDS: [&str; 9] =
    ["list", "data", "info", "run", "explain", "curves", "evaluate", "train", "verify"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_command_has_help_with_examples() {
    for command in COMMANDS {
        let output = run(&[command, "--help"]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0));
        assert!(
            text.contains("Examples:") && text.contains(&format!("candle-geometric {command}")),
            "{text}"
        );
    }
    assert!(stdout(&run(&["--help"])).contains("Examples:"));
    assert_error(&run(&["evaluat"]), &["evaluate"]);
    assert_error(&run(&["run"]), &["MODEL"]);
    assert_error(&run(&["run", "gat-karate", "--device", "gpu"]), &["`cpu`", "`metal`"]);
}

#[test]
fn list_names_the_models() {
    let models = json(&stdout(&run(&["list", "--json"])));
    let table = stdout(&run(&["list"]));
    for model in models.as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        assert!(table.lines().any(|line| line.trim_start().starts_with(name)), "{table}");
    }
}

#[test]
fn info_shows_card_configuration_and_tensors() {
    let model = karate::model().to_str().unwrap();
    let text = stdout(&run(&["info", model]));
    for part in ["# gat-karate", "PaperGAT", "parameters", "conv1.lin.weight", "[8, 34]", "Mr. Hi"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let about = json(&stdout(&run(&["info", model, "--json"])));
    let sizes = about["tensors"].as_array().unwrap().iter().map(|tensor| {
        tensor["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product::<u64>()
    });
    assert_eq!(about["parameters"], sizes.sum::<u64>());
    assert_eq!(about["config"]["architecture"], "PaperGAT");
}

#[test]
fn run_shows_every_node_and_the_entropy_of_every_head() {
    let model = karate::model().to_str().unwrap();
    let output = run(&["run", model]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let nodes = text.lines().filter(|line| line.contains("Mr. Hi") || line.contains("Officer"));
    assert_eq!(nodes.count(), 34, "{text}");
    for part in ["accuracy: test", "uniform", "most attended"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours where no terminal is: {text}");

    let value = json(&stdout(&run(&["run", model, "--json", "--limit", "5"])));
    assert_eq!(value["nodes"], 34);
    let shown = value["predictions"].as_array().unwrap();
    assert_eq!(shown.len(), 5);
    assert!(shown.iter().all(|node| node["part"] == "test"));
    let none = stdout(&run(&["run", model, "--limit", "0"]));
    assert!(none.contains("accuracy: test") && !none.contains("most attended"), "{none}");
    // Two heads in the first layer, one in the second. The mean of ln(degree + 1) bounds the entropy.
    let layers = value["attention"].as_array().unwrap();
    assert_eq!(layers.iter().map(|l| l["heads"].as_array().unwrap().len()).collect::<Vec<_>>(), [2, 1]);
    for head in layers.iter().flat_map(|l| l["heads"].as_array().unwrap()) {
        let (entropy, uniform) = (head["entropy"].as_f64().unwrap(), head["uniform"].as_f64().unwrap());
        assert!(0.0 < entropy && entropy <= uniform + 1e-6, "{head}");
    }
}

#[test]
fn run_writes_picture_predictions_and_summary() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/deeper");
    let output = run(&["run", karate::model().to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(read("attention.svg").starts_with("<svg"));
    let predictions = read("predictions.csv");
    assert_eq!(predictions.lines().count(), 35);
    assert!(predictions.starts_with("node,part,predicted,truth,most_attended\n0,train,"), "{predictions}");
    assert_eq!(json(&read("summary.json"))["model"], "gat-karate");
    let files = std::fs::read_dir(&out).unwrap().count();
    assert_eq!(files, 3, "no temporary files are left");
}

#[test]
fn evaluate_holds_the_weights_to_their_card() {
    let good = run(&["evaluate", karate::model().to_str().unwrap()]);
    assert_eq!(good.status.code(), Some(0), "{}{}", stdout(&good), stderr(&good));

    let spoilt = karate::copy();
    let path = spoilt.path().join("config.json");
    let mut config = json(&std::fs::read_to_string(&path).unwrap());
    let this = config["metric"]["this"].as_f64().unwrap();
    config["metric"]["this"] = (if this > 0.5 { this - 0.01 } else { this + 0.01 }).into();
    std::fs::write(&path, config.to_string()).unwrap();
    let off = run(&["evaluate", spoilt.path().to_str().unwrap()]);
    assert_eq!(off.status.code(), Some(1), "{}{}", stdout(&off), stderr(&off));
    assert!(stdout(&off).contains("FAIL"));
}

/// Where there is a device that is always full.
#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = program().arg("list").stdout(full).output().unwrap();
    assert_error(&output, &["cannot write to standard output"]);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    for arguments in [vec!["run", karate::model().to_str().unwrap()], vec!["list"], vec!["--help"]] {
        let mut child =
            program().args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {errors}");
        assert_eq!(errors, "");
    }
}

#[test]
fn data_lists_shows_counts_and_imports() {
    let all = json(&stdout(&run(&["data", "list", "--json"])));
    let table = stdout(&run(&["data", "list"]));
    assert!(all.as_array().unwrap().iter().all(|info| table.contains(info["name"].as_str().unwrap())));
    let text = stdout(&run(&["data", "info", "cora"]));
    for part in ["140 / 500 / 1000", "Neural_Networks", "ind.cora.allx", "MIT"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert_eq!(json(&stdout(&run(&["data", "info", "cora", "--json"])))["counts"]["nodes"], 2708);
    let text = stdout(&run(&["data", "stats", "karate"]));
    for part in ["34", "156", "in-degree 1 to 17, mean 4.59", "Mr. Hi 17, Officer 17", "6 / 10 / 18", "█"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    let stats = json(&stdout(&run(&["data", "stats", "karate", "--json"])));
    let bins = stats["histogram"].as_array().unwrap().iter().map(|bin| bin[2].as_u64().unwrap());
    assert_eq!((bins.sum::<u64>(), stats["isolated"].as_u64()), (34, Some(0)));
    assert_error(&run(&["data", "stats", "karte"]), &["did you mean karate?"]);
    assert_error(&run(&["data", "stats", "cora", "--data", "nowhere"]), &["--data nowhere"]);

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("edges.csv"), "from,target,w\na,b,1\nb,c,2\n").unwrap();
    let out = path("graph.safetensors");
    let output =
        run(&["data", "import", &path("edges.csv"), "--source", "from", "--edge-attr", "w", "--out", &out]);
    assert!(stdout(&output).contains("3 nodes with names, 2 edges"), "{}", stderr(&output));
    let again = run(&["data", "import", &out, "--out", &path("again.safetensors")]);
    assert!(stdout(&again).contains("3 nodes with names, 2 edges"));
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(path("again.safetensors")).unwrap());
    assert_error(&run(&["data", "import", &path("edges.csv"), "--out", &out]), &["line 1", "\"source\""]);
    std::fs::write(path("DS_A.txt"), "1, 2\n2, 1\n").unwrap();
    std::fs::write(path("DS_graph_indicator.txt"), "1\n1\n2\n").unwrap();
    let text =
        stdout(&run(&["data", "stats", "DS", "--format", "tu", "--data", folder.path().to_str().unwrap()]));
    assert!(text.contains("many graphs") && text.contains("isolated     1 nodes"), "{text}");
}

/// What can be wrong before a model is loaded is said with and without the feature.
#[test]
fn data_encode_says_what_is_wrong() {
    let help = stdout(&run(&["data", "encode", "--help"]));
    assert!(help.contains("--texts papers.csv") && help.contains("mpnet"), "{help}");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let out = path("out.safetensors");
    let encode =
        |more: &[&str]| run(&[&["data", "encode"], more, &["--model", "/no/such", "--out", &out]].concat());
    if !cfg!(feature = "text") {
        assert_error(&encode(&["karate"]), &["feature `text`", "hint: build the program with"]);
        return;
    }
    assert_error(
        &encode(&["karate"]),
        &["karate: one graph with labelled nodes without texts", "cornell-texts"],
    );
    std::fs::write(path("edges.csv"), "source,target\na,b\n").unwrap();
    std::fs::write(path("texts.csv"), "id,title\nb,on graphs\n").unwrap();
    let (edges, texts) = (path("edges.csv"), path("texts.csv"));
    assert_error(
        &encode(&[&edges, "--texts", &texts]),
        &["there is no column \"text\"; there are: id, title"],
    );
    let right = [&edges, "--texts", &texts, "--text", "title"];
    assert_error(&encode(&right), &["/no/such: not a folder", "hint: --model is a folder"]);
    std::fs::write(&texts, "id,text\nc,on graphs\n").unwrap();
    assert_error(&encode(&[&edges, "--texts", &texts]), &["no node of the graph is in it, such as \"a\""]);
    assert!(!std::path::Path::new(&out).exists());
}

/// A graph of texts and a small model of the data crate's tests, by hand: the file holds the features.
#[cfg(feature = "text")]
#[test]
fn data_encode_writes_features() {
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/text_encoder/cases");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(cases.join("mpnet").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::copy(cases.join("tokenizer.json"), path("tokenizer.json")).unwrap();
    std::fs::write(path("edges.csv"), "source,target\na,b\nb,c\n").unwrap();
    std::fs::write(path("texts.csv"), "id,text\nb,on graphs\na,on nodes\n").unwrap();
    let (model, out) = (folder.path().to_str().unwrap(), path("out.safetensors"));
    let arguments = ["data", "encode", &path("edges.csv"), "--texts", &path("texts.csv"), "--model", model];
    let output = program()
        .args(arguments)
        .args(["--out", &out, "--normalize", "true"])
        .env("CANDLE_GEOMETRIC_CACHE", path("cache"))
        .output()
        .unwrap();
    let text = stdout(&output);
    assert!(
        text.contains("3 nodes with 8 features, 2 edges") && text.contains("1 nodes have no text"),
        "{text}"
    );
    let graph = candle_geometric::data::graph_file::load(out.as_ref()).unwrap();
    let lengths = graph.x.unwrap().sqr().unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap();
    assert!(lengths.iter().all(|length| (length - 1.).abs() < 1e-5), "{lengths:?}");
}
