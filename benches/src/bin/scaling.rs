//! How time grows with the graph: the forward of a GAT layer from 10⁴ to 10⁷ edges with the line that fits it, and the
//! making of the compressed forms. Prints one line of JSON for each.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use candle_geometric::graph::EdgeIndex;
use candle_geometric_benches::graphs::{Case, power_law};
use candle_geometric_benches::meter::{median, time};
use candle_geometric_benches::worker::restart_with;
use candle_geometric_benches::workload::{Pass, workload};
use clap::Parser;
use serde_json::json;

/// Measures how time grows with the number of edges.
#[derive(Parser)]
struct Args {
    /// The most edges
    #[arg(long, default_value_t = 10_000_000)]
    most: usize,
    /// The folder that peers/graphs.py wrote: its `mid` and `large` are compressed
    #[arg(long, default_value = "target/peers/graphs")]
    graphs: PathBuf,
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(threads) = args.threads {
        restart_with(threads)?;
    }
    let mut points = Vec::new();
    for tenth in [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000] {
        if 10 * tenth <= args.most {
            points.push((11.0 * tenth as f64, forward_ms(tenth)?)); // with the self-loops
        }
    }
    let (slope, start) = fit(&points);
    for (edges, ms) in points {
        let line = start + slope * edges;
        println!(
            "{}",
            json!({ "scaling": "edges", "edges": edges, "ms": ms, "line_ms": line, "off": ms / line - 1.0 })
        );
    }
    println!("{}", json!({ "scaling": "line", "ns_per_edge": 1e6 * slope, "start_ms": start }));
    for name in ["mid", "large"] {
        let edges = Case::load(&args.graphs, name)?.edges;
        let ms = csr_ms(&edges)?;
        println!("{}", json!({ "scaling": "csr", "case": name, "edges": edges.num_edges(), "ms": ms }));
    }
    Ok(())
}

/// The forward of a layer 64 → 4×16 with ten random edges and a self-loop on each node.
fn forward_ms(nodes: usize) -> Result<f64> {
    let case = Case { edges: power_law(nodes, 10 * nodes, false)?, features: 64, heads: 4, channels: 16 };
    let mut step = workload(&case, "GATConv", Pass::Forward)?;
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || (begin.elapsed().as_secs_f64() < 1.0 && times.len() < 200) {
        times.push(time(&mut step)?.wall_ms);
    }
    Ok(median(&times))
}

/// Slope and start of the line that is nearest by relative errors, so that small graphs count as much as large ones.
fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    let [mut w, mut wx, mut wy, mut wxx, mut wxy] = [0.0; 5];
    for &(x, y) in points {
        let weight = 1.0 / (y * y);
        w += weight;
        wx += weight * x;
        wy += weight * y;
        wxx += weight * x * x;
        wxy += weight * x * y;
    }
    let slope = (w * wxy - wx * wy) / (w * wxx - wx * wx);
    (slope, (wy - slope * wx) / w)
}

/// Both compressed forms with their permutations, from the lists of a validated graph.
fn csr_ms(edges: &EdgeIndex) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..7 {
        let fresh =
            EdgeIndex::new(edges.source().to_vec(), edges.destination().to_vec(), edges.num_nodes()?)?;
        let begin = Instant::now();
        std::hint::black_box((fresh.by_destination(), fresh.by_source()));
        times.push(1e3 * begin.elapsed().as_secs_f64());
    }
    Ok(median(&times))
}
