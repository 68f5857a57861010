//! `candle-geometric train`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use candle_geometric::data::Dataset;
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{
    Configuration, HeteroModelConfig, KnowledgeModelConfig, MetricKind, ModelConfig,
};
use candle_geometric::train::{
    CHECKPOINT, EpochReport, Flow, Observer, RunReport, RunsOptions, Summary, TrainConfig, Trainable,
    TrainedRuns, Trainer, export, train_runs,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Verdict;
use super::device::DeviceName;
use super::error::OrHint;
use super::out::OutDir;
use super::screen::{Screen, mean_std, value};
use super::task::load_data;
use super::texts;

/// Train a model, once or with several seeds, and make a folder of the zoo of the best by validation.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric train models/gat-karate/train.toml
  candle-geometric train models/gat-cora/train.toml --data DIR --runs 100 --out runs/gat-cora
  candle-geometric train models/gat-cora/train.toml --data DIR --runs 100 --out runs/gat-cora --resume

A run is determined by CONFIG, the data and its seed: the same bits on any number of threads, and however often it was
stopped and resumed. --out gets a folder seed-N for each run (checkpoint, TensorBoard event file), and a folder with
the name in the section [output] of CONFIG, which `run`, `info` and `evaluate` take as a model. Without that section,
the weights alone are written, as model.safetensors.")]
pub(crate) struct Train {
    /// How to train what on which data: a TOML file
    #[arg(value_name = "CONFIG.toml")]
    config: PathBuf,
    /// The seed of the first run; the others follow it [default: that of CONFIG]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many runs, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    runs: usize,
    /// How many runs at once [default: the number of cores, or 1 on another device than the CPU]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    jobs: Option<usize>,
    /// The folder for checkpoints, event files and the model [default: runs/NAME, from NAME.toml]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on from the checkpoints in --out; without this, a run that has one there is an error
    #[arg(long)]
    resume: bool,
    /// The folder with the files of the data set, instead of the cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".into()),
        Ok(n) => Ok(n),
        Err(_) => Err("expected a number".into()),
    }
}

impl Train {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let text = std::fs::read_to_string(&self.config)
            .with_context(|| format!("cannot read {}", self.config.display()))?;
        match TrainConfig::family(&text) {
            Family::Graph => self.run_as::<ModelConfig>(&text, screen),
            Family::Hetero => self.run_as::<HeteroModelConfig>(&text, screen),
            Family::Knowledge => self.run_as::<KnowledgeModelConfig>(&text, screen),
        }
    }

    fn run_as<C>(&self, text: &str, screen: &mut Screen) -> Result<Verdict>
    where
        C: Configuration + Clone + Sync,
        Dataset: Trainable<C>,
    {
        let config = TrainConfig::<C>::parse_as(text, &self.config)?;
        let name = config.output.as_ref().map(|output| output.name.as_str());
        let plain = |name: &str| Path::new(name).file_name().is_some_and(|file| file == name);
        ensure!(
            name.is_none_or(plain),
            "output.name in {}: expected a plain name, got `{}`",
            self.config.display(),
            name.unwrap_or_default()
        );
        let out = OutDir::check(self.out.clone().unwrap_or_else(|| default_out(&self.config)))?;
        let options = RunsOptions {
            seed: self.seed.unwrap_or(config.training.seed),
            runs: self.runs,
            jobs: self.jobs.unwrap_or_else(|| self.default_jobs()),
            out: Some(out.path().to_path_buf()),
            resume: self.resume,
        };
        if !self.resume {
            keep_earlier_runs(&options)?;
        }
        let mut dataset = load_data(&config.data.name, config.data.format, self.data.as_deref())?;
        if let Some(encoder) = &config.data.encoder {
            dataset = texts::encoded(dataset, encoder, self.config.parent())?;
        }
        let trainer = Trainer::new(&config, &dataset, &self.device.open()?)
            .with_context(|| format!("cannot train with {}", self.config.display()))?;
        let progress = Progress::new(self.runs, config.training.epochs, trainer.val_metric())?;
        let trained = train_runs(&trainer, &options, |_| progress.clone());
        progress.bar.finish_and_clear();
        let trained = trained?;
        report(screen, &trained, trainer.val_metric(), trainer.metric())?;
        let model = save(&out, &trainer, &trained, &options)?;
        if let (Some(encoder), Some(_)) = (&config.data.encoder, &config.output) {
            texts::keep(&dataset, encoder, &model)?;
        }
        writeln!(screen, "wrote {}", model.display())?;
        Ok(Verdict::Good)
    }

    fn default_jobs(&self) -> usize {
        match self.device {
            DeviceName::Cpu => std::thread::available_parallelism().map_or(1, usize::from).min(self.runs),
            _ => 1,
        }
    }
}

/// `runs/gat-cora` for `…/gat-cora.toml`, and for `…/gat-cora/train.toml`, as the zoo has it.
fn default_out(config: &Path) -> PathBuf {
    let stem = config.file_stem().filter(|stem| *stem != "train");
    let name = stem.or_else(|| config.parent()?.file_name()).unwrap_or("train".as_ref());
    Path::new("runs").join(name)
}

/// Hours of work are not replaced because somebody forgot `--resume`.
fn keep_earlier_runs(options: &RunsOptions) -> Result<()> {
    let mut checkpoints = options.seeds().filter_map(|seed| Some(options.folder(seed)?.join(CHECKPOINT)));
    match checkpoints.find(|path| path.exists()) {
        None => Ok(()),
        Some(path) => Err(anyhow!("{} is of an earlier run, which this one would replace", path.display()))
            .hint("--resume goes on from it; to begin anew, give another --out or remove that folder"),
    }
}

/// Writes the model that validation picked: as a folder of the zoo, or the weights alone.
fn save<C: Configuration + Clone>(
    out: &OutDir,
    trainer: &Trainer<C>,
    trained: &TrainedRuns,
    options: &RunsOptions,
) -> Result<PathBuf> {
    let Some(output) = &trainer.config().output else {
        let weights = safetensors::serialize(trained.picked.weights.iter(), None)?;
        out.write("model.safetensors", &weights)?;
        return Ok(out.path().join("model.safetensors"));
    };
    let RunsOptions { seed, runs, .. } = options;
    let name = &output.name;
    let command = format!(
        "candle-geometric train models/{name}/train.toml --seed {seed} --runs {runs} --out runs/{name}"
    );
    let folder = out.path().join(name);
    export(&folder, trainer, trained, &command)?;
    Ok(folder)
}

fn report(
    screen: &mut Screen,
    trained: &TrainedRuns,
    val_metric: MetricKind,
    metric: MetricKind,
) -> Result<()> {
    let report = &trained.report;
    let rows = report.runs.iter().map(|run| {
        let mark = if run.seed == report.picked { "picked" } else { "" };
        let test = run.test.map_or_else(|| "-".into(), |t| value(metric, t.metric));
        let epochs = format!("{} of {}", run.best_epoch, run.epochs);
        let loss = format!("{:.4}", run.val.loss);
        vec![run.seed.to_string(), epochs, loss, value(val_metric, run.val.metric), test, mark.into()]
    });
    let [val, test] = [format!("val {val_metric}"), format!("test {metric}")];
    screen.table(&["seed", "best epoch", "val loss", &val, &test, ""], rows.collect(), &[0, 1, 2, 3, 4])?;
    for (name, summary) in &report.more {
        writeln!(screen, "test {name} {}", mean_std(*name, summary.mean, summary.std))?;
    }
    let runs = report.runs.len();
    if runs == 1 {
        return Ok(());
    }
    let shown = |s: Summary, metric| mean_std(metric, s.mean, s.std);
    let test = report.test.map(|summary| format!(", {test} {}", shown(summary, metric))).unwrap_or_default();
    Ok(writeln!(screen, "{runs} runs: {val} {}{test}", shown(report.val, val_metric))?)
}

/// One bar for all runs: epochs of a single run, or runs done. It stands on standard error, and only on a terminal; in a
/// file, each run that is done is a line.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
    runs: usize,
    metric: MetricKind,
    done: Arc<AtomicUsize>,
}

impl Progress {
    fn new(runs: usize, epochs: usize, metric: MetricKind) -> Result<Self> {
        let (length, unit) = if runs == 1 { (epochs, "epochs") } else { (runs, "runs") };
        let bar = ProgressBar::new(length as u64);
        // The message is cut where the terminal ends.
        let template = format!("{{bar:20}} {{pos}}/{{len}} {unit} [{{elapsed}}]  {{wide_msg}}");
        bar.set_style(ProgressStyle::with_template(&template)?);
        Ok(Self { bar, runs, metric, done: Arc::default() })
    }
}

impl Observer for Progress {
    fn begin(&mut self, _: u64, epoch: usize, _: usize) {
        if self.runs == 1 {
            self.bar.set_position(epoch as u64);
            self.bar.reset_eta();
        }
    }

    fn epoch(&mut self, report: &EpochReport) -> Flow {
        let now =
            format!("loss {:.4}  val {} {}", report.loss, self.metric, value(self.metric, report.val.metric));
        if self.runs == 1 {
            self.bar.inc(1);
            self.bar.set_message(now);
        } else {
            self.bar.set_message(format!("seed {} epoch {}: {now}", report.seed, report.epoch));
        }
        Flow::Continue
    }

    fn end(&mut self, report: &RunReport) {
        if self.runs > 1 {
            self.bar.inc(1);
        }
        let count = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.bar.is_hidden() {
            let runs = self.runs;
            let val = format!(
                "val loss {:.4}, val {} {}",
                report.val.loss,
                self.metric,
                value(self.metric, report.val.metric)
            );
            // Progress that cannot be shown is no reason to stop.
            let line = format!("[{count}/{runs}] seed {}: {} epochs, {val}", report.seed, report.epochs);
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}
