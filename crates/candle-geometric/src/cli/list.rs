//! `candle-geometric list`.

use anyhow::Result;
use candle_geometric::models::zoo::{self, CatalogWeights};
use clap::Args;

use super::Verdict;
use super::screen::{Screen, over_runs, value};

/// The pretrained models, and how well each does.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric list
  candle-geometric list --json")]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let zoo = zoo::list()?;
        if self.json {
            screen.json(&zoo)?;
            return Ok(Verdict::Good);
        }
        let rows = zoo.into_iter().map(|entry| {
            let [what, mean, this, published] = match entry.weights {
                Some(CatalogWeights { metric: m, .. }) => [
                    format!("{} {}", m.split, m.name),
                    over_runs(&m),
                    value(m.name, m.this),
                    m.published.map_or_else(|| "-".into(), |p| value(m.name, p)),
                ],
                None => ["no weights", "-", "-", "-"].map(String::from),
            };
            vec![entry.name, what, mean, this, published, entry.summary]
        });
        let header = ["model", "metric", "mean ± std", "these weights", "published", "about"];
        screen.table(&header, rows.collect(), &[3, 4])?;
        Ok(Verdict::Good)
    }
}
