use std::path::Path;

use crate::knowledge_graph::{self, KnowledgeGraph};
#[cfg(feature = "smiles")]
use crate::molecules::{Chematic, Columns, Molecules, moleculenet};
#[cfg(feature = "rdf")]
use crate::rdf::{self, EntityDataset};
use crate::registry::{Format, find};
use crate::source::{Files, named};
use crate::{
    Error, GraphDataset, HeteroDataset, NodeDataset, RawGraph, Result, dictionary_lookup, geom_gcn,
    graph_file, graphsage, heterophilous, hgb, karate, linqs, npz, planetoid, ppi, snap, text_graph, tu,
};

/// A data set of any kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Dataset {
    /// One graph whose nodes are to be classified.
    Nodes(NodeDataset),
    /// Many graphs.
    Graphs(GraphDataset),
    /// One graph with types of nodes and edges.
    Hetero(HeteroDataset),
    /// Facts about entities.
    Triples(KnowledgeGraph),
    /// Facts about entities, some of which have a class.
    #[cfg(feature = "rdf")]
    Entities(EntityDataset),
    /// Graphs of molecules.
    #[cfg(feature = "smiles")]
    Molecules(Molecules),
    /// One graph without labels.
    Edges(RawGraph),
}

impl Dataset {
    /// Loads a data set by its name; [`datasets`](crate::registry::datasets) lists them.
    ///
    /// # Errors
    /// If there is no data set of this name (the nearest names are suggested), files are missing (all are listed, with
    /// their addresses) or damaged.
    pub fn load(name: &str, files: &dyn Files) -> Result<Self> {
        let info = find(name)?;
        let contents = files.read(info)?;
        let files: Vec<(&str, &[u8])> =
            info.files.iter().map(|file| file.name).zip(contents.iter().map(Vec::as_slice)).collect();
        let mut dataset = Self::parse(info.format, info.name, &files)?;
        let names = match &mut dataset {
            Self::Nodes(dataset) => &mut dataset.class_names,
            Self::Graphs(dataset) => &mut dataset.class_names,
            Self::Hetero(dataset) => &mut dataset.class_names,
            #[cfg(feature = "rdf")]
            Self::Entities(dataset) => &mut dataset.class_names,
            #[cfg(feature = "smiles")]
            Self::Molecules(_) => return Ok(dataset),
            Self::Triples(_) | Self::Edges(_) => return Ok(dataset),
        };
        if info.class_names.len() == names.len() {
            *names = info.class_names.iter().map(|name| name.to_string()).collect();
        }
        Ok(dataset)
    }

    /// Reads a data set that the registry need not know: the files that its format calls by this name, from one folder.
    ///
    /// Nothing is known of what they should contain, so only their form is checked.
    ///
    /// # Errors
    /// If files are missing, or are not of this format.
    ///
    /// ```no_run
    /// use candle_geometric_data::{Dataset, registry::Format};
    /// # fn main() -> candle_geometric_data::Result<()> {
    /// let collab = Dataset::open(Format::Tu, "COLLAB", "data/COLLAB".as_ref())?.into_graphs()?;
    /// # Ok(()) }
    /// ```
    pub fn open(format: Format, name: &str, folder: &Path) -> Result<Self> {
        let contents = named::read(format, name, folder)?;
        let files: Vec<(&str, &[u8])> =
            contents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        Self::parse(format, name, &files).map_err(|error| {
            error.with_file(|part| {
                let known = files.iter().any(|(file, _)| part.starts_with(file));
                known.then(|| folder.join(part).display().to_string())
            })
        })
    }

    /// Reads a data set from the names and contents of its files.
    ///
    /// # Errors
    /// If files are missing, or are not of this format.
    pub fn parse(format: Format, name: &str, files: &[(&str, &[u8])]) -> Result<Self> {
        Self::parse_parts(format, name, files).map_err(|error| error.with_file(|part| file_of(part, files)))
    }

    fn parse_parts(format: Format, name: &str, files: &[(&str, &[u8])]) -> Result<Self> {
        let get =
            |end: &str| files.iter().find(|(file, _)| file.ends_with(end)).map(|&(_, contents)| contents);
        let need = |end: &str| {
            get(end).ok_or_else(|| Error::invalid("files", format!("one whose name ends with {end}"), "none"))
        };
        Ok(match format {
            Format::Embedded => Self::Nodes(karate::karate()?),
            Format::Generated => Self::Nodes(dictionary_lookup(10, [1000, 125, 125], 0)?),
            Format::Planetoid => {
                let files = planetoid::Planetoid {
                    allx: need(".allx")?,
                    tx: need(".tx")?,
                    ally: need(".ally")?,
                    ty: need(".ty")?,
                    y: need(".y")?,
                    graph: need(".graph")?,
                    test_index: need(".test.index")?,
                };
                Self::Nodes(planetoid::parse(name, files)?)
            }
            Format::Linqs => Self::Nodes(linqs::parse(name, need(".content")?, need(".cites")?)?),
            Format::Npz => Self::Nodes(npz::parse(name, need(".npz")?)?),
            Format::Heterophilous => Self::Nodes(heterophilous::parse(name, need(".npz")?)?),
            Format::GeomGcn => {
                let masks = files.iter().filter(|(file, _)| file.ends_with(".npz"));
                let masks: Vec<&[u8]> = masks.map(|&(_, contents)| contents).collect();
                let (nodes, edges) = (need("out1_node_feature_label.txt")?, need("out1_graph_edges.txt")?);
                Self::Nodes(geom_gcn::parse(name, nodes, edges, &masks)?)
            }
            Format::GraphSage => {
                let files = graphsage::GraphSage {
                    graph: need("-G.json")?,
                    class_map: need("-class_map.json")?,
                    id_map: get("-id_map.json"),
                    feats: get("-feats.npy"),
                };
                Self::Nodes(graphsage::parse(name, files)?)
            }
            Format::Tu => Self::Graphs(tu::parse(name, tu::Tu::from_files(files)?, tu::Options::default())?),
            Format::Ppi => {
                let part = |part: &str| {
                    Ok::<_, Error>(ppi::Part {
                        graph: need(&format!("{part}_graph.json"))?,
                        feats: need(&format!("{part}_feats.npy"))?,
                        labels: need(&format!("{part}_labels.npy"))?,
                        graph_id: need(&format!("{part}_graph_id.npy"))?,
                    })
                };
                Self::Graphs(ppi::parse(name, [part("train")?, part("valid")?, part("test")?])?)
            }
            Format::Hgb => match get(".zip") {
                Some(archive) => Self::Hetero(hgb::parse_zip(name, archive)?),
                None => {
                    let files = hgb::Hgb {
                        info: need("info.dat")?,
                        node: need("node.dat")?,
                        link: need("link.dat")?,
                        label: need("label.dat")?,
                        label_test: get(hgb::TEST)
                            .or(get(hgb::TEST_FULL))
                            .map_or_else(|| need(hgb::TEST), Ok)?,
                    };
                    Self::Hetero(hgb::parse(name, files)?)
                }
            },
            #[cfg(feature = "rdf")]
            Format::Rdf => {
                let tables = [need("trainingSet.tsv")?, need("testSet.tsv")?];
                let facts = get(".nt").map_or_else(|| need(".nt.gz"), Ok)?;
                Self::Entities(rdf::parse(name, facts, tables, ["person", "label_affiliation"])?)
            }
            #[cfg(not(feature = "rdf"))]
            Format::Rdf => return Err(Error::NotBuilt { what: "RDF graphs", feature: "rdf" }),
            #[cfg(feature = "smiles")]
            Format::Molecules => match files {
                &[(_, table)] => {
                    let tasks = find(name).map_or(&[][..], |info| info.class_names);
                    let columns = Columns { smiles: "smiles", tasks };
                    Self::Molecules(moleculenet::parse(name, table, &columns, &Chematic)?)
                }
                _ => return Err(Error::invalid("files", "one", files.len())),
            },
            #[cfg(not(feature = "smiles"))]
            Format::Molecules => return Err(Error::NotBuilt { what: "molecules", feature: "smiles" }),
            Format::Snap => match files {
                &[(file, contents)] => Self::Edges(snap::parse(file, contents)?),
                _ => return Err(Error::invalid("files", "one", files.len())),
            },
            Format::Texts => Self::Nodes(match get(".json") {
                Some(json) => text_graph::parse_json(name, json)?,
                None => text_graph::parse_csv(name, need(".csv")?)?,
            }),
            // A graph without classes is not to be classified.
            Format::Graph => match files {
                &[(file, contents)] => match graph_file::parse(file, contents)? {
                    graph if graph.y.is_some() => Self::Nodes(graph.into_nodes(name)?),
                    graph => Self::Edges(graph),
                },
                _ => return Err(Error::invalid("files", "one", files.len())),
            },
            Format::Triples => {
                let (train, valid, test) = (need("train.txt")?, need("valid.txt")?, need("test.txt")?);
                Self::Triples(knowledge_graph::parse(name, train, valid, test)?)
            }
        })
    }

    /// One graph whose nodes are to be classified.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    pub fn into_nodes(self) -> Result<NodeDataset> {
        match self {
            Self::Nodes(dataset) => Ok(dataset),
            other => Err(other.not("one graph with labelled nodes")),
        }
    }

    /// Many graphs, those of molecules too.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    pub fn into_graphs(self) -> Result<GraphDataset> {
        match self {
            Self::Graphs(dataset) => Ok(dataset),
            #[cfg(feature = "smiles")]
            Self::Molecules(molecules) => Ok(molecules.graphs),
            other => Err(other.not("many graphs")),
        }
    }

    /// One graph with types of nodes and edges.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    pub fn into_hetero(self) -> Result<HeteroDataset> {
        match self {
            Self::Hetero(dataset) => Ok(dataset),
            other => Err(other.not("one graph with types of nodes and edges")),
        }
    }

    /// A knowledge graph.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    pub fn into_triples(self) -> Result<KnowledgeGraph> {
        match self {
            Self::Triples(graph) => Ok(graph),
            other => Err(other.not("a knowledge graph")),
        }
    }

    /// Facts about entities, some of which have a class.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    #[cfg(feature = "rdf")]
    pub fn into_entities(self) -> Result<EntityDataset> {
        match self {
            Self::Entities(dataset) => Ok(dataset),
            other => Err(other.not("facts about entities with classes")),
        }
    }

    /// Graphs of molecules.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    #[cfg(feature = "smiles")]
    pub fn into_molecules(self) -> Result<Molecules> {
        match self {
            Self::Molecules(dataset) => Ok(dataset),
            other => Err(other.not("graphs of molecules")),
        }
    }

    /// One graph without labels.
    ///
    /// # Errors
    /// If this is a data set of another kind.
    pub fn into_edges(self) -> Result<RawGraph> {
        match self {
            Self::Edges(graph) => Ok(graph),
            other => Err(other.not("one graph without labels")),
        }
    }

    /// What kind of data set this is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nodes(_) => "one graph with labelled nodes",
            Self::Graphs(_) => "many graphs",
            Self::Hetero(_) => "one graph with types of nodes and edges",
            Self::Triples(_) => "a knowledge graph",
            #[cfg(feature = "rdf")]
            Self::Entities(_) => "facts about entities with classes",
            #[cfg(feature = "smiles")]
            Self::Molecules(_) => "graphs of molecules",
            Self::Edges(_) => "one graph without labels",
        }
    }

    fn not(&self, expected: &str) -> Error {
        Error::invalid("data set", expected, self.kind())
    }
}

/// Loads a data set of one graph with labelled nodes by its name; [`datasets`](crate::registry::datasets) lists them, and
/// [`Dataset::load`] loads those of every kind.
///
/// # Errors
/// As [`Dataset::load`], and if the data set is of another kind.
///
/// ```no_run
/// use candle_geometric_data::{Source, load};
/// # fn main() -> candle_geometric_data::Result<()> {
/// let cora = load("cora", &Source::Cache)?; // downloads once
/// let cora = load("cora", &Source::Folder("data".into()))?;
/// # Ok(()) }
/// ```
pub fn load(name: &str, files: &dyn Files) -> Result<NodeDataset> {
    Dataset::load(name, files)?.into_nodes()
}

/// The file that a parser means by a part of the data: of the same name but for its end (`train` is `train.txt`) or beginning
/// (`graph_indicator` is `MUTAG_graph_indicator.txt`); where there is but one file, that one, and which part of it.
fn file_of(part: &str, files: &[(&str, &[u8])]) -> Option<String> {
    if files.iter().any(|(file, _)| part.contains(file)) {
        return None;
    }
    let is_part = |file: &str| {
        let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
        stem == part
            || [stem, file].iter().any(|n| n.strip_suffix(part).is_some_and(|n| n.ends_with(['_', '.', '-'])))
    };
    match (files.iter().find(|(file, _)| is_part(file)), files) {
        (Some((file, _)), _) => Some(file.to_string()),
        (None, [(file, _)]) => Some(format!("{file}: {part}")),
        _ => None,
    }
}
