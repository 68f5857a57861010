//! What the machine does with the bytes and the arithmetic of a layer and nothing else: the rates that the floors of
//! `peers/floor.py` are made of. Prints one line of JSON.
//!
//! - `stream_gbs`: `a[i] = b[i] + 3·c[i]` over three arrays of 256 MB, bytes read and written;
//! - `rows_gbs`: for every row width, rows of a table `[N, width]` of f32 read and summed in the order of the graph
//!   with self-loops, by destination, with prefetch; `random_rows_gbs`: as many rows in random order;
//! - `matmul`: for every `N,F,D`, the milliseconds of x·Wᵀ, gᵀ·x and g·W (x `[N, F]`, W `[D, F]`, g `[N, D]`) by the
//!   crate that Candle multiplies with, into a buffer that is reused.
//!
//! Buffers are on huge pages where the system has them, and touched before. Medians.

use std::path::PathBuf;

use anyhow::Result;
use candle_geometric::graph::rng::Stream;
use candle_geometric::graph::transforms;
use candle_geometric_benches::graphs::Case;
use candle_geometric_benches::meter::median_ms;
use candle_geometric_benches::worker::restart_with;
use clap::Parser;
use rayon::prelude::*;
use serde_json::{Map, json};

/// Measures the machine.
#[derive(Parser)]
struct Args {
    /// The folder that peers/graphs.py wrote
    #[arg(long, default_value = "target/peers/graphs")]
    graphs: PathBuf,
    /// The graph whose rows are read
    #[arg(long)]
    case: String,
    /// Widths of rows, in f32
    #[arg(long, value_delimiter = ',')]
    rows: Vec<usize>,
    /// A layer's matrix products, as N,F,D; may be repeated
    #[arg(long)]
    matmul: Vec<String>,
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(threads) = args.threads {
        restart_with(threads)?;
    }
    let edges = transforms::with_self_loops(&Case::load(&args.graphs, &args.case)?.edges)?.edges.clone();
    let nodes = edges.num_nodes()?;
    let (by_destination, stream) = (edges.by_destination(), Stream::named(0, "rows"));
    let random: Vec<u32> = (0..edges.num_edges() as u64).map(|i| stream.word(i) % nodes as u32).collect();
    let (mut rows, mut random_rows, mut products) = (Map::new(), Map::new(), Map::new());
    for &width in &args.rows {
        let table = Buffer::new(nodes * width)?;
        let gigabytes = (edges.num_edges() * width * 4) as f64 / 1e9;
        let rate = |ids: &[u32]| 1e3 * gigabytes / median_ms(9, || read_rows(ids, table.numbers(), width));
        rows.insert(width.to_string(), json!(rate(by_destination.columns())));
        random_rows.insert(width.to_string(), json!(rate(&random)));
    }
    for sizes in &args.matmul {
        let n: Vec<usize> = sizes.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let &[n, f, d] = n.as_slice() else { anyhow::bail!("{sizes:?} is not N,F,D") };
        let [mut x, mut w, mut g] = [Buffer::new(n * f)?, Buffer::new(d * f)?, Buffer::new(n * d)?];
        products.insert(
            sizes.clone(),
            json!({
                "forward_ms": multiply((n, f, d), (&x, [1, f]), (&w, [f, 1]), &mut g),
                "weight_ms": multiply((d, n, f), (&g, [d, 1]), (&x, [1, f]), &mut w),
                "input_ms": multiply((n, d, f), (&g, [1, d]), (&w, [1, f]), &mut x),
            }),
        );
    }
    println!(
        "{}",
        json!({
            "case": args.case, "threads": rayon::current_num_threads(), "stream_gbs": triad()?,
            "rows_gbs": rows, "random_rows_gbs": random_rows, "matmul": products,
        })
    );
    Ok(())
}

/// Numbers that were touched, on huge pages where there are any.
struct Buffer(memmap2::MmapMut);

impl Buffer {
    fn new(len: usize) -> Result<Self> {
        let mut map = memmap2::MmapMut::map_anon((len * 4).max(1))?;
        #[cfg(target_os = "linux")]
        map.advise(memmap2::Advice::HugePage).ok(); // without, rates are those of small pages
        bytemuck::cast_slice_mut(&mut map).fill(0.5f32);
        Ok(Self(map))
    }

    fn numbers(&self) -> &[f32] {
        bytemuck::cast_slice(&self.0)
    }

    fn numbers_mut(&mut self) -> &mut [f32] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

fn triad() -> Result<f64> {
    const LEN: usize = 64 << 20;
    const PART: usize = 1 << 16;
    let [mut a, b, c] = [Buffer::new(LEN)?, Buffer::new(LEN)?, Buffer::new(LEN)?];
    let ms = median_ms(9, || {
        let parts = b.numbers().par_chunks(PART).zip(c.numbers().par_chunks(PART));
        a.numbers_mut().par_chunks_mut(PART).zip(parts).for_each(|(a, (b, c))| {
            for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
                *a = b + 3.0 * c;
            }
        });
    });
    Ok((3 * 4 * LEN) as f64 / 1e6 / ms)
}

/// Reads `table[id]` for every id.
fn read_rows(ids: &[u32], table: &[f32], width: usize) {
    const AHEAD: usize = 8;
    let row = |id: u32| &table[id as usize * width..][..width];
    let sum: f32 = ids
        .par_chunks(4096)
        .map(|ids| {
            let mut sums = [0f32; 32];
            for (k, &id) in ids.iter().enumerate() {
                if let Some(&next) = ids.get(k + AHEAD) {
                    prefetch(row(next));
                }
                for part in row(id).chunks(sums.len()) {
                    sums.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
                }
            }
            sums.iter().sum::<f32>()
        })
        .sum();
    std::hint::black_box(sum);
}

fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect but on caches, whatever the address; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// Milliseconds of `out` [m, n] = a [m, k] · b [k, n], the factors with the strides of a column and a row.
fn multiply(
    (m, k, n): (usize, usize, usize),
    (a, a_strides): (&Buffer, [usize; 2]),
    (b, b_strides): (&Buffer, [usize; 2]),
    out: &mut Buffer,
) -> f64 {
    let at_most = |rows: usize, columns: usize, [column, row]: [usize; 2]| {
        (rows - 1) * row + (columns - 1) * column + 1
    };
    assert!(a.numbers().len() >= at_most(m, k, a_strides) && b.numbers().len() >= at_most(k, n, b_strides));
    assert!(out.numbers().len() >= m * n);
    let (a, b) = (a.numbers().as_ptr(), b.numbers().as_ptr());
    let out = out.numbers_mut().as_mut_ptr();
    let strides = |[column, row]: [usize; 2]| (column as isize, row as isize);
    let ((a_cs, a_rs), (b_cs, b_rs)) = (strides(a_strides), strides(b_strides));
    let threads = gemm::Parallelism::Rayon(rayon::current_num_threads());
    let ms = median_ms(7, || {
        // SAFETY: the assertions above: every element that the sizes and strides reach lies inside its buffer, and
        // `out`, which is borrowed mutably, is neither of the factors.
        unsafe {
            gemm::gemm(
                m, n, k, out, 1, n as isize, false, a, a_cs, a_rs, b, b_cs, b_rs, 0.0, 1.0, false, false,
                false, threads,
            );
        }
    });
    std::hint::black_box(out);
    ms
}
