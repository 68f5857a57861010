//! `candle-geometric verify`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;

use super::Verdict;
use super::device::DeviceName;
use super::screen::Screen;
use crate::verify::{self, On, Outcome, TOLERANCE_F32, TOLERANCE_F64};

/// Check every layer: against what PyTorch Geometric and DGL computed, or against what must hold for any layer.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric verify parity
  candle-geometric verify parity/pyg/001-GATConv-plain.safetensors
  candle-geometric verify --gauntlet
  candle-geometric verify --gauntlet GATConv
  candle-geometric verify parity --device cuda --times 20

A case file holds parameters, inputs, outputs and gradients of a layer of PyTorch Geometric or DGL. The gauntlet needs no
files: finite differences, permutations, batches, degenerate graphs, large numbers, threads, saving, wrong shapes.

Tolerances: 1e-10 in f64, 2e-5 in f32, relative to the largest value of the peer's tensor (or to 1 if that is larger).
Exit codes: 0 all cases pass; 1 a case fails; 2 there is nothing to check.")]
pub(crate) struct Verify {
    /// A case file, or a folder that holds case files at any depth
    #[arg(value_name = "DIR_OR_FILE", required_unless_present = "gauntlet")]
    path: Option<PathBuf>,
    /// Run the checks that need no files, on the layer of that name or on all
    #[arg(long, value_name = "LAYER", num_args = 0..=1, default_missing_value = "", conflicts_with = "path")]
    gauntlet: Option<String>,
    /// Where case files run: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu", conflicts_with = "gauntlet")]
    device: DeviceName,
    /// How often each case file runs; the bits must be the same every time
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "gauntlet")]
    times: usize,
}

impl Verify {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        match (self.path, self.gauntlet) {
            (Some(path), _) => {
                let on = On { device: self.device.open()?, times: self.times };
                cases(&path, &on, screen)
            }
            (None, layer) => gauntlet(layer.as_deref().unwrap_or_default(), screen),
        }
    }
}

/// Every trial of the layer of that name, or of all layers where it is empty.
fn gauntlet(layer: &str, screen: &mut Screen) -> Result<Verdict> {
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for (name, trial, outcomes) in verify::gauntlet(layer)? {
        let failures: Vec<String> = outcomes
            .iter()
            .filter_map(|(check, outcome)| outcome.as_ref().err().map(|error| format!("{check}: {error:#}")))
            .collect();
        let verdict = if failures.is_empty() { screen.good("ok") } else { screen.bad("FAIL") };
        writeln!(screen, "{name:<26}  {verdict}  {trial}")?;
        for failure in &failures {
            writeln!(screen, "    {failure}")?;
        }
        passed += outcomes.len() - failures.len();
        failed += failures.len();
    }
    writeln!(screen, "{passed} checks passed, {failed} failed")?;
    Ok(if failed == 0 { Verdict::Good } else { Verdict::Failed })
}

/// Every case file of a path.
fn cases(path: &Path, on: &On, screen: &mut Screen) -> Result<Verdict> {
    let files = verify::find(path)?;
    let names: Vec<String> = files.iter().map(|f| shown_below(f, path)).collect();
    let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let (mut passed, mut failed, mut skipped) = (0_usize, 0_usize, 0_usize);
    let mut unknown = BTreeMap::<String, usize>::new();
    writeln!(screen, "{}", screen.title(&line(width, "case", "layer", "f64", "f32", "")))?;
    for (file, name) in files.iter().zip(&names) {
        let (layer, outcome) = verify::check(file, on);
        let (f64, f32, verdict) = match outcome {
            Outcome::Passed { f64, f32 } => {
                passed += 1;
                (shown(f64.error), shown(f32.error), screen.good("ok"))
            }
            Outcome::Off { f64, f32 } => {
                failed += 1;
                let mut why = Vec::new();
                for (worst, tolerance, precision) in
                    [(&f64, TOLERANCE_F64, "f64"), (&f32, TOLERANCE_F32, "f32")]
                {
                    if !worst.within(tolerance) {
                        why.push(format!("`{}` is off in {precision}", worst.tensor));
                    }
                }
                let verdict = format!("{} {}", screen.bad("FAIL"), why.join(", "));
                (shown(f64.error), shown(f32.error), verdict)
            }
            Outcome::Broken(error) => {
                failed += 1;
                // An error may list tensors, one a line; a case is one line.
                let reason = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
                let verdict = format!("{} {reason}", screen.bad("FAIL"));
                ("-".into(), "-".into(), verdict)
            }
            Outcome::Skipped => {
                skipped += 1;
                *unknown.entry(layer.clone()).or_default() += 1;
                ("-".into(), "-".into(), screen.faint("skipped: no such layer yet"))
            }
        };
        writeln!(screen, "{}", line(width, name, &layer, &f64, &f32, &verdict))?;
    }
    if !unknown.is_empty() {
        let unknown: Vec<String> = unknown.iter().map(|(layer, n)| format!("{layer} ({n})")).collect();
        writeln!(screen, "\nLayers that do not exist yet, with their cases: {}", unknown.join(", "))?;
    }
    writeln!(screen, "{passed} passed, {failed} failed, {skipped} skipped")?;
    ensure!(passed + failed > 0, "{}: no case is of a layer that there is", path.display());
    Ok(if failed == 0 { Verdict::Good } else { Verdict::Failed })
}

/// A file's name below the folder that was asked for.
fn shown_below(file: &Path, folder: &Path) -> String {
    let below = file.strip_prefix(folder).ok().filter(|p| !p.as_os_str().is_empty());
    below.unwrap_or(file).display().to_string()
}

fn line(width: usize, case: &str, layer: &str, f64: &str, f32: &str, verdict: &str) -> String {
    format!("{case:<width$}  {layer:<25}  {f64:>8}  {f32:>8}  {verdict}").trim_end().to_string()
}

fn shown(error: f64) -> String {
    if error == 0.0 { "0".into() } else { format!("{error:.1e}") }
}
