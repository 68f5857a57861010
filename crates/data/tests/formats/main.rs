//! The formats of text and numpy files, on files made here, whole and damaged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
mod geom_gcn;
mod graphsage;
mod heterophilous;
mod hostile;
mod knowledge_graph;
mod own;
mod ppi;
mod snap;
mod tu;
