//! What is done with the bytes of files that nobody vouches for: they are read, and what comes of them must hold together.
//!
//! These are the bodies of the fuzz targets in `fuzz/`, and of the tests on damaged files here.

use candle_geometric_data::geom_gcn::parse as parse_geom_gcn;
use candle_geometric_data::graphsage::{GraphSage, parse as parse_graphsage};
use candle_geometric_data::hgb::{Hgb, parse as parse_hgb, parse_zip};
use candle_geometric_data::knowledge_graph::parse as parse_triples;
#[cfg(feature = "smiles")]
use candle_geometric_data::molecules::{Chematic, Columns as SmilesColumns, Molecules, moleculenet};
use candle_geometric_data::planetoid::{Planetoid, parse as parse_planetoid};
use candle_geometric_data::ppi::{Part, parse as parse_ppi};
#[cfg(feature = "rdf")]
use candle_geometric_data::rdf::{EntityDataset, parse as parse_rdf};
use candle_geometric_data::tables::Columns;
use candle_geometric_data::tu::{Options, Tu, parse as parse_tu};
use candle_geometric_data::{
    GraphDataset, HeteroDataset, KnowledgeGraph, NodeDataset, RawGraph, Result, csv_graph, graph_file,
    graphml, heterophilous, linqs, matrix_market, npz, numpy_graph, snap, text_graph,
};

/// A reader, and what must be true of what it makes.
pub(crate) struct Body {
    /// What its fuzz target is called.
    pub(crate) name: &'static str,
    /// How many files it takes.
    pub(crate) files: usize,
    /// Reads the files; panics if what comes of them does not hold together.
    pub(crate) run: fn(&[Vec<u8>]) -> Result<()>,
}

const fn body(name: &'static str, files: usize, run: fn(&[Vec<u8>]) -> Result<()>) -> Body {
    Body { name, files, run }
}

/// Every reader.
pub(crate) const BODIES: &[Body] = &[
    body("csv", 2, |f| csv(f).map(raw)),
    body("geom_gcn", 4, |f| geom_gcn(f).map(nodes)),
    body("graph_file", 1, |f| graph_file::parse("f", &f[0]).map(drop)),
    body("graphml", 1, |f| graphml::parse("g.graphml", &f[0]).map(raw)),
    body("graphsage", 4, |f| graphsage(f).map(nodes)),
    body("heterophilous", 1, |f| heterophilous::parse("made", &f[0]).map(nodes)),
    body("hgb", 5, |f| hgb(f).map(|made| made.validate().unwrap())),
    body("hgb_zip", 1, |f| parse_zip("made", &f[0]).map(|made| made.validate().unwrap())),
    body("linqs", 2, |f| linqs::parse("made", &f[0], &f[1]).map(nodes)),
    body("matrix_market", 1, |f| matrix_market::parse("m.mtx", &f[0]).map(raw)),
    #[cfg(feature = "smiles")]
    body("moleculenet", 1, |f| molecules(f).map(|made| graphs(made.graphs))),
    body("npy", 1, |f| numpy_graph::parse_npy("e.npy", &f[0]).map(raw)),
    body("npz", 1, |f| npz::parse("made", &f[0]).map(nodes)),
    body("npz_graph", 1, |f| numpy_graph::parse_npz("g.npz", &f[0]).map(raw)),
    #[cfg(feature = "parquet")]
    body("parquet", 1, |f| parquet(f).map(raw)),
    body("planetoid", 7, |f| planetoid(f).map(nodes)),
    body("ppi", 12, |f| ppi(f).map(graphs)),
    #[cfg(feature = "rdf")]
    body("rdf", 3, |f| rdf(f).map(|made| drop(made.facts.edges(true).unwrap()))),
    body("snap", 1, |f| snap::parse("list.txt", &f[0]).map(raw)),
    body("text_csv", 1, |f| text_graph::parse_csv("made", &f[0]).map(nodes)),
    body("text_json", 1, |f| text_graph::parse_json("made", &f[0]).map(nodes)),
    body("triples", 3, |f| {
        triples(f).map(|graph| {
            graph.edges(true).unwrap();
            graph.known(true);
        })
    }),
    body("tu", 7, |f| tu(f).map(graphs)),
];

/// The body of this name.
pub(crate) fn find(name: &str) -> &'static Body {
    BODIES.iter().find(|body| body.name == name).expect("a body of this name")
}

/// What stands between the files in an input of a fuzz target.
pub(crate) const BETWEEN: &[u8] = b"\n--- next file ---\n";

/// Runs a body on the files that a fuzz target gets as one input. Files that are not there are empty.
pub(crate) fn fuzz(body: &Body, mut input: &[u8]) -> Result<()> {
    let mut files = Vec::new();
    while files.len() + 1 < body.files {
        let Some(end) = input.windows(BETWEEN.len()).position(|window| window == BETWEEN) else { break };
        files.push(input[..end].to_vec());
        input = &input[end + BETWEEN.len()..];
    }
    files.push(input.to_vec());
    files.resize(body.files, Vec::new());
    (body.run)(&files)
}

fn nodes(dataset: NodeDataset) {
    dataset.graph.validate().unwrap();
}

fn raw(graph: RawGraph) {
    if !graph.edge_index.is_bipartite() {
        graph.into_graph().unwrap();
    }
}

fn graphs(dataset: GraphDataset) {
    let all: Vec<usize> = (0..dataset.len()).collect();
    assert_eq!(dataset.batch(&all).unwrap().structure.edges().num_edges(), dataset.num_edges());
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(String::from).to_vec()
}

/// The columns of the tables that are read here.
pub(crate) fn csv_columns() -> Columns {
    Columns {
        edge_attr: strings(["w"]),
        x: strings(["a", "b"]),
        y: Some("kind".into()),
        ..Columns::default()
    }
}

pub(crate) fn csv(files: &[Vec<u8>]) -> Result<RawGraph> {
    csv_graph::parse(&files[0], Some(&files[1]), &csv_columns())
}

pub(crate) fn geom_gcn(files: &[Vec<u8>]) -> Result<NodeDataset> {
    parse_geom_gcn("made", &files[0], &files[1], &[&files[2], &files[3]])
}

pub(crate) fn graphsage(files: &[Vec<u8>]) -> Result<NodeDataset> {
    let [graph, class_map, id_map, feats] = files else { panic!("four files") };
    parse_graphsage("made", GraphSage { graph, class_map, id_map: Some(id_map), feats: Some(feats) })
}

pub(crate) fn hgb(files: &[Vec<u8>]) -> Result<HeteroDataset> {
    let [info, node, link, label, label_test] = files else { panic!("five files") };
    parse_hgb("made", Hgb { info, node, link, label, label_test })
}

#[cfg(feature = "smiles")]
pub(crate) const SMILES_COLUMNS: SmilesColumns<'_> =
    SmilesColumns { smiles: "smiles", tasks: &["active, or not", "toxic"] };

#[cfg(feature = "smiles")]
pub(crate) fn molecules(files: &[Vec<u8>]) -> Result<Molecules> {
    moleculenet::parse("small", &files[0], &SMILES_COLUMNS, &Chematic)
}

/// The columns of the fixtures.
#[cfg(feature = "parquet")]
pub(crate) fn parquet_columns() -> Columns {
    Columns { edge_attr: strings(["i8", "u32", "u64", "i64", "f", "d", "b"]), ..Columns::default() }
}

#[cfg(feature = "parquet")]
pub(crate) fn parquet(files: &[Vec<u8>]) -> Result<RawGraph> {
    candle_geometric_data::parquet_graph::parse(&files[0], None, &parquet_columns())
}

pub(crate) fn planetoid(files: &[Vec<u8>]) -> Result<NodeDataset> {
    let [allx, tx, ally, ty, y, graph, test_index] = files else { panic!("seven files") };
    parse_planetoid("made", Planetoid { allx, tx, ally, ty, y, graph, test_index })
}

pub(crate) fn ppi(files: &[Vec<u8>]) -> Result<GraphDataset> {
    let part = |p: usize| Part {
        graph: &files[4 * p],
        feats: &files[4 * p + 1],
        labels: &files[4 * p + 2],
        graph_id: &files[4 * p + 3],
    };
    parse_ppi("made", [part(0), part(1), part(2)])
}

#[cfg(feature = "rdf")]
pub(crate) fn rdf(files: &[Vec<u8>]) -> Result<EntityDataset> {
    parse_rdf("made", &files[0], [&files[1], &files[2]], ["person", "group"])
}

pub(crate) fn triples(files: &[Vec<u8>]) -> Result<KnowledgeGraph> {
    parse_triples("made", &files[0], &files[1], &files[2])
}

/// The files of a TU collection that are read here.
pub(crate) const TU_NAMES: [&str; 7] = [
    "DS_A.txt",
    "DS_graph_indicator.txt",
    "DS_graph_labels.txt",
    "DS_node_labels.txt",
    "DS_node_attributes.txt",
    "DS_edge_labels.txt",
    "DS_edge_attributes.txt",
];

pub(crate) fn tu(files: &[Vec<u8>]) -> Result<GraphDataset> {
    let named: Vec<_> = TU_NAMES.iter().copied().zip(files.iter().map(Vec::as_slice)).collect();
    parse_tu("made", Tu::from_files(&named)?, Options { use_node_attr: true, use_edge_attr: true })
}
