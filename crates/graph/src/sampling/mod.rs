//! Mini-batches of large graphs: samplers, and a loader that prepares the next batches in the background.
//!
//! Every sampler takes a [`Stream`](crate::rng::Stream) of random numbers and divides it among seeds and rows, so that a sample
//! depends on the stream alone, never on the number of threads that drew it. Nodes and edges of a sample come with their
//! numbers in the whole graph: features, labels and edge attributes follow by index.
//!
//! - [`NeighborSampler`], [`HeteroNeighborSampler`]: the neighbours of seed nodes or links, hop by hop: uniform, weighted, or of
//!   the past alone
//! - [`SaintSampler`]: GraphSAINT, with its normalisation
//! - [`ClusterSampler`]: Cluster-GCN over a [`partition`]
//! - [`Loader`]: any of them, ahead of the training loop
//!
//! ```
//! use candle_geometric_graph::rng::{Generator, Stream};
//! use candle_geometric_graph::sampling::{Loader, NeighborSampler, NeighborSamplerConfig, seed_batches};
//! use candle_geometric_graph::generators::{RMat, r_mat};
//! # fn main() -> Result<(), candle_geometric_graph::GraphError> {
//! let edges = r_mat(1000, 10_000, RMat::default(), 0)?;
//! let sampler = NeighborSampler::new(&edges, NeighborSamplerConfig::new([15, 10]))?;
//! let batches = seed_batches(1000, 128, Some(Stream::new(0, 0)), false)?;
//! let randomness = Generator::new(1);
//! let loader = Loader::new(batches, 2, move |seeds| sampler.sample(&seeds, randomness.stream()));
//! for sample in loader {
//!     let sample = sample?;
//!     assert!(sample.nodes_per_hop[0] <= 128); // the seeds come first
//!     assert_eq!(sample.edges.num_src(), sample.nodes.len());
//! }
//! # Ok(()) }
//! ```

mod cluster;
mod config;
mod expand;
mod hetero;
mod links;
mod loader;
mod neighbor;
mod partition;
mod picks;
mod saint;

pub use cluster::ClusterSampler;
pub use config::{Fanout, NeighborSamplerConfig, TemporalStrategy, Times};
pub use hetero::{HeteroLinkSample, HeteroNeighborSample, HeteroNeighborSampler};
pub use links::NegativeLinks;
pub use loader::{Loader, seed_batches};
pub use neighbor::{LinkSample, NeighborSample, NeighborSampler};
#[cfg(feature = "metis")]
pub use partition::partition_metis;
pub use partition::{Partition, partition};
pub use saint::{Saint, SaintNorm, SaintSampler};
