//! What the benchmarks share: graphs, workloads, and how they are measured.

pub mod epoch;
pub mod gpu;
pub mod graphs;
pub mod meter;
pub mod worker;
pub mod workload;
