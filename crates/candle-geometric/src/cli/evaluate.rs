//! `candle-geometric evaluate`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use candle_geometric::data::Dataset;
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{Configuration, HeteroModelConfig, KnowledgeModelConfig, ModelConfig};
use candle_geometric::train::Trainable;
use clap::Args;

use super::Verdict;
use super::device::DeviceName;
use super::screen::Screen;
use super::task::{Prepared, family, prepare};

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
        match family(&self.model)? {
            Family::Graph => self.run_as::<ModelConfig>(screen),
            Family::Hetero => self.run_as::<HeteroModelConfig>(screen),
            Family::Knowledge => self.run_as::<KnowledgeModelConfig>(screen),
        }
    }

    fn run_as<C: Configuration>(&self, screen: &mut Screen) -> Result<Verdict>
    where
        Dataset: Trainable<C>,
    {
        let device = self.device.open()?;
        let Prepared { pretrained, task } = prepare::<C>(&self.model, self.data.as_deref(), &device)?;
        let (name, entry) = (&pretrained.name, &pretrained.entry);
        let measured = task.evaluate(&pretrained.model)?;
        let metric = &entry.metric;
        let evaluation = match metric.split.as_str() {
            "train" => Some(measured.train),
            "val" => Some(measured.val),
            "test" => measured.test,
            other => bail!("expected the part `train`, `val` or `test` of the data, got `{other}`"),
        };
        let part = &metric.split;
        let evaluation =
            evaluation.with_context(|| format!("the data set {} has no {part} data", entry.data.name))?;
        let mut rows = vec![(metric.name, metric.this, evaluation.metric)];
        let more = if metric.more.is_empty() { Vec::new() } else { task.more(&pretrained.model)? };
        for further in &metric.more {
            let found = more.iter().find(|(name, _)| *name == further.name);
            let (_, value) = found
                .with_context(|| format!("this version cannot compute the {} of the card", further.name))?;
            rows.push((further.name, further.this, *value));
        }
        let mut good = true;
        for (name_of_metric, card, value) in rows {
            let off = (value - card).abs();
            let within = off <= metric.tolerance;
            good &= within;
            let verdict = if within { screen.good("ok") } else { screen.bad("FAIL") };
            let shown = |value: f64| name_of_metric.show(value);
            writeln!(screen, "{name} on {}, {part} {name_of_metric}", entry.data.name)?;
            writeln!(screen, "  the card   {:>9}", shown(card))?;
            writeln!(screen, "  recomputed {:>9}", shown(value))?;
            let tolerance = shown(metric.tolerance);
            writeln!(screen, "  difference {:>9}  (tolerance {tolerance})  {verdict}", shown(off))?;
        }
        Ok(if good { Verdict::Good } else { Verdict::Failed })
    }
}
