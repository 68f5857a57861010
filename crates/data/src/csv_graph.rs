//! Tables of edges and of nodes, with headers and comma-separated values (RFC 4180: texts may be quoted): see [`tables`].
//!
//! [`tables`]: crate::tables

use std::borrow::Cow;

use crate::tables::{self, Columns, Row, Table};
use crate::text::{RecordLines, shown, without_mark};
use crate::{Error, RawGraph, Result};

/// Reads a graph from the contents of a table of edges and perhaps one of nodes. The classes are numbered by the alphabet.
///
/// # Errors
/// If a column is not there, a row has more or fewer values than the header, a value is no finite number where there should be
/// one, or an edge names a node that the table of nodes lacks or has twice.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// use candle_geometric_data::{csv_graph::parse, tables::Columns};
/// let edges = b"source,target,since\nAda,\"Babbage, C.\",1833\n";
/// let graph = parse(edges, None, &Columns { edge_attr: vec!["since".into()], ..Columns::default() })?;
/// assert_eq!(graph.ids.name(1).as_deref(), Some("Babbage, C."));
/// # Ok(()) }
/// ```
pub fn parse(edges: &[u8], nodes: Option<&[u8]>, columns: &Columns) -> Result<RawGraph> {
    let open = |file, bytes| CsvTable::open(file, bytes, columns.delimiter);
    let nodes = nodes.map(|nodes| open("the table of nodes", nodes)).transpose()?;
    tables::graph(open("the table of edges", edges)?, nodes, columns)
}

/// The texts of the nodes of a graph from the contents of a table: what stands in `columns`, with a blank between them, in the row
/// where the column `id` names the node. `None` for nodes that the table does not have; others in it are left alone.
///
/// # Errors
/// If a column is not there, a row has more or fewer values than the header, or a node comes twice.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// use candle_geometric_data::csv_graph::{node_texts, parse};
/// use candle_geometric_data::tables::Columns;
/// let graph = parse(b"source,target\ny,x\n", None, &Columns::default())?;
/// let table = b"id,title,abstract\nx,On graphs,They are everywhere.\n";
/// let texts = node_texts(table, &graph, "id", &["title".into(), "abstract".into()])?;
/// assert_eq!(texts, [None, Some("On graphs They are everywhere.".into())]);
/// # Ok(()) }
/// ```
pub fn node_texts(
    table: &[u8],
    graph: &RawGraph,
    id: &str,
    columns: &[String],
) -> Result<Vec<Option<String>>> {
    tables::texts(CsvTable::open("the table of texts", table, b',')?, graph, id, columns)
}

/// A table with a header.
pub(crate) struct CsvTable<'a> {
    file: &'a str,
    bytes: &'a [u8],
    lines: RecordLines,
    reader: csv::Reader<&'a [u8]>,
    header: csv::StringRecord,
    record: csv::StringRecord,
}

/// A row of a [`CsvTable`].
pub(crate) struct CsvRow<'t> {
    file: &'t str,
    line: usize,
    header: &'t csv::StringRecord,
    record: &'t csv::StringRecord,
}

impl<'a> CsvTable<'a> {
    pub(crate) fn open(file: &'a str, bytes: &'a [u8], delimiter: u8) -> Result<Self> {
        let bytes = without_mark(bytes);
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
        let header = reader.headers().map_err(|e| failed(file, bytes, &e))?.clone();
        Ok(Self {
            file,
            bytes,
            lines: RecordLines::default(),
            reader,
            header,
            record: csv::StringRecord::new(),
        })
    }
}

impl Table for CsvTable<'_> {
    type Row<'t>
        = CsvRow<'t>
    where
        Self: 't;

    fn column(&mut self, name: &str) -> Result<usize> {
        self.header.iter().position(|column| column.trim() == name).ok_or_else(|| {
            let known = self.header.iter().take(40).collect::<Vec<_>>().join(", ");
            Error::line(self.file, 1, format!("there is no column {name:?}; there are: {}", shown(&known)))
        })
    }

    fn next(&mut self) -> Result<Option<CsvRow<'_>>> {
        let found =
            self.reader.read_record(&mut self.record).map_err(|e| failed(self.file, self.bytes, &e))?;
        let line = self.lines.of(self.bytes, self.record.position());
        Ok(found.then_some(CsvRow { file: self.file, line, header: &self.header, record: &self.record }))
    }
}

impl Row for CsvRow<'_> {
    fn error(&self, problem: impl Into<String>) -> Error {
        Error::line(self.file, self.line, problem)
    }

    fn text(&self, column: usize) -> Result<Cow<'_, str>> {
        let text = self.record.get(column).map(Cow::Borrowed);
        text.ok_or_else(|| self.error(format!("there is no column {column}")))
    }

    fn number(&self, column: usize) -> Result<f32> {
        let text = self.text(column)?;
        let value = text.trim().parse::<f32>().ok().filter(|value| value.is_finite());
        value.ok_or_else(|| {
            let name = self.header.get(column).unwrap_or_default();
            self.error(format!("{name}: expected a finite number, got {:?}", shown(&text)))
        })
    }
}

fn failed(file: &str, bytes: &[u8], error: &csv::Error) -> Error {
    let line = RecordLines::default().of(bytes, error.position());
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::line(file, line, format!("expected {expected_len} values, as the header has, got {len}"))
        }
        csv::ErrorKind::Utf8 { .. } => Error::line(file, line, "expected UTF-8 text"),
        _ => Error::line(file, line, error.to_string()),
    }
}
