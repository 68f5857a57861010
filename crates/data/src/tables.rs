//! Graphs from a table of edges and perhaps one of nodes, whatever files these stand in.
//!
//! In the table of edges, two columns name the ends; other columns of numbers may become features of edges. A table of nodes
//! says what there is on nodes: a column of names, columns of numbers as features, a column of classes. Without one, the nodes
//! are the names of the edges in the order in which they appear.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::names::Names;
use crate::text::shown;
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
    /// What stands between values, in files of text.
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

/// A table whose columns have names.
pub(crate) trait Table {
    /// A row of it.
    type Row<'t>: Row
    where
        Self: 't;

    /// The number by which rows know a column, which is to be asked for before the first row.
    fn column(&mut self, name: &str) -> Result<usize>;

    /// The next row.
    fn next(&mut self) -> Result<Option<Self::Row<'_>>>;
}

/// A row of a [`Table`].
pub(crate) trait Row {
    /// An error that says where it is.
    fn error(&self, problem: impl Into<String>) -> Error;

    /// What stands in a column.
    fn text(&self, column: usize) -> Result<Cow<'_, str>>;

    /// The finite number that stands in a column.
    fn number(&self, column: usize) -> Result<f32>;

    /// The numbers in some columns, appended to `values`.
    fn numbers(&self, columns: &[usize], values: &mut Vec<f32>) -> Result<()> {
        for &column in columns {
            values.push(self.number(column)?);
        }
        Ok(())
    }
}

fn find<T: Table>(table: &mut T, names: &[String]) -> Result<Vec<usize>> {
    names.iter().map(|name| table.column(name)).collect()
}

/// Reads a graph from its tables. The classes are numbered by the alphabet.
///
/// # Errors
/// If a column is not there, a value is no finite number where there should be one, or an edge names a node that the table of
/// nodes lacks or has twice.
pub(crate) fn graph<T: Table>(mut edges: T, nodes: Option<T>, columns: &Columns) -> Result<RawGraph> {
    let has_nodes = nodes.is_some();
    let mut names = Names::default();
    let (mut x, mut classes) = (Vec::new(), Vec::new());
    if let Some(mut table) = nodes {
        let (id, features) = (table.column(&columns.id)?, find(&mut table, &columns.x)?);
        let y = columns.y.as_deref().map(|y| table.column(y)).transpose()?;
        while let Some(row) = table.next()? {
            let name = &*row.text(id)?;
            if names.numbers.contains_key(name) {
                return Err(row.error(format!("node {:?} comes twice", shown(name))));
            }
            names.number(name);
            row.numbers(&features, &mut x)?;
            if let Some(y) = y {
                classes.push(row.text(y)?.into_owned());
            }
        }
    }
    let (from, to) = (edges.column(&columns.source)?, edges.column(&columns.destination)?);
    let features = find(&mut edges, &columns.edge_attr)?;
    let (mut source, mut destination, mut edge_attr) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = edges.next()? {
        for (column, ends) in [(from, &mut source), (to, &mut destination)] {
            let name = &*row.text(column)?;
            if has_nodes && !names.numbers.contains_key(name) {
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
    if has_nodes && !columns.x.is_empty() {
        graph.x = Some(Tensor::from_vec(x, (n, columns.x.len()), &Device::Cpu)?);
    }
    if has_nodes && columns.y.is_some() {
        let distinct: BTreeSet<&String> = classes.iter().collect();
        let numbers: HashMap<&String, u32> = distinct.into_iter().zip(0..).collect();
        let y: Vec<u32> = classes.iter().filter_map(|class| numbers.get(class).copied()).collect();
        graph.y = Some(Tensor::from_vec(y, n, &Device::Cpu)?);
    }
    Ok(graph)
}

/// The texts of the nodes of a graph: what stands in `columns`, with a blank between them, in the row where the column `id` names
/// the node. `None` for nodes that the table does not have; others in it are left alone.
///
/// # Errors
/// If a column is not there, or a node comes twice.
pub(crate) fn texts<T: Table>(
    mut table: T,
    graph: &RawGraph,
    id: &str,
    columns: &[String],
) -> Result<Vec<Option<String>>> {
    let (id, columns) = (table.column(id)?, find(&mut table, columns)?);
    let mut texts = HashMap::new();
    while let Some(row) = table.next()? {
        let name = row.text(id)?.into_owned();
        let parts = columns.iter().map(|&column| row.text(column)).collect::<Result<Vec<_>>>()?.join(" ");
        if texts.contains_key(&name) {
            return Err(row.error(format!("node {:?} comes twice", shown(&name))));
        }
        texts.insert(name, parts);
    }
    let text = |node| graph.ids.name(node).and_then(|name| texts.get(&name).cloned());
    Ok((0..graph.num_nodes()).map(text).collect())
}
