//! Runs the readers of `candle-geometric-data` on whatever bytes a fuzzer makes.

#[path = "../../crates/data/tests/common/bodies.rs"]
#[allow(dead_code)] // the tests use more of it
mod bodies;

/// Gives an input to the body of this name, which may refuse it but may not panic.
pub fn run(name: &str, input: &[u8]) {
    let _ = bodies::fuzz(bodies::find(name), input);
}
