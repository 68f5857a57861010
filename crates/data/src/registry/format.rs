use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Result};

/// How the files of a data set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// In the library itself.
    Embedded,
    /// By the library, always the same.
    Generated,
    /// Pickles of scipy and numpy objects: [`planetoid`](crate::planetoid).
    Planetoid,
    /// `.content` and `.cites`: [`linqs`](crate::linqs).
    Linqs,
    /// An archive of numpy arrays: [`npz`](crate::npz).
    Npz,
    /// An archive of numpy arrays with several splits: [`heterophilous`](crate::heterophilous).
    Heterophilous,
    /// Text files and numpy masks: [`geom_gcn`](crate::geom_gcn).
    GeomGcn,
    /// networkx' JSON: [`graphsage`](crate::graphsage).
    GraphSage,
    /// networkx' JSON and numpy arrays of many graphs: [`ppi`](crate::ppi).
    Ppi,
    /// Text files of many graphs: [`tu`](crate::tu).
    Tu,
    /// Text files of triples: [`knowledge_graph`](crate::knowledge_graph).
    Triples,
    /// Text files of typed nodes and links, perhaps in a ZIP archive: [`hgb`](crate::hgb).
    Hgb,
    /// N-Triples and tables of labels: module `rdf`, feature `rdf`.
    Rdf,
    /// A table with a column `smiles`, and one per name of a class: [`molecules`](crate::molecules), feature `smiles`.
    Molecules,
    /// Text of edges: [`snap`](crate::snap).
    Snap,
    /// JSON or a table of nodes with texts: [`text_graph`](crate::text_graph).
    Texts,
    /// A graph in one safetensors file, as `candle-geometric data import` writes it: [`graph_file`](crate::graph_file).
    Graph,
}

impl Format {
    /// The formats that files can have.
    pub const ALL: [Self; 15] = [
        Self::Planetoid,
        Self::Linqs,
        Self::Npz,
        Self::Heterophilous,
        Self::GeomGcn,
        Self::GraphSage,
        Self::Ppi,
        Self::Tu,
        Self::Triples,
        Self::Hgb,
        Self::Rdf,
        Self::Molecules,
        Self::Snap,
        Self::Texts,
        Self::Graph,
    ];

    /// Its name, as in `planetoid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Generated => "generated",
            Self::Planetoid => "planetoid",
            Self::Linqs => "linqs",
            Self::Npz => "npz",
            Self::Heterophilous => "heterophilous",
            Self::GeomGcn => "geom-gcn",
            Self::GraphSage => "graphsage",
            Self::Ppi => "ppi",
            Self::Tu => "tu",
            Self::Triples => "triples",
            Self::Hgb => "hgb",
            Self::Rdf => "rdf",
            Self::Molecules => "molecules",
            Self::Snap => "snap",
            Self::Texts => "texts",
            Self::Graph => "graph",
        }
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    /// The format of this name.
    fn from_str(text: &str) -> Result<Self> {
        let expected = || format!("one of {}", Self::ALL.map(Self::name).join(", "));
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| Error::invalid("format", expected(), format!("`{text}`")))
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
