use std::path::Path;

#[cfg(feature = "parquet")]
use crate::parquet_graph;
use crate::tables::Columns;
use crate::{Error, RawGraph, Result, csv_graph, graph_file, graphml, matrix_market, numpy_graph, snap};

/// Reads a graph of the user's own, in the form that the end of the file's name says: `.txt`, `.tsv`, `.edges`, `.el` (also with
/// `.gz` behind it: [`snap`]), `.csv` ([`csv_graph`]), `.parquet` (`parquet_graph`, feature `parquet`), `.mtx`
/// ([`matrix_market`]), `.graphml` ([`graphml`]), `.npy` and `.npz` ([`numpy_graph`]), `.safetensors` ([`graph_file`]). `columns`
/// and the table of `nodes`, which is a file of the same form, are for `.csv` and `.parquet` alone.
///
/// # Errors
/// If the name ends otherwise, the file cannot be read, or is not of its form.
pub fn import(path: &Path, nodes: Option<&Path>, columns: &Columns) -> Result<RawGraph> {
    let shown = path.display().to_string();
    let name = shown.to_lowercase();
    let end_of = |name: &str| name.rsplit_once('.').map_or(String::new(), |(_, end)| end.to_string());
    let end = end_of(name.strip_suffix(".gz").unwrap_or(&name));
    let read = |path: &Path| std::fs::read(path).map_err(Error::io(path));
    let read_nodes = || match nodes {
        Some(nodes) if end_of(&nodes.display().to_string().to_lowercase()) != end => Err(Error::invalid(
            "nodes",
            format!("a table of nodes in a .{end}, as the edges are"),
            nodes.display(),
        )),
        nodes => nodes.map(read).transpose(),
    };
    if nodes.is_some() && !matches!(end.as_str(), "csv" | "parquet") {
        return Err(Error::invalid("nodes", "a table of nodes beside a .csv or .parquet of edges", shown));
    }
    let named = |error: Error| {
        error.with_file(|part| match (part, nodes) {
            ("the table of edges", _) => Some(shown.clone()),
            ("the table of nodes", Some(nodes)) => Some(nodes.display().to_string()),
            _ => None,
        })
    };
    match end.as_str() {
        "txt" | "tsv" | "edges" | "el" => snap::read(path),
        _ if name.ends_with(".gz") => {
            Err(Error::invalid("path", "a .gz of text with two numbers per line", shown))
        }
        "csv" => csv_graph::parse(&read(path)?, read_nodes()?.as_deref(), columns).map_err(named),
        #[cfg(feature = "parquet")]
        "parquet" => parquet_graph::parse(&read(path)?, read_nodes()?.as_deref(), columns).map_err(named),
        #[cfg(not(feature = "parquet"))]
        "parquet" => Err(Error::NotBuilt { what: "Parquet files", feature: "parquet" }),
        "mtx" => matrix_market::parse(&shown, &read(path)?),
        "graphml" | "xml" => graphml::parse(&shown, &read(path)?),
        "npy" => numpy_graph::parse_npy(&shown, &read(path)?),
        "npz" => numpy_graph::parse_npz(&shown, &read(path)?)
            .map_err(|e| e.with_file(|part| (!part.contains(&shown)).then(|| format!("{shown}: {part}")))),
        "safetensors" => graph_file::load(path),
        _ => Err(Error::invalid(
            "path",
            "a name that ends with .txt, .tsv, .edges, .el, .csv, .parquet, .mtx, .graphml, .npy, .npz or .safetensors",
            shown,
        )),
    }
}
