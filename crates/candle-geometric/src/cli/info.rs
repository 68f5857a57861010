//! `candle-geometric info`.

use std::io::Write;

use anyhow::Result;
use candle_geometric::Device;
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{Configuration, HeteroModelConfig, KnowledgeModelConfig, ModelConfig};
use clap::Args;
use serde_json::json;

use super::Verdict;
use super::screen::{Screen, over_runs, value};
use super::task::{family, load_model};

/// What a pretrained model is: its card, its configuration, its tensors.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric info gat-cora
  candle-geometric info models/gat-cora
  candle-geometric info owner/repo --json")]
pub(crate) struct Info {
    /// A model of the zoo (see `list`), a folder with a config.json, or owner/repo on the Hub
    model: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        match family(&self.model)? {
            Family::Graph => self.run_as::<ModelConfig>(screen),
            Family::Hetero => self.run_as::<HeteroModelConfig>(screen),
            Family::Knowledge => self.run_as::<KnowledgeModelConfig>(screen),
        }
    }

    fn run_as<C: Configuration>(&self, screen: &mut Screen) -> Result<Verdict> {
        let model = load_model::<C>(&self.model, &Device::Cpu)?;
        let tensors = model.tensors.iter();
        if self.json {
            let tensors =
                tensors.map(|t| json!({ "name": t.name, "shape": t.shape, "dtype": t.dtype.as_str() }));
            screen.json(&json!({
                "name": model.name,
                "folder": model.folder,
                "config": model.entry,
                "parameters": model.num_parameters(),
                "tensors": tensors.collect::<Vec<_>>(),
                "card": model.card,
            }))?;
            return Ok(Verdict::Good);
        }
        if let Some(card) = &model.card {
            writeln!(screen, "{}\n", card.trim_end())?;
        }
        let (entry, metric) = (&model.entry, &model.entry.metric);
        let facts = [
            ("model", model.name.clone()),
            ("files", model.folder.display().to_string()),
            ("architecture", entry.model.architecture().to_string()),
            ("data", format!("{} ({})", entry.data.name, entry.data.split)),
            ("classes", some_of(&entry.task.labels)),
            ("metric", format!("{} {}", metric.split, metric.name)),
            ("recipe", over_runs(metric)),
            ("these weights", value(metric.name, metric.this)),
            ("licence", entry.licence.clone()),
            ("parameters", model.num_parameters().to_string()),
        ];
        for (name, fact) in facts {
            writeln!(screen, "{} {fact}", screen.title(&format!("{name:<14}")))?;
        }
        writeln!(screen, "\n{}", screen.title("config"))?;
        screen.json(&entry.model)?;
        writeln!(screen)?;
        let rows = tensors.map(|t| {
            let shape: Vec<String> = t.shape.iter().map(usize::to_string).collect();
            vec![t.name.clone(), format!("[{}]", shape.join(", ")), t.dtype.as_str().to_string()]
        });
        screen.table(&["tensor", "shape", "type"], rows.collect(), &[])?;
        Ok(Verdict::Good)
    }
}

/// The names, or the first of many.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 50;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown}, … ({} in all)", names.len()) } else { shown }
}
