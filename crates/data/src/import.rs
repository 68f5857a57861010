use std::path::Path;

use crate::csv_graph::{self, Columns};
use crate::{Error, RawGraph, Result, graph_file, graphml, matrix_market, numpy_graph, snap};

/// Reads a graph of the user's own, in the form that the end of the file's name says: `.txt`, `.tsv`, `.edges`, `.el` (also with
/// `.gz` behind it: [`snap`]), `.csv` ([`csv_graph`]), `.mtx` ([`matrix_market`]), `.graphml` ([`graphml`]), `.npy` and `.npz`
/// ([`numpy_graph`]), `.safetensors` ([`graph_file`]). `columns` and the table of `nodes` are for `.csv` alone.
///
/// # Errors
/// If the name ends otherwise, the file cannot be read, or is not of its form.
pub fn import(path: &Path, nodes: Option<&Path>, columns: &Columns) -> Result<RawGraph> {
    let shown = path.display().to_string();
    let name = shown.to_lowercase();
    let end = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.').map_or("", |(_, end)| end);
    let read = |path: &Path| std::fs::read(path).map_err(Error::io(path));
    if nodes.is_some() && end != "csv" {
        return Err(Error::invalid("nodes", "a table of nodes beside a .csv of edges", shown));
    }
    match end {
        "txt" | "tsv" | "edges" | "el" => snap::read(path),
        _ if name.ends_with(".gz") => {
            Err(Error::invalid("path", "a .gz of text with two numbers per line", shown))
        }
        "csv" => {
            let nodes = nodes.map(read).transpose()?;
            csv_graph::parse(&read(path)?, nodes.as_deref(), columns)
        }
        "mtx" => matrix_market::parse(&shown, &read(path)?),
        "graphml" | "xml" => graphml::parse(&shown, &read(path)?),
        "npy" => numpy_graph::parse_npy(&shown, &read(path)?),
        "npz" => numpy_graph::parse_npz(&shown, &read(path)?),
        "safetensors" => graph_file::load(path),
        _ => Err(Error::invalid(
            "path",
            "a name that ends with .txt, .tsv, .edges, .el, .csv, .mtx, .graphml, .npy, .npz or .safetensors",
            shown,
        )),
    }
}
