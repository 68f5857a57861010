//! The text format of the collection of the TU Dortmund (Morris et al. 2020, *TUDataset: a collection of benchmark
//! datasets for learning with graphs*): MUTAG, PROTEINS, ENZYMES, NCI1, IMDB-BINARY and a hundred more.
//!
//! `DS_A.txt` has an edge `i, j` in every line, `DS_graph_indicator.txt` the graph of every node, and
//! `DS_graph_labels.txt` the class of every graph; all count from 1. Labels and attributes of nodes and edges may be there.
//! What is made of them is what PyG makes of them:
//!
//! - self-loops are removed, and edges that are listed twice are merged (PyG adds up their features, here the first stands);
//! - the features of a node are its attributes (if asked for) and then its labels, one-hot: label `l` is column `l - min`;
//!   the same for edges;
//! - the classes are the distinct graph labels in ascending order; where there are `DS_graph_attributes.txt`, they are
//!   numbers to be predicted, and the labels are left alone.
//!
//! Where nodes have neither labels nor attributes, the feature is the degree, as in Xu et al. (2019): one-hot, unless there
//! are degrees of 1000 and more; then it is one number, the degree less its mean, divided by its standard deviation.

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::numpy::Dense;
use crate::text::{Line, agree, lines};
use crate::{Error, GraphDataset, Level, Result};

/// The contents of the files of a data set `DS`. Those that it does not have are `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tu<'a> {
    /// `DS_A.txt`: the edges.
    pub a: &'a [u8],
    /// `DS_graph_indicator.txt`: the graph of every node.
    pub graph_indicator: &'a [u8],
    /// `DS_graph_labels.txt`: the class of every graph.
    pub graph_labels: Option<&'a [u8]>,
    /// `DS_graph_attributes.txt`: numbers of every graph.
    pub graph_attributes: Option<&'a [u8]>,
    /// `DS_node_labels.txt`: integers of every node.
    pub node_labels: Option<&'a [u8]>,
    /// `DS_node_attributes.txt`: numbers of every node.
    pub node_attributes: Option<&'a [u8]>,
    /// `DS_edge_labels.txt`: integers of every edge.
    pub edge_labels: Option<&'a [u8]>,
    /// `DS_edge_attributes.txt`: numbers of every edge.
    pub edge_attributes: Option<&'a [u8]>,
}

impl<'a> Tu<'a> {
    /// Picks the files by their names' ends, such as `_A.txt`.
    ///
    /// # Errors
    /// If the edges or the graphs of the nodes are missing.
    pub fn from_files(files: &[(&str, &'a [u8])]) -> Result<Self> {
        let find =
            |end: &str| files.iter().find(|(name, _)| name.ends_with(end)).map(|(_, contents)| *contents);
        let need = |end: &str| {
            find(end).ok_or_else(|| Error::invalid("files", format!("one named DS{end}"), "none"))
        };
        Ok(Self {
            a: need("_A.txt")?,
            graph_indicator: need("_graph_indicator.txt")?,
            graph_labels: find("_graph_labels.txt"),
            graph_attributes: find("_graph_attributes.txt"),
            node_labels: find("_node_labels.txt"),
            node_attributes: find("_node_attributes.txt"),
            edge_labels: find("_edge_labels.txt"),
            edge_attributes: find("_edge_attributes.txt"),
        })
    }
}

/// Which attributes become features. PyG's names and defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the attributes of nodes are among the features.
    pub use_node_attr: bool,
    /// Whether the attributes of edges are among the features.
    pub use_edge_attr: bool,
}

/// One-hot degrees end here.
const MAX_DEGREE: usize = 1000;

/// Assembles the data set.
///
/// # Errors
/// If a line makes no sense, an edge joins two graphs, the nodes do not stand in the order of their graphs, or files do not
/// have as many lines as they should.
pub fn parse(name: &str, files: Tu<'_>, options: Options) -> Result<GraphDataset> {
    let ptr = graphs(&files)?;
    let n = ptr.last().copied().unwrap_or(0);
    let edges = edges(files.a, n)?;
    let (structures, kept) = split(&edges, &ptr)?;

    let node_attributes = options.use_node_attr.then_some(files.node_attributes).flatten();
    let mut parts = Vec::new();
    if let Some(bytes) = node_attributes {
        parts.push(numbers("node_attributes", bytes, n, "lines, one per node")?);
    }
    if let Some(bytes) = files.node_labels {
        parts.push(one_hot("node_labels", bytes, n, "lines, one per node")?);
    }
    let edge_attributes = options.use_edge_attr.then_some(files.edge_attributes).flatten();
    let mut edge_parts = Vec::new();
    if let Some(bytes) = edge_attributes {
        edge_parts.push(numbers("edge_attributes", bytes, edges.len(), "lines, one per edge")?);
    }
    if let Some(bytes) = files.edge_labels {
        edge_parts.push(one_hot("edge_labels", bytes, edges.len(), "lines, one per edge")?);
    }
    let x = if parts.is_empty() { degrees(&structures)? } else { Tensor::cat(&parts, 1)? };
    let mut dataset = GraphDataset::new(name, structures, x)?;
    if !edge_parts.is_empty() {
        let kept = Tensor::from_vec(kept.clone(), kept.len(), &Device::Cpu)?;
        dataset = dataset.with_edge_attr(Tensor::cat(&edge_parts, 1)?.index_select(&kept, 0)?)?;
    }
    labels(dataset, &files)
}

/// Where the nodes of each graph begin, and at the end the number of nodes.
fn graphs(files: &Tu<'_>) -> Result<Vec<usize>> {
    let mut of_nodes: Vec<usize> = Vec::new();
    // A graph without nodes costs nothing in the file of nodes, but a line in that of the graphs.
    let declared = files.graph_attributes.or(files.graph_labels).map(|bytes| lines("", bytes).count());
    for line in lines("graph_indicator", files.graph_indicator) {
        let line = line?;
        let graph: usize = line.number("the number of a graph", line.text)?;
        let before = of_nodes.last().copied().unwrap_or(1);
        if graph < before || declared.is_some_and(|declared| graph > declared) {
            let last = declared.map_or(String::new(), |declared| format!(" to {declared}"));
            return Err(line.error(format!(
                "expected a graph from {before}{last}, as graphs follow each other, got {graph}"
            )));
        }
        if declared.is_none() && graph > before + 1 {
            return Err(line.error(format!(
                "graph {graph} follows graph {before}, and no file of graphs says that there are so many"
            )));
        }
        of_nodes.push(graph);
    }
    let count = declared.or(of_nodes.last().copied()).unwrap_or(0);
    let mut ptr = vec![0; count + 1];
    for graph in &of_nodes {
        if let Some(size) = ptr.get_mut(*graph) {
            *size += 1;
        }
    }
    let mut sum = 0;
    for place in &mut ptr {
        sum += *place;
        *place = sum;
    }
    Ok(ptr)
}

/// The edges, counted from 0.
fn edges(bytes: &[u8], n: usize) -> Result<Vec<(u32, u32)>> {
    let mut edges = Vec::new();
    for line in lines("A", bytes) {
        let line = line?;
        let [i, j] = line.fields(',', "two nodes, separated by a comma")?;
        let node = |text| match line.number::<usize>("a node", text)? {
            i if (1..=n).contains(&i) => Ok((i - 1) as u32),
            i => Err(line.error(format!("expected nodes from 1 to {n}, got {i}"))),
        };
        edges.push((node(i)?, node(j)?));
    }
    Ok(edges)
}

/// The structure of every graph, sorted, without self-loops and duplicates, and which lines of the file its edges are.
fn split(edges: &[(u32, u32)], ptr: &[usize]) -> Result<(Vec<EdgeIndex>, Vec<u32>)> {
    let mut order: Vec<u32> = (0..edges.len() as u32).collect();
    let edge = |e: u32| edges.get(e as usize).copied().unwrap_or_default();
    order.retain(|&e| edge(e).0 != edge(e).1);
    order.sort_by_key(|&e| edge(e)); // stable: the first of equal edges comes first
    order.dedup_by_key(|e| edge(*e));
    let mut rest = order.as_slice();
    let mut graphs = Vec::with_capacity(ptr.len().saturating_sub(1));
    for (graph, bounds) in ptr.windows(2).enumerate() {
        let (start, end) = (bounds[0] as u32, bounds[1] as u32);
        let (own, others) = rest.split_at(rest.partition_point(|&e| edge(e).0 < end));
        rest = others;
        if let Some((s, d)) = own.iter().map(|&e| edge(e)).find(|&(_, d)| !(start..end).contains(&d)) {
            let problem = format!("the edge {}, {} leaves graph {}", s + 1, d + 1, graph + 1);
            return Err(Error::format("A", problem));
        }
        let pairs = own.iter().map(|&e| (edge(e).0 - start, edge(e).1 - start));
        graphs.push(EdgeIndex::from_pairs(pairs, (end - start) as usize)?);
    }
    Ok((graphs, order))
}

/// A matrix of numbers, a row per line.
fn numbers(file: &str, bytes: &[u8], rows: usize, what: &str) -> Result<Tensor> {
    let (mut values, mut count, mut width) = (Vec::new(), 0, None);
    for line in lines(file, bytes) {
        let line = line?;
        let found = line.finite_list(',', "a number", &mut values)?;
        same_width(&line, &mut width, found)?;
        count += 1;
    }
    agree(file, what, rows, count)?;
    Ok(Tensor::from_vec(values, (rows, width.unwrap_or(0)), &Device::Cpu)?)
}

fn same_width(line: &Line<'_>, width: &mut Option<usize>, found: usize) -> Result<()> {
    match *width.get_or_insert(found) {
        first if first == found => Ok(()),
        first => Err(line.error(format!("{found} columns, but the first line has {first}"))),
    }
}

/// Integers, one-hot. Of several in a line, each has columns of its own.
fn one_hot(file: &str, bytes: &[u8], rows: usize, what: &str) -> Result<Tensor> {
    let (mut values, mut count, mut width) = (Vec::<i64>::new(), 0, None);
    for line in lines(file, bytes) {
        let line = line?;
        let before = values.len();
        for text in line.text.split(',') {
            values.push(line.number("an integer", text)?);
        }
        same_width(&line, &mut width, values.len() - before)?;
        count += 1;
    }
    agree(file, what, rows, count)?;
    let columns = width.unwrap_or(1);
    let mut offsets = Vec::with_capacity(columns);
    let mut total = 0usize;
    for column in 0..columns {
        let of_column = values.iter().skip(column).step_by(columns);
        let (min, max) =
            (of_column.clone().min().copied().unwrap_or(0), of_column.max().copied().unwrap_or(-1));
        offsets.push((min, total));
        let span = usize::try_from(i128::from(max) - i128::from(min) + 1).unwrap_or(usize::MAX);
        total = total.saturating_add(span);
    }
    let mut hot = Dense::zeros(file, rows, total)?;
    for (row, labels) in values.chunks(columns).enumerate() {
        for (label, (min, offset)) in labels.iter().zip(&offsets) {
            hot.set(row, offset + (label - min) as usize, 1.);
        }
    }
    hot.into_tensor()
}

/// The features of nodes of which nothing is known.
fn degrees(graphs: &[EdgeIndex]) -> Result<Tensor> {
    let degrees: Vec<u32> = graphs.iter().flat_map(EdgeIndex::in_degrees).collect();
    let n = degrees.len();
    let width = degrees.iter().max().map_or(0, |&max| max as usize + 1);
    if width <= MAX_DEGREE {
        let mut hot = Dense::zeros("A", n, width)?;
        degrees.iter().enumerate().for_each(|(node, &degree)| hot.set(node, degree as usize, 1.));
        return hot.into_tensor();
    }
    let mean = degrees.iter().map(|&d| f64::from(d)).sum::<f64>() / n as f64;
    let variance = degrees.iter().map(|&d| (f64::from(d) - mean).powi(2)).sum::<f64>() / n as f64;
    let values: Vec<f32> =
        degrees.iter().map(|&d| ((f64::from(d) - mean) / variance.sqrt()) as f32).collect();
    Ok(Tensor::from_vec(values, (n, 1), &Device::Cpu)?)
}

fn labels(dataset: GraphDataset, files: &Tu<'_>) -> Result<GraphDataset> {
    let b = dataset.len();
    if let Some(bytes) = files.graph_attributes {
        let y = numbers("graph_attributes", bytes, b, "lines, one per graph")?;
        let names = (0..y.dim(1)?).map(|column| column.to_string()).collect();
        return dataset.with_labels(y, Level::Graph, names);
    }
    let Some(bytes) = files.graph_labels else { return Ok(dataset) };
    let mut values = Vec::with_capacity(b);
    for line in lines("graph_labels", bytes) {
        let line = line?;
        values.push(line.number::<i64>("an integer", line.text)?);
    }
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let y: Vec<u32> =
        values.iter().map(|value| distinct.partition_point(|class| class < value) as u32).collect();
    let names = distinct.iter().map(i64::to_string).collect();
    dataset.with_labels(Tensor::from_vec(y, b, &Device::Cpu)?, Level::Graph, names)
}
