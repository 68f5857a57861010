//! The data sets that [`load`](crate::load) knows: where their files come from, and what is in them.

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
    /// Where the files are published: the address of a file is this followed by its name.
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
    /// Its name.
    pub name: &'static str,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its contents, in hexadecimal.
    pub sha256: &'static str,
}

/// How the files of a data set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// In the library itself.
    Embedded,
    /// Pickles of scipy and numpy objects: [`planetoid`](crate::planetoid).
    Planetoid,
    /// `.content` and `.cites`: [`linqs`](crate::linqs).
    Linqs,
    /// An archive of numpy arrays: [`npz`](crate::npz).
    Npz,
}

/// The sizes of a data set after loading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// N.
    pub nodes: usize,
    /// E: both directions of every undirected edge.
    pub edges: usize,
    /// F.
    pub features: usize,
    /// K.
    pub classes: usize,
    /// The nodes for training, validation and testing; zeros where there is no split.
    pub split: [usize; 3],
}

impl DatasetInfo {
    /// The address of one of its files.
    pub fn url(&self, file: &FileInfo) -> String {
        format!("{}{}", self.base_url, file.name)
    }

    /// The size of all its files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Every data set, in the order of a listing.
pub fn datasets() -> &'static [DatasetInfo] {
    DATASETS
}

/// The data set of this name; upper and lower case are the same.
///
/// # Errors
/// If there is none, with the nearest names.
pub fn find(name: &str) -> Result<&'static DatasetInfo> {
    let wanted = name.to_lowercase();
    if let Some(info) = DATASETS.iter().find(|info| info.name == wanted) {
        return Ok(info);
    }
    let mut near: Vec<(f64, &'static str)> = DATASETS
        .iter()
        .map(|info| (strsim::jaro_winkler(&wanted, info.name), info.name))
        .filter(|&(similarity, _)| similarity > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    Err(Error::UnknownDataset {
        name: name.to_string(),
        suggestions: near.into_iter().take(3).map(|(_, name)| name).collect(),
        known: DATASETS.iter().map(|info| info.name).collect::<Vec<_>>().join(", "),
    })
}

const PLANETOID_URL: &str =
    "https://raw.githubusercontent.com/kimiyoung/planetoid/af6abf468a772cc055bec88c52e4d6f51b7c37e3/data/";
const NPZ_URL: &str = "https://raw.githubusercontent.com/shchur/gnn-benchmark/1e72912a0810cdf27ae54fd589a3b43358a2b161/data/npz/";
const LINQS_URL: &str =
    "https://raw.githubusercontent.com/tkipf/pygcn/1600b5b748b3976413d1e307540ccc62605b4d6d/data/cora/";
const PLANETOID_PAPER: &str =
    "Yang, Cohen, Salakhutdinov: Revisiting semi-supervised learning with graph embeddings, ICML 2016";
const SEN_PAPER: &str = "Sen et al.: Collective classification in network data, AI Magazine 29 (2008)";
const SHCHUR_PAPER: &str = "Shchur et al.: Pitfalls of graph neural network evaluation, 2018";

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> FileInfo {
    FileInfo { name, bytes, sha256 }
}

static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "karate",
        description: "members of a karate club, their friendships, and the side each took when it split",
        format: Format::Embedded,
        files: &[],
        folder: "",
        base_url: "",
        licence: "facts from a publication",
        citation: "Zachary: An information flow model for conflict and fission in small groups, 1977",
        class_names: &["Mr. Hi", "Officer"],
        counts: Counts { nodes: 34, edges: 156, features: 34, classes: 2, split: [6, 10, 18] },
    },
    DatasetInfo {
        name: "cora",
        description: "papers on machine learning, their citations, the words in them, and their topics",
        format: Format::Planetoid,
        files: &[
            file("ind.cora.allx", 257305, "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543"),
            file("ind.cora.tx", 148025, "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a"),
            file("ind.cora.ally", 47959, "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71"),
            file("ind.cora.ty", 28135, "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad"),
            file("ind.cora.y", 4054, "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1"),
            file("ind.cora.graph", 59847, "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d"),
            file(
                "ind.cora.test.index",
                5000,
                "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
            ),
        ],
        folder: "planetoid",
        base_url: PLANETOID_URL,
        licence: "MIT",
        citation: PLANETOID_PAPER,
        class_names: &[
            "Theory",
            "Reinforcement_Learning",
            "Genetic_Algorithms",
            "Neural_Networks",
            "Probabilistic_Methods",
            "Case_Based",
            "Rule_Learning",
        ],
        counts: Counts { nodes: 2708, edges: 10556, features: 1433, classes: 7, split: [140, 500, 1000] },
    },
    DatasetInfo {
        name: "citeseer",
        description: "papers on computer science, their citations, the words in them, and their topics",
        format: Format::Planetoid,
        files: &[
            file(
                "ind.citeseer.allx",
                595021,
                "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
            ),
            file(
                "ind.citeseer.tx",
                260321,
                "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
            ),
            file(
                "ind.citeseer.ally",
                55623,
                "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
            ),
            file(
                "ind.citeseer.ty",
                24135,
                "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
            ),
            file("ind.citeseer.y", 3014, "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924"),
            file(
                "ind.citeseer.graph",
                61987,
                "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
            ),
            file(
                "ind.citeseer.test.index",
                5000,
                "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
            ),
        ],
        folder: "planetoid",
        base_url: PLANETOID_URL,
        licence: "MIT",
        citation: PLANETOID_PAPER,
        class_names: &["AI", "ML", "IR", "DB", "Agents", "HCI"],
        counts: Counts { nodes: 3327, edges: 9104, features: 3703, classes: 6, split: [120, 500, 1000] },
    },
    DatasetInfo {
        name: "pubmed",
        description: "papers on diabetes, their citations, TF-IDF of the words in them, and the kind of diabetes",
        format: Format::Planetoid,
        files: &[
            file(
                "ind.pubmed.allx",
                7578385,
                "508e538e2abdccdd54c4d3e9f49d638b4af7107d85845f66ddea5a5152658b7e",
            ),
            file("ind.pubmed.tx", 405505, "4eb5f5d0f30f26497eb0ac6ac9719d09c67e284f1ed0385c93f3ef27a671da3d"),
            file(
                "ind.pubmed.ally",
                224739,
                "0c37bbe3b5014ec365e9d393cf4791925e5ed94fb194305d74f064a8d7b50f0e",
            ),
            file("ind.pubmed.ty", 12135, "ee2e0d4819d9fbcc403689c3bf2e49face401b605932f093bc58ab6461130fdd"),
            file("ind.pubmed.y", 854, "e6c807633307a07ed659249006536a147c7999c797f11a2560752990181b41b3"),
            file(
                "ind.pubmed.graph",
                471808,
                "5b89f0036ca22909471f1e6558eb42fa06e0c730a577bde5b058b40638f81dc9",
            ),
            file(
                "ind.pubmed.test.index",
                6000,
                "b101d421688bbaecbd82e8a18f1e282378d6830f3a37666f28ebc47f844341b5",
            ),
        ],
        folder: "planetoid",
        base_url: PLANETOID_URL,
        licence: "MIT",
        citation: PLANETOID_PAPER,
        class_names: &["Experimental", "Type 1", "Type 2"],
        counts: Counts { nodes: 19717, edges: 88648, features: 500, classes: 3, split: [60, 500, 1000] },
    },
    DatasetInfo {
        name: "linqs-cora",
        description: "Cora as first published: other node order, and the split of pygcn and pyGAT",
        format: Format::Linqs,
        files: &[
            file("cora.content", 7823427, "b8ebed0fd45e53995abafd1b70cf6a9fcc8f86abc5826d69b97fe6ca46e9c8ee"),
            file("cora.cites", 69928, "ec1a372391b7f0f60a6aff0084e8abd8f19f0faa7e1f2441a41c492042d5945e"),
        ],
        folder: "linqs-cora",
        base_url: LINQS_URL,
        licence: "none stated (the repository it is taken from: MIT)",
        citation: SEN_PAPER,
        class_names: &[],
        counts: Counts { nodes: 2708, edges: 10556, features: 1433, classes: 7, split: [140, 300, 1000] },
    },
    DatasetInfo {
        name: "npz-cora",
        description: "Cora as in the benchmark of Shchur et al.: without a split",
        format: Format::Npz,
        files: &[file(
            "cora.npz",
            540580,
            "068e22d90c3849b4057dfb05851741428992af058efcd4e7ebb4186f3d581de2",
        )],
        folder: "npz",
        base_url: NPZ_URL,
        licence: "MIT",
        citation: SHCHUR_PAPER,
        class_names: &[],
        counts: Counts { nodes: 2708, edges: 10556, features: 1433, classes: 7, split: [0; 3] },
    },
    DatasetInfo {
        name: "amazon-photo",
        description: "goods for photography, which are bought together, words of their reviews, and categories",
        format: Format::Npz,
        files: &[file(
            "amazon_electronics_photo.npz",
            17113960,
            "bdb1feb8e6ff42ee44024b04479145029c563fd42fc31bff80af20887ba0439a",
        )],
        folder: "npz",
        base_url: NPZ_URL,
        licence: "MIT",
        citation: SHCHUR_PAPER,
        class_names: &[],
        counts: Counts { nodes: 7650, edges: 238162, features: 745, classes: 8, split: [0; 3] },
    },
];
