//! The formats of text and numpy files, on files made here, whole and damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod corpus;
mod geom_gcn;
mod graphsage;
mod heterophilous;
mod hgb;
mod knowledge_graph;
mod own;
#[cfg(feature = "parquet")]
mod parquet;
mod ppi;
#[cfg(feature = "rdf")]
mod rdf;
mod snap;
mod text_graph;
mod tu;
