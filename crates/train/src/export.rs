//! A trained model as a folder of the zoo.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use candle_core::Tensor;
use candle_geometric_data::NodeDataset;
use candle_geometric_models::{Data, FeatureNorm, Metric, Preprocessing, Task, TaskKind, Weights, ZooEntry};
use sha2::{Digest, Sha256};

use crate::atomic::write_atomically;
use crate::config::{OutputConfig, TrainConfig, hex};
use crate::runs::{RunsReport, TrainedRuns};
use crate::{Error, Result};

const WEIGHTS: &str = "model.safetensors";

/// Writes `dir`, made if need be: the weights of the picked run, `config.json`, the `train.toml` with every default
/// written out, the card `README.md` and every run's numbers in `runs.json`. The same runs give the same bytes.
/// `command` is the command line that repeats the training.
///
/// # Errors
/// If the configuration has no section `[output]`, the data has no test nodes, or a file cannot be written.
pub fn export(
    dir: &Path,
    config: &TrainConfig,
    dataset: &NodeDataset,
    runs: &TrainedRuns,
    command: &str,
) -> Result<ZooEntry> {
    let output = config.output.as_ref().ok_or_else(|| {
        Error::invalid("[output]", "the section, to make a card of", "a configuration without it")
    })?;
    let none = || Error::invalid("test_mask", "test nodes, to state a metric on", "none");
    let test = runs.report.test.ok_or_else(none)?;
    let this = runs.picked.report.test.ok_or_else(none)?;
    let weights = to_safetensors(&runs.picked.weights)?;
    let entry = ZooEntry {
        model: config.model.clone(),
        task: Task {
            kind: TaskKind::NodeClassification,
            num_classes: dataset.num_classes,
            labels: dataset.class_names.clone(),
        },
        data: Data { name: config.data.name.clone(), split: output.split.clone() },
        preprocessing: Preprocessing { normalize_features: config.data.normalize_features },
        metric: Metric {
            name: config.training.loss.metric().to_string(),
            split: "test".to_string(),
            mean: test.mean,
            std: test.std,
            runs: runs.report.runs.len(),
            published: output.published,
            source: output.source.clone(),
            this: this.metric,
            tolerance: output.tolerance,
        },
        weights: Weights { file: WEIGHTS.to_string(), sha256: hex(&Sha256::digest(&weights)) },
        licence: output.licence.clone(),
    };
    let card = card(config, output, &entry, &runs.report, command);
    std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    // config.json comes last: it makes the folder a model.
    for (name, bytes) in [
        (WEIGHTS, weights.as_slice()),
        ("runs.json", runs_json(&runs.report)?.as_bytes()),
        ("train.toml", config.to_toml()?.as_bytes()),
        ("README.md", card.as_bytes()),
        ("config.json", entry.to_json()?.as_bytes()),
    ] {
        write_atomically(&dir.join(name), |file| file.write_all(bytes))?;
    }
    Ok(entry)
}

/// The bytes of a safetensors file with these tensors and nothing else in its header, so that equal tensors give equal
/// bytes.
fn to_safetensors(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>> {
    safetensors::serialize(tensors.iter(), None::<HashMap<_, _>>)
        .map_err(|e| Error::invalid("weights", "tensors that can be stored", e))
}

/// All numbers but the time taken, which would be another one every time.
fn runs_json(report: &RunsReport) -> Result<String> {
    let fail = |e: serde_json::Error| Error::invalid("runs", "numbers", e);
    let mut value = serde_json::to_value(report).map_err(fail)?;
    if let Some(runs) = value["runs"].as_array_mut() {
        for run in runs.iter_mut().filter_map(|r| r.as_object_mut()) {
            run.remove("seconds");
        }
    }
    Ok(serde_json::to_string_pretty(&value).map_err(fail)? + "\n")
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn card(
    config: &TrainConfig,
    output: &OutputConfig,
    entry: &ZooEntry,
    report: &RunsReport,
    command: &str,
) -> String {
    let m = &entry.metric;
    let n = m.runs;
    let (first, last) = (report.runs.first().map_or(0, |r| r.seed), report.runs.last().map_or(0, |r| r.seed));
    let published = m.published.map_or("none".to_string(), percent);
    let normalised = match entry.preprocessing.normalize_features {
        FeatureNorm::None => "none",
        FeatureNorm::Sum => "the features of each node are divided by their sum",
        FeatureNorm::L2 => "the features of each node are divided by their Euclidean norm",
    };
    let mut s = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        s,
        "# {name}\n\n{description}\n\n\
         | | |\n|---|---|\n\
         | architecture | {architecture} |\n\
         | data | {data} |\n\
         | split | {split} |\n\
         | preprocessing | {normalised} |\n\
         | test {metric}, {over} | **{mean}** |\n\
         | published | {published} ({source}) |\n\
         | test {metric} of these weights | {this} |\n\
         | licence | {licence} |\n\
         | sha256 of `{file}` | `{sha256}` |\n\n",
        name = output.name,
        description = output.description.trim(),
        architecture = entry.model.architecture(),
        data = entry.data.name,
        split = entry.data.split,
        metric = m.name,
        over = if n == 1 { "one run".to_string() } else { format!("mean ± std over {n} runs") },
        mean = if n == 1 { percent(m.mean) } else { format!("{} ± {:.2}", percent(m.mean), 100.0 * m.std) },
        source = m.source,
        this = percent(m.this),
        licence = entry.licence,
        file = entry.weights.file,
        sha256 = entry.weights.sha256,
    );
    let rule = serde_json::to_value(config.training.early_stopping).ok();
    let rule = rule.as_ref().and_then(|v| v.as_str()).unwrap_or_default();
    let (metric, picked) = (&m.name, report.picked);
    let _ = if n == 1 {
        write!(
            s,
            "One run, with seed {picked}; [`runs.json`](runs.json) has its numbers. The weights are those of one epoch, \
             chosen by the validation nodes alone (early stopping `{rule}`); the test nodes had no part in it.\n\n"
        )
    } else {
        write!(
            s,
            "The {n} runs differ in their seeds only ({first} to {last}); the standard deviation is that of the sample, \
             and [`runs.json`](runs.json) has every run's numbers. In each run the weights of one epoch are kept by the \
             validation nodes alone (early stopping `{rule}`), and the published ones are those of the run with the \
             best validation {metric} (seed {picked}; of equals the one with the lowest validation loss). The test \
             nodes had no part in either choice.\n\n"
        )
    };
    let _ = write!(
        s,
        "## Use\n\n\
         ```sh\ncandle-geometric run {name}\n```\n\n\
         ## Training\n\n\
         The recipe is [`train.toml`](train.toml), and this repeats it:\n\n\
         ```sh\n{command}\n```\n",
        name = output.name,
    );
    s
}
