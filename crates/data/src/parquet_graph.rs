//! Tables of edges and of nodes in Parquet files: see [`tables`].
//!
//! Read are flat columns of booleans, integers, floats and texts (also where a dictionary stands behind them), in every encoding
//! of the format and in pages of both versions, uncompressed or compressed by snappy, gzip or zstd. A table gives the same graph
//! as it gives written as CSV: every value may name a node or a class, and a null is an empty text, and no number.
//!
//! [`tables`]: crate::tables

use crate::parquet::ParquetTable;
use crate::tables::{self, Columns};
use crate::{RawGraph, Result};

/// Reads a graph from the contents of a table of edges and perhaps one of nodes. The classes are numbered by the alphabet.
///
/// # Errors
/// If a file is damaged or encrypted, a column is not there, has values with parts, dates or decimals, or is compressed in
/// another way; if a value is no finite number where there should be one, or an edge names a node that the table of nodes lacks
/// or has twice.
///
/// ```
/// use candle_geometric_data::{parquet_graph::parse, tables::Columns};
/// let error = parse(b"source,target\n1,2\n", None, &Columns::default()).unwrap_err();
/// assert_eq!(error.to_string(), "the table of edges: not a Parquet file: it does not begin with PAR1");
/// ```
pub fn parse(edges: &[u8], nodes: Option<&[u8]>, columns: &Columns) -> Result<RawGraph> {
    let nodes = nodes.map(|nodes| ParquetTable::open("the table of nodes", nodes)).transpose()?;
    tables::graph(ParquetTable::open("the table of edges", edges)?, nodes, columns)
}
