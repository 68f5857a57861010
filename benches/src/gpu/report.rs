//! The table, of what we and PyTorch Geometric measured.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Results, Row};

/// The report on a folder.
pub(crate) fn of(folder: &Path) -> Result<String> {
    let read = |name: &str| -> Result<Option<Results>> {
        let path = folder.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let about = || path.display().to_string();
        Ok(Some(serde_json::from_str(&std::fs::read_to_string(&path)?).with_context(about)?))
    };
    let ours = read("ours.json")?.context("ours.json is missing: run without --report first")?;
    let pyg = read("pyg.json")?;
    let mut s = format!("# {}\n\n", ours.device);
    let copy = ours.copy_gb_s.map_or("not measured".into(), |c| format!("{c:.0} GB/s"));
    writeln!(
        s,
        "A copy from device to device reads and writes {copy}. Medians by events of the device, milliseconds.\n"
    )?;
    writeln!(
        s,
        "| graph | what | H × C | type | pass | ms | of the copy's bytes/s | peak MB | PyG eager | PyG compiled |"
    )?;
    writeln!(s, "|---|---|---|---|---|---|---|---|---|---|")?;
    let peers = pyg.as_ref().map_or(&[][..], |p| &p.rows);
    for row in ours.rows.iter().chain(&ours.step) {
        let peer = |way: &str| -> String {
            let same = |p: &&Row| {
                (&p.graph, p.heads, p.channels, &p.pass) == (&row.graph, row.heads, row.channels, &row.pass)
                    && p.what == format!("{} {way}", row.what)
            };
            peers.iter().find(same).map(|p| shown(p, row)).unwrap_or_default()
        };
        let fraction = fraction(row, ours.copy_gb_s).map_or(String::new(), |f| format!("{:.0} %", 100.0 * f));
        writeln!(
            s,
            "| {} | {} | {} × {} | {} | {} | {} | {fraction} | {} | {} | {} |",
            row.graph,
            row.what,
            row.heads,
            row.channels,
            row.dtype,
            row.pass,
            number(row.ms, 3),
            number(row.peak_mb, 0),
            peer("eager"),
            peer("compiled"),
        )?;
    }
    Ok(s)
}

/// A line of progress.
pub(crate) fn line(row: &Row, copy_gb_s: Option<f64>) -> String {
    let fraction =
        fraction(row, copy_gb_s).map_or(String::new(), |f| format!("  {:.0} % of the copy", 100.0 * f));
    let Row { graph, what, heads, channels, dtype, pass, .. } = row;
    format!("{graph}  {what}  {heads} × {channels}  {dtype}  {pass}  {} ms{fraction}", number(row.ms, 3))
}

fn fraction(row: &Row, copy_gb_s: Option<f64>) -> Option<f64> {
    Some(row.bytes? / (row.ms? * 1e6) / copy_gb_s?)
}

/// Time, how many times ours that is, and peak memory.
fn shown(peer: &Row, ours: &Row) -> String {
    let Some(ms) = peer.ms else { return "out of memory".into() };
    let times = ours.ms.map_or(String::new(), |o| format!(" ({:.1}×)", ms / o));
    let memory = peer.peak_mb.map_or(String::new(), |mb| format!(", {mb:.0} MB"));
    format!("{ms:.3}{times}{memory}")
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |v| format!("{v:.digits$}"))
}
