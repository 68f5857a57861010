//! The worker of `peers/compare.py`: one workload in a process of its own, which repeats it when told to.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde_json::json;

use crate::graphs::Case;
use crate::meter::{self, Repetition};
use crate::workload::{Pass, Step, workload};

/// Measures a layer.
///
/// With --repeat, prints one line of JSON. Without, prints a line when it is ready, then reads lines `run N` from the
/// standard input and answers each with the times of N repetitions, until the input ends.
#[derive(Parser, Debug)]
#[command(name = "layers")]
pub struct Args {
    /// The folder that peers/graphs.py wrote
    #[arg(long, default_value = "target/peers/graphs")]
    graphs: PathBuf,
    /// The graph: cora, mid, large or ppi
    #[arg(long)]
    case: String,
    /// GATConv, GATv2Conv, TransformerConv, GCNConv, SAGEConv, PpiGAT, epoch-dense or epoch-sparse
    #[arg(long)]
    layer: String,
    /// fwd, fb (forward and backward) or step (of training)
    #[arg(long)]
    mode: Pass,
    /// Threads, for us and for matrix products [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    /// Repeat that often and print medians
    #[arg(long)]
    repeat: Option<usize>,
}

/// Runs the worker. `allocator` is only named in the output.
///
/// # Errors
/// If the graph or the layer cannot be made, or an order is not understood.
pub fn main(allocator: &str) -> Result<()> {
    let args = Args::parse();
    if let Some(threads) = args.threads {
        restart_with(threads)?;
    }
    let case = Case::load(&args.graphs, &args.case)?;
    let mut step = workload(&case, &args.layer, args.mode)?;
    let nodes = case.edges.num_nodes()?;
    let edges = case.edges.num_edges();
    drop(case);
    let base = meter::resident_mb().unwrap_or(f64::NAN);
    meter::reset_peak();
    let run = |step: &mut Step, n: usize| (0..n).map(|_| meter::time(&mut *step)).collect::<Result<Vec<_>>>();
    let over_inputs = || meter::peak_mb().unwrap_or(f64::NAN) - base;
    if let Some(n) = args.repeat {
        run(&mut step, 2)?;
        let times = run(&mut step, n)?;
        let median = |f: fn(&Repetition) -> f64| meter::median(&times.iter().map(f).collect::<Vec<_>>());
        return answer(&json!({
            "case": args.case, "layer": args.layer, "nodes": nodes, "edges": edges, "allocator": allocator,
            "threads": rayon::current_num_threads(), "repetitions": n,
            "wall_ms": median(|r| r.wall_ms), "cpu_ms": median(|r| r.cpu_ms), "peak_mb": over_inputs(),
        }));
    }
    answer(&json!({ "ready": env!("CARGO_PKG_VERSION"), "base_mb": base, "nodes": nodes, "edges": edges }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let Some(n) = line.strip_prefix("run ") else { bail!("{line:?} is not `run N`") };
        let times = run(&mut step, n.parse().with_context(|| format!("{line:?}"))?)?;
        let list = |f: fn(&Repetition) -> f64| times.iter().map(f).collect::<Vec<_>>();
        answer(&json!({
            "wall_ms": list(|r| r.wall_ms), "cpu_ms": list(|r| r.cpu_ms), "peak_mb": over_inputs()
        }))?;
    }
    Ok(())
}

fn answer(value: &serde_json::Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// Starts this program again with that many threads, unless it has them. The pools read the environment when first
/// used, and to set it inside a running process is not safe.
///
/// # Errors
/// If the program cannot be started again.
pub fn restart_with(threads: usize) -> Result<()> {
    let (names, wanted) = (["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"], threads.to_string());
    if names.iter().all(|name| std::env::var(name).is_ok_and(|v| v == wanted)) {
        return Ok(());
    }
    let mut again = std::process::Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).envs(names.map(|name| (name, &wanted)));
    std::process::exit(again.status()?.code().unwrap_or(1));
}
