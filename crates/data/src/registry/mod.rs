//! The data sets that [`load`](crate::load) knows: where their files come from, and what is in them.

mod format;
mod generated;
mod geom_gcn;
mod graphsage;
mod heterophilous;
mod hgb;
mod karate;
mod knowledge_graph;
mod linqs;
mod molecules;
mod npz;
mod planetoid;
mod rdf;
mod snap;
mod text_graph;
mod tu;

pub use format::Format;

use crate::{Error, Result};

/// What is known of a data set without opening it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct DatasetInfo {
    /// The name to load it by.
    pub name: &'static str,
    /// One line on what nodes, edges, features and classes are.
    pub description: &'static str,
    /// How the files are written.
    pub format: Format,
    /// The files, in the order in which their format wants them. None if the data is embedded.
    pub files: &'static [FileInfo],
    /// The folder in which the files stand, below the one that is searched and below the cache.
    pub folder: &'static str,
    /// Where the files are published: the address of a file is this followed by its path.
    pub base_url: &'static str,
    /// The licence that the publisher states.
    pub licence: &'static str,
    /// The paper to cite.
    pub citation: &'static str,
    /// The names of the classes, where the files do not hold them.
    pub class_names: &'static [&'static str],
    /// The sizes after loading.
    pub counts: Counts,
}

/// One file of a data set.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FileInfo {
    /// Its name, perhaps with folders, below the folder of the data set.
    pub name: &'static str,
    /// Where it is published, below the data set's address. `ARCHIVE!NAME` is a file in an archive.
    pub path: &'static str,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its contents, in hexadecimal.
    pub sha256: &'static str,
}

/// The sizes of a data set after loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// B.
    pub graphs: usize,
    /// N, of all graphs together; entities of a knowledge graph.
    pub nodes: usize,
    /// E, of all graphs together: both directions of every undirected edge; facts of a knowledge graph.
    pub edges: usize,
    /// F.
    pub features: usize,
    /// K; relations of a knowledge graph.
    pub classes: usize,
    /// The nodes (or graphs, or facts) for training, validation and testing; zeros where there is no split.
    pub split: [usize; 3],
}

impl DatasetInfo {
    /// The address of one of its files.
    pub fn url(&self, file: &FileInfo) -> String {
        format!("{}{}", self.base_url, file.path)
    }

    /// The size of all its files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Every data set, in the order of a listing.
pub fn datasets() -> impl Iterator<Item = &'static DatasetInfo> {
    FAMILIES.iter().copied().flatten()
}

/// The data set of this name; upper and lower case are the same.
///
/// # Errors
/// If there is none, with the nearest names.
pub fn find(name: &str) -> Result<&'static DatasetInfo> {
    let wanted = name.to_lowercase();
    if let Some(info) = datasets().find(|info| info.name == wanted) {
        return Ok(info);
    }
    let mut near: Vec<(f64, &'static str)> = datasets()
        .map(|info| (strsim::jaro_winkler(&wanted, info.name), info.name))
        .filter(|&(similarity, _)| similarity > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    Err(Error::UnknownDataset {
        name: name.to_string(),
        suggestions: near.into_iter().take(3).map(|(_, name)| name).collect(),
        known: datasets().map(|info| info.name).collect::<Vec<_>>().join(", "),
    })
}

static FAMILIES: &[&[DatasetInfo]] = &[
    karate::DATASETS,
    generated::DATASETS,
    planetoid::DATASETS,
    linqs::DATASETS,
    npz::DATASETS,
    heterophilous::DATASETS,
    geom_gcn::DATASETS,
    graphsage::DATASETS,
    tu::DATASETS,
    hgb::DATASETS,
    knowledge_graph::DATASETS,
    snap::DATASETS,
    text_graph::DATASETS,
    rdf::DATASETS,
    molecules::DATASETS,
];

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> FileInfo {
    FileInfo { name, path: name, bytes, sha256 }
}

/// A file that is published under another path than it is kept.
const fn file_at(name: &'static str, path: &'static str, bytes: u64, sha256: &'static str) -> FileInfo {
    FileInfo { name, path, bytes, sha256 }
}
