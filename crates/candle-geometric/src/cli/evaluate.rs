//! `candle-geometric evaluate`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use candle_geometric::Device;
use candle_geometric::data::{self, Dataset};
use candle_geometric::models::{self, zoo::Family};
use candle_geometric::models::{
    Configuration, HeteroModelConfig, KnowledgeModelConfig, MetricKind, ModelConfig,
};
use candle_geometric::train::Trainable;
use clap::Args;

use super::Verdict;
use super::device::DeviceName;
use super::error::cause;
use super::screen::Screen;
use super::task::{Prepared, family, prepare};

/// Recompute the metrics on the cards of models and compare.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric evaluate gat-karate
  candle-geometric evaluate gat-cora --data DIR
  candle-geometric evaluate models/*/ --data DIR

Several models are shown in a table; those without weights, or whose data is not at hand, are left out of the verdict.

Exit codes: 0 the metrics are the cards', within their tolerance; 1 one is not; 2 any error.")]
pub(crate) struct Evaluate {
    /// Models of the zoo (see `list`), folders with a config.json, or owner/repo on the Hub
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// The folder with the files of the data sets, instead of the cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

/// A model measured again.
struct Evaluated {
    model: String,
    data: String,
    part: String,
    tolerance: f64,
    metrics: Vec<Compared>,
}

/// A number on the card, and the same recomputed.
struct Compared {
    metric: MetricKind,
    card: f64,
    recomputed: f64,
}

impl Compared {
    fn off(&self) -> f64 {
        (self.recomputed - self.card).abs()
    }
}

impl Evaluated {
    fn holds(&self) -> bool {
        self.metrics.iter().all(|m| m.off() <= self.tolerance)
    }
}

impl Evaluate {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let device = self.device.open()?;
        let good = match self.models.as_slice() {
            [model] => {
                let evaluated = self.measure(model, &device)?;
                show(screen, &evaluated)?;
                evaluated.holds()
            }
            models => self.table(screen, models, &device)?,
        };
        Ok(if good { Verdict::Good } else { Verdict::Failed })
    }

    fn measure(&self, model: &str, device: &Device) -> Result<Evaluated> {
        match family(model)? {
            Family::Graph => self.measure_as::<ModelConfig>(model, device),
            Family::Hetero => self.measure_as::<HeteroModelConfig>(model, device),
            Family::Knowledge => self.measure_as::<KnowledgeModelConfig>(model, device),
        }
    }

    fn measure_as<C: Configuration>(&self, model: &str, device: &Device) -> Result<Evaluated>
    where
        Dataset: Trainable<C>,
    {
        let Prepared { pretrained, task } = prepare::<C>(model, self.data.as_deref(), device)?;
        let entry = &pretrained.entry;
        let metric = &entry.metric;
        let measured = task.evaluate(&pretrained.model)?;
        let part = metric.split.clone();
        let evaluation = match part.as_str() {
            "train" => Some(measured.train),
            "val" => Some(measured.val),
            "test" => measured.test,
            other => bail!("expected the part `train`, `val` or `test` of the data, got `{other}`"),
        };
        let evaluation =
            evaluation.with_context(|| format!("the data set {} has no {part} data", entry.data.name))?;
        let mut metrics =
            vec![Compared { metric: metric.name, card: metric.this, recomputed: evaluation.metric }];
        let more = if metric.more.is_empty() { Vec::new() } else { task.more(&pretrained.model)? };
        for further in &metric.more {
            let found = more.iter().find(|(name, _)| *name == further.name);
            let (_, recomputed) = found
                .with_context(|| format!("this version cannot compute the {} of the card", further.name))?;
            metrics.push(Compared { metric: further.name, card: further.this, recomputed: *recomputed });
        }
        Ok(Evaluated {
            model: pretrained.name.clone(),
            data: entry.data.name.clone(),
            part,
            tolerance: metric.tolerance,
            metrics,
        })
    }

    fn table(&self, screen: &mut Screen, models: &[String], device: &Device) -> Result<bool> {
        let (mut rows, mut good) = (Vec::new(), true);
        for model in models {
            let evaluated = match self.measure(model, device) {
                Err(error) if left_out(&error) => {
                    let name = model.trim_end_matches('/').rsplit('/').next().unwrap_or(model);
                    let why = error.root_cause().to_string();
                    let why = why.lines().next().unwrap_or_default().to_string();
                    rows.push(vec![name.into(), "-".into(), "-".into(), "-".into(), why]);
                    continue;
                }
                other => other.with_context(|| format!("the model {model}"))?,
            };
            good &= evaluated.holds();
            for m in &evaluated.metrics {
                let what = format!("{} {}, {}", evaluated.part, m.metric, evaluated.data);
                let verdict =
                    if m.off() <= evaluated.tolerance { screen.good("ok") } else { screen.bad("FAIL") };
                let [card, recomputed] = [m.card, m.recomputed].map(|value| m.metric.show(value));
                rows.push(vec![evaluated.model.clone(), what, card, recomputed, verdict]);
            }
        }
        screen.table(&["model", "metric", "card", "recomputed", ""], rows, &[2, 3])?;
        Ok(good)
    }
}

/// Whether there is nothing to measure, rather than something wrong: the data is missing, or it is a recipe without weights.
fn left_out(error: &anyhow::Error) -> bool {
    matches!(cause(error), Some(data::Error::MissingFiles { .. } | data::Error::NotBuilt { .. }))
        || matches!(cause(error), Some(models::Error::NoWeights { .. }))
}

fn show(screen: &mut Screen, evaluated: &Evaluated) -> Result<()> {
    for m in &evaluated.metrics {
        let verdict = if m.off() <= evaluated.tolerance { screen.good("ok") } else { screen.bad("FAIL") };
        let shown = |value: f64| m.metric.show(value);
        let Evaluated { model, data, part, tolerance, .. } = evaluated;
        writeln!(screen, "{model} on {data}, {part} {}", m.metric)?;
        writeln!(screen, "  the card   {:>9}", shown(m.card))?;
        writeln!(screen, "  recomputed {:>9}", shown(m.recomputed))?;
        writeln!(screen, "  difference {:>9}  (tolerance {})  {verdict}", shown(m.off()), shown(*tolerance))?;
    }
    Ok(())
}
