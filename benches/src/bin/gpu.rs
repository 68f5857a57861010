//! Attention on a GPU: see `candle_geometric_benches::gpu`, and `gpu/run.sh`, which runs it.

fn main() -> anyhow::Result<()> {
    candle_geometric_benches::gpu::main()
}
