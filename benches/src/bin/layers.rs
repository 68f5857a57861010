//! The worker with the allocator of the system: see `candle_geometric_benches::worker`.

fn main() -> anyhow::Result<()> {
    candle_geometric_benches::worker::main("system")
}
