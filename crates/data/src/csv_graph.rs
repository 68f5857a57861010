//! Tables of edges and of nodes, with headers and comma-separated values (RFC 4180: texts may be quoted).
//!
//! In the table of edges, two columns name the ends; other columns of numbers may become features of edges. A table of nodes
//! says what there is on nodes: a column of names, columns of numbers as features, a column of classes. Without one, the nodes
//! are the names of the edges in the order in which they appear.

use std::collections::{BTreeSet, HashMap};

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::names::Names;
use crate::text::{RecordLines, shown, without_mark};
use crate::{Error, NodeIds, RawGraph, Result};

/// Which columns are what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The names of the sources, in the table of edges.
    pub source: String,
    /// The names of the destinations, in the table of edges.
    pub destination: String,
    /// The features of edges.
    pub edge_attr: Vec<String>,
    /// The names of the nodes, in the table of nodes.
    pub id: String,
    /// The features of nodes.
    pub x: Vec<String>,
    /// The classes of nodes, by any texts.
    pub y: Option<String>,
    /// What stands between values.
    pub delimiter: u8,
}

impl Default for Columns {
    /// `source`, `target` and `id`, with commas between them, and no features.
    fn default() -> Self {
        Self {
            source: "source".into(),
            destination: "target".into(),
            edge_attr: Vec::new(),
            id: "id".into(),
            x: Vec::new(),
            y: None,
            delimiter: b',',
        }
    }
}

/// Reads a graph from the contents of a table of edges and perhaps one of nodes. The classes are numbered by the alphabet.
///
/// # Errors
/// If a column is not there, a row has more or fewer values than the header, a value is no finite number where there should be
/// one, or an edge names a node that the table of nodes lacks or has twice.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// use candle_geometric_data::csv_graph::{Columns, parse};
/// let edges = b"source,target,since\nAda,\"Babbage, C.\",1833\n";
/// let graph = parse(edges, None, &Columns { edge_attr: vec!["since".into()], ..Columns::default() })?;
/// assert_eq!(graph.ids.name(1).as_deref(), Some("Babbage, C."));
/// # Ok(()) }
/// ```
pub fn parse(edges: &[u8], nodes: Option<&[u8]>, columns: &Columns) -> Result<RawGraph> {
    let mut names = Names::default();
    let (mut x, mut classes) = (Vec::new(), Vec::new());
    if let Some(nodes) = nodes {
        let mut table = Table::open("the table of nodes", nodes, columns.delimiter)?;
        let (id, features) = (table.column(&columns.id)?, table.columns(&columns.x)?);
        let y = columns.y.as_deref().map(|y| table.column(y)).transpose()?;
        while let Some(row) = table.next()? {
            let name = row.text(id)?;
            if names.numbers.contains_key(name) {
                return Err(row.error(format!("node {:?} comes twice", shown(name))));
            }
            names.number(name);
            row.numbers(&features, &mut x)?;
            if let Some(y) = y {
                classes.push(row.text(y)?.to_string());
            }
        }
    }
    let mut table = Table::open("the table of edges", edges, columns.delimiter)?;
    let (from, to) = (table.column(&columns.source)?, table.column(&columns.destination)?);
    let features = table.columns(&columns.edge_attr)?;
    let (mut source, mut destination, mut edge_attr) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = table.next()? {
        for (column, ends) in [(from, &mut source), (to, &mut destination)] {
            let name = row.text(column)?;
            if nodes.is_some() && !names.numbers.contains_key(name) {
                return Err(row.error(format!("node {:?} is not in the table of nodes", shown(name))));
            }
            ends.push(names.number(name));
        }
        row.numbers(&features, &mut edge_attr)?;
    }
    let (n, e) = (names.list.len(), source.len());
    let mut graph = RawGraph::new(EdgeIndex::new(source, destination, n)?, NodeIds::Names(names.list))?;
    if !features.is_empty() {
        graph.edge_attr = Some(Tensor::from_vec(edge_attr, (e, features.len()), &Device::Cpu)?);
    }
    if nodes.is_some() && !columns.x.is_empty() {
        graph.x = Some(Tensor::from_vec(x, (n, columns.x.len()), &Device::Cpu)?);
    }
    if nodes.is_some() && columns.y.is_some() {
        let distinct: BTreeSet<&String> = classes.iter().collect();
        let numbers: HashMap<&String, u32> = distinct.into_iter().zip(0..).collect();
        let y: Vec<u32> = classes.iter().filter_map(|class| numbers.get(class).copied()).collect();
        graph.y = Some(Tensor::from_vec(y, n, &Device::Cpu)?);
    }
    Ok(graph)
}

/// A table with a header.
pub(crate) struct Table<'a> {
    file: &'a str,
    bytes: &'a [u8],
    lines: RecordLines,
    reader: csv::Reader<&'a [u8]>,
    header: csv::StringRecord,
    record: csv::StringRecord,
}

/// A row of a [`Table`].
pub(crate) struct Row<'t> {
    file: &'t str,
    line: usize,
    header: &'t csv::StringRecord,
    record: &'t csv::StringRecord,
}

impl<'a> Table<'a> {
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

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        self.header.iter().position(|column| column.trim() == name).ok_or_else(|| {
            let known = self.header.iter().take(40).collect::<Vec<_>>().join(", ");
            Error::line(self.file, 1, format!("there is no column {name:?}; there are: {}", shown(&known)))
        })
    }

    pub(crate) fn columns(&self, names: &[String]) -> Result<Vec<usize>> {
        names.iter().map(|name| self.column(name)).collect()
    }

    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        let found =
            self.reader.read_record(&mut self.record).map_err(|e| failed(self.file, self.bytes, &e))?;
        let line = self.lines.of(self.bytes, self.record.position());
        Ok(found.then_some(Row { file: self.file, line, header: &self.header, record: &self.record }))
    }
}

impl<'t> Row<'t> {
    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::line(self.file, self.line, problem)
    }

    /// What stands in a column.
    pub(crate) fn text(&self, column: usize) -> Result<&'t str> {
        self.record.get(column).ok_or_else(|| self.error(format!("there is no column {column}")))
    }

    /// A finite number.
    pub(crate) fn number(&self, column: usize) -> Result<f32> {
        let text = self.text(column)?;
        let value = text.trim().parse::<f32>().ok().filter(|value| value.is_finite());
        value.ok_or_else(|| {
            let name = self.header.get(column).unwrap_or_default();
            self.error(format!("{name}: expected a finite number, got {:?}", shown(text)))
        })
    }

    fn numbers(&self, columns: &[usize], values: &mut Vec<f32>) -> Result<()> {
        for &column in columns {
            values.push(self.number(column)?);
        }
        Ok(())
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
