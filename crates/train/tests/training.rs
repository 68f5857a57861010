//! The loop on small graphs: it learns, resumes with the same bits, and does not depend on threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_geometric_data::{NodeDataset, Source, load};
use candle_geometric_train::{
    CHECKPOINT, EpochReport, Error, Flow, MaskedLoss, Observer, RunOptions, RunsOptions, Targets,
    TrainConfig, Trained, Trainer, export, train_runs,
};

const KARATE: &str = r#"
model = { architecture = "PaperGAT", config = { in_channels = 34, out_channels = 2, hidden_channels = 4, heads = 2 } }
data = { name = "karate" }
optimizer = { name = "adam", lr = 0.05, weight_decay = 5e-4 }
schedule = { name = "plateau", patience = 4, factor = 0.5 }
training = { epochs = 40, patience = 10, min_epochs = 30, checkpoint_every = 7, clip = { norm = 1.0 } }

[output]
name = "gat-karate"
description = "A test."
split = "a test"
source = "nobody"
tolerance = 0.01
licence = "MIT OR Apache-2.0"
"#;

fn config() -> TrainConfig {
    TrainConfig::parse(KARATE, "karate.toml".as_ref()).unwrap()
}

/// The karate club with a split of its own: every third node for training, the others for validation and test.
fn karate() -> NodeDataset {
    let mut dataset = load("karate", &Source::Cache).unwrap();
    let mask = |r: usize| (0..34).map(|i| i % 3 == r).collect::<Vec<bool>>();
    dataset.graph = dataset.graph.with_split(mask(0), mask(1), mask(2)).unwrap();
    dataset
}

fn trainer() -> Trainer {
    Trainer::new(&config(), &karate(), &Device::Cpu).unwrap()
}

fn bits(weights: &BTreeMap<String, Tensor>) -> Vec<(String, Vec<u32>)> {
    let bits =
        |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().map(|v| v.to_bits()).collect();
    weights.iter().map(|(name, t)| (name.clone(), bits(t))).collect()
}

#[track_caller]
fn same(a: &Trained, b: &Trained) {
    assert_eq!(bits(&a.weights), bits(&b.weights));
    let mut report = b.report.clone();
    report.seconds = a.report.seconds;
    assert_eq!(a.report, report);
}

fn into(dir: &Path, resume: bool) -> RunOptions {
    RunOptions { out: Some(dir.to_path_buf()), resume }
}

/// Stops after an epoch, and counts.
struct StopAfter(usize, Vec<EpochReport>);

impl Observer for StopAfter {
    fn epoch(&mut self, report: &EpochReport) -> Flow {
        self.1.push(*report);
        if report.epoch == self.0 { Flow::Stop } else { Flow::Continue }
    }
}

#[test]
fn it_learns() {
    let mut observer = StopAfter(usize::MAX, Vec::new());
    let trained = trainer().run(3, &RunOptions::default(), &mut observer).unwrap();
    let (first, last) = (&observer.1[0], observer.1.last().unwrap());
    assert!(last.train.loss < 0.7 * first.train.loss, "{} {}", first.train.loss, last.train.loss);
    assert!(trained.report.val.metric >= 0.8, "{:?}", trained.report);
    let best = &observer.1[trained.report.best_epoch];
    assert!(best.kept);
    assert_eq!(
        (best.train, best.val, best.test),
        (trained.report.train, trained.report.val, trained.report.test)
    );
    assert_eq!(observer.1.len(), trained.report.epochs);
}

/// Stopped between two checkpoints, at one, and twice in a row: the same bits and the same numbers as straight through.
#[test]
fn a_resumed_run_ends_in_the_same_bits() {
    let trainer = trainer();
    let straight = trainer.run(5, &RunOptions::default(), &mut ()).unwrap();
    for stops in [vec![3], vec![6], vec![9, 20]] {
        let dir = tempfile::tempdir().unwrap();
        for stop in &stops {
            let stopped = trainer.run(5, &into(dir.path(), true), &mut StopAfter(*stop, Vec::new()));
            assert!(matches!(stopped, Err(Error::Interrupted { epoch }) if epoch == *stop));
        }
        let mut observer = StopAfter(usize::MAX, Vec::new());
        same(&straight, &trainer.run(5, &into(dir.path(), true), &mut observer).unwrap());
        let last = *stops.last().unwrap();
        assert_eq!(observer.1[0].epoch, (last + 1) / 7 * 7, "it goes on at the last checkpoint");
        // And a run that has ended is not trained again.
        let mut observer = StopAfter(usize::MAX, Vec::new());
        same(&straight, &trainer.run(5, &into(dir.path(), true), &mut observer).unwrap());
        assert!(observer.1.is_empty());
    }
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let half = format!(".{CHECKPOINT}.aB3xY9.tmp");
    for name in [half.as_str(), "events.out.tfevents.1.2.3", ".notes.tmp"] {
        std::fs::write(dir.path().join(name), "half").unwrap();
    }
    let _ = trainer().run(5, &into(dir.path(), true), &mut StopAfter(8, Vec::new()));
    let begun = names();
    assert_eq!(begun[..2], [".notes.tmp", CHECKPOINT]);
    assert!(begun.len() == 3 && begun[2] != "events.out.tfevents.1.2.3", "{begun:?}");

    // What stands in the event file of the epochs before the checkpoint is still wanted.
    std::fs::write(dir.path().join(&half), "half").unwrap();
    trainer().run(5, &into(dir.path(), true), &mut ()).unwrap();
    let resumed = names();
    assert!(resumed.len() == 4 && resumed.contains(&begun[2]) && !resumed.contains(&half), "{resumed:?}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _ = trainer().run(5, &into(dir.path(), false), &mut StopAfter(8, Vec::new()));
    let before = std::fs::read(dir.path().join(CHECKPOINT)).unwrap();
    let mut other = config();
    other.training.patience += 1;
    let other = Trainer::new(&other, &karate(), &Device::Cpu).unwrap();
    let message = other.run(5, &into(dir.path(), true), &mut ()).unwrap_err().to_string();
    assert!(message.contains("another configuration") && message.contains(CHECKPOINT), "{message}");
    let message = trainer().run(6, &into(dir.path(), true), &mut ()).unwrap_err().to_string();
    assert!(message.contains("seed 5, expected 6"), "{message}");
    assert_eq!(std::fs::read(dir.path().join(CHECKPOINT)).unwrap(), before);
}

#[test]
fn runs_do_not_depend_on_jobs() {
    let trainer = trainer();
    let options = |jobs| RunsOptions { seed: 10, runs: 5, jobs, out: None, resume: false };
    let one = train_runs(&trainer, &options(1), |_| ()).unwrap();
    let three = train_runs(&trainer, &options(3), |_| ()).unwrap();
    assert_eq!(one.report.runs.iter().map(|r| r.seed).collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
    assert_eq!((one.report.val, one.report.test), (three.report.val, three.report.test));
    same(&one.picked, &three.picked);
    let alone = trainer.run(one.report.picked, &RunOptions::default(), &mut ()).unwrap();
    same(&one.picked, &alone);
    assert_ne!(one.report.runs[0].val, one.report.runs[1].val, "seeds matter");
}

#[test]
fn one_failed_run_stops_them_all() {
    let trainer = trainer();
    let options = RunsOptions { seed: 0, runs: 4, jobs: 2, out: None, resume: false };
    let result =
        train_runs(&trainer, &options, |seed| StopAfter(if seed == 1 { 2 } else { usize::MAX }, Vec::new()));
    assert!(matches!(result, Err(Error::Interrupted { epoch: 2 })));
    for bad in [RunsOptions { runs: 0, ..options.clone() }, RunsOptions { jobs: 0, ..options }] {
        assert!(train_runs(&trainer, &bad, |_| ()).is_err());
    }
}

#[test]
fn divergence_is_an_error_that_says_when() {
    let mut config = config();
    config.optimizer =
        serde_json::from_str(r#"{"name": "sgd", "lr": 1e300, "momentum": 0.9, "weight_decay": 1.0}"#)
            .unwrap();
    config.training.clip = None;
    let trainer = Trainer::new(&config, &karate(), &Device::Cpu).unwrap();
    let message = trainer.run(0, &RunOptions::default(), &mut ()).unwrap_err().to_string();
    assert!(message.contains("learning rate"), "{message}");
}

#[test]
fn the_folder_of_the_zoo() {
    let (config, dataset) = (config(), karate());
    let trainer = Trainer::new(&config, &dataset, &Device::Cpu).unwrap();
    let options = RunsOptions { seed: 0, runs: 2, jobs: 1, out: None, resume: false };
    let runs = train_runs(&trainer, &options, |_| ()).unwrap();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let command = "candle-geometric train train.toml --runs 2";
    for dir in &dirs {
        let entry = export(&dir.path().join("zoo"), &trainer, &runs, command).unwrap();
        assert_eq!(entry.metric.this, runs.picked.report.test.unwrap().metric);
    }
    for name in ["model.safetensors", "runs.json", "train.toml", "README.md", "config.json"] {
        let [a, b] = dirs.each_ref().map(|d| std::fs::read(d.path().join("zoo").join(name)).unwrap());
        assert_eq!(a, b, "{name}");
    }
    let zoo = dirs[0].path().join("zoo");
    let again = TrainConfig::from_file(zoo.join("train.toml")).unwrap();
    assert_eq!(again, config);
    assert_eq!(again.hash().unwrap(), config.hash().unwrap());
    let card = std::fs::read_to_string(zoo.join("README.md")).unwrap();
    let test = runs.report.test.unwrap();
    assert!(card.contains(&format!("{:.2} % ± {:.2}", 100.0 * test.mean, 100.0 * test.std)), "{card}");
    assert!(card.contains(command));
    assert!(card.contains("The 2 runs differ in their seeds only (0 to 1)"), "{card}");
    let pretrained = candle_geometric_models::from_pretrained(zoo.to_str().unwrap(), &Device::Cpu).unwrap();
    let logits = pretrained.model.forward(&dataset.graph.x, &dataset.graph.edge_index).unwrap();
    let rows: Vec<u32> = (0..34).filter(|i| i % 3 == 2).collect();
    let accuracy =
        candle_geometric_train::metrics::accuracy(&logits, &dataset.labels().unwrap(), &rows).unwrap();
    assert_eq!(accuracy, runs.picked.report.test.unwrap().metric);
}

#[test]
fn the_card_of_a_single_run_states_no_deviation() {
    let (config, dataset) = (config(), karate());
    let trainer = Trainer::new(&config, &dataset, &Device::Cpu).unwrap();
    let options = RunsOptions { seed: 7, runs: 1, jobs: 1, out: None, resume: false };
    let runs = train_runs(&trainer, &options, |_| ()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    export(dir.path(), &trainer, &runs, "train").unwrap();
    let card = std::fs::read_to_string(dir.path().join("README.md")).unwrap();
    assert!(card.contains("One run, with seed 7") && !card.contains('±'), "{card}");
}

#[test]
fn configuration_and_data_must_fit() {
    for (from, to, words) in [
        ("in_channels = 34", "in_channels = 33", "in_channels: expected 34"),
        ("out_channels = 2", "out_channels = 3", "out_channels: expected 2"),
        ("epochs = 40,", "epochs = 40, loss = \"bce-with-logits\",", "cross-entropy"),
    ] {
        let config = TrainConfig::parse(&KARATE.replace(from, to), "t".as_ref()).unwrap();
        let message = Trainer::new(&config, &karate(), &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let mut dataset = karate();
    dataset.graph.val_mask.fill(false);
    let message = Trainer::new(&config(), &dataset, &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("val_mask"), "{message}");
}

/// Ten epochs on Cora: the loss falls, and the numbers are those of a repetition.
#[test]
fn cora() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.exists() {
        assert!(std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_none(), "../shared is not here");
        eprintln!("SKIPPED cora: ../shared is not here");
        return;
    }
    let dataset = load("cora", &Source::Folder(folder)).unwrap();
    let text = r#"
        model = { architecture = "PaperGAT", config = { in_channels = 1433, out_channels = 7 } }
        data = { name = "cora", normalize_features = "sum" }
        optimizer = { name = "adam", lr = 0.005, weight_decay = 5e-4 }
        training = { epochs = 10 }
    "#;
    let config = TrainConfig::parse(text, "cora.toml".as_ref()).unwrap();
    let trainer = Trainer::new(&config, &dataset, &Device::Cpu).unwrap();
    let mut observer = StopAfter(usize::MAX, Vec::new());
    let trained = trainer.run(0, &RunOptions::default(), &mut observer).unwrap();
    assert!(observer.1[9].train.loss < observer.1[0].train.loss);
    assert!(trained.report.val.metric > 0.4, "{:?}", trained.report);
    eprintln!("{} ms per epoch", 100.0 * trained.report.seconds);
}

/// What a run reports of its weights is what they do in a model of their own, running statistics included.
#[test]
fn norms_are_evaluated_with_the_statistics_of_the_training() {
    for norm in [
        r#"norm = "batch_norm""#,
        r#"norm = "instance_norm", norm_kwargs = { affine = true, track_running_stats = true }"#,
    ] {
        let text = KARATE.replace(
            r#"model = { architecture = "PaperGAT", config = { in_channels = 34, out_channels = 2, hidden_channels = 4, heads = 2 } }"#,
            &format!(
                r#"model = {{ architecture = "GCN", config = {{ in_channels = 34, out_channels = 2, hidden_channels = 4, num_layers = 2, {norm} }} }}"#
            ),
        );
        let config = TrainConfig::parse(&text, "karate.toml".as_ref()).unwrap();
        let dataset = karate();
        let trainer = Trainer::new(&config, &dataset, &Device::Cpu).unwrap();
        let straight = trainer.run(1, &RunOptions::default(), &mut ()).unwrap();
        let graph = &dataset.graph;
        let tensors = straight.weights.iter().map(|(name, t)| (name.clone(), t.clone())).collect();
        let vb = candle_nn::VarBuilder::from_tensors(tensors, candle_core::DType::F32, &Device::Cpu);
        let logits = config.model.build(vb).unwrap().forward(&graph.x, &graph.edge_index).unwrap();
        let targets = Targets::classes(&dataset.labels().unwrap(), 2).unwrap();
        let val = MaskedLoss::new(&targets, &graph.val_mask, "val_mask").unwrap();
        assert_eq!(val.evaluate(&logits).unwrap(), straight.report.val, "{norm}");

        let dir = tempfile::tempdir().unwrap();
        assert!(trainer.run(1, &into(dir.path(), false), &mut StopAfter(15, Vec::new())).is_err());
        same(&straight, &trainer.run(1, &into(dir.path(), true), &mut ()).unwrap());
    }
}

#[test]
fn a_model_of_graphs_is_not_trained_on_nodes() {
    let text = KARATE.replace(
        r#"{ architecture = "PaperGAT", config = { in_channels = 34, out_channels = 2, hidden_channels = 4, heads = 2 } }"#,
        r#"{ architecture = "AttentionGraphClassifier", config = { in_channels = 34, out_channels = 2, hidden_channels = 4 } }"#,
    );
    let config = TrainConfig::parse(&text, "karate.toml".as_ref()).unwrap();
    let trainer = Trainer::new(&config, &karate(), &Device::Cpu).unwrap();
    let error = trainer.run(0, &RunOptions::default(), &mut ()).unwrap_err().to_string();
    assert_eq!(error, "model.architecture: expected a model of nodes, got a model of graphs");
}
