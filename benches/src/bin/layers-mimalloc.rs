//! The worker with mimalloc: see `candle_geometric_benches::worker`.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    candle_geometric_benches::worker::main("mimalloc")
}
