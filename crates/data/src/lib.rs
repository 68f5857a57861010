//! Graph data sets in their original formats, with a verified download cache.
//!
//! [`Dataset::load`] makes a data set of any kind from a name and a [`Source`]: a folder, or the cache, into which the files
//! are downloaded once from where they were first published (feature `download`); [`load`] is for those of one graph with
//! labelled nodes. Size and SHA-256 of every file are pinned in the [`registry`], so the numbers of a paper are compared on
//! the data of that paper. [`Dataset::open`] reads sets that the registry does not know, [`import`] graphs of the user's own,
//! and the modules of the formats read the bytes of any file of their kind.
//!
//! Nothing here executes what a file says, and a damaged file is an error, never a panic.
//!
//! ```
//! # fn main() -> candle_geometric_data::Result<()> {
//! use candle_geometric_data::{Source, load};
//! let karate = load("karate", &Source::Cache)?; // embedded: neither file nor network
//! assert_eq!(karate.graph.num_nodes(), 34);
//! assert_eq!(karate.graph.num_edges(), 156); // both directions of 78
//! assert_eq!(karate.class_names, ["Mr. Hi", "Officer"]);
//! # Ok(()) }
//! ```

pub mod csv_graph;
mod dataset;
mod dictionary_lookup;
mod error;
pub mod geom_gcn;
mod graph;
pub mod graph_file;
pub mod graphml;
mod graphs;
pub mod graphsage;
mod hetero;
pub mod heterophilous;
pub mod hgb;
mod import;
mod inflate;
mod karate;
pub mod knowledge_graph;
pub mod linqs;
mod load;
pub mod matrix_market;
pub mod molecules;
mod names;
mod normalize;
pub mod npz;
mod numpy;
pub mod numpy_graph;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
pub mod parquet_graph;
pub mod planetoid;
pub mod ppi;
mod raw_graph;
#[cfg(feature = "rdf")]
pub mod rdf;
pub mod registry;
pub mod snap;
mod source;
pub mod splits;
mod stats;
pub mod tables;
mod text;
#[cfg(feature = "text")]
pub mod text_encoder;
pub mod text_graph;
pub mod text_vectors;
pub mod tu;
mod word_counts;
mod write;

pub use dataset::{NodeDataset, Split};
pub use dictionary_lookup::dictionary_lookup;
pub use error::Error;
pub use graph::Graph;
pub use graphs::{GraphBatch, GraphDataset, GraphSplit, Level};
pub use hetero::HeteroDataset;
pub use import::import;
pub use karate::karate;
pub use knowledge_graph::KnowledgeGraph;
pub use load::{Dataset, load};
pub use normalize::{normalize_features, normalize_features_l2};
pub use raw_graph::{NodeIds, RawGraph};
pub use registry::{DatasetInfo, datasets};
pub use source::{Cache, Files, Progress, Source};
pub use stats::{DegreeBin, Stats};
pub use word_counts::word_counts;

/// The result of loading data.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
