//! What `gpu/run.sh` measures: attentions and layers on a device, on graphs that are made here.

mod clock;
mod report;
mod step;
mod structure;
mod work;

use std::path::PathBuf;

use anyhow::{Context, Result};
use candle_core::Device;
use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::graphs::power_law;
use clock::Clock;
pub use work::{Kind, Pass};

/// Measures attention on a GPU.
///
/// Writes DIR/ours.json and DIR/report.md, which has PyTorch Geometric's numbers too where gpu/pyg.py wrote
/// DIR/pyg.json, and with --graphs the graphs as files for it.
#[derive(Parser, Debug)]
#[command(name = "gpu")]
pub struct Args {
    /// Where to run: cuda, or cpu to see that this works
    #[arg(long, default_value = "cuda")]
    device: String,
    /// Small graphs and few repetitions
    #[arg(long)]
    quick: bool,
    /// The folder to write into
    #[arg(long, default_value = "target/gpu")]
    out: PathBuf,
    /// Write the graphs too, as DIR/graphs/NAME.safetensors
    #[arg(long)]
    graphs: bool,
    /// Only make DIR/report.md of what is in DIR
    #[arg(long)]
    report: bool,
}

/// A graph that is measured on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) nodes: usize,
    pub(crate) edges: usize,
}

/// That of ogbn-products is the second.
const FULL: [Size; 2] = [
    Size { name: "1M", nodes: 1_000_000, edges: 10_000_000 },
    Size { name: "products", nodes: 2_400_000, edges: 124_000_000 },
];
const QUICK: [Size; 2] =
    [Size { name: "1M", nodes: 300, edges: 3000 }, Size { name: "products", nodes: 500, edges: 12_000 }];

/// H × C.
const SHAPES: [(usize, usize); 4] = [(4, 16), (8, 8), (4, 32), (4, 64)];

/// A line of the report, of ours or PyTorch Geometric's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) graph: String,
    pub(crate) what: String,
    pub(crate) heads: usize,
    pub(crate) channels: usize,
    pub(crate) dtype: String,
    /// `fwd` or `fb`; `step` of training; `once` for each graph.
    pub(crate) pass: String,
    /// The median; none where it did not fit into memory or is not to be had.
    pub(crate) ms: Option<f64>,
    /// Of the whole device, over what lay there before.
    #[serde(default)]
    pub(crate) peak_mb: Option<f64>,
    /// What has to be moved if nothing is found in a cache.
    #[serde(default)]
    pub(crate) bytes: Option<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) device: String,
    /// Bytes read and written by a copy from device to device, over its time.
    pub(crate) copy_gb_s: Option<f64>,
    pub(crate) rows: Vec<Row>,
    /// A full-batch step of training of a GAT of three layers on the larger graph.
    #[serde(default)]
    pub(crate) step: Option<Row>,
}

/// Runs the program.
///
/// # Errors
/// If there is no such device, or something does not fit into its memory.
pub fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.out).with_context(|| format!("--out {}", args.out.display()))?;
    if !args.report {
        let device = match args.device.as_str() {
            "cpu" => Device::Cpu,
            _ => Device::new_cuda(0).context("no GPU, or built without `--features cuda`")?,
        };
        let results = measure(&args, &device)?;
        std::fs::write(args.out.join("ours.json"), serde_json::to_string_pretty(&results)?)?;
    }
    let report = report::of(&args.out)?;
    std::fs::write(args.out.join("report.md"), &report)?;
    println!("{report}");
    Ok(())
}

fn measure(args: &Args, device: &Device) -> Result<Results> {
    let (sizes, repetitions) = if args.quick { (QUICK, 2) } else { (FULL, 10) };
    let clock = Clock::of(device)?;
    let copied = if args.quick { 1 << 16 } else { 1 << 28 };
    let copy_gb_s = Some(clock.copy_gb_s(device, copied, repetitions)?);
    let mut results = Results { device: clock.name()?, copy_gb_s, rows: vec![], step: None };
    for size in sizes {
        let edges = power_law(size.nodes, size.edges, true)?;
        if args.graphs {
            work::write_graph(&args.out.join("graphs"), size, &edges)?;
        }
        let row = structure::row(size, &edges, device, (&clock, repetitions.min(5)))?;
        eprintln!("{}", report::line(&row, copy_gb_s));
        results.rows.push(row);
        for (heads, channels) in SHAPES {
            for kind in Kind::ALL {
                for pass in Pass::ALL {
                    let row = work::row(
                        size,
                        &edges,
                        (heads, channels),
                        kind,
                        pass,
                        device,
                        (&clock, repetitions),
                    )?;
                    eprintln!("{}", report::line(&row, copy_gb_s));
                    results.rows.push(row);
                }
            }
        }
        if size.name == "products" {
            results.step = Some(step::row(size, &edges, device, (&clock, repetitions.min(5)))?);
        }
    }
    Ok(results)
}
