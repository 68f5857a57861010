//! `candle-geometric evaluate`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use super::Verdict;
use super::device::DeviceName;
use super::screen::Screen;
use super::task::Task;

/// Recompute the metric on a model's card and compare.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric evaluate gat-karate
  candle-geometric evaluate gat-cora --data DIR

Exit codes: 0 the metric is the card's, within its tolerance; 1 it is not; 2 any error.")]
pub(crate) struct Evaluate {
    /// A model of the zoo (see `list`), a folder with a config.json, or owner/repo on the Hub
    model: String,
    /// The folder with the files of the data set, instead of the cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

impl Evaluate {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let task = Task::load(&self.model, self.data.as_ref(), &self.device.open()?)?;
        let metric = &task.model.entry.metric;
        let value = match metric.name.as_str() {
            // Where each node has one class, the two are the same.
            "accuracy" | "micro-f1" => task.accuracy(&metric.split)?,
            other => bail!("this version cannot compute the metric `{other}` of the card"),
        };
        let off = (value - metric.this).abs();
        let good = off <= metric.tolerance;
        let verdict = if good { screen.good("ok") } else { screen.bad("FAIL") };
        let exact = |fraction: f64| format!("{:.2} %", 100.0 * fraction);
        let (part, name) = (&metric.split, &metric.name);
        writeln!(screen, "{} on {}, {part} {name}", task.model.name, task.dataset.name)?;
        writeln!(screen, "  the card   {:>9}", exact(metric.this))?;
        writeln!(screen, "  recomputed {:>9}", exact(value))?;
        writeln!(
            screen,
            "  difference {:>9}  (tolerance {})  {verdict}",
            exact(off),
            exact(metric.tolerance)
        )?;
        Ok(if good { Verdict::Good } else { Verdict::Failed })
    }
}
