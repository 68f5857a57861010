//! The formats of text and numpy files, on files made here, whole and damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod geom_gcn;
mod graphsage;
mod heterophilous;
mod hgb;
mod hostile;
mod knowledge_graph;
mod own;
mod ppi;
#[cfg(feature = "rdf")]
mod rdf;
mod snap;
mod tu;
