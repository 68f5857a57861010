//! A trained model as a folder of the zoo.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use candle_core::Tensor;
use candle_geometric_models::{
    Configuration, Data, FeatureNorm, FurtherMetric, Metric, MetricKind, Preprocessing, Task, Weights,
    ZooEntry,
};
use sha2::{Digest, Sha256};

use crate::atomic::write_atomically;
use crate::config::{OutputConfig, TrainConfig, hex};
use crate::runs::{RunsReport, TrainedRuns};
use crate::{Error, Result, Trainer};

const WEIGHTS: &str = "model.safetensors";

/// Writes `dir`, made if need be: the weights of the picked run, `config.json`, the `train.toml` with every default
/// written out, the card `README.md` and every run's numbers in `runs.json`. The same runs give the same bytes.
/// `command` is the command line that repeats the training.
///
/// # Errors
/// If the configuration has no section `[output]`, the data has no test nodes, or a file cannot be written.
pub fn export<C: Configuration + Clone>(
    dir: &Path,
    trainer: &Trainer<C>,
    runs: &TrainedRuns,
    command: &str,
) -> Result<ZooEntry<C>> {
    let config = trainer.config();
    let output = config.output.as_ref().ok_or_else(|| {
        Error::invalid("[output]", "the section, to make a card of", "a configuration without it")
    })?;
    let none = || Error::invalid("test", "test data, to state a metric on", "none");
    let test = runs.report.test.ok_or_else(none)?;
    let this = runs.picked.report.test.ok_or_else(none)?;
    let more = runs.report.more.iter().filter_map(|(name, summary)| {
        let this = *runs.picked.report.more.get(name)?;
        Some(FurtherMetric { name: *name, mean: summary.mean, std: summary.std, this })
    });
    let more = more.collect();
    let weights = to_safetensors(&runs.picked.weights)?;
    let entry = ZooEntry {
        model: config.model.clone(),
        task: Task {
            kind: config.training.task,
            num_classes: trainer.class_names().len(),
            labels: trainer.class_names().to_vec(),
        },
        data: Data {
            name: config.data.name.clone(),
            split: output.split.clone(),
            format: config.data.format.map(|format| format.to_string()),
            protocol: config.data.protocol,
            seed: if config.data.protocol.depends_on_seed() { runs.report.picked } else { 0 },
        },
        preprocessing: config.data.preprocessing(),
        metric: Metric {
            name: trainer.metric(),
            split: "test".to_string(),
            mean: test.mean,
            std: test.std,
            runs: runs.report.runs.len(),
            published: output.published,
            source: output.source.clone(),
            this: this.metric,
            tolerance: output.tolerance,
            more,
        },
        weights: Weights { file: WEIGHTS.to_string(), sha256: hex(&Sha256::digest(&weights)) },
        licence: output.licence.clone(),
    };
    let card = card(config, output, &entry, &runs.report, trainer.val_metric(), command);
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

/// The kind of this processor, as far as matrix products depend on it: how many numbers are summed at once.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            return "x86-64 with AVX-512";
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return "x86-64 with AVX2";
        }
    }
    std::env::consts::ARCH
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

/// Mean and standard deviation, or the value of a single run.
fn over_runs(metric: MetricKind, mean: f64, std: f64, runs: usize) -> String {
    let std = if metric.is_error() { format!("{std:.3}") } else { format!("{:.2}", 100.0 * std) };
    if runs == 1 { metric.show(mean) } else { format!("{} ± {std}", metric.show(mean)) }
}

/// The row of the card for another metric.
fn further(m: &FurtherMetric, runs: usize) -> String {
    let over_runs = over_runs(m.name, m.mean, m.std, runs);
    format!("| test {} | {over_runs}; of these weights {} |\n", m.name, m.name.show(m.this))
}

fn card<C: Configuration>(
    config: &TrainConfig<C>,
    output: &OutputConfig,
    entry: &ZooEntry<C>,
    report: &RunsReport,
    val_metric: MetricKind,
    command: &str,
) -> String {
    let m = &entry.metric;
    let n = m.runs;
    let (first, last) = (report.runs.first().map_or(0, |r| r.seed), report.runs.last().map_or(0, |r| r.seed));
    let mut published = m.published.map_or("none".to_string(), |p| m.name.show(p));
    if !m.source.is_empty() {
        let _ = write!(published, " ({})", m.source);
    }
    let Preprocessing { word_counts, encoder, .. } = &entry.preprocessing;
    let made = match (word_counts, encoder) {
        (Some(n), _) => {
            format!("how often each word stands in each text, of those that stand in at least {n} texts")
        }
        (None, Some(encoder)) => format!("the vectors of the texts by the sentence encoder {encoder}"),
        (None, None) => String::new(),
    };
    let normalised = match entry.preprocessing.normalize_features {
        FeatureNorm::None => "",
        FeatureNorm::Sum => "the features of each node are divided by their sum",
        FeatureNorm::L2 => "the features of each node are divided by their Euclidean norm",
    };
    let done = match (made.as_str(), normalised) {
        ("", "") => "none".to_string(),
        (one, "") | ("", one) => one.to_string(),
        (made, normalised) => format!("{made}; {normalised}"),
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
         | preprocessing | {done} |\n\
         | test {metric}, {over} | **{mean}** |\n\
         | published | {published} |\n\
         | test {metric} of these weights | {this} |\n\
         {more}\
         | licence | {licence} |\n\
         | sha256 of `{file}` | `{sha256}` |\n\n",
        name = output.name,
        description = output.description.trim(),
        architecture = entry.model.architecture(),
        data = entry.data.name,
        split = entry.data.split,
        metric = m.name,
        over = if n == 1 { "one run".to_string() } else { format!("mean ± std over {n} runs") },
        mean = over_runs(m.name, m.mean, m.std, n),
        this = m.name.show(m.this),
        more = m.more.iter().map(|m| further(m, n)).collect::<String>(),
        licence = entry.licence,
        file = entry.weights.file,
        sha256 = entry.weights.sha256,
    );
    let rule = serde_json::to_value(config.training.early_stopping).ok();
    let rule = rule.as_ref().and_then(|v| v.as_str()).unwrap_or_default();
    let (metric, picked) = (val_metric, report.picked);
    let divided =
        if config.data.protocol.depends_on_seed() { ", by which the data is divided too" } else { "" };
    let _ = if n == 1 {
        write!(
            s,
            "One run, with seed {picked}; [`runs.json`](runs.json) has its numbers. The weights are those of one epoch, \
             chosen by the validation data alone (early stopping `{rule}`); the test data had no part in it.\n\n"
        )
    } else {
        write!(
            s,
            "The {n} runs differ in their seeds only ({first} to {last}){divided}; the standard deviation is that of the \
             sample, and [`runs.json`](runs.json) has every run's numbers. In each run the weights of one epoch are kept \
             by the validation data alone (early stopping `{rule}`), and the published ones are those of the run with the \
             best validation {metric} (seed {picked}; of equals the one with the lowest validation loss). The test data \
             had no part in either choice.\n\n"
        )
    };
    let _ = write!(
        s,
        "## Use\n\n\
         ```sh\ncandle-geometric run {name}\n```\n\n\
         ## Training\n\n\
         The recipe is [`train.toml`](train.toml), and this repeats it:\n\n\
         ```sh\n{command}\n```\n\n\
         The same bits come out on processors of the same kind, with any number of threads; this was {processor}. Others sum \
         matrix products in another order, so that the weights are like these, not equal.\n",
        name = output.name,
        processor = processor(),
    );
    s
}
