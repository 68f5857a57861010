//! `candle-geometric curves`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_geometric::explain::{Curve, CurvePanel, curves};
use candle_geometric::train::{Scalars, read_scalars};
use clap::Args;

use super::Verdict;
use super::error::OrHint;
use super::screen::Screen;

/// Draw the learning curves of training runs beside each other: loss and metric over epochs.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric train models/gat-cora/train.toml --data DIR --out runs/gat
  candle-geometric train models/gcn-cora/train.toml --data DIR --out runs/gcn
  candle-geometric curves runs/gat runs/gcn --out gat-gcn.svg

RUN is what `train --out` wrote, of whose runs the first is drawn, or the folder seed-N of one of them.")]
pub(crate) struct Curves {
    /// Folders of training runs
    #[arg(required = true, value_name = "RUN", num_args = 1..=6)]
    runs: Vec<PathBuf>,
    /// The picture: PNG if the name ends in .png, else SVG
    #[arg(long, value_name = "FILE", default_value = "curves.svg")]
    out: PathBuf,
}

impl Curves {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let runs = self.runs.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
        let panel = |tag: &str, title: &str| CurvePanel {
            title: title.into(),
            x_label: "epoch".into(),
            y_label: tag.into(),
            curves: runs
                .iter()
                .enumerate()
                .flat_map(|(colour, (name, scalars))| {
                    let curve = |part: &str, what: &str, pale| {
                        let points = scalars.get(&format!("{tag}/{part}"))?;
                        let points = points.iter().map(|(&epoch, &value)| (epoch as f64, value)).collect();
                        Some(Curve { name: format!("{name}, {what}"), points, colour, pale })
                    };
                    [curve("train", "training", true), curve("val", "validation", false)]
                })
                .flatten()
                .collect(),
        };
        let drawing = curves(&[panel("loss", "Loss"), panel("metric", "Metric")])?;
        drawing.save(&self.out).hint("give --out a file in a folder that is there and can be written to")?;
        writeln!(screen, "wrote {}", self.out.display())?;
        Ok(Verdict::Good)
    }
}

/// The name of a run and its curves.
fn read(path: &Path) -> Result<(String, Scalars)> {
    let hint = "give a folder that `candle-geometric train --out` wrote, or a folder seed-N in it";
    if !path.is_dir() {
        return Err(anyhow::anyhow!("{}: there is no such folder", path.display())).hint(hint);
    }
    let mut seeds: Vec<(u64, PathBuf)> = std::fs::read_dir(path)
        .with_context(|| format!("cannot read the folder {}", path.display()))?
        .flatten()
        .filter_map(|entry| {
            let seed = entry.file_name().to_str()?.strip_prefix("seed-")?.parse().ok()?;
            Some((seed, entry.path()))
        })
        .collect();
    seeds.sort();
    let folder = seeds.first().map_or(path, |(_, folder)| folder);
    let scalars = read_scalars(folder).hint(hint)?;
    if !scalars.contains_key("loss/val") {
        bail!("{}: its event files have no curve loss/val", folder.display());
    }
    let name = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let name =
        name.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    Ok((name, scalars))
}
